#include "kernel/memory/kernel_map.h"

#include "base/bits.h"
#include "base/utility.h"
#include "cpu/cpu.h"
#include "kernel/host/boot_info.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/fail_nth.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/shootdown.h"
#include "kernel/sanitizer/shadow.h"
#include "kernel/seam/memory.h"

namespace kernel {

namespace {

PageTree tree;

// Devices and pixels are mapped from the start of the window, never unmapped; stacks from the
// middle on.
constexpr uint64_t device_start = cpu::kernel_map_start;

// Guards the tables below `tree` and what of the window is taken. Before the frame allocator's.
SpinLock map_lock{LockRank::kernel_map};
uint64_t next_device BASE_GUARDED_BY(map_lock) = device_start;
uint64_t slots_used[stack_slot_count / 64] BASE_GUARDED_BY(map_lock);

constexpr cpu::PageRights data_rights{true, false, false, false};
constexpr cpu::PageRights device_rights{true, false, false, true};
constexpr cpu::PageRights pixel_rights{true, false, false, false, true};

std::optional<uint64_t> take_slot() {
  const base::Guard guard(map_lock);
  for (uint64_t word = 0; word < stack_slot_count / 64; ++word) {
    if (~slots_used[word] != 0) {
      const unsigned bit = base::count_trailing_zeros(~slots_used[word]);
      slots_used[word] |= 1ULL << bit;
      return word * 64 + bit;
    }
  }
  return std::nullopt;
}

void return_slot(uint64_t slot) {
  const base::Guard guard(map_lock);
  slots_used[slot / 64] &= ~(1ULL << (slot % 64));
}

// The stack's lowest byte: the slot's upper half, so the lower half is the guard.
uint64_t stack_of(uint64_t slot) {
  return stack_area_start + slot * stack_slot_size + kernel_stack_size;
}

void* map_for_good(uint64_t physical, uint64_t size, cpu::PageRights rights) {
  const uint64_t offset = physical % base::page_size;
  const base::Guard guard(map_lock);
  const uint64_t room = stack_area_start - next_device;
  if (size == 0 || size > room || offset + size > room) {
    return nullptr;
  }
  const uint64_t start = next_device;
  const uint64_t pages = (offset + size + base::page_size - 1) / base::page_size;
  next_device += pages * base::page_size;
  for (uint64_t i = 0; i < pages; ++i) {
    const auto frame = base::Pfn((physical >> base::page_shift) + i);
    if (!tree.map(start + i * base::page_size, frame, rights)) {
      return nullptr;
    }
  }
  return reinterpret_cast<void*>(start + offset);
}

// Stacks that nobody uses, still mapped: the next threads', so that a thread's end does not
// interrupt every CPU. What is too many goes in one round.
constexpr size_t most_idle = 32;
constexpr size_t idle_batch = 16;
uint64_t idle_stacks[most_idle] BASE_GUARDED_BY(map_lock);
size_t idle_count BASE_GUARDED_BY(map_lock) = 0;

constexpr size_t stack_pages = kernel_stack_size / base::page_size;

// Stacks on their way out: unmapped, then forgotten by every CPU, then freed.
class StackRemoval {
 public:
  void add(uint64_t stack) BASE_REQUIRES(map_lock) {
    stacks_[count_++] = stack;
    for (uint64_t at = stack; at < stack + kernel_stack_size; at += base::page_size) {
      uint64_t* leaf = tree.find_leaf(at);
      if (leaf != nullptr && cpu::is_present(*leaf)) {
        frames_[frame_count_++] = base::PhysAddr(cpu::entry_address(*leaf, 1)).frame();
        *leaf = 0;
      }
    }
  }
  // No lock held.
  void finish() {
    if (count_ == 0) {
      return;
    }
    cpu::publish_entries();
    invalidate(this);
    if constexpr (!cpu::invalidates_everywhere) {
      run_on_cpus(CpuMask::all(), invalidate, this);
    }
    for (size_t i = 0; i < frame_count_; ++i) {
      free_frames(frames_[i], 0);
    }
    for (size_t i = 0; i < count_; ++i) {
      return_slot((stacks_[i] - stack_area_start) / stack_slot_size);
    }
  }

 private:
  static void invalidate(void* self) {
    const auto& removal = *static_cast<const StackRemoval*>(self);
    for (size_t i = 0; i < removal.count_; ++i) {
      for (uint64_t page = 0; page < stack_pages; ++page) {
        cpu::invalidate_page(removal.stacks_[i] + page * base::page_size);
      }
    }
  }

  uint64_t stacks_[idle_batch];
  base::Pfn frames_[idle_batch * stack_pages];
  size_t count_ = 0;
  size_t frame_count_ = 0;
};

// The newest first. 0: there is none.
uint64_t take_idle_stack() {
  const base::Guard guard(map_lock);
  return idle_count == 0 ? 0 : idle_stacks[--idle_count];
}

// Takes the oldest out, at most a batch.
void remove_idle_stacks_locked(StackRemoval& removal) BASE_REQUIRES(map_lock) {
  const size_t count = base::min(idle_count, idle_batch);
  for (size_t i = 0; i < count; ++i) {
    removal.add(idle_stacks[i]);
  }
  idle_count -= count;
  for (size_t i = 0; i < idle_count; ++i) {
    idle_stacks[i] = idle_stacks[i + count];
  }
}

// Stacks that are not whole (memory ran out while one was made) go at once.
void give_up_stack(uint64_t stack, size_t pages) {
  StackRemoval removal;
  {
    const base::Guard guard(map_lock);
    if (pages < stack_pages) {
      removal.add(stack);
    } else {
      if (idle_count == most_idle) {
        remove_idle_stacks_locked(removal);
      }
      idle_stacks[idle_count++] = stack;
    }
  }
  removal.finish();
}

base::Status map_stack_page(uint64_t at, base::Pfn frame) {
  const base::Guard guard(map_lock);
  alias_stack_page(at, frame);
  return tree.map(at, frame, data_rights);
}

}  // namespace

void init_kernel_map() {
  const auto root = base::PhysAddr(boot_info().root_table);
  tree = PageTree(root.frame(), boot_info().levels);
  if constexpr (cpu::user_root_entries < 512) {
    auto* entries = static_cast<uint64_t*>(direct_map(root.raw()));
    for (unsigned i = 0; i < cpu::user_root_entries; ++i) {
      entries[i] = 0;
    }
  }
  cpu::adopt_kernel_root(root.raw());
}

PageTree kernel_tree() {
  return tree;
}

volatile void* map_device(uint64_t physical, uint64_t size) {
  return map_for_good(physical, size, device_rights);
}

void* map_framebuffer(uint64_t physical, uint64_t size) {
  return map_for_good(physical, size, pixel_rights);
}

base::Result<KernelStack> KernelStack::create() {
  if (refuse_allocation()) {
    return base::Error::out_of_memory;
  }
  if (const uint64_t idle = take_idle_stack()) {
    // Its last thread left it in the middle of functions.
    unpoison(reinterpret_cast<const void*>(idle), kernel_stack_size);
    return KernelStack(idle, stack_pages);
  }
  const auto slot = take_slot();
  if (!slot) {
    return base::Error::out_of_memory;
  }
  KernelStack stack(stack_of(*slot), 0);  // from here on the destructor cleans up
  for (uint64_t at = stack.base_; at < stack.top(); at += base::page_size) {
    BASE_TRY_ASSIGN(const base::Pfn frame, allocate_zeroed_frame());
    if (auto mapped = map_stack_page(at, frame); !mapped) {
      free_frames(frame, 0);
      return mapped.error();
    }
    ++stack.pages_;
  }
  return stack;
}

KernelStack::KernelStack(KernelStack&& other) noexcept
    : base_(base::exchange(other.base_, 0)), pages_(other.pages_) {}

KernelStack& KernelStack::operator=(KernelStack&& other) noexcept {
  base::swap(base_, other.base_);
  base::swap(pages_, other.pages_);
  return *this;
}

KernelStack::~KernelStack() {
  if (base_ != 0) {
    give_up_stack(base_, pages_);
  }
}

void free_idle_stacks() {
  for (bool more = true; more;) {
    StackRemoval removal;
    {
      const base::Guard guard(map_lock);
      remove_idle_stacks_locked(removal);
      more = idle_count != 0;
    }
    removal.finish();
  }
}

bool is_stack_guard(uint64_t address) {
  return address >= stack_area_start && address < stack_area_end &&
         (address - stack_area_start) % stack_slot_size < kernel_stack_size;
}

bool is_kernel_readable(uint64_t address, uint64_t size) {
  const auto end = base::checked_add(address, size);
  if (!end.ok || address < cpu::kernel_start(tree.levels())) {
    return false;
  }
  for (uint64_t at = base::align_down(address, base::page_size); at < end.value;
       at += base::page_size) {
    if (tree.walk(at).entry == 0) {
      return false;
    }
  }
  return true;
}

}  // namespace kernel
