// System: one machine as libvm sees it; everything else is constructed with a reference to one.
//
// There are no hidden globals: several Systems live side by side, each with its own machine, frames
// and tags. Its parts are supplied by whoever composes it and must outlive it; it must outlive
// every page table and space made with it. It is large (per-CPU state): not for a stack.
#pragma once

#include "vm/epoch/epochs.h"
#include "vm/frame/frame_allocator.h"
#include "vm/seam/machine.h"
#include "vm/tlb/tlb_directory.h"

namespace vm {

// What becomes of the things behind entries when the last trace of an entry goes. None blocks.
struct EntryHooks {
  void* context = nullptr;
  // A leaf of an object's page is gone for good, every CPU has forgotten it; `dirty` as the
  // hardware left it. The reference that the entry held is still there. No lock held.
  void (*object_page_dropped)(void* context, base::Pfn frame, bool dirty) = nullptr;
  // A software entry is about to exist once more. An error makes the copy fail. Under the lock of
  // the table copied.
  base::Status (*software_copied)(void* context, uint64_t payload) = nullptr;
  // A software entry is gone. Under no lock, or that of the table it was in.
  void (*software_dropped)(void* context, uint64_t payload) = nullptr;
};

template <Machine M>
class System {
 public:
  using Format = typename M::Format;
  using Mmu = typename M::Mmu;
  using Host = typename M::Host;
  using Frames = FrameAllocator<Host>;

  System(Host& host, Mmu& mmu, Frames& frames, const Features& features)
      : host_(host),
        mmu_(mmu),
        frames_(frames),
        features_(features),
        epochs_(host, base::Span<EpochCpu>(epoch_cpus_, cpu_count(frames)), frames.records(),
                {&frames, &reclaim}),
        tlb_(host, mmu, features) {
    frames_.set_relief(
        {&epochs_, [](void* epochs) { (void)static_cast<Epochs<Host>*>(epochs)->relieve(); }});
  }
  ~System() { frames_.set_relief({}); }
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  [[nodiscard]] Host& host() { return host_; }
  [[nodiscard]] Mmu& mmu() { return mmu_; }
  [[nodiscard]] Frames& frames() { return frames_; }
  [[nodiscard]] FrameRecords& records() { return frames_.records(); }
  [[nodiscard]] const Features& features() const { return features_; }
  [[nodiscard]] TlbDirectory<M>& tlb() { return tlb_; }
  [[nodiscard]] Epochs<Host>& epochs() { return epochs_; }
  [[nodiscard]] EntryHooks& hooks() { return hooks_; }

  // The words of a table.
  [[nodiscard]] uint64_t* words(base::Pfn table) {
    return static_cast<uint64_t*>(host_.window(table));
  }
  // The first entry from `i` on that is not absent. There must be one, and nobody who fills it
  // meanwhile. Most rows of most tables are absent as a whole.
  [[nodiscard]] BASE_ALWAYS_INLINE unsigned next_present(uint64_t* words, unsigned i) {
    for (;; ++i) {
      while (i % entries_per_row == 0 && is_absent_row(&words[i])) {
        i += entries_per_row;
        BASE_DCHECK(i < entries_per_table, "fewer entries than the resident count says");
      }
      if (mmu_.load(&words[i]) != 0) return i;
    }
  }

  // The record that counts the references of a frame named by a leaf: its block's head. nullptr:
  // the frame is not counted (device memory, the zero frame).
  [[nodiscard]] BASE_ALWAYS_INLINE FrameRecord* counted(base::Pfn frame) {
    return counted(frame, records());
  }
  // The same for loops, which have records() at hand as `all`.
  [[nodiscard]] BASE_ALWAYS_INLINE FrameRecord* counted(base::Pfn frame, FrameRecords& all) {
    FrameRecord* record = all.in_main_range(frame);
    return BASE_LIKELY(record != nullptr && record->state() >= FrameState::owned)
               ? record
               : counted_uncommon(frame);
  }
  [[nodiscard]] BASE_NOINLINE FrameRecord* counted_uncommon(base::Pfn frame) {
    FrameRecord* record = records().find(frame);
    if (record == nullptr) return nullptr;
    const FrameState state = record->state();
    if (state == FrameState::tail) return &records().of(records().head_of(frame));
    return state == FrameState::reserved ? nullptr : record;
  }

  // The first frame of the block that `record` heads and `frame` is part of.
  [[nodiscard]] base::Pfn head_of(base::Pfn frame, const FrameRecord& record) {
    return BASE_LIKELY(&records().of(frame) == &record) ? frame : records().head_of(frame);
  }

  // Gives one reference of a leaf's frame back.
  void drop_frame(base::Pfn frame) {
    FrameRecord* record = counted(frame);
    if (record != nullptr && record->drop_references() == 0) {
      frames_.free(head_of(frame, *record));
    }
  }

  // Frees a table that no entry names and no CPU remembers, once nobody descends through it.
  void retire_table(base::Pfn table) { epochs_.retire_frame(table); }

 private:
  // Whoever calls has seen every change already, and MmuOps::load() orders more than that.
  [[nodiscard]] static bool is_absent_row(const uint64_t* row) {
    uint64_t any = 0;
    for (unsigned i = 0; i < entries_per_row; ++i)
      any |= __atomic_load_n(&row[i], __ATOMIC_RELAXED);
    return any == 0;
  }

  // Waiting for readers looks at every CPU that there may be.
  static size_t cpu_count(const Frames& frames) {
    return frames.cpus() != 0 && frames.cpus() <= max_cpus ? frames.cpus() : max_cpus;
  }

  // What readers may have seen until now: a table that no entry names, or the reference that an
  // object had to a page.
  static void reclaim(void* to, base::Pfn frame) {
    Frames& frames = *static_cast<Frames*>(to);
    const FrameRecord& record = frames.records().of(frame);
    if (record.is_table()) {
      // Its residents are its entries that are not zero; a root, which is never retired, has
      // others.
      if (record.is_retired() && record.resident() == 0) {
        frames.free_zeroed(frame);
      } else {
        frames.free(frame);
      }
    } else {
      frames.drop(frame);
    }
  }

  Host& host_;
  Mmu& mmu_;
  Frames& frames_;
  const Features features_;
  EntryHooks hooks_;
  EpochCpu epoch_cpus_[max_cpus];
  Epochs<Host> epochs_;
  TlbDirectory<M> tlb_;
};

}  // namespace vm
