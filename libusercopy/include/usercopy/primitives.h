// The assembly primitives: the seam between libusercopy and an architecture.
//
// libusercopy declares them, `arch/<isa>/usercopy/*.S` defines them, nothing else calls them: the
// typed interface is user_slice.h, user_ptr.h and user_memory.h.
//
// Contract of every primitive:
//  - User addresses were clamped by the caller (range.h): the first one touched is at most
//    the user limit, and memory is touched in ascending order without gaps wider than 64 bytes.
//  - User access (SMAP's AC, PAN) is open only between two instructions of the primitive, with no
//    call in between, and is closed on return whatever happened.
//  - A user fault that the kernel refuses continues at the exception table's fixup: the result says
//    how far the primitive came, byte for byte. A fault on the kernel's side of a copy has
//    no table entry that accepts it and stays a kernel bug.
//  - No lock, no allocation, no stack but the return address; callable in any context in which a
//    page fault may be taken.
//
// Units: bytes. Sources: Intel SDM vol. 1 section 7.3.9.3 (fault behaviour of string operations),
// vol. 3A section 4.6 (SMAP); Arm ARM D8.4.3 (PAN), C6.2 (LDTR, STTR, CPYF*).
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

// What a value-returning primitive hands back, in two registers.
struct UsercopyValue {
  uint64_t value;   // what was read; 0 after a fault
  uint64_t status;  // UsercopyStatus
};

enum UsercopyStatus : uint64_t {
  usercopy_done = 0,
  usercopy_faulted = 1,
  usercopy_contended = 2,  // an atomic lost 128 races in a row; nothing was written by it
};

// Copies n bytes; returns how many were copied. *_bulk: any n > 0. *_steps: n >= 64, 64 bytes a
// step through general registers. Both are exact for every n in their range; which sizes go where
// is a matter of speed alone (user_memory.h).
size_t usercopy_from_user_bulk(void* to, const void* from, size_t n);
size_t usercopy_from_user_steps(void* to, const void* from, size_t n);
size_t usercopy_to_user_bulk(void* to, const void* from, size_t n);
size_t usercopy_to_user_steps(void* to, const void* from, size_t n);
// Both sides are user memory.
size_t usercopy_user_to_user(void* to, const void* from, size_t n);

// Writes n > 0 zero bytes; returns how many were written.
size_t usercopy_clear(void* to, size_t n);

// The length of the string at `from`, at most n > 0; n when no terminator is among the first n.
UsercopyValue usercopy_string_length(const void* from, size_t n);
// Copies a string of at most n > 0 bytes with its terminator, and stops there. The value is the
// length without the terminator; n: no terminator, n bytes were copied. After a fault
// the value is 0 and the bytes of `to` are unspecified, but none past the n-th was written.
UsercopyValue usercopy_string_copy(void* to, const void* from, size_t n);
// The number of leading zero bytes among the n > 0 at `from`.
UsercopyValue usercopy_zero_prefix(const void* from, size_t n);

UsercopyValue usercopy_load_1(const void* from);
UsercopyValue usercopy_load_2(const void* from);
UsercopyValue usercopy_load_4(const void* from);
UsercopyValue usercopy_load_8(const void* from);
// Returns a UsercopyStatus.
uint64_t usercopy_store_1(void* to, uint64_t value);
uint64_t usercopy_store_2(void* to, uint64_t value);
uint64_t usercopy_store_4(void* to, uint64_t value);
uint64_t usercopy_store_8(void* to, uint64_t value);

// Sequentially consistent; `at` is aligned to its size. The value is what was there before.
UsercopyValue usercopy_compare_exchange_4(void* at, uint64_t expected, uint64_t desired);
UsercopyValue usercopy_compare_exchange_8(void* at, uint64_t expected, uint64_t desired);
UsercopyValue usercopy_exchange_4(void* at, uint64_t value);
UsercopyValue usercopy_exchange_8(void* at, uint64_t value);
UsercopyValue usercopy_fetch_add_4(void* at, uint64_t value);
UsercopyValue usercopy_fetch_add_8(void* at, uint64_t value);
UsercopyValue usercopy_fetch_or_4(void* at, uint64_t value);
UsercopyValue usercopy_fetch_or_8(void* at, uint64_t value);
UsercopyValue usercopy_fetch_and_4(void* at, uint64_t value);
UsercopyValue usercopy_fetch_and_8(void* at, uint64_t value);
UsercopyValue usercopy_fetch_xor_4(void* at, uint64_t value);
UsercopyValue usercopy_fetch_xor_8(void* at, uint64_t value);

}  // extern "C"
