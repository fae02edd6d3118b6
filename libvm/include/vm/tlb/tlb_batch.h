// TlbBatch: what one operation on one address space has revoked, until every CPU has forgotten it.
//
// The operation changes entries, names the pages here, and hands over the references that the
// entries held. settle() makes every CPU forget, and only then gives the references back: to
// frames and tables that reach 0 that is their end. Destroying a batch that is not settled is a
// broken invariant. One batch belongs to one operation of one thread.
//
// Nothing here allocates or fails. Frames and tables whose only reference is the batch's are
// chained through their records; a few shared ones are kept in an array, and when that is full the
// batch forgets early.
//
// Locks: forget and retire under table locks; flush() as well (CPUs that wait for those locks
// serve shootdowns); settle() under none below the rank `space`.
#pragma once

#include "vm/system.h"
#include "vm/table/subtree.h"
#include "vm/tlb/tlb_ranges.h"

namespace vm {

template <Machine M>
class [[nodiscard]] TlbBatch {
 public:
  TlbBatch(System<M>& system, TlbContext& context) : system_(system), context_(context) {}
  TlbBatch(const TlbBatch&) = delete;
  TlbBatch& operator=(const TlbBatch&) = delete;
  ~TlbBatch() { BASE_CHECK(is_settled(), "TlbBatch destroyed unsettled"); }

  [[nodiscard]] System<M>& system() { return system_; }

  // After the entries have changed.
  void forget(base::VpnRange pages, Invalidate what) {
    begin();
    ranges_.add(pages, what);
  }
  void forget_everything() {
    begin();
    ranges_.add_everything();
  }

  // Takes over the reference that a leaf held. `word` is the leaf as it was, at `level`.
  void retire_leaf(uint64_t word, unsigned level) {
    const base::Pfn frame = M::Format::frame(word, level, system_.features());
    FrameRecord* record = system_.counted(frame);
    if (record == nullptr) return;
    begin();
    if (record->state() == FrameState::private_page && record->is_exclusive()) {
      record->set_link(frames_);
      frames_ = system_.head_of(frame, *record).raw();
      return;
    }
    add_shared(
        {frame.raw(), SharedKind::leaf, M::Format::decode(word, level, system_.features()).dirty});
  }
  // Takes over the reference that a detached table entry held.
  void retire_table(base::Pfn table) {
    begin();
    FrameRecord& record = system_.records().of(table);
    if (record.is_exclusive()) {
      record.set_link(tables_);
      tables_ = table.raw();
      return;
    }
    add_shared({table.raw(), SharedKind::table, false});
  }

  // All that was named is forgotten everywhere when this returns. References are kept.
  void flush() {
    if (!begun_) return;
    system_.tlb().invalidate(context_, ranges_);
    ranges_.clear();
  }

  // Forgotten, and given back.
  void settle() {
    if (BASE_LIKELY(!begun_)) return;
    if (!ranges_.empty()) flush();
    if (frames_ != none || tables_ != none || shared_count_ != 0) give_back();
    begun_ = false;
  }
  [[nodiscard]] bool is_settled() const { return !begun_; }

 private:
  static constexpr uint64_t none = ~0ULL;
  static constexpr unsigned shared_capacity = 24;

  // Most batches are made for a fault and stay empty: the parts are set up by the first use.
  void begin() {
    if (begun_) return;
    begun_ = true;
    frames_ = tables_ = none;
    shared_count_ = 0;
  }

  enum class SharedKind : uint8_t { leaf, table };
  struct Shared {
    uint64_t frame;
    SharedKind kind;
    bool dirty;
  };

  void add_shared(Shared item) {
    if (BASE_UNLIKELY(shared_count_ == shared_capacity)) {
      flush();
      give_back_shared();
    }
    shared_[shared_count_++] = item;
  }

  BASE_NOINLINE void give_back() {
    give_back_shared();
    while (frames_ != none) {
      const base::Pfn frame(frames_);
      FrameRecord& record = system_.records().of(frame);
      frames_ = record.link();
      record.set_link(0);
      if (record.drop_references() == 0) system_.frames().free(frame);
    }
    while (tables_ != none) {
      const base::Pfn table(tables_);
      tables_ = system_.records().of(table).link();
      drop_subtree(system_, table);
    }
    (void)system_.epochs().poll();
  }

  void give_back_shared() {
    while (shared_count_ != 0) {
      const Shared item = shared_[--shared_count_];
      if (item.kind == SharedKind::table) {
        drop_subtree(system_, base::Pfn(item.frame));
      } else {
        drop_leaf(system_, base::Pfn(item.frame), [&] { return item.dirty; });
      }
    }
  }

  System<M>& system_;
  TlbContext& context_;
  bool begun_ = false;
  TlbRanges ranges_;
  uint64_t frames_;  // private pages, chained by link
  uint64_t tables_;  // the same
  unsigned shared_count_;
  Shared shared_[shared_capacity];
};

}  // namespace vm
