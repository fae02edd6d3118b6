// zero_scheme.cpp: `zero:` (/dev/zero): zeroes without end; mapped, it is fresh memory.
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"

namespace kernel {

namespace {

class ZeroFile final : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;

  Outcome<uint64_t> read(Sink& sink) override {
    (void)sink.put_zeroes(sink.remaining());
    return moved_or_fault(sink);
  }
  Outcome<uint64_t> write(Source& source) override { return source.skip(source.remaining()); }
  Outcome<FileMapping> map(const MapRequest&) override { return FileMapping(); }
};

class ZeroScheme final : public DeviceScheme {
 public:
  ZeroScheme() : DeviceScheme("zero", device_number(1, 5), 0666) {}

  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    return make_ref<ZeroFile>(found, request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_zero_scheme() {
  return make_scheme<ZeroScheme>();
}

}  // namespace kernel
