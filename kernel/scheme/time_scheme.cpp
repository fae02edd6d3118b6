// time_scheme.cpp: `time:` and `time:realtime`, `time:monotonic`: reading gives the clock as a
// struct timespec (two 64-bit words: seconds, nanoseconds).
#include "cpu/timer.h"
#include "kernel/host/clock.h"
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"

namespace kernel {

namespace {

using Clock = uint64_t (*)();

class TimeFile final : public DeviceFile {
 public:
  TimeFile(Clock clock, const FileStatus& status, uint32_t flags)
      : DeviceFile(status, flags), clock_(clock) {}

  // EINVAL: there is no room for both words.
  Outcome<uint64_t> read(Sink& sink) override {
    constexpr uint64_t ns_per_second = 1'000'000'000;
    const uint64_t now = clock_();
    const uint64_t words[2] = {now / ns_per_second, now % ns_per_second};
    if (sink.remaining() < sizeof(words)) {
      return Errno::invalid;
    }
    const size_t size = sink.put({reinterpret_cast<const uint8_t*>(words), sizeof(words)});
    return size == sizeof(words) ? Outcome<uint64_t>(size) : Outcome<uint64_t>(Errno::bad_address);
  }

 private:
  Clock clock_;
};

class TimeScheme final : public Scheme {
 public:
  TimeScheme() : Scheme("time") {}

  [[nodiscard]] Walk walk() const override { return Walk::whole; }
  Outcome<FileStatus> status(Text rest) override {
    if (clock_of(rest) == nullptr) {
      return Errno::no_entry;
    }
    return device_status(*this, 0, 0444);
  }
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    return make_ref<TimeFile>(clock_of(rest), found, request.flags);
  }

 private:
  static Clock clock_of(Text name) {
    if (name.empty() || name == "realtime") {
      return wall_clock_ns;
    }
    return name == "monotonic" ? cpu::monotonic_ns : nullptr;
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_time_scheme() {
  return make_scheme<TimeScheme>();
}

}  // namespace kernel
