// open_calls.cpp: opening by name, and listing what directories hold.
#include <cstring>

#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

// What open() knows; the rest is ignored, as on Linux.
constexpr uint32_t known_flags =
    open_flag::access_mode | open_flag::transient | open_flag::settable | open_flag::data_sync |
    open_flag::large_file | open_flag::directory | open_flag::no_follow | open_flag::sync |
    open_flag::path_only | open_flag::unnamed;

CallResult open_at(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                   uint64_t flags, uint64_t mode) {
  constexpr uint32_t permissions = 07777;
  OpenRequest request;
  request.flags = (uint32_t(flags) & known_flags) | open_flag::large_file;
  request.mode = uint32_t(mode) & permissions & ~arguments.process.paths().mask();
  constexpr uint32_t create_directory = open_flag::create | open_flag::directory;
  if (!(request.flags & open_flag::path_only) &&
      (request.flags & create_directory) == create_directory) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const auto buffer, fetch_path(where));
  if (buffer->size == 0) {
    return Errno::no_entry;
  }
  FileTable& files = files_of(arguments);
  BASE_TRY_ASSIGN(const uint32_t number, files.reserve(file_limit(arguments)));
  auto opened = [&]() -> Outcome<Ref<File>> {
    BASE_TRY_ASSIGN(const Ref<PathText> from, base_directory(arguments, directory, buffer->path()));
    return open_path(from->text(), buffer->path(), request);
  }();
  if (!opened.ok()) {
    files.cancel(number);
    return opened.error();
  }
  files.install(number, base::move(opened).value(),
                flags & open_flag::close_on_exec ? CloseOnExec::yes : CloseOnExec::no);
  return uint64_t(number);
}

// struct linux_dirent64 without its name.
struct [[gnu::packed]] DirectoryRecord {
  uint64_t inode;
  uint64_t offset;
  uint16_t size;
  uint8_t type;
};
constexpr size_t record_head = 19;
static_assert(sizeof(DirectoryRecord) == record_head);

// One entry and the record made of it: too large for the stack beside a scheme's own frames.
struct ListBuffer {
  DirectoryEntry entry;
  char record[record_head + DirectoryEntry::max_name + 1 + 8];

  // Fills `record`; its size.
  size_t make_record(uint64_t next_position) {
    const uint64_t size = base::align_up<uint64_t>(record_head + entry.size + 1, 8);
    const DirectoryRecord head{entry.inode, next_position, uint16_t(size),
                               uint8_t((entry.mode & mode_type) >> 12)};
    memset(record, 0, size);
    memcpy(record, &head, record_head);
    memcpy(record + record_head, entry.name, entry.size);
    return size;
  }
};

}  // namespace

CallResult open(const CallArguments& arguments) {
  return open_at(arguments, at_working_directory, arguments.address(0), arguments.value[1],
                 arguments.value[2]);
}
CallResult openat(const CallArguments& arguments) {
  return open_at(arguments, arguments.integer(0), arguments.address(1), arguments.value[2],
                 arguments.value[3]);
}
CallResult creat(const CallArguments& arguments) {
  return open_at(arguments, at_working_directory, arguments.address(0),
                 open_flag::create | open_flag::write_only | open_flag::truncate,
                 arguments.value[1]);
}

CallResult getdents64(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  BASE_TRY_ASSIGN(uint64_t position, file->list_position());
  BASE_TRY_ASSIGN(const auto buffer, make_owned<ListBuffer>());
  const uint64_t room = uint32_t(arguments.value[2]);
  uint64_t used = 0;
  for (;;) {
    uint64_t next = position;
    BASE_TRY_ASSIGN(const bool found, file->next_entry(next, buffer->entry));
    if (!found) {
      break;
    }
    const size_t size = buffer->make_record(next);
    if (size > room - used) {
      if (used == 0) {
        return Errno::invalid;
      }
      break;
    }
    const auto copied =
        copy_to_user(base::UserAddr(arguments.value[1] + used), buffer->record, size);
    if (!copied.ok()) {
      if (used == 0) {
        return copied;
      }
      break;
    }
    used += size;
    position = next;
  }
  file->set_list_position(position);
  return used;
}

}  // namespace kernel::calls
