// memory_tests.cpp: frames, heap, kernel stacks, user spaces, user copies.
#include <cstring>

#include "cpu/probe.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/user_space.h"
#include "test/ktest/ktest.h"
#include "test/ktest/user_memory.h"

namespace kernel::test {

namespace {

using base::Access;
using base::Right;
using base::UserAddr;

const Access read_write = Right::read | Right::write;

Verdict frames_are_aligned_and_merge_again() {
  const uint64_t before = free_frame_count();
  base::Pfn held[max_frame_order + 1];
  for (unsigned order = 0; order <= max_frame_order; ++order) {
    const auto frame = allocate_frames(order);
    KTEST_CHECK(frame.ok(), "no memory");
    held[order] = frame.value();
    KTEST_CHECK(held[order].raw() % (1ULL << order) == 0, "a block is not aligned to its size");
  }
  KTEST_CHECK(before - free_frame_count() == (2ULL << max_frame_order) - 1, "wrong frame count");
  for (unsigned order = 0; order <= max_frame_order; ++order) {
    free_frames(held[order], order);
  }
  return passed;
}

Verdict frames_run_out_with_an_error() {
  struct Block {
    Block* next;
  };
  Block* taken = nullptr;
  while (const auto frame = allocate_frames(max_frame_order)) {
    auto* block = static_cast<Block*>(
        frame_window(base::Pfn(const_cast<base::Result<base::Pfn>&>(frame).value().raw())));
    block->next = taken;
    taken = block;
  }
  const auto origin = reinterpret_cast<uint64_t>(frame_window(base::Pfn(0)));
  while (taken != nullptr) {
    Block* next = taken->next;
    free_frames(base::Pfn((reinterpret_cast<uint64_t>(taken) - origin) >> base::page_shift),
                max_frame_order);
    taken = next;
  }
  return passed;
}

Verdict heap_blocks_do_not_overlap() {
  constexpr size_t count = 200;
  static uint8_t* blocks[count];
  for (size_t i = 0; i < count; ++i) {
    const size_t size = 1 + i * 37;
    auto block = heap_allocate(size);
    KTEST_CHECK(block.ok(), "no memory");
    blocks[i] = static_cast<uint8_t*>(block.value());
    KTEST_CHECK(reinterpret_cast<uint64_t>(blocks[i]) % 16 == 0, "a block is not aligned");
    memset(blocks[i], int(i), size);
  }
  bool intact = true;
  for (size_t i = 0; i < count; ++i) {
    for (size_t at = 0; at < 1 + i * 37; ++at) {
      intact = intact && blocks[i][at] == uint8_t(i);
    }
    heap_free(blocks[i]);
  }
  KTEST_CHECK(intact, "a block was overwritten");
  return passed;
}

Verdict heap_refuses_what_is_too_large() {
  KTEST_CHECK(!heap_allocate(1ULL << 40).ok(), "a terabyte was allocated");
  return passed;
}

Verdict kernel_stacks_have_a_guard() {
  auto stack = KernelStack::create();
  KTEST_CHECK(stack.ok(), "no memory");
  const uint64_t top = stack.value().top();
  KTEST_CHECK(cpu::cpu_probe_write(top - 1), "the top is not writable");
  KTEST_CHECK(cpu::cpu_probe_write(top - kernel_stack_size), "the bottom is not writable");
  KTEST_CHECK(!cpu::cpu_probe_read(top - kernel_stack_size - 1), "there is no guard below");
  KTEST_CHECK(is_stack_guard(top - kernel_stack_size - 1), "the guard is not known as one");
  return passed;
}

struct Space {
  Space() : space(UserSpace::create()) {}
  UserSpace* operator->() { return space.value().get(); }
  base::Result<Ref<UserSpace>> space;
};

base::Status map_at(Space& space, uint64_t at, uint64_t pages, Access access) {
  return test::map_at(*space.space.value(), at, pages * base::page_size, access);
}

bool resolves(Space& space, uint64_t at, Access access) {
  return space->vm().fault({UserAddr(at), access}).is_resolved();
}

bool is_refused(Space& space, uint64_t at, Access access, vm::Refusal why) {
  vm::FaultOutcome outcome = space->vm().fault({UserAddr(at), access});
  return !outcome.is_resolved() && !outcome.must_wait() && outcome.refusal() == why;
}

base::VpnRange pages_at(uint64_t at, uint64_t count) {
  return base::VpnRange::of(base::Vpn(at >> base::page_shift), base::PageCount(count));
}

constexpr uint64_t origin = 0x10000000;

Verdict user_pages_come_on_demand() {
  Space space;
  KTEST_CHECK(space.space.ok() && map_at(space, origin, 1024, read_write), "no memory");
  KTEST_CHECK(space->resident_pages() == 0, "mapping allocated pages");
  KTEST_CHECK(resolves(space, origin + 5000, Right::write), "a fault in a mapping was refused");
  KTEST_CHECK(space->resident_pages() == 1, "one fault did not bring one page");
  KTEST_CHECK(is_refused(space, origin - 1, Right::read, vm::Refusal::unmapped),
              "a fault below the mapping was resolved");
  KTEST_CHECK(is_refused(space, origin, Right::execute, vm::Refusal::access),
              "execution of a data page was allowed");
  space->check();
  return passed;
}

Verdict unmap_splits_and_frees() {
  Space space;
  KTEST_CHECK(space.space.ok() && map_at(space, origin, 16, read_write), "no memory");
  KTEST_CHECK(space->populate(), "no memory");
  KTEST_CHECK(space->resident_pages() == 16, "populate missed pages");
  KTEST_CHECK(space->vm().unmap(pages_at(origin + 4 * base::page_size, 8)), "unmap failed");
  KTEST_CHECK(space->resident_pages() == 8, "unmap kept or lost pages");
  KTEST_CHECK(is_refused(space, origin + 5 * base::page_size, Right::read, vm::Refusal::unmapped),
              "the hole is still mapped");
  space->check();
  return passed;
}

Verdict protect_keeps_contents() {
  Space space;
  KTEST_CHECK(space.space.ok() && map_at(space, origin, 4, read_write), "no memory");
  const uint8_t mark[] = {1, 2, 3};
  KTEST_CHECK(space->write_initial(UserAddr(origin + base::page_size), mark), "no memory");
  KTEST_CHECK(space->vm().protect(pages_at(origin + base::page_size, 1), Access::none()),
              "refused");
  KTEST_CHECK(is_refused(space, origin + base::page_size, Right::read, vm::Refusal::access),
              "a page without rights was readable");
  KTEST_CHECK(space->vm().protect(pages_at(origin + base::page_size, 1), Right::read), "refused");
  space->activate();
  cpu::open_user_access();
  const bool same =
      memcmp(reinterpret_cast<const void*>(origin + base::page_size), mark, sizeof(mark)) == 0;
  cpu::close_user_access();
  UserSpace::deactivate();
  KTEST_CHECK(same, "contents changed");
  KTEST_CHECK(!space->vm().protect(pages_at(origin + 2 * base::page_size, 4), Right::read),
              "protect over a hole succeeded");
  space->check();
  return passed;
}

Verdict bad_ranges_are_refused() {
  Space space;
  KTEST_CHECK(space.space.ok(), "no memory");
  KTEST_CHECK(!map_at(space, 0, 1, read_write), "the null page was mapped");
  KTEST_CHECK(!map_at(space, UserSpace::end() - base::page_size, 2, read_write),
              "a mapping past the user half");
  KTEST_CHECK(!map_at(space, origin + 1, 1, read_write), "a misaligned mapping");
  KTEST_CHECK(!map_at(space, origin, 0, read_write), "an empty mapping");
  KTEST_CHECK(!map_at(space, ~0ULL << 12, 1, read_write), "a mapping that wraps around");
  space->check();
  return passed;
}

constexpr Test tests[] = {
    {"frames_are_aligned_and_merge_again", frames_are_aligned_and_merge_again},
    {"frames_run_out_with_an_error", frames_run_out_with_an_error},
    {"heap_blocks_do_not_overlap", heap_blocks_do_not_overlap},
    {"heap_refuses_what_is_too_large", heap_refuses_what_is_too_large},
    {"kernel_stacks_have_a_guard", kernel_stacks_have_a_guard},
    {"user_pages_come_on_demand", user_pages_come_on_demand},
    {"unmap_splits_and_frees", unmap_splits_and_frees},
    {"protect_keeps_contents", protect_keeps_contents},
    {"bad_ranges_are_refused", bad_ranges_are_refused},
};

}  // namespace

constinit const std::span<const Test> memory_tests = tests;

}  // namespace kernel::test
