// PathContext: what a process's paths start from, and its umask: shared by CLONE_FS, copied by
// fork().
#pragma once

#include "kernel/fd/path_text.h"
#include "kernel/host/spin_lock.h"

namespace kernel {

class PathContext : public RefCounted<PathContext> {
 public:
  // In "/", umask 022. Error::out_of_memory.
  [[nodiscard]] static base::Result<Ref<PathContext>> create();
  explicit PathContext(Ref<PathText> directory, uint32_t mask)
      : directory_(base::move(directory)), mask_(mask) {}
  [[nodiscard]] base::Result<Ref<PathContext>> copy() const;

  [[nodiscard]] Ref<PathText> directory() const;
  // A canonical path that named a directory.
  void set_directory(Ref<PathText> directory);

  [[nodiscard]] uint32_t mask() const;
  // Returns the one before.
  uint32_t set_mask(uint32_t mask);

 private:
  mutable SpinLock lock_{LockRank::paths};
  Ref<PathText> directory_ BASE_GUARDED_BY(lock_);
  uint32_t mask_ BASE_GUARDED_BY(lock_);
};

}  // namespace kernel
