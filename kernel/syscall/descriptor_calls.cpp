// descriptor_calls.cpp: descriptors themselves, and what is asked of an open file besides bytes.
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

CloseOnExec close_on_exec_of(uint64_t flags) {
  return flags & open_flag::close_on_exec ? CloseOnExec::yes : CloseOnExec::no;
}

CallResult duplicate(const CallArguments& arguments, uint64_t least, CloseOnExec close_on_exec) {
  BASE_TRY_ASSIGN(Ref<File> file, fetch_file(arguments));
  return files_of(arguments).add(base::move(file), close_on_exec, file_limit(arguments),
                                 uint32_t(least));
}

CallResult duplicate_to(const CallArguments& arguments, CloseOnExec close_on_exec) {
  const auto target = uint32_t(arguments.value[1]);
  if (target >= file_limit(arguments)) {
    return Errno::bad_descriptor;
  }
  BASE_TRY_ASSIGN(Ref<File> file, fetch_file(arguments));
  BASE_TRY(
      files_of(arguments).replace(target, base::move(file), close_on_exec, file_limit(arguments)));
  return uint64_t(target);
}

}  // namespace

CallResult close(const CallArguments& arguments) {
  return files_of(arguments).remove(uint32_t(arguments.value[0]))
             ? CallResult(uint64_t(0))
             : CallResult(Errno::bad_descriptor);
}

CallResult close_range(const CallArguments& arguments) {
  constexpr uint64_t unshare = 2;
  constexpr uint64_t mark = 4;
  const auto first = uint32_t(arguments.value[0]);
  const auto last = uint32_t(arguments.value[1]);
  const uint64_t flags = uint32_t(arguments.value[2]);
  if ((flags & ~(unshare | mark)) || first > last) {
    return Errno::invalid;
  }
  if (flags & unshare) {
    BASE_TRY(arguments.process.unshare_files());
  }
  if (flags & mark) {
    files_of(arguments).mark_close_on_exec(first, last);
  } else {
    files_of(arguments).close_range(first, last);
  }
  return uint64_t(0);
}

CallResult dup(const CallArguments& arguments) {
  return duplicate(arguments, 0, CloseOnExec::no);
}

CallResult dup2(const CallArguments& arguments) {
  if (uint32_t(arguments.value[0]) == uint32_t(arguments.value[1])) {
    BASE_TRY(fetch_file(arguments));
    return uint64_t(uint32_t(arguments.value[0]));
  }
  return duplicate_to(arguments, CloseOnExec::no);
}

CallResult dup3(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[2]);
  if ((flags & ~uint64_t{open_flag::close_on_exec}) ||
      uint32_t(arguments.value[0]) == uint32_t(arguments.value[1])) {
    return Errno::invalid;
  }
  return duplicate_to(arguments, close_on_exec_of(flags));
}

CallResult dup_named(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  BASE_TRY_ASSIGN(const auto name, fetch_path(arguments.address(1)));
  const auto flags = uint32_t(arguments.value[2]);
  FileTable& files = files_of(arguments);
  BASE_TRY_ASSIGN(const uint32_t number, files.reserve(file_limit(arguments)));
  auto derived = file->dup_named(name->path(), flags);
  if (!derived.ok()) {
    files.cancel(number);
    return derived.error();
  }
  files.install(number, base::move(derived).value(), close_on_exec_of(flags));
  return uint64_t(number);
}

CallResult fcntl(const CallArguments& arguments) {
  enum : int32_t {
    duplicate_fd = 0,
    get_descriptor_flags = 1,
    set_descriptor_flags = 2,
    get_status_flags = 3,
    set_status_flags = 4,
    duplicate_close_on_exec = 1030,
  };
  constexpr uint64_t close_on_exec = 1;
  FileTable& files = files_of(arguments);
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_file(arguments));
  const int32_t command = arguments.integer(1);
  const uint64_t argument = arguments.value[2];
  switch (command) {
    case duplicate_fd:
    case duplicate_close_on_exec:
      if (argument >= file_limit(arguments)) {
        return Errno::invalid;
      }
      return duplicate(arguments, argument,
                       command == duplicate_fd ? CloseOnExec::no : CloseOnExec::yes);
    case get_descriptor_flags: {
      BASE_TRY_ASSIGN(const CloseOnExec value, files.close_on_exec(uint32_t(arguments.value[0])));
      return value == CloseOnExec::yes ? close_on_exec : uint64_t(0);
    }
    case set_descriptor_flags:
      return files.set_close_on_exec(uint32_t(arguments.value[0]),
                                     argument & close_on_exec ? CloseOnExec::yes : CloseOnExec::no);
    case get_status_flags: return uint64_t(file->flags());
    default: break;
  }
  if (file->flags() & open_flag::path_only) {
    return Errno::bad_descriptor;
  }
  if (command == set_status_flags) {
    file->set_status_flags(uint32_t(argument));
    return uint64_t(0);
  }
  return file->control(command, argument);
}

CallResult ioctl(const CallArguments& arguments) {
  enum : uint32_t {
    set_nonblocking = 0x5421,
    clear_close_on_exec = 0x5450,
    set_close_on_exec = 0x5451,
  };
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  const auto number = uint32_t(arguments.value[0]);
  switch (const auto request = uint32_t(arguments.value[1])) {
    case set_close_on_exec: return files_of(arguments).set_close_on_exec(number, CloseOnExec::yes);
    case clear_close_on_exec: return files_of(arguments).set_close_on_exec(number, CloseOnExec::no);
    case set_nonblocking: {
      BASE_TRY_ASSIGN(const uint32_t on, read_user<uint32_t>(arguments.address(2)));
      const uint32_t others = file->flags() & ~open_flag::nonblock;
      file->set_status_flags(others | (on != 0 ? open_flag::nonblock : 0));
      return uint64_t(0);
    }
    default: return file->ioctl(request, arguments.value[2]);
  }
}

CallResult fsync(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  return file->sync();
}

CallResult fdatasync(const CallArguments& arguments) {
  return fsync(arguments);
}

CallResult sync(const CallArguments&) {
  return uint64_t(0);  // nothing is held back
}

CallResult syncfs(const CallArguments& arguments) {
  BASE_TRY(fetch_real_file(arguments));
  return uint64_t(0);
}

CallResult ftruncate(const CallArguments& arguments) {
  if (int64_t(arguments.value[1]) < 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  return file->is_writable() ? CallResult(file->set_size(arguments.value[1]))
                             : CallResult(Errno::invalid);
}

}  // namespace kernel::calls
