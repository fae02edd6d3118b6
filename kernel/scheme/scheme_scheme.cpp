// scheme_scheme.cpp: `scheme:`: opening NAME with O_CREAT and O_EXCL registers a user scheme.
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/scheme/user_scheme.h"

namespace kernel {

namespace {

class SchemeScheme final : public Scheme {
 public:
  SchemeScheme() : Scheme("scheme") {}

  Walk walk() const override { return Walk::whole; }
  bool is_read_only() const override { return false; }

  Outcome<FileStatus> status(Text rest) override {
    if (!rest.empty()) {
      return Errno::no_entry;  // queues cannot be found by name
    }
    FileStatus status;
    status.device = device();
    status.mode = mode_directory | 0700;
    return status;
  }
  // ENOENT: it is not to be created; EINVAL: not for reading and writing.
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    constexpr uint32_t fresh = open_flag::create | open_flag::exclusive;
    if ((request.flags & fresh) != fresh) {
      return rest.empty() ? Errno::is_directory : Errno::no_entry;
    }
    if ((request.flags & open_flag::access_mode) != open_flag::read_write) {
      return Errno::invalid;
    }
    return register_user_scheme(rest, request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_scheme_scheme() {
  return make_scheme<SchemeScheme>();
}

}  // namespace kernel
