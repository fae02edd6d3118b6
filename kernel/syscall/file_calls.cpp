// file_calls.cpp: calls on open files.
#include <cstring>

#include "kernel/driver/console.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint64_t max_transfer = 0x7fff'f000;  // bytes a call moves at most, as on Linux
constexpr size_t chunk_size = 512;              // bytes moved through the kernel stack at a time

// Transfers return how many bytes moved; an error only if none did.
class Progress {
 public:
  void add(size_t count) { done_ += count; }
  [[nodiscard]] uint64_t done() const { return done_; }
  [[nodiscard]] CallResult or_error(CallResult error) const {
    return done_ != 0 ? CallResult(done_) : error;
  }

 private:
  uint64_t done_ = 0;
};

CallResult write_console(base::UserAddr from, uint64_t size) {
  Progress progress;
  char chunk[chunk_size];
  while (progress.done() < size) {
    const size_t count = base::min<uint64_t>(size - progress.done(), chunk_size);
    const auto at = base::UserAddr(from.raw() + progress.done());
    if (auto copied = copy_from_user(chunk, at, count); !copied) {
      return progress.or_error(copied);
    }
    console_write(Text(chunk, count));
    progress.add(count);
  }
  return progress.done();
}

CallResult read_console(base::UserAddr to, uint64_t size) {
  char chunk[chunk_size];
  const size_t count = console_read(std::span(chunk).first(base::min<uint64_t>(size, chunk_size)));
  if (auto copied = copy_to_user(to, chunk, count); !copied) {
    return copied;
  }
  return uint64_t(count);
}

CallResult read_initfs(SimpleFile& file, base::UserAddr to, uint64_t size) {
  if ((file.entry.mode & mode_type) == mode_directory) {
    return Errno::is_directory;
  }
  const auto contents = file.entry.contents;
  if (file.position >= contents.size()) {
    return uint64_t(0);
  }
  const size_t count = base::min<uint64_t>(size, contents.size() - file.position);
  if (auto copied = copy_to_user(to, contents.data() + file.position, count); !copied) {
    return copied;
  }
  file.position += count;
  return uint64_t(count);
}

CallResult read_file(SimpleFile& file, base::UserAddr to, uint64_t size) {
  if (size == 0) {
    return uint64_t(0);
  }
  return file.kind == FileKind::console ? read_console(to, size) : read_initfs(file, to, size);
}

CallResult write_file(SimpleFile& file, base::UserAddr from, uint64_t size) {
  return file.kind == FileKind::console ? write_console(from, size)
                                        : CallResult(Errno::bad_descriptor);
}

struct IoVector {
  uint64_t base;
  uint64_t size;
};

using Transfer = CallResult (*)(SimpleFile&, base::UserAddr, uint64_t);

// Each vector in turn; stops after a short one.
CallResult transfer_vectors(const CallArguments& arguments, Transfer transfer) {
  constexpr uint64_t max_vectors = 1024;
  SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  if (file == nullptr) {
    return Errno::bad_descriptor;
  }
  if (arguments.value[2] > max_vectors) {
    return Errno::invalid;
  }
  Progress progress;
  for (uint64_t i = 0; i < arguments.value[2]; ++i) {
    const auto vector =
        read_user<IoVector>(base::UserAddr(arguments.value[1] + i * sizeof(IoVector)));
    if (!vector) {
      return progress.or_error(vector.error());
    }
    if (int64_t(vector.value().size) < 0) {
      return progress.or_error(Errno::invalid);
    }
    const uint64_t size = base::min(vector.value().size, max_transfer - progress.done());
    const CallResult result = transfer(*file, base::UserAddr(vector.value().base), size);
    if (int64_t(result.raw()) < 0) {
      return progress.or_error(result);
    }
    progress.add(result.raw());
    if (result.raw() != vector.value().size) {
      break;
    }
  }
  return progress.done();
}

// struct termios of the kernel interface.
struct Terminal {
  uint32_t input;
  uint32_t output;
  uint32_t control;
  uint32_t local;
  uint8_t line;
  uint8_t characters[19];
};
static_assert(sizeof(Terminal) == 36);

constexpr Terminal console_terminal{
    0x0500,  // ICRNL, IXON
    0x0005,  // OPOST, ONLCR
    0x00bf,  // 38400 baud, CS8, CREAD
    0x003b,  // ISIG ICANON ECHO ECHOE ECHOK
    0,      {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0}};

struct WindowSize {
  uint16_t rows, columns, width, height;
};

CallResult duplicate(const CallArguments& arguments, uint64_t least, bool close_on_exec) {
  const SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  if (file == nullptr) {
    return Errno::bad_descriptor;
  }
  SimpleFile copy = *file;
  copy.close_on_exec = close_on_exec;
  const auto number = arguments.process.files().add(copy, least);
  return number ? CallResult(number.value()) : CallResult(number.error());
}

CallResult duplicate_to(const CallArguments& arguments, bool close_on_exec) {
  const SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  const uint64_t target = arguments.value[1];
  if (file == nullptr || target >= SimpleFileTable::capacity) {
    return Errno::bad_descriptor;
  }
  SimpleFile copy = *file;
  copy.close_on_exec = close_on_exec;
  arguments.process.files().replace(target, copy);
  return target;
}

}  // namespace

CallResult read(const CallArguments& arguments) {
  SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  return file == nullptr
             ? CallResult(Errno::bad_descriptor)
             : read_file(*file, arguments.address(1), base::min(arguments.value[2], max_transfer));
}

CallResult write(const CallArguments& arguments) {
  SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  return file == nullptr
             ? CallResult(Errno::bad_descriptor)
             : write_file(*file, arguments.address(1), base::min(arguments.value[2], max_transfer));
}

CallResult readv(const CallArguments& arguments) {
  return transfer_vectors(arguments, read_file);
}
CallResult writev(const CallArguments& arguments) {
  return transfer_vectors(arguments, write_file);
}

CallResult close(const CallArguments& arguments) {
  if (arguments.process.files().find(arguments.value[0]) == nullptr) {
    return Errno::bad_descriptor;
  }
  arguments.process.files().replace(arguments.value[0], SimpleFile{});
  return uint64_t(0);
}

CallResult lseek(const CallArguments& arguments) {
  SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  if (file == nullptr) {
    return Errno::bad_descriptor;
  }
  if (file->kind == FileKind::console) {
    return Errno::illegal_seek;
  }
  enum : uint64_t { from_start = 0, from_current = 1, from_end = 2 };
  int64_t origin = 0;
  switch (arguments.value[2]) {
    case from_start: break;
    case from_current: origin = int64_t(file->position); break;
    case from_end: origin = int64_t(file->entry.contents.size()); break;
    default: return Errno::invalid;
  }
  int64_t position = 0;
  if (__builtin_add_overflow(origin, int64_t(arguments.value[1]), &position) || position < 0) {
    return Errno::invalid;
  }
  file->position = uint64_t(position);
  return file->position;
}

CallResult ioctl(const CallArguments& arguments) {
  const SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  if (file == nullptr) {
    return Errno::bad_descriptor;
  }
  if (file->kind != FileKind::console) {
    return Errno::not_terminal;
  }
  enum : uint64_t { get_attributes = 0x5401, get_window_size = 0x5413 };
  switch (uint32_t(arguments.value[1])) {
    case get_attributes: return write_user(arguments.address(2), console_terminal);
    case get_window_size: return write_user(arguments.address(2), WindowSize{24, 80, 0, 0});
    default: return Errno::not_terminal;
  }
}

CallResult fcntl(const CallArguments& arguments) {
  SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  if (file == nullptr) {
    return Errno::bad_descriptor;
  }
  enum : int32_t {
    duplicate_fd = 0,
    get_flags = 1,
    set_flags = 2,
    get_status = 3,
    set_status = 4,
    duplicate_close_on_exec = 1030,
  };
  constexpr uint64_t close_on_exec = 1;
  constexpr uint64_t read_write = 2;
  switch (arguments.integer(1)) {
    case duplicate_fd: return duplicate(arguments, arguments.value[2], false);
    case duplicate_close_on_exec: return duplicate(arguments, arguments.value[2], true);
    case get_flags: return uint64_t(file->close_on_exec ? close_on_exec : 0);
    case set_flags: file->close_on_exec = arguments.value[2] & close_on_exec; return uint64_t(0);
    case get_status: return file->kind == FileKind::console ? read_write : uint64_t(0);
    case set_status: return uint64_t(0);
    default: return Errno::invalid;
  }
}

CallResult dup(const CallArguments& arguments) {
  return duplicate(arguments, 0, false);
}

CallResult dup2(const CallArguments& arguments) {
  if (arguments.value[0] == arguments.value[1]) {
    return arguments.process.files().find(arguments.value[0]) != nullptr
               ? CallResult(arguments.value[0])
               : CallResult(Errno::bad_descriptor);
  }
  return duplicate_to(arguments, false);
}

CallResult dup3(const CallArguments& arguments) {
  constexpr uint64_t close_on_exec = 02000000;
  if (arguments.value[0] == arguments.value[1] || (arguments.value[2] & ~close_on_exec)) {
    return Errno::invalid;
  }
  return duplicate_to(arguments, arguments.value[2] & close_on_exec);
}

}  // namespace kernel::calls
