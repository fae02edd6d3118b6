// pipe_scheme.cpp: `pipe:`: opening it gives the read end of a new pipe, dup_named(fd, "write")
// its write end, once.
#include "kernel/scheme/pipe_scheme.h"

#include "kernel/fd/pipe.h"
#include "kernel/log/format.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/scheme/registry.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {

FileStatus fifo_status(uint64_t inode, uint64_t created_ns) {
  FileStatus status;
  const Ref<Scheme> scheme = find_scheme("pipe");
  status.device = scheme ? scheme->device() : 0;
  status.inode = inode;
  status.mode = mode_fifo | 0600;
  status.accessed_ns = status.modified_ns = status.changed_ns = created_ns;
  return status;
}

class PipeEnd : public File {
 public:
  PipeEnd(Ref<Pipe> pipe, uint32_t flags) : File(flags), pipe_(base::move(pipe)) {}

  Outcome<FileStatus> status() override {
    return fifo_status(pipe_->number(), pipe_->created_ns());
  }
  size_t describe(char* text, size_t capacity) const override {
    char name[32];
    const size_t size = format_into(name, sizeof(name), "pipe:[%lu]", pipe_->number());
    return Text(name, size).copy(text, capacity);
  }
  CallResult control(int32_t command, uint64_t argument) override {
    enum : int32_t { set_capacity = 1031, get_capacity = 1032 };
    switch (command) {
      case set_capacity: return argument == 0 ? CallResult(Errno::invalid) : Pipe::capacity;
      case get_capacity: return Pipe::capacity;
      default: return Errno::invalid;
    }
  }
  CallResult ioctl(uint32_t request, uint64_t argument) override {
    constexpr uint32_t get_available = 0x541b;  // FIONREAD
    if (request != get_available) {
      return Errno::not_terminal;
    }
    return write_user(base::UserAddr(argument), uint32_t(pipe_->available()));
  }

 protected:
  [[nodiscard]] Blocking blocking() const {
    return is_nonblocking() ? Blocking::no : Blocking::yes;
  }
  [[nodiscard]] Pipe& pipe() const { return *pipe_; }
  [[nodiscard]] const Ref<Pipe>& pipe_ref() const { return pipe_; }

 private:
  Ref<Pipe> pipe_;
};

class WriteEnd final : public PipeEnd {
 public:
  WriteEnd(Ref<Pipe> pipe, uint32_t flags) : PipeEnd(base::move(pipe), flags) {
    this->pipe().add_writer();
  }
  ~WriteEnd() override { pipe().drop_writer(); }

  Outcome<uint64_t> write(Source& source) override { return pipe().write(source, blocking()); }
  uint32_t poll(PollTable* table) override { return pipe().poll_writer(table); }
};

class ReadEnd final : public PipeEnd {
 public:
  ReadEnd(Ref<Pipe> pipe, uint32_t flags) : PipeEnd(base::move(pipe), flags) {
    this->pipe().add_reader();
  }
  ~ReadEnd() override { pipe().drop_reader(); }

  Outcome<uint64_t> read(Sink& sink) override { return pipe().read(sink, blocking()); }
  uint32_t poll(PollTable* table) override { return pipe().poll_reader(table); }

  Outcome<Ref<File>> dup_named(Text name, uint32_t flags) override {
    if (name != "write") {
      return Errno::invalid;
    }
    BASE_TRY(pipe().claim_writer());
    return make_ref<WriteEnd>(pipe_ref(), open_flag::write_only | (flags & open_flag::nonblock));
  }
};

class PipeScheme final : public Scheme {
 public:
  PipeScheme() : Scheme("pipe") {}

  Outcome<FileStatus> status(Text rest) override {
    return rest.empty() ? Outcome<FileStatus>(fifo_status(0, 0))
                        : Outcome<FileStatus>(Errno::not_directory);
  }
  // EINVAL: it was to be written; a pipe begins with its read end.
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY(status(rest));
    if ((request.flags & open_flag::access_mode) != open_flag::read_only) {
      return Errno::invalid;
    }
    BASE_TRY_ASSIGN(Ref<Pipe> pipe, make_ref<Pipe>());
    return make_ref<ReadEnd>(base::move(pipe), request.flags);
  }
};

}  // namespace

Outcome<PipeEnds> make_pipe(uint32_t flags) {
  BASE_TRY_ASSIGN(Ref<Pipe> pipe, make_ref<Pipe>());
  BASE_TRY_ASSIGN(Ref<ReadEnd> read, make_ref<ReadEnd>(pipe, flags | open_flag::read_only));
  BASE_TRY_ASSIGN(Ref<WriteEnd> write,
                  make_ref<WriteEnd>(base::move(pipe), flags | open_flag::write_only));
  return PipeEnds{base::move(read), base::move(write)};
}

base::Result<Ref<Scheme>> make_pipe_scheme() {
  return make_scheme<PipeScheme>();
}

}  // namespace kernel
