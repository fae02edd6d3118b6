// process_files.h: what descriptors derived from a process have in common, and the one of its open
// files.
#pragma once

#include <cstring>

#include "kernel/fd/file.h"
#include "kernel/process/process_handle.h"

namespace kernel {

class HandleFile : public File {
 public:
  HandleFile(Ref<ProcessHandle> handle, uint32_t flags)
      : File(flags), handle_(base::move(handle)) {}

  Outcome<FileStatus> status() override;
  size_t describe(char* text, size_t capacity) const override {
    return Text("proc:").copy(text, capacity);
  }

 protected:
  [[nodiscard]] ProcessHandle& handle() const { return *handle_; }
  [[nodiscard]] const Ref<ProcessHandle>& handle_ref() const { return handle_; }

 private:
  Ref<ProcessHandle> handle_;
};

// `files`: listed by number; written as a batch, before the process starts. ENOMEM.
[[nodiscard]] Outcome<Ref<File>> make_files_file(const Ref<ProcessHandle>& handle);

}  // namespace kernel
