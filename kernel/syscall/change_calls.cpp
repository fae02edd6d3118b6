// change_calls.cpp: calls that change a file system: which error comes first is Linux's order; the
// change itself is the scheme's.
#include "kernel/host/clock.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint64_t at_remove_directory = 0x200;
constexpr uint64_t at_follow = 0x400;

Outcome<ResolvedParent> fetch_parent(const CallArguments& arguments, int32_t directory,
                                     base::UserAddr where) {
  BASE_TRY_ASSIGN(const auto buffer, fetch_path(where));
  if (buffer->size == 0) {
    return Errno::no_entry;
  }
  BASE_TRY_ASSIGN(const Ref<PathText> from, base_directory(arguments, directory, buffer->path()));
  return resolve_parent(from->text(), buffer->path());
}

uint32_t umask_of(const CallArguments& arguments) {
  return arguments.process.paths().mask();
}

// Another scheme is mounted at the name.
bool is_mount_point(const ResolvedParent& found) {
  size_t start = 0;
  const auto scheme = scheme_of_path(found.path->text(), start);
  return scheme.ok() && scheme.value().get() != found.parent.scheme.get();
}

// Something new: a directory may have a '/' after its name.
enum class NewKind : uint8_t { directory, other };
Outcome<ResolvedParent> fetch_new(const CallArguments& arguments, int32_t directory,
                                  base::UserAddr where, NewKind kind) {
  BASE_TRY_ASSIGN(ResolvedParent found, fetch_parent(arguments, directory, where));
  if (found.last != LastPart::name || found.exists) {
    return Errno::exists;
  }
  return found.slash && kind == NewKind::other ? Outcome<ResolvedParent>(Errno::no_entry)
                                               : Outcome<ResolvedParent>(base::move(found));
}

CallResult make_directory(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                          uint64_t mode) {
  constexpr uint32_t permissions = 01777;
  BASE_TRY_ASSIGN(const ResolvedParent found,
                  fetch_new(arguments, directory, where, NewKind::directory));
  return found.parent.scheme->make_directory(found.rest(),
                                             uint32_t(mode) & permissions & ~umask_of(arguments));
}

// What is to be removed, which exists. EROFS before that is looked at, as on Linux.
Outcome<> check_removable(const ResolvedParent& found) {
  if (found.parent.scheme->is_read_only()) {
    return Errno::read_only;
  }
  if (!found.exists) {
    return Errno::no_entry;
  }
  return is_mount_point(found) ? Outcome<>(Errno::busy) : Outcome<>();
}

CallResult remove_file(const CallArguments& arguments, int32_t directory, base::UserAddr where) {
  BASE_TRY_ASSIGN(const ResolvedParent found, fetch_parent(arguments, directory, where));
  if (found.last != LastPart::name) {
    return Errno::is_directory;
  }
  BASE_TRY(check_removable(found));
  if (found.status.is(mode_directory)) {
    return Errno::is_directory;
  }
  return found.slash ? CallResult(Errno::not_directory)
                     : CallResult(found.parent.scheme->remove(found.rest(), RemoveKind::file));
}

CallResult remove_directory(const CallArguments& arguments, int32_t directory,
                            base::UserAddr where) {
  BASE_TRY_ASSIGN(const ResolvedParent found, fetch_parent(arguments, directory, where));
  switch (found.last) {
    case LastPart::dot: return Errno::invalid;
    case LastPart::dot_dot: return Errno::not_empty;
    case LastPart::root: return Errno::busy;
    case LastPart::name: break;
  }
  BASE_TRY(check_removable(found));
  return found.status.is(mode_directory)
             ? CallResult(found.parent.scheme->remove(found.rest(), RemoveKind::directory))
             : CallResult(Errno::not_directory);
}

constexpr uint64_t rename_no_replace = 1;
constexpr uint64_t rename_exchange = 2;
constexpr uint64_t rename_whiteout = 4;

bool is_below(Text path, Text directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

Outcome<> check_rename(const ResolvedParent& source, const ResolvedParent& target, uint64_t flags) {
  const bool exchange = (flags & rename_exchange) != 0;
  if (!source.exists || (exchange && !target.exists)) {
    return Errno::no_entry;
  }
  if (target.exists && (flags & rename_no_replace)) {
    return Errno::exists;
  }
  const bool is_directory = source.status.is(mode_directory);
  const bool onto_directory = target.exists && target.status.is(mode_directory);
  if ((!is_directory && (source.slash || (target.slash && !exchange))) ||
      (exchange && !onto_directory && target.slash)) {
    return Errno::not_directory;
  }
  if (is_below(target.path->text(), source.path->text())) {
    return Errno::invalid;
  }
  if (is_below(source.path->text(), target.path->text())) {
    return exchange ? Errno::invalid : Errno::not_empty;
  }
  if (is_mount_point(source) || (target.exists && is_mount_point(target))) {
    return Errno::busy;
  }
  if (exchange || !target.exists || is_directory == onto_directory) {
    return {};
  }
  return is_directory ? Errno::not_directory : Errno::is_directory;
}

CallResult rename_name(const CallArguments& arguments, int32_t from_directory, base::UserAddr from,
                       int32_t to_directory, base::UserAddr to, uint64_t flags) {
  if ((flags & ~(rename_no_replace | rename_exchange | rename_whiteout)) ||
      ((flags & rename_exchange) && (flags & (rename_no_replace | rename_whiteout)))) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const ResolvedParent source, fetch_parent(arguments, from_directory, from));
  BASE_TRY_ASSIGN(const ResolvedParent target, fetch_parent(arguments, to_directory, to));
  Scheme& scheme = *source.parent.scheme;
  if (&scheme != target.parent.scheme.get()) {
    return Errno::cross_device;
  }
  if (source.last != LastPart::name) {
    return Errno::busy;
  }
  if (target.last != LastPart::name) {
    return flags & rename_no_replace ? Errno::exists : Errno::busy;
  }
  if (scheme.is_read_only()) {
    return Errno::read_only;
  }
  BASE_TRY(check_rename(source, target, flags));
  if (flags & rename_whiteout) {
    return Errno::invalid;
  }
  if (source.path->text() == target.path->text()) {
    return uint64_t(0);
  }
  return scheme.rename(source.rest(), target.rest(), uint32_t(flags));
}

CallResult link_name(const CallArguments& arguments, int32_t from_directory, base::UserAddr from,
                     int32_t to_directory, base::UserAddr to, uint64_t flags) {
  if (flags & ~(at_follow | at_empty_path)) {
    return Errno::invalid;
  }
  const Place place{from_directory, from, flags & at_follow ? LastLink::follow : LastLink::keep,
                    flags & at_empty_path ? EmptyPath::descriptor : EmptyPath::refused};
  BASE_TRY_ASSIGN(const Resolved source, fetch_place(arguments, place));
  BASE_TRY_ASSIGN(const ResolvedParent target,
                  fetch_new(arguments, to_directory, to, NewKind::other));
  if (source.scheme.get() != target.parent.scheme.get()) {
    return Errno::cross_device;
  }
  if (!source.scheme->is_read_only() && source.status.is(mode_directory)) {
    return Errno::not_permitted;
  }
  return source.scheme->link(source.rest(), target.rest());
}

// Attributes of what exists.
CallResult change_place(const CallArguments& arguments, const Place& place,
                        const AttributeChange& change) {
  BASE_TRY_ASSIGN(const Resolved found, fetch_place(arguments, place));
  if (change.mode && found.status.is(mode_link) && found.scheme && !found.scheme->is_read_only()) {
    return Errno::not_supported;
  }
  if (found.file) {
    return found.file->set_attributes(change);
  }
  return found.scheme->set_attributes(found.rest(), change);
}
CallResult change_file(const CallArguments& arguments, const AttributeChange& change) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  return file->set_attributes(change);
}

AttributeChange mode_change(uint64_t mode) {
  AttributeChange change;
  change.mode = uint32_t(mode) & 07777;
  return change;
}
// Minus one: stays.
AttributeChange owner_change(uint64_t user, uint64_t group) {
  AttributeChange change;
  if (uint32_t(user) != ~0u) {
    change.user = uint32_t(user);
  }
  if (uint32_t(group) != ~0u) {
    change.group = uint32_t(group);
  }
  return change;
}

Place place_here(const CallArguments& arguments, LastLink last = LastLink::follow) {
  return {at_working_directory, arguments.address(0), last};
}
Place place_at(const CallArguments& arguments, uint64_t flags) {
  return {arguments.integer(0), arguments.address(1),
          flags & at_no_follow ? LastLink::keep : LastLink::follow,
          flags & at_empty_path ? EmptyPath::descriptor : EmptyPath::refused};
}

CallResult make_node(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                     uint64_t mode, uint64_t device) {
  uint32_t type = uint32_t(mode) & mode_type;
  switch (type) {
    case 0: type = mode_regular; break;
    case mode_regular:
    case mode_character:
    case mode_block:
    case mode_fifo:
    case mode_socket: break;
    case mode_directory: return Errno::not_permitted;
    default: return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const ResolvedParent found,
                  fetch_new(arguments, directory, where, NewKind::other));
  const uint32_t permissions = uint32_t(mode) & 07777 & ~umask_of(arguments);
  if (type == mode_regular) {
    constexpr uint32_t flags = open_flag::create | open_flag::exclusive | open_flag::write_only;
    BASE_TRY(found.parent.scheme->create(found.rest(), {flags, permissions}));
    return uint64_t(0);
  }
  return found.parent.scheme->make_node(found.rest(), type | permissions, uint32_t(device));
}

CallResult make_symlink(const CallArguments& arguments, base::UserAddr target, int32_t directory,
                        base::UserAddr where) {
  BASE_TRY_ASSIGN(const auto text, fetch_path(target));
  if (text->size == 0) {
    return Errno::no_entry;
  }
  BASE_TRY_ASSIGN(const ResolvedParent found,
                  fetch_new(arguments, directory, where, NewKind::other));
  return found.parent.scheme->make_link(text->path(), found.rest());
}

}  // namespace

CallResult mkdir(const CallArguments& arguments) {
  return make_directory(arguments, at_working_directory, arguments.address(0), arguments.value[1]);
}
CallResult mkdirat(const CallArguments& arguments) {
  return make_directory(arguments, arguments.integer(0), arguments.address(1), arguments.value[2]);
}
CallResult mknod(const CallArguments& arguments) {
  return make_node(arguments, at_working_directory, arguments.address(0), arguments.value[1],
                   arguments.value[2]);
}
CallResult mknodat(const CallArguments& arguments) {
  return make_node(arguments, arguments.integer(0), arguments.address(1), arguments.value[2],
                   arguments.value[3]);
}
CallResult symlink(const CallArguments& arguments) {
  return make_symlink(arguments, arguments.address(0), at_working_directory, arguments.address(1));
}
CallResult symlinkat(const CallArguments& arguments) {
  return make_symlink(arguments, arguments.address(0), arguments.integer(1), arguments.address(2));
}
CallResult link(const CallArguments& arguments) {
  return link_name(arguments, at_working_directory, arguments.address(0), at_working_directory,
                   arguments.address(1), 0);
}
CallResult linkat(const CallArguments& arguments) {
  return link_name(arguments, arguments.integer(0), arguments.address(1), arguments.integer(2),
                   arguments.address(3), uint32_t(arguments.value[4]));
}
CallResult unlink(const CallArguments& arguments) {
  return remove_file(arguments, at_working_directory, arguments.address(0));
}
CallResult unlinkat(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[2]);
  if (flags & ~at_remove_directory) {
    return Errno::invalid;
  }
  return flags & at_remove_directory
             ? remove_directory(arguments, arguments.integer(0), arguments.address(1))
             : remove_file(arguments, arguments.integer(0), arguments.address(1));
}
CallResult rmdir(const CallArguments& arguments) {
  return remove_directory(arguments, at_working_directory, arguments.address(0));
}
CallResult rename(const CallArguments& arguments) {
  return rename_name(arguments, at_working_directory, arguments.address(0), at_working_directory,
                     arguments.address(1), 0);
}
CallResult renameat(const CallArguments& arguments) {
  return rename_name(arguments, arguments.integer(0), arguments.address(1), arguments.integer(2),
                     arguments.address(3), 0);
}
CallResult renameat2(const CallArguments& arguments) {
  return rename_name(arguments, arguments.integer(0), arguments.address(1), arguments.integer(2),
                     arguments.address(3), uint32_t(arguments.value[4]));
}

CallResult chmod(const CallArguments& arguments) {
  return change_place(arguments, place_here(arguments), mode_change(arguments.value[1]));
}
CallResult fchmod(const CallArguments& arguments) {
  return change_file(arguments, mode_change(arguments.value[1]));
}
CallResult fchmodat(const CallArguments& arguments) {
  return change_place(arguments, place_at(arguments, 0), mode_change(arguments.value[2]));
}
CallResult fchmodat2(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[3]);
  return flags & ~(at_no_follow | at_empty_path)
             ? CallResult(Errno::invalid)
             : change_place(arguments, place_at(arguments, flags), mode_change(arguments.value[2]));
}
CallResult chown(const CallArguments& arguments) {
  return change_place(arguments, place_here(arguments),
                      owner_change(arguments.value[1], arguments.value[2]));
}
CallResult lchown(const CallArguments& arguments) {
  return change_place(arguments, place_here(arguments, LastLink::keep),
                      owner_change(arguments.value[1], arguments.value[2]));
}
CallResult fchown(const CallArguments& arguments) {
  return change_file(arguments, owner_change(arguments.value[1], arguments.value[2]));
}
CallResult fchownat(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[4]);
  return flags & ~(at_no_follow | at_empty_path)
             ? CallResult(Errno::invalid)
             : change_place(arguments, place_at(arguments, flags),
                            owner_change(arguments.value[2], arguments.value[3]));
}

CallResult truncate(const CallArguments& arguments) {
  if (int64_t(arguments.value[1]) < 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Resolved found, fetch_place(arguments, place_here(arguments)));
  BASE_TRY_ASSIGN(const FileStatus status, found.status_now());
  if (status.is(mode_directory)) {
    return Errno::is_directory;
  }
  if (!status.is(mode_regular)) {
    return Errno::invalid;
  }
  if (found.file) {
    return found.file->is_writable() ? CallResult(found.file->set_size(arguments.value[1]))
                                     : CallResult(Errno::invalid);
  }
  if (found.scheme->is_read_only()) {
    return Errno::read_only;
  }
  BASE_TRY_ASSIGN(const Ref<File> file,
                  found.scheme->open(found.rest(), {open_flag::write_only, 0}));
  return file->set_size(arguments.value[1]);
}

// ---- Times

namespace {

// struct timespec and struct timeval.
struct Time {
  int64_t seconds;
  int64_t fraction;

  [[nodiscard]] uint64_t ns(int64_t ns_per_fraction) const {
    constexpr int64_t ns_per_second = 1'000'000'000;
    // Before 1970 is 1970.
    return seconds < 0 ? 0 : uint64_t(seconds * ns_per_second + fraction * ns_per_fraction);
  }
};
struct Times {
  Time accessed, modified;
};
constexpr int64_t time_now = 0x3fff'ffff;
constexpr int64_t time_omit = 0x3fff'fffe;

AttributeChange both_now() {
  AttributeChange change;
  change.accessed_ns = change.modified_ns = wall_clock_ns();
  return change;
}

// One of utimensat()'s times. EINVAL.
Outcome<std::optional<uint64_t>> to_change(const Time& time) {
  constexpr int64_t most = 999'999'999;
  if (time.fraction == time_omit) {
    return std::optional<uint64_t>();
  }
  if (time.fraction == time_now) {
    return std::optional<uint64_t>(wall_clock_ns());
  }
  return time.fraction >= 0 && time.fraction <= most
             ? Outcome<std::optional<uint64_t>>(std::optional<uint64_t>(time.ns(1)))
             : Outcome<std::optional<uint64_t>>(Errno::invalid);
}

}  // namespace

CallResult utimensat(const CallArguments& arguments) {
  AttributeChange change = both_now();
  if (arguments.value[2] != 0) {
    BASE_TRY_ASSIGN(const Times times, read_user<Times>(arguments.address(2)));
    if (times.accessed.fraction == time_omit && times.modified.fraction == time_omit) {
      return uint64_t(0);
    }
    BASE_TRY_ASSIGN(change.accessed_ns, to_change(times.accessed));
    BASE_TRY_ASSIGN(change.modified_ns, to_change(times.modified));
  }
  const uint64_t flags = uint32_t(arguments.value[3]);
  if (arguments.value[1] == 0 && arguments.integer(0) != at_working_directory) {
    return flags != 0 ? CallResult(Errno::invalid) : change_file(arguments, change);
  }
  return flags & ~(at_no_follow | at_empty_path)
             ? CallResult(Errno::invalid)
             : change_place(arguments, place_at(arguments, flags), change);
}

CallResult utimes(const CallArguments& arguments) {
  constexpr int64_t most = 999'999;
  AttributeChange change = both_now();
  if (arguments.value[1] != 0) {
    BASE_TRY_ASSIGN(const Times times, read_user<Times>(arguments.address(1)));
    for (const Time& time : {times.accessed, times.modified}) {
      if (time.fraction < 0 || time.fraction > most) {
        return Errno::invalid;
      }
    }
    change.accessed_ns = times.accessed.ns(1000);
    change.modified_ns = times.modified.ns(1000);
  }
  return change_place(arguments, place_here(arguments), change);
}

// Whole seconds.
CallResult utime(const CallArguments& arguments) {
  struct Seconds {
    int64_t accessed, modified;
  };
  AttributeChange change = both_now();
  if (arguments.value[1] != 0) {
    BASE_TRY_ASSIGN(const Seconds times, read_user<Seconds>(arguments.address(1)));
    change.accessed_ns = Time{times.accessed, 0}.ns(1);
    change.modified_ns = Time{times.modified, 0}.ns(1);
  }
  return change_place(arguments, place_here(arguments), change);
}

CallResult fallocate(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  if (int64_t(arguments.value[2]) < 0 || int64_t(arguments.value[3]) <= 0) {
    return Errno::invalid;
  }
  return file->is_writable() ? Errno::not_supported : Errno::bad_descriptor;
}

}  // namespace kernel::calls
