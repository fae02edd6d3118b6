// AddressSpace::Operation: the bracket around everything a writer does: the space's lock, the batch
// of what has been revoked, the objects let go. Its end settles, unlocks, and only then releases.
//
// Part of address_space.h.
#pragma once

#include "vm/space/address_space.h"

namespace vm {

template <Machine M>
class BASE_SCOPED_CAPABILITY AddressSpace<M>::Operation {
 public:
  explicit Operation(AddressSpace& space) BASE_ACQUIRE(space.lock_)
      : space_(space), batch(space.table_.batch()), releases(space.machine()) {
    space_.lock_.acquire();
  }
  ~Operation() BASE_RELEASE() BASE_NO_THREAD_SAFETY_ANALYSIS {
    if (locked_) unlock();
    releases.release_all();
    if (!lost_.empty()) space_.withdraw_loans(lost_);
    (void)space_.system_.epochs().poll();
  }
  // All that wants the lock. Where an operation has two spaces, both come to this before either
  // ends: what follows takes the locks of other spaces.
  void unlock() BASE_NO_THREAD_SAFETY_ANALYSIS {
    batch.settle();
    if (!releases.empty()) {
      // A fault that found one of these mappings may still be asking its object.
      space_.system_.epochs().close(space_.gate_);
      space_.system_.epochs().open(space_.gate_);
    }
    space_.tidy_nodes();
    space_.lock_.release();
    locked_ = false;
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // The pages of `range` are not what they were: borrowers of them are told at the end.
  void lost(base::VpnRange range) {
    lost_ = lost_.empty() ? range
                          : base::VpnRange(base::min(lost_.first(), range.first()),
                                           base::max(lost_.end(), range.end()));
  }

 private:
  AddressSpace& space_;
  base::VpnRange lost_;
  bool locked_ = true;

 public:
  TlbBatch<M> batch;
  DeferredReleases<M> releases;
};

}  // namespace vm
