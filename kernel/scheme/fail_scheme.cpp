// fail_scheme.cpp: `fail:`: allocations of the kernel that fail on purpose (memory/fail_nth.h).
#include "kernel/log/format.h"
#include "kernel/memory/fail_nth.h"
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"

namespace kernel {

namespace {

// A number written: the writer's Nth allocation from then on fails; read: how many are left.
class FailFile final : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;

  Outcome<uint64_t> read(Sink& sink) override {
    return base::exchange(has_been_read_, true) ? uint64_t(0) : read_at(sink, 0);
  }
  Outcome<uint64_t> read_at(Sink& sink, uint64_t position) override {
    if (position != 0) {
      return uint64_t(0);
    }
    char text[32];
    const size_t size = format_into(text, sizeof(text), "%lu\n", allocations_until_failure());
    (void)sink.put({reinterpret_cast<const uint8_t*>(text), size});
    return moved_or_fault(sink);
  }
  // EINVAL: not a number.
  Outcome<uint64_t> write(Source& source) override {
    char text[32];
    const size_t size = source.get({reinterpret_cast<uint8_t*>(text), sizeof(text)});
    Text line(text, size);
    if (line.ends_with('\n')) {
      line.remove_suffix(1);
    }
    const auto nth = parse_number(line);
    if (!source.faulted() && (!nth || source.remaining() != 0)) {
      return Errno::invalid;
    }
    auto moved = moved_or_fault(source);
    if (moved) {
      fail_allocation(*nth);
    }
    return moved;
  }

 private:
  bool has_been_read_ = false;  // since it was opened
};

class FailScheme final : public DeviceScheme {
 public:
  FailScheme() : DeviceScheme("fail", device_number(240, 1), 0644) {}

  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    return make_ref<FailFile>(found, request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_fail_scheme() {
  return make_scheme<FailScheme>();
}

}  // namespace kernel
