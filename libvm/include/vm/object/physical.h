// Physical: a range of physical addresses as it is: device registers, a frame buffer, memory that a
// driver shares. Nothing is allocated and nothing waits; the whole range can be mapped with the
// largest leaves.
//
// Frames of RAM that somebody owns are counted while mapped; the maker keeps them owned until the
// object is gone. Immutable after construction; no lock.
#pragma once

#include "vm/frame/frame_records.h"
#include "vm/object/memory_object.h"

namespace vm {

class Physical final : public MemoryObject {
 public:
  // `records` tells RAM from devices.
  Physical(FrameRecords& records, base::PfnRange frames, base::MemoryType type, base::Access most,
           ObjectDisposal disposal = {})
      : MemoryObject(ObjectKind::physical, disposal),
        records_(records),
        frames_(frames),
        type_(type),
        most_(most) {}

  [[nodiscard]] base::PageCount size() const override { return frames_.count(); }
  [[nodiscard]] base::Access max_access() const override { return most_; }
  [[nodiscard]] base::MemoryType memory_type() const { return type_; }

  // Refused: bus (past the end), access_denied (a write to a range that forbids it), out_of_memory
  // (the frame's references are exhausted).
  [[nodiscard]] PageAnswer page(ObjectPage page, PageUse use) override {
    if (page.raw() >= size().raw()) {
      return PageAnswer::refused(base::Error::bus);
    }
    if (use == PageUse::write && !most_.can_write()) {
      return PageAnswer::refused(base::Error::access_denied);
    }
    const base::PageCount offset(page.raw());
    const base::Pfn frame = frames_.first() + offset;
    FrameRecord* record = counted(frame);
    if (record != nullptr && !record->add_references().ok()) {
      return PageAnswer::refused(base::Error::out_of_memory);
    }
    return PageAnswer::of_page(frame, most_, run_from(frame), type_);
  }
  [[nodiscard]] PageAnswer resident(ObjectPage page) override {
    return this->page(page, PageUse::read);
  }
  void check() override {}

 protected:
  void last_reference_gone() override {}

 private:
  // nullptr: not RAM, or RAM that is nobody's.
  [[nodiscard]] FrameRecord* counted(base::Pfn frame) const {
    FrameRecord* record = records_.find(frame);
    if (record == nullptr || record->state() == FrameState::reserved) return nullptr;
    record = &records_.of(records_.head_of(frame));
    BASE_CHECK(record->state() >= FrameState::owned, "physical object over free memory");
    return record;
  }

  // Device memory up to the next RAM may be one leaf; RAM is mapped, and counted, page by page.
  [[nodiscard]] base::PageCount run_from(base::Pfn frame) const {
    if (records_.is_ram(frame)) return base::PageCount(1);
    const base::Pfn ram = records_.next_ram(frame);
    const bool beyond = ram >= frames_.end() || ram < frame;
    return (beyond ? frames_.end() : ram) - frame;
  }

  FrameRecords& records_;
  const base::PfnRange frames_;
  const base::MemoryType type_;
  const base::Access most_;
};

}  // namespace vm
