// The exception table: where the kernel continues when a user access cannot be resolved.
//
// Read-only, position independent, sorted by construction: the order of the table's entries is the
// order of the code (asm.inc). A kernel's page-fault handler first tries to resolve the fault; only
// when the address space refuses it, and the fault came from kernel mode, it asks find_fixup().
// An answer: set the program counter to it and return from the fault; the interrupted window is
// closed by the code at the fixup. No answer: the fault is a kernel bug.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace usercopy {

// As asm.inc emits it.
struct ExceptionEntry {
  int32_t at;     // instruction, relative to this field
  int32_t fixup;  // relative to this field
  uint32_t kind;  // USERCOPY_READS | USERCOPY_WRITES: what the instruction does to user memory

  [[nodiscard]] uintptr_t instruction() const {
    return reinterpret_cast<uintptr_t>(&at) + uintptr_t(intptr_t{at});
  }
  [[nodiscard]] uintptr_t continuation() const {
    return reinterpret_cast<uintptr_t>(&fixup) + uintptr_t(intptr_t{fixup});
  }
};
static_assert(sizeof(ExceptionEntry) == 12);

enum class AccessKind : uint32_t { read = 1, write = 2 };

// The address to continue at, or 0. `pc`: the faulting instruction; `address`: the data
// address the CPU reports; `limit`: the first address that is not user memory (range.h). Answers
// only for user addresses and for the unmapped page at `limit`, and only when the instruction makes
// accesses of that kind to user memory: a bad kernel pointer is never mistaken for a bad user one.
// No lock; callable in any context.
[[nodiscard]] uintptr_t find_fixup(uintptr_t pc, uint64_t address, AccessKind kind, uint64_t limit);

// Where a copy starts over that the processor refuses to go on with though nothing is wrong with
// its memory: the address to continue at, or 0 when `pc` is in no copy. For aarch64's Memory Copy
// and Memory Set exception (Arm ARM D1.3): the copy was cut between its instructions, and this
// processor does it in another way than the one that began. No lock; callable in any context.
[[nodiscard]] uintptr_t find_restart(uintptr_t pc);

// True when the table is sorted and has no instruction twice. For boot and for tests.
[[nodiscard]] bool exception_table_is_sorted();

// The table's entries, in order.
[[nodiscard]] const ExceptionEntry* exception_table_begin();
[[nodiscard]] const ExceptionEntry* exception_table_end();

}  // namespace usercopy
