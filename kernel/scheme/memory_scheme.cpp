// memory_scheme.cpp: `memory:`: opening it gives a new, empty memory file.
#include "kernel/fd/memory_file.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/scheme/registry.h"

namespace kernel {

namespace {

class MemoryScheme final : public Scheme {
 public:
  MemoryScheme() : Scheme("memory") {}

  Outcome<FileStatus> status(Text rest) override {
    if (!rest.empty()) {
      return Errno::not_directory;
    }
    FileStatus status;
    status.device = device();
    status.mode = mode_regular | 0777;
    return status;
  }
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY(status(rest));
    return make_memory_file("", request.flags);
  }
  [[nodiscard]] bool is_read_only() const override { return false; }
};

}  // namespace

base::Result<Ref<Scheme>> make_memory_scheme() {
  return make_scheme<MemoryScheme>();
}

}  // namespace kernel
