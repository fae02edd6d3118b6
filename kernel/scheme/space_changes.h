// SpaceChanges: a batch of changes that a program asked of an address space, from its structures to
// libvm's: fetched and checked first, then applied as one.
#pragma once

#include "kernel/fd/file_table.h"
#include "kernel/memory/user_space.h"
#include "kernel/scheme/records.h"

namespace kernel {

class SpaceChanges {
 public:
  // A batch for `space`; descriptors in it are the caller's, in `files`.
  SpaceChanges(UserSpace& space, FileTable& files) : space_(space), files_(files) {}
  SpaceChanges(const SpaceChanges&) = delete;
  SpaceChanges& operator=(const SpaceChanges&) = delete;
  ~SpaceChanges();

  // All of `source`. EINVAL: nothing, too many, what makes no sense; EFAULT, EBADF, EACCES, ENOMEM
  // and what mapping a file says.
  [[nodiscard]] Outcome<> fetch(Source& source);
  // Makes them, or none. Errors: docs/descriptors.md.
  [[nodiscard]] Outcome<> apply();

 private:
  [[nodiscard]] Outcome<> add(const space_change& change);
  [[nodiscard]] Outcome<> prepare_map(const space_change& from, vm::SpaceChange& to);
  [[nodiscard]] Outcome<> prepare_transfer(const space_change& from, vm::SpaceChange& to);
  [[nodiscard]] Outcome<> prepare_break(const space_change& from);

  UserSpace& space_;
  FileTable& files_;
  vm::SpaceChange* changes_ = nullptr;  // heap
  vm::ObjectRef* objects_ = nullptr;    // heap: keeps what changes_ names
  size_t count_ = 0;
  Ref<UserSpace> giver_;
  base::Optional<uint64_t> break_;
};

}  // namespace kernel
