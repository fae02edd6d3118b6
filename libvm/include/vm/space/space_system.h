// SpaceSystem: what the address spaces of one machine share: the machine (System), the list of
// those who map objects, the zero frame.
//
// The machine must outlive it; it must outlive every space. start() before the first space, stop()
// after the last.
#pragma once

#include "vm/object/page_store.h"
#include "vm/system.h"

namespace vm {

template <Machine M>
class SpaceSystem {
 public:
  using Host = typename M::Host;

  using Frames = typename System<M>::Frames;

  explicit SpaceSystem(System<M>& machine)
      : machine_(machine), objects_{machine.frames(), machine.epochs(), mappers_} {}
  SpaceSystem(const SpaceSystem&) = delete;
  SpaceSystem& operator=(const SpaceSystem&) = delete;
  ~SpaceSystem() { BASE_CHECK(!started_, "SpaceSystem destroyed before stop()"); }

  // Error::out_of_memory: no frame for the zero frame; unchanged.
  [[nodiscard]] base::Status start() {
    BASE_CHECK(!started_, "SpaceSystem started twice");
    BASE_TRY_ASSIGN(zero_frame_, machine_.frames().allocate(Contents::zero));
    // Reserved frames are not counted: sharing this one writes nothing.
    machine_.records().of(zero_frame_).reset(FrameState::reserved, 0);
    // What the hardware knew of a page that leaves a table, its object finds in the record.
    machine_.hooks().context = &machine_;
    machine_.hooks().object_page_dropped = [](void* context, base::Pfn frame, bool dirty) {
      FrameRecord* record = static_cast<System<M>*>(context)->counted(frame);
      if (dirty && record != nullptr) record->mark_dirty();
    };
    started_ = true;
    return {};
  }
  // No space exists.
  void stop() {
    if (!started_) return;
    started_ = false;
    epochs().synchronize();
    machine_.hooks().object_page_dropped = nullptr;
    machine_.records().of(zero_frame_).reset(FrameState::owned, 0);
    machine_.frames().free(zero_frame_);
  }

  [[nodiscard]] System<M>& machine() { return machine_; }
  [[nodiscard]] Epochs<Host>& epochs() { return machine_.epochs(); }
  [[nodiscard]] ObjectMappers<typename Host::Lock>& mappers() { return mappers_; }
  // What memory objects are made with.
  [[nodiscard]] ObjectSystem<Frames>& objects() { return objects_; }
  // Held while a borrow is made, so that none closes a cycle with another. Outermost.
  [[nodiscard]] typename Host::Lock& loan_lock() BASE_RETURN_CAPABILITY(loan_lock_) {
    return loan_lock_;
  }
  [[nodiscard]] base::Pfn zero_frame() const { return zero_frame_; }

 private:
  // Read by every operation; what is written has lines of its own.
  System<M>& machine_;
  ObjectSystem<Frames> objects_;
  base::Pfn zero_frame_;
  bool started_ = false;
  ObjectMappers<typename Host::Lock> mappers_;
  alignas(128)
      typename Host::Lock loan_lock_ = base::lock_of<typename Host::Lock>(base::LockRank::loan);
};

}  // namespace vm
