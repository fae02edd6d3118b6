// console_scheme.cpp: `console:` (/dev/console), and `tty:` (/dev/tty): the caller's controlling
// terminal, which can only be the same.
#include "kernel/fd/console_device.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"

namespace kernel {

namespace {

class ConsoleFile final : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;

  Outcome<uint64_t> read(Sink& sink) override { return console_device().read(sink, waiting()); }
  Outcome<uint64_t> write(Source& source) override {
    return console_device().write(source, waiting());
  }
  Outcome<uint64_t> read_at(Sink&, uint64_t) override { return Errno::illegal_seek; }
  Outcome<uint64_t> write_at(Source&, uint64_t) override { return Errno::illegal_seek; }
  Outcome<uint64_t> seek(int64_t, Whence) override { return Errno::illegal_seek; }
  uint32_t poll(PollTable* table) override { return console_device().poll(table); }
  CallResult ioctl(uint32_t request, uint64_t argument) override {
    return console_device().ioctl(request, argument);
  }

 private:
  [[nodiscard]] Waiting waiting() const { return is_nonblocking() ? Waiting::no : Waiting::yes; }
};

class ConsoleScheme final : public DeviceScheme {
 public:
  ConsoleScheme() : DeviceScheme("console", device_number(5, 1), 0620) {}

  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    return make_ref<ConsoleFile>(found, request.flags);
  }
};

class TtyScheme final : public DeviceScheme {
 public:
  TtyScheme() : DeviceScheme("tty", device_number(5, 0), 0666) {}

  // ENXIO: the caller has no controlling terminal.
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    if (!console_device().controls(current_thread().process())) {
      return Errno::no_such_address;
    }
    return make_ref<ConsoleFile>(found, request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_console_scheme() {
  return make_scheme<ConsoleScheme>();
}
base::Result<Ref<Scheme>> make_tty_scheme() {
  return make_scheme<TtyScheme>();
}

}  // namespace kernel
