// memory_range.h: what the memory calls have in common: how Linux reads an address range, and how
// it goes through the mappings in one.
#pragma once

#include "kernel/fd/file.h"
#include "kernel/memory/user_space.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

// Up to whole pages; as in Linux's PAGE_ALIGN, what is just below 2^64 becomes 0.
[[nodiscard]] constexpr uint64_t page_align(uint64_t size) {
  return (size + base::page_size - 1) & ~(base::page_size - 1);
}
[[nodiscard]] constexpr bool is_page_aligned(uint64_t address) {
  return address % base::page_size == 0;
}

// Both page aligned, start <= end; may reach past user memory.
[[nodiscard]] constexpr base::VpnRange pages_of(uint64_t start, uint64_t end) {
  return {base::Vpn(start >> base::page_shift), base::Vpn(end >> base::page_shift)};
}

// PROT_*. What can be written or executed can be read, as on every processor here.
namespace protection {
inline constexpr uint64_t read = 1;
inline constexpr uint64_t write = 2;
inline constexpr uint64_t execute = 4;
inline constexpr uint64_t atomic = 8;  // PROT_SEM: means nothing
inline constexpr uint64_t known = 15;
inline constexpr uint64_t grows_down = 0x0100'0000;
inline constexpr uint64_t grows_up = 0x0200'0000;

[[nodiscard]] constexpr base::Access access(uint64_t bits) {
  base::Access access;
  access = bits & (read | write | execute) ? access.with(base::Right::read) : access;
  access = bits & write ? access.with(base::Right::write) : access;
  return bits & execute ? access.with(base::Right::execute) : access;
}
// Never allowed: docs/abi.md.
[[nodiscard]] constexpr bool is_writable_code(uint64_t bits) {
  return (bits & write) && (bits & execute);
}
}  // namespace protection

// MADV_*.
struct KnownAdvice {
  enum class Effect : uint8_t { some, none };
  static constexpr int32_t drop_locked = 24;  // MADV_DONTNEED_LOCKED

  int32_t value;
  vm::Advice advice;
  Effect effect = Effect::some;
};
// nullptr: unknown.
[[nodiscard]] const KnownAdvice* find_advice(int32_t value);

// Says in `request` that its pages are those of `file` from `offset` bytes on; `object` keeps them.
// `request` has its count and access. The caller has compared the access with the file's mode.
// Errors: what the file says, ENOMEM.
[[nodiscard]] Outcome<> map_pages_of(File& file, uint64_t offset, vm::Sharing sharing,
                                     vm::MapRequest& request, vm::ObjectRef& object);

// More private memory at once than the machine has is refused, as with Linux's heuristic.
[[nodiscard]] bool exceeds_memory(base::PageCount pages);

enum class Holes : uint8_t {
  end,   // the walk: what is after a hole is not visited
  skip,  // are stepped over
};

// Calls visit(const vm::Mapping&, base::VpnRange piece), which returns Outcome<>, for what each
// mapping covers of `pages`, in ascending order, until it fails. ENOMEM: there was a hole. Each
// mapping is looked up when its turn comes; its object may be gone already.
template <typename Visit>
Outcome<> for_each_piece(UserSpace& space, base::VpnRange pages, Holes holes, Visit&& visit) {
  bool whole = true;
  for (base::Vpn at = pages.first(); at < pages.end();) {
    if (at >= base::UserAddr(UserSpace::end()).page()) {
      return Errno::no_memory;
    }
    const auto mapping = space.vm().mapping_at_or_after(at);
    if (!mapping || mapping->first() >= pages.end()) {
      return Errno::no_memory;
    }
    if (mapping->first() > at) {
      if (holes == Holes::end) {
        return Errno::no_memory;
      }
      whole = false;
    }
    const auto piece = mapping->range().intersect({at, pages.end()});
    BASE_TRY(visit(*mapping, piece));
    at = piece.end();
  }
  return whole ? Outcome<>() : Outcome<>(Errno::no_memory);
}

}  // namespace kernel
