// PathFile: what open() with O_PATH gives: a place in the tree to start from or to ask about, and
// nothing that could be read or written.
#pragma once

#include "kernel/scheme/path_walk.h"

namespace kernel {

class PathFile final : public File {
 public:
  PathFile(Resolved place, uint32_t flags) : File(flags), place_(base::move(place)) {}

  Outcome<FileStatus> status() override {
    return place_.file ? place_.file->status() : place_.scheme->status(place_.rest());
  }
  CallResult ioctl(uint32_t, uint64_t) override { return Errno::bad_descriptor; }

 private:
  Resolved place_;
};

}  // namespace kernel
