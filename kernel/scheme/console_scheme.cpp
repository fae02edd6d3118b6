// console_scheme.cpp: `console:` (/dev/console) and `tty:` (/dev/tty): the terminal.
#include "kernel/driver/console.h"
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {

constexpr size_t chunk_size = 512;  // bytes moved through the kernel stack at a time

// struct termios as ioctl(TCGETS) has it, and struct winsize: enough for isatty().
struct Terminal {
  uint32_t input_modes, output_modes, control_modes, local_modes;
  uint8_t line_discipline;
  uint8_t control_characters[19];
};
constexpr Terminal terminal{0x500, 0x5, 0xbf, 0x8a3b, 0, {}};
struct WindowSize {
  uint16_t rows, columns, pixels_x, pixels_y;
};

class ConsoleFile final : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;

  Outcome<uint64_t> read(Sink& sink) override {
    if (sink.remaining() == 0) {
      return uint64_t(0);
    }
    char chunk[chunk_size];
    const size_t count =
        console_read(std::span(chunk).first(base::min<uint64_t>(sink.remaining(), chunk_size)));
    (void)sink.put({reinterpret_cast<const uint8_t*>(chunk), count});
    return moved_or_fault(sink);
  }
  Outcome<uint64_t> write(Source& source) override {
    char chunk[chunk_size];
    while (source.remaining() != 0 && !source.faulted()) {
      const size_t count = source.get({reinterpret_cast<uint8_t*>(chunk), chunk_size});
      console_write(Text(chunk, count));
    }
    return moved_or_fault(source);
  }
  Outcome<uint64_t> seek(int64_t, Whence) override { return Errno::illegal_seek; }
  CallResult ioctl(uint32_t request, uint64_t argument) override {
    enum : uint32_t { get_attributes = 0x5401, get_window_size = 0x5413 };
    switch (request) {
      case get_attributes: return write_user(base::UserAddr(argument), terminal);
      case get_window_size: return write_user(base::UserAddr(argument), WindowSize{24, 80, 0, 0});
      default: return Errno::not_terminal;
    }
  }
};

class Console final : public DeviceScheme {
 public:
  Console(Text name, uint64_t number) : DeviceScheme(name, number, 0620) {}

  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(const FileStatus found, status(rest));
    return make_ref<ConsoleFile>(found, request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_console_scheme() {
  return make_scheme<Console>("console", device_number(5, 1));
}
base::Result<Ref<Scheme>> make_tty_scheme() {
  return make_scheme<Console>("tty", device_number(5, 0));
}

}  // namespace kernel
