// addrspace_scheme.cpp: `addrspace:`: opening it gives a descriptor of one's own address space.
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/scheme/space_file.h"

namespace kernel {

namespace {

class AddrspaceScheme final : public Scheme {
 public:
  AddrspaceScheme() : Scheme("addrspace") {}

  Outcome<FileStatus> status(Text rest) override {
    if (!rest.empty()) {
      return Errno::no_entry;
    }
    FileStatus status;
    status.device = device();
    status.mode = mode_regular | 0600;
    return status;
  }
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY(status(rest));
    return make_space_file(current_thread().process().space_ref(), request.flags);
  }
  [[nodiscard]] bool is_read_only() const override { return false; }
};

}  // namespace

base::Result<Ref<Scheme>> make_addrspace_scheme() {
  return make_scheme<AddrspaceScheme>();
}

}  // namespace kernel
