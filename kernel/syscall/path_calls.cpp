// path_calls.cpp: calls on names. The initial file system is read-only and the only one; every
// program's working directory is "/".
#include <cstring>

#include "cpu/linux_stat.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr int32_t at_working_directory = -100;
constexpr uint64_t at_keep_last_link = 0x100;
constexpr uint64_t at_empty_path = 0x1000;
constexpr size_t max_path = 4096;

// One path at a time fits beside nothing on a kernel stack: static, one call at a time.
char path_buffer[max_path];
char relative_buffer[max_path];

// The path argument, made absolute by the directory `directory` (at_working_directory: "/").
base::Result<Text> fetch_path(const CallArguments& arguments, int32_t directory,
                              base::UserAddr where) {
  BASE_TRY_ASSIGN(const Text path, copy_string_from_user(path_buffer, where));
  if (directory == at_working_directory || path.starts_with('/')) {
    return path;
  }
  const SimpleFile* file = arguments.process.files().find(uint64_t(directory));
  if (file == nullptr || file->kind != FileKind::initfs) {
    return base::Error::not_supported;
  }
  const Text base_name = file->entry.name;
  if (base_name.size() + 1 + path.size() > max_path) {
    return base::Error::limit_exceeded;
  }
  base_name.copy(relative_buffer, base_name.size());
  relative_buffer[base_name.size()] = '/';
  path.copy(relative_buffer + base_name.size() + 1, path.size());
  return Text(relative_buffer, base_name.size() + 1 + path.size());
}

Errno path_errno(base::Error error) {
  switch (error) {
    case base::Error::limit_exceeded: return Errno::name_too_long;
    case base::Error::not_supported: return Errno::bad_descriptor;
    default: return errno_of(error);
  }
}

CallResult open_path(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                     uint64_t flags) {
  constexpr uint64_t access_mode = 3;
  constexpr uint64_t create = 0100;
  constexpr uint64_t close_on_exec = 02000000;
  const auto path = fetch_path(arguments, directory, where);
  if (!path) {
    return path_errno(path.error());
  }
  if (path.value().empty()) {
    return Errno::no_entry;
  }
  SimpleFile file;
  file.close_on_exec = flags & close_on_exec;
  if (path.value() == "/dev/tty" || path.value() == "/dev/console") {
    file.kind = FileKind::console;
  } else {
    const auto entry = find_in_initfs(path.value(), LastLink::follow);
    if (!entry) {
      return flags & create ? Errno::read_only : Errno::no_entry;
    }
    if (flags & access_mode) {
      return (entry->mode & mode_type) == mode_directory ? Errno::is_directory : Errno::read_only;
    }
    if ((flags & cpu::open_directory) && (entry->mode & mode_type) != mode_directory) {
      return Errno::not_directory;
    }
    file.kind = FileKind::initfs;
    file.entry = *entry;
  }
  const auto number = arguments.process.files().add(file);
  return number ? CallResult(number.value()) : CallResult(number.error());
}

constexpr InitfsEntry console_entry{Text("console"), {}, mode_character | 0620, 2, 1, 0};

CallResult put_stat(const InitfsEntry& entry, base::UserAddr to) {
  constexpr int64_t block_size = 4096;
  cpu::LinuxStat result;
  memset(&result, 0, sizeof(result));
  result.device = 1;
  result.inode = entry.inode;
  result.mode = entry.mode;
  result.links = entry.links;
  result.size = int64_t(entry.contents.size());
  result.block_size = block_size;
  result.blocks = int64_t((entry.contents.size() + 511) / 512);
  result.accessed.seconds = entry.modified;
  result.modified.seconds = entry.modified;
  result.changed.seconds = entry.modified;
  if ((entry.mode & mode_type) == mode_character) {
    result.special_device = 0x501;  // 5:1, /dev/console
  }
  return copy_to_user(to, &result, sizeof(result));
}

CallResult stat_file(const CallArguments& arguments, uint64_t number, base::UserAddr to) {
  const SimpleFile* file = arguments.process.files().find(number);
  if (file == nullptr) {
    return Errno::bad_descriptor;
  }
  return put_stat(file->kind == FileKind::console ? console_entry : file->entry, to);
}

CallResult stat_path(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                     base::UserAddr to, LastLink last) {
  const auto path = fetch_path(arguments, directory, where);
  if (!path) {
    return path_errno(path.error());
  }
  if (path.value().empty()) {
    return Errno::no_entry;
  }
  const auto entry = find_in_initfs(path.value(), last);
  return entry ? put_stat(*entry, to) : CallResult(Errno::no_entry);
}

CallResult check_access(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                        uint64_t wanted) {
  constexpr uint64_t want_execute = 1;
  constexpr uint64_t want_write = 2;
  const auto path = fetch_path(arguments, directory, where);
  if (!path) {
    return path_errno(path.error());
  }
  const auto entry = find_in_initfs(path.value(), LastLink::follow);
  if (!entry || path.value().empty()) {
    return Errno::no_entry;
  }
  if (wanted & want_write) {
    return Errno::read_only;
  }
  return (wanted & want_execute) && !(entry->mode & 0111) ? CallResult(Errno::access)
                                                          : CallResult(uint64_t(0));
}

CallResult read_link(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                     base::UserAddr to, uint64_t size) {
  const auto path = fetch_path(arguments, directory, where);
  if (!path) {
    return path_errno(path.error());
  }
  const auto entry = find_in_initfs(path.value(), LastLink::keep);
  if (!entry) {
    return Errno::no_entry;
  }
  if ((entry->mode & mode_type) != mode_link || size == 0) {
    return Errno::invalid;
  }
  const size_t count = base::min<uint64_t>(size, entry->contents.size());
  const auto copied = copy_to_user(to, entry->contents.data(), count);
  return copied ? CallResult(uint64_t(count)) : CallResult(copied);
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

}  // namespace

CallResult open(const CallArguments& arguments) {
  return open_path(arguments, at_working_directory, arguments.address(0), arguments.value[1]);
}
CallResult openat(const CallArguments& arguments) {
  return open_path(arguments, arguments.integer(0), arguments.address(1), arguments.value[2]);
}

CallResult stat(const CallArguments& arguments) {
  return stat_path(arguments, at_working_directory, arguments.address(0), arguments.address(1),
                   LastLink::follow);
}
CallResult lstat(const CallArguments& arguments) {
  return stat_path(arguments, at_working_directory, arguments.address(0), arguments.address(1),
                   LastLink::keep);
}
CallResult fstat(const CallArguments& arguments) {
  return stat_file(arguments, arguments.value[0], arguments.address(1));
}

CallResult newfstatat(const CallArguments& arguments) {
  const uint64_t flags = arguments.value[3];
  if (flags & at_empty_path) {
    const auto first = read_user<char>(arguments.address(1));
    if (first && first.value() == '\0') {
      return stat_file(arguments, arguments.value[0], arguments.address(2));
    }
  }
  return stat_path(arguments, arguments.integer(0), arguments.address(1), arguments.address(2),
                   flags & at_keep_last_link ? LastLink::keep : LastLink::follow);
}

CallResult access(const CallArguments& arguments) {
  return check_access(arguments, at_working_directory, arguments.address(0), arguments.value[1]);
}
CallResult faccessat(const CallArguments& arguments) {
  return check_access(arguments, arguments.integer(0), arguments.address(1), arguments.value[2]);
}

CallResult readlink(const CallArguments& arguments) {
  return read_link(arguments, at_working_directory, arguments.address(0), arguments.address(1),
                   arguments.value[2]);
}
CallResult readlinkat(const CallArguments& arguments) {
  return read_link(arguments, arguments.integer(0), arguments.address(1), arguments.address(2),
                   arguments.value[3]);
}

CallResult getdents64(const CallArguments& arguments) {
  SimpleFile* file = arguments.process.files().find(arguments.value[0]);
  if (file == nullptr) {
    return Errno::bad_descriptor;
  }
  if (file->kind != FileKind::initfs || (file->entry.mode & mode_type) != mode_directory) {
    return Errno::not_directory;
  }
  const uint64_t room = arguments.value[2];
  uint64_t used = 0;
  uint64_t position = file->position;
  while (const auto child = next_in_directory(file->entry.name, position)) {
    const uint64_t size = base::align_up<uint64_t>(record_head + child->name.size() + 1, 8);
    if (size > room - used) {
      return used != 0 ? CallResult(used) : CallResult(Errno::invalid);
    }
    const DirectoryRecord record{child->inode, position, uint16_t(size),
                                 uint8_t((child->mode & mode_type) >> 12)};
    char bytes[record_head + 1024 + 8] = {};
    memcpy(bytes, &record, record_head);
    child->name.copy(bytes + record_head, child->name.size());
    const auto to = base::UserAddr(arguments.value[1] + used);
    if (auto copied = copy_to_user(to, bytes, size); !copied) {
      return used != 0 ? CallResult(used) : CallResult(copied);
    }
    used += size;
    file->position = position;
  }
  return used;
}

CallResult getcwd(const CallArguments& arguments) {
  constexpr char directory[] = "/";
  if (arguments.value[1] < sizeof(directory)) {
    return Errno::out_of_range;
  }
  const auto copied = copy_to_user(arguments.address(0), directory, sizeof(directory));
  return copied ? CallResult(uint64_t(sizeof(directory))) : CallResult(copied);
}

CallResult chdir(const CallArguments& arguments) {
  const auto path = fetch_path(arguments, at_working_directory, arguments.address(0));
  if (!path) {
    return path_errno(path.error());
  }
  const auto entry = find_in_initfs(path.value(), LastLink::follow);
  if (!entry) {
    return Errno::no_entry;
  }
  return entry->name.empty() ? CallResult(uint64_t(0)) : CallResult(Errno::not_implemented);
}

}  // namespace kernel::calls
