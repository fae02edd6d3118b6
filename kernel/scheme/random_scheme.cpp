// random_scheme.cpp: `rand:` (/dev/urandom), and `rand:random` (/dev/random), which is the same
// source: it never runs dry.
#include "kernel/host/random.h"
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"

namespace kernel {

namespace {

class RandomFile final : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;

  Outcome<uint64_t> read(Sink& sink) override {
    uint8_t chunk[256];
    while (sink.remaining() != 0 && !sink.faulted()) {
      const auto part = std::span(chunk).first(base::min<uint64_t>(sink.remaining(), 256));
      random_bytes(part);
      (void)sink.put(part);
    }
    return moved_or_fault(sink);
  }
  // What programs offer as entropy is taken note of by nobody.
  Outcome<uint64_t> write(Source& source) override { return source.skip(source.remaining()); }
};

class RandomScheme final : public Scheme {
 public:
  RandomScheme() : Scheme("rand") {}

  Outcome<FileStatus> status(Text rest) override {
    constexpr uint32_t memory_devices = 1;
    if (rest.empty()) {
      return device_status(*this, device_number(memory_devices, 9), 0666);
    }
    return rest == "random"
               ? Outcome<FileStatus>(device_status(*this, device_number(memory_devices, 8), 0666))
               : Outcome<FileStatus>(Errno::not_directory);
  }
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    return make_ref<RandomFile>(found, request.flags);
  }
  // So that rest reaches status() whole, below what is no directory.
  [[nodiscard]] Walk walk() const override { return Walk::whole; }
};

}  // namespace

base::Result<Ref<Scheme>> make_random_scheme() {
  return make_scheme<RandomScheme>();
}

}  // namespace kernel
