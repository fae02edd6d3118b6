// debug_scheme.cpp: `debug:`: lines for the kernel's log.
#include "kernel/log/log.h"
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"

namespace kernel {

namespace {

// Each write is a message; newlines end one as well. Long lines are cut into pieces.
class DebugFile final : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;

  Outcome<uint64_t> read(Sink&) override { return uint64_t(0); }
  Outcome<uint64_t> write(Source& source) override {
    char line[160];
    while (source.remaining() != 0) {
      const size_t size = source.get({reinterpret_cast<uint8_t*>(line), sizeof(line)});
      if (size == 0) {
        break;
      }
      log_lines(Text(line, size));
    }
    return moved_or_fault(source);
  }

 private:
  static void log_lines(Text text) {
    while (!text.empty()) {
      const size_t end = base::min(text.find('\n'), text.size());
      if (end != 0) {
        LOG_INFO("debug: %.*s", int(end), text.data());
      }
      text.remove_prefix(base::min(end + 1, text.size()));
    }
  }
};

class DebugScheme final : public DeviceScheme {
 public:
  DebugScheme() : DeviceScheme("debug", device_number(1, 11), 0644) {}

  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    return make_ref<DebugFile>(found, request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_debug_scheme() {
  return make_scheme<DebugScheme>();
}

}  // namespace kernel
