// Ram: the simulated machine's frames, and who has them.
//
// A freed frame is filled with poison; every access through the machine to one fails and says who
// freed it, and a write that came another way is found when the frame is handed out again. Each
// frame has a generation that counts its lives, so that a translation cached in an earlier life is
// told from one of this life.
//
// Two ways to use it. `allocate` and `fill_and_keep` hand frames out here (last in, first out: the
// worst order). An allocator of the program under test that manages the frames itself reports
// `note_taken` and `note_freed` instead. Allocation failure is injected by `fail_after`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/page_range.h"
#include "base/result.h"

namespace sim {

class Ram {
 public:
  static constexpr uint64_t poison = 0xdbdb'db07'dbdb'dbdbULL;
  static constexpr uint64_t never = ~0ULL;

  // Frames [first, first + count), all free. Memory comes zeroed and is touched only when used.
  Ram(base::Pfn first, uint64_t count);
  ~Ram();
  Ram(const Ram&) = delete;
  Ram& operator=(const Ram&) = delete;

  [[nodiscard]] base::PfnRange frames() const { return frames_; }
  [[nodiscard]] bool contains(base::Pfn frame) const { return frames_.contains(frame); }
  // Any frame of RAM, live or not.
  [[nodiscard]] void* memory(base::Pfn frame) const {
    return bytes_ + ((frame - frames_.first()).raw() << base::page_shift);
  }
  [[nodiscard]] uint64_t* words(base::Pfn frame) const {
    return static_cast<uint64_t*>(memory(frame));
  }
  // Which frame a pointer points into. Fails when it is no RAM.
  [[nodiscard]] base::Pfn frame_of(const volatile void* pointer) const {
    const auto offset = uint64_t(reinterpret_cast<uintptr_t>(pointer)) -
                        uint64_t(reinterpret_cast<uintptr_t>(bytes_));
    if (offset >> base::page_shift >= frames_.count().raw()) complain_no_ram(pointer);
    return frames_.first() + base::PageCount(offset >> base::page_shift);
  }

  [[nodiscard]] bool is_live(base::Pfn frame) const { return info(frame).live; }
  [[nodiscard]] uint32_t generation(base::Pfn frame) const { return info(frame).generation; }
  // Fails unless the frame is live; `what` says who asks.
  void demand_live(base::Pfn frame, const char* what) const {
    if (!info(frame).live) complain_not_live(frame, what);
  }

  base::Result<base::Pfn> allocate(uint32_t cpu);
  // After note_freed: poison the frame and hand it out again some time.
  void fill_and_keep(base::Pfn frame);
  void note_taken(base::Pfn frame, uint32_t cpu);
  void note_freed(base::Pfn frame, uint32_t cpu);

  // The allocation after `count` more fails (once). `never`: none does.
  void fail_after(uint64_t count) { fail_after_ = count; }
  [[nodiscard]] bool failure_fired() const { return failure_fired_; }
  void clear_failure() {
    fail_after_ = never;
    failure_fired_ = false;
  }
  // No failure until it is given back to fail_after(): for allocations that are the test's own.
  [[nodiscard]] uint64_t pause_failure() {
    const uint64_t after = fail_after_;
    fail_after_ = never;
    return after;
  }
  // One allocation attempt of an allocator elsewhere: should it fail now?
  bool take_failure();

  [[nodiscard]] uint64_t live_count() const { return live_; }
  [[nodiscard]] uint64_t allocations() const { return allocations_; }
  // Printed with every report about a frame freed from now on.
  void set_operation(const char* name) { operation_ = name; }
  [[nodiscard]] std::string describe(base::Pfn frame) const;

 private:
  struct Info {
    bool live = false;
    bool poisoned = false;
    uint32_t generation = 0;
    uint32_t cpu = 0;  // that freed it last
    const char* operation = "boot";
    uint64_t at = 0;
  };
  [[nodiscard]] const Info& info(base::Pfn frame) const {
    if (!contains(frame)) complain_no_ram(frame);
    return info_[(frame - frames_.first()).raw()];
  }
  [[nodiscard]] Info& info(base::Pfn frame) {
    return const_cast<Info&>(const_cast<const Ram*>(this)->info(frame));
  }
  [[noreturn]] void complain_no_ram(const volatile void* pointer) const;
  [[noreturn]] void complain_no_ram(base::Pfn frame) const;
  [[noreturn]] void complain_not_live(base::Pfn frame, const char* what) const;
  void check_poison(base::Pfn frame);

  base::PfnRange frames_;
  char* bytes_ = nullptr;
  std::vector<Info> info_;
  std::vector<base::Pfn> stack_;
  uint64_t live_ = 0;
  uint64_t clock_ = 0;
  uint64_t allocations_ = 0;
  uint64_t fail_after_ = never;
  bool failure_fired_ = false;
  const char* operation_ = "test";
};

}  // namespace sim
