// pipe_calls.cpp: pipe and pipe2.
#include "kernel/scheme/pipe_scheme.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

// Both numbers are promised, written to the program, and only then open.
CallResult open_pipe(const CallArguments& arguments, uint32_t flags) {
  if (flags & ~(open_flag::nonblock | open_flag::close_on_exec)) {
    return Errno::invalid;
  }
  struct Numbers {
    uint32_t read, write;
  };
  FileTable& files = files_of(arguments);
  const uint32_t limit = file_limit(arguments);
  BASE_TRY_ASSIGN(PipeEnds ends, make_pipe(flags & open_flag::nonblock));
  BASE_TRY_ASSIGN(const uint32_t read, files.reserve(limit));
  const auto write = files.reserve(limit);
  if (!write.ok()) {
    files.cancel(read);
    return write.error();
  }
  if (const auto told = write_user(arguments.address(0), Numbers{read, write.value()});
      !told.ok()) {
    files.cancel(read);
    files.cancel(write.value());
    return told;
  }
  const CloseOnExec close_on_exec =
      flags & open_flag::close_on_exec ? CloseOnExec::yes : CloseOnExec::no;
  files.install(read, base::move(ends.read), close_on_exec);
  files.install(write.value(), base::move(ends.write), close_on_exec);
  return uint64_t(0);
}

}  // namespace

CallResult pipe(const CallArguments& arguments) {
  return open_pipe(arguments, 0);
}
CallResult pipe2(const CallArguments& arguments) {
  return open_pipe(arguments, uint32_t(arguments.value[1]));
}

}  // namespace kernel::calls
