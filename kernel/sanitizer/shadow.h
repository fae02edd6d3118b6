// shadow.h: which bytes of memory may be accessed now, for kernels built with
// kernel_sanitize=address; in others nothing of this costs anything.
//
// Shadow memory has a byte for 8 bytes of RAM: 0, all may be accessed; 1 to 7, the first so many; a
// `Poison`, none. An address is looked up by the frame behind it, so the direct map, the kernel's
// image and kernel stacks share what is known of a frame. What is no RAM is never poisoned.
//
// Callable from any context. No locks: whoever owns memory changes its shadow; blocks begin at
// multiples of 8.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/address.h"

namespace kernel {

enum class Poison : uint8_t {
  // Named by the compiler: variables on stacks.
  stack_left = 0xf1,
  stack_middle = 0xf2,
  stack_right = 0xf3,
  stack_after_return = 0xf5,
  stack_out_of_scope = 0xf8,
  // Ours.
  global_edge = 0xf9,
  heap_edge = 0xfa,
  heap_freed = 0xfd,
  frame_free = 0xff,
};

// On a function that touches poisoned memory; say why beside each use. The compiler does not
// inline it into others.
#define KERNEL_UNCHECKED_ACCESS __attribute__((no_sanitize("kernel-address")))

#if defined(KERNEL_SANITIZE_ADDRESS)

inline constexpr bool checks_addresses = true;

// Once, when the frame allocator and the kernel's map work and this is the only CPU. Nothing is
// checked before. Panics without memory for the shadow: an eighth of the RAM.
void start_address_checks();
// For the end of the machine: nothing is checked any more.
void stop_address_checks();

// `from` is a multiple of 8. Bytes of the last 8 that are not meant keep being accessible
// (poison), or become inaccessible (unpoison).
void poison(const void* from, size_t size, Poison what);
void unpoison(const void* from, size_t size);
[[nodiscard]] bool is_poisoned(const void* address);

// A page of the area of kernel stacks is `frame` from now on.
void alias_stack_page(uint64_t page, base::Pfn frame);

// What libvm's frame allocator tells its host.
struct FrameWatch {
  void note_taken(base::Pfn frame);
  void note_freed(base::Pfn frame);
};

#else

inline constexpr bool checks_addresses = false;
inline void start_address_checks() {}
inline void stop_address_checks() {}
inline void poison(const void*, size_t, Poison) {}
inline void unpoison(const void*, size_t) {}
inline bool is_poisoned(const void*) {
  return false;
}
inline void alias_stack_page(uint64_t, base::Pfn) {}
struct FrameWatch {};

#endif

}  // namespace kernel
