// memory_file_calls.cpp: memfd_create.
#include "kernel/fd/memory_file.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

// Sealing is accepted and never done: there are no seals.
CallResult memfd_create(const CallArguments& arguments) {
  enum : uint64_t { close_on_exec = 1, allow_sealing = 2 };
  const uint64_t flags = uint32_t(arguments.value[1]);
  if (flags & ~(close_on_exec | allow_sealing)) {
    return Errno::invalid;
  }
  char name[MemoryFile::max_name + 1];
  const auto text = copy_string_from_user(name, arguments.address(0));
  if (!text.ok()) {
    return text.error() == base::Error::limit_exceeded ? Errno::invalid : errno_of(text.error());
  }
  FileTable& files = files_of(arguments);
  BASE_TRY_ASSIGN(Ref<File> file, make_memory_file(text.value(), open_flag::read_write));
  BASE_TRY_ASSIGN(const uint32_t number, files.reserve(file_limit(arguments)));
  files.install(number, base::move(file),
                flags & close_on_exec ? CloseOnExec::yes : CloseOnExec::no);
  return uint64_t(number);
}

}  // namespace kernel::calls
