// stat_calls.cpp: what files are: the stat family, access, readlink, statfs.
#include <cstring>

#include "cpu/linux_stat.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint64_t ns_per_second = 1'000'000'000;
constexpr uint32_t block_size = 4096;

constexpr uint64_t at_no_automount = 0x800;
constexpr uint64_t at_effective_access = 0x200;
constexpr uint64_t at_sync_type = 0x6000;

template <typename Time>
void put_time(Time& to, uint64_t ns) {
  to.seconds = decltype(to.seconds)(ns / ns_per_second);
  to.nanoseconds = decltype(to.nanoseconds)(ns % ns_per_second);
}

CallResult put_stat(const FileStatus& status, base::UserAddr to) {
  cpu::LinuxStat result;
  memset(&result, 0, sizeof(result));
  result.device = status.device;
  result.inode = status.inode;
  result.mode = status.mode;
  result.links = status.links;
  result.user = status.user;
  result.group = status.group;
  result.special_device = status.special_device;
  result.size = int64_t(status.size);
  result.block_size = block_size;
  result.blocks = int64_t(status.blocks);
  put_time(result.accessed, status.accessed_ns);
  put_time(result.modified, status.modified_ns);
  put_time(result.changed, status.changed_ns);
  return copy_to_user(to, &result, sizeof(result));
}

CallResult stat_place(const CallArguments& arguments, const Place& place, base::UserAddr to) {
  BASE_TRY_ASSIGN(const Resolved found, fetch_place(arguments, place));
  BASE_TRY_ASSIGN(const FileStatus status, found.status_now());
  return put_stat(status, to);
}

// struct statx.
struct StatxTime {
  int64_t seconds;
  uint32_t nanoseconds;
  int32_t padding;
};
struct Statx {
  uint32_t mask;
  uint32_t block_size;
  uint64_t attributes;
  uint32_t links;
  uint32_t user;
  uint32_t group;
  uint16_t mode;
  uint16_t padding;
  uint64_t inode;
  uint64_t size;
  uint64_t blocks;
  uint64_t attributes_mask;
  StatxTime accessed, created, changed, modified;
  uint32_t special_major, special_minor;
  uint32_t device_major, device_minor;
  uint64_t mount;
  uint64_t spare[13];
};
static_assert(sizeof(Statx) == 256);

void put_device(uint32_t& major, uint32_t& minor, uint64_t device) {
  major = uint32_t(device >> 8) & 0xfff;
  minor = uint32_t(device & 0xff);
}

CallResult check_access(const CallArguments& arguments, const Place& place, uint64_t wanted) {
  constexpr uint64_t want_execute = 1;
  constexpr uint64_t want_write = 2;
  constexpr uint64_t want_any = 7;
  if (wanted & ~want_any) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Resolved found, fetch_place(arguments, place));
  BASE_TRY_ASSIGN(const FileStatus status, found.status_now());
  const bool stored = status.is(mode_regular) || status.is(mode_directory) || status.is(mode_link);
  if ((wanted & want_write) && stored && found.scheme && found.scheme->is_read_only()) {
    return Errno::read_only;
  }
  // Everybody is root, who may do all but execute what nobody may.
  if ((wanted & want_execute) && !status.is(mode_directory) && !(status.mode & 0111)) {
    return Errno::access;
  }
  return uint64_t(0);
}

CallResult read_link(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                     base::UserAddr to, int32_t size) {
  if (size <= 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Resolved found, fetch_place(arguments, {directory, where, LastLink::keep,
                                                                EmptyPath::descriptor}));
  if (!found.scheme || !found.status.is(mode_link)) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const auto target, make_owned<PathBuffer>());
  BASE_TRY_ASSIGN(size_t length, found.scheme->read_link(found.rest(), target->text, max_path));
  length = base::min(length, size_t(size));
  BASE_TRY(copy_to_user(to, target->text, length));
  return uint64_t(length);
}

// struct statfs, on both architectures.
struct FileSystemStatus {
  uint64_t type, block_size, blocks, free_blocks, available_blocks, files, free_files, id,
      name_length, fragment_size, flags, spare[4];
};
static_assert(sizeof(FileSystemStatus) == 120);

CallResult put_file_system(const Resolved& place, base::UserAddr to) {
  constexpr uint64_t read_only_valid = 0x21;  // ST_RDONLY | ST_VALID
  constexpr uint64_t valid = 0x20;
  FileSystemStatus result{};
  if (place.scheme) {
    BASE_TRY_ASSIGN(const Scheme::Usage usage, place.scheme->usage());
    result.type = usage.magic;
    result.blocks = usage.bytes / block_size;
    result.free_blocks = result.available_blocks = usage.free_bytes / block_size;
    result.flags = place.scheme->is_read_only() ? read_only_valid : valid;
    result.id = place.scheme->device();
  }
  result.block_size = result.fragment_size = block_size;
  result.name_length = DirectoryEntry::max_name;
  return write_user(to, result);
}

}  // namespace

CallResult stat(const CallArguments& arguments) {
  return stat_place(arguments, {at_working_directory, arguments.address(0)}, arguments.address(1));
}
CallResult lstat(const CallArguments& arguments) {
  return stat_place(arguments, {at_working_directory, arguments.address(0), LastLink::keep},
                    arguments.address(1));
}
CallResult fstat(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_file(arguments));
  BASE_TRY_ASSIGN(const FileStatus status, file->status());
  return put_stat(status, arguments.address(1));
}

CallResult newfstatat(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[3]);
  if (flags & ~(at_no_follow | at_no_automount | at_empty_path | at_sync_type)) {
    return Errno::invalid;
  }
  return stat_place(arguments,
                    {arguments.integer(0), arguments.address(1),
                     flags & at_no_follow ? LastLink::keep : LastLink::follow,
                     flags & at_empty_path ? EmptyPath::descriptor : EmptyPath::refused},
                    arguments.address(2));
}

CallResult statx(const CallArguments& arguments) {
  constexpr uint64_t reserved_mask = 0x8000'0000;
  constexpr uint32_t basic_fields = 0x7ff;
  const uint64_t flags = uint32_t(arguments.value[2]);
  if ((arguments.value[3] & reserved_mask) || (flags & at_sync_type) == at_sync_type ||
      (flags & ~(at_no_follow | at_no_automount | at_empty_path | at_sync_type))) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(
      const Resolved found,
      fetch_place(arguments, {arguments.integer(0), arguments.address(1),
                              flags & at_no_follow ? LastLink::keep : LastLink::follow,
                              flags & at_empty_path ? EmptyPath::descriptor : EmptyPath::refused}));
  BASE_TRY_ASSIGN(const FileStatus status, found.status_now());
  Statx result{};
  result.mask = basic_fields;
  result.block_size = block_size;
  result.links = status.links;
  result.user = status.user;
  result.group = status.group;
  result.mode = uint16_t(status.mode);
  result.inode = status.inode;
  result.size = status.size;
  result.blocks = status.blocks;
  put_time(result.accessed, status.accessed_ns);
  put_time(result.changed, status.changed_ns);
  put_time(result.modified, status.modified_ns);
  put_device(result.special_major, result.special_minor, status.special_device);
  put_device(result.device_major, result.device_minor, status.device);
  return write_user(arguments.address(4), result);
}

CallResult access(const CallArguments& arguments) {
  return check_access(arguments, {at_working_directory, arguments.address(0)},
                      uint32_t(arguments.value[1]));
}
CallResult faccessat(const CallArguments& arguments) {
  return check_access(arguments, {arguments.integer(0), arguments.address(1)},
                      uint32_t(arguments.value[2]));
}
CallResult faccessat2(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[3]);
  if (flags & ~(at_effective_access | at_no_follow | at_empty_path)) {
    return Errno::invalid;
  }
  return check_access(arguments,
                      {arguments.integer(0), arguments.address(1),
                       flags & at_no_follow ? LastLink::keep : LastLink::follow,
                       flags & at_empty_path ? EmptyPath::descriptor : EmptyPath::refused},
                      uint32_t(arguments.value[2]));
}

CallResult readlink(const CallArguments& arguments) {
  return read_link(arguments, at_working_directory, arguments.address(0), arguments.address(1),
                   arguments.integer(2));
}
CallResult readlinkat(const CallArguments& arguments) {
  return read_link(arguments, arguments.integer(0), arguments.address(1), arguments.address(2),
                   arguments.integer(3));
}

CallResult statfs(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Resolved found,
                  fetch_place(arguments, {at_working_directory, arguments.address(0)}));
  return put_file_system(found, arguments.address(1));
}
CallResult fstatfs(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(Ref<File> file, fetch_file(arguments));
  BASE_TRY_ASSIGN(const Resolved found, place_of(base::move(file)));
  return put_file_system(found, arguments.address(1));
}

}  // namespace kernel::calls
