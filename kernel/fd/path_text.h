// PathText: an absolute path, immutable and shared: of an open file, of a working directory.
//
// Canonical: begins with '/', no empty, "." or ".." part, no symbolic link, no '/' at the end but
// in
// "/" itself. A file of a scheme that is mounted nowhere is at /scheme/NAME/REST.
#pragma once

#include "kernel/host/text.h"
#include "kernel/memory/ref.h"

namespace kernel {

class PathText : public RefCounted<PathText> {
 public:
  // Copies. Error::out_of_memory.
  [[nodiscard]] static base::Result<Ref<PathText>> create(Text text);

  [[nodiscard]] Text text() const { return {reinterpret_cast<const char*>(this + 1), size_}; }

 private:
  explicit PathText(size_t size) : size_(size) {}

  size_t size_;  // the characters follow
};

}  // namespace kernel
