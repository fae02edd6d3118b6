// null_scheme.cpp: `null:` (/dev/null): takes everything, holds nothing.
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"

namespace kernel {

namespace {

class NullFile final : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;

  Outcome<uint64_t> read(Sink&) override { return uint64_t(0); }
  Outcome<uint64_t> write(Source& source) override { return source.skip(source.remaining()); }
};

class NullScheme final : public DeviceScheme {
 public:
  NullScheme() : DeviceScheme("null", device_number(1, 3), 0666) {}

  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    return make_ref<NullFile>(found, request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_null_scheme() {
  return make_scheme<NullScheme>();
}

}  // namespace kernel
