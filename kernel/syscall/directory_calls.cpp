// directory_calls.cpp: the working directory and the umask.
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

CallResult getcwd(const CallArguments& arguments) {
  const Ref<PathText> directory = arguments.process.paths().directory();
  const Text text = directory->text();
  const uint64_t size = text.size() + 1;
  if (arguments.value[1] < size) {
    return Errno::out_of_range;
  }
  BASE_TRY(copy_to_user(arguments.address(0), text.data(), text.size()));
  BASE_TRY(write_user(base::UserAddr(arguments.value[0] + text.size()), uint8_t(0)));
  return size;
}

CallResult chdir(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(Resolved found,
                  fetch_place(arguments, {at_working_directory, arguments.address(0)}));
  BASE_TRY_ASSIGN(const FileStatus status, found.status_now());
  if (!status.is(mode_directory)) {
    return Errno::not_directory;
  }
  const bool by_link = found.file && found.file->path();
  arguments.process.paths().set_directory(by_link ? found.file->path() : base::move(found.path));
  return uint64_t(0);
}

CallResult fchdir(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_file(arguments));
  BASE_TRY_ASSIGN(const FileStatus status, file->status());
  if (!status.is(mode_directory) || !file->path()) {
    return Errno::not_directory;
  }
  arguments.process.paths().set_directory(file->path());
  return uint64_t(0);
}

CallResult umask(const CallArguments& arguments) {
  constexpr uint32_t permissions = 0777;
  return uint64_t(arguments.process.paths().set_mask(uint32_t(arguments.value[0]) & permissions));
}

}  // namespace kernel::calls
