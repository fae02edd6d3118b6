// change_calls.cpp: calls that change a file system. None that exists can be changed yet: what
// remains is to find, in Linux's order, which error comes first.
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

// Something new: a directory may have a '/' after its name.
enum class NewKind : uint8_t { directory, other };
CallResult refuse_new(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                      NewKind kind) {
  BASE_TRY_ASSIGN(const ResolvedParent found, fetch_parent(arguments, directory, where));
  if (found.last != LastPart::name || found.exists) {
    return Errno::exists;
  }
  return found.slash && kind == NewKind::other ? Errno::no_entry : Errno::read_only;
}

CallResult refuse_unlink(const CallArguments& arguments, int32_t directory, base::UserAddr where) {
  BASE_TRY_ASSIGN(const ResolvedParent found, fetch_parent(arguments, directory, where));
  return found.last != LastPart::name ? Errno::is_directory : Errno::read_only;
}

CallResult refuse_rmdir(const CallArguments& arguments, int32_t directory, base::UserAddr where) {
  BASE_TRY_ASSIGN(const ResolvedParent found, fetch_parent(arguments, directory, where));
  switch (found.last) {
    case LastPart::dot: return Errno::invalid;
    case LastPart::dot_dot: return Errno::not_empty;
    case LastPart::root: return Errno::busy;
    case LastPart::name: break;
  }
  return Errno::read_only;
}

CallResult refuse_rename(const CallArguments& arguments, int32_t from_directory,
                         base::UserAddr from, int32_t to_directory, base::UserAddr to,
                         uint64_t flags) {
  constexpr uint64_t no_replace = 1;
  constexpr uint64_t exchange = 2;
  constexpr uint64_t whiteout = 4;
  if ((flags & ~(no_replace | exchange | whiteout)) ||
      ((flags & exchange) && (flags & (no_replace | whiteout)))) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const ResolvedParent source, fetch_parent(arguments, from_directory, from));
  BASE_TRY_ASSIGN(const ResolvedParent target, fetch_parent(arguments, to_directory, to));
  if (source.parent.scheme.get() != target.parent.scheme.get()) {
    return Errno::cross_device;
  }
  if (source.last != LastPart::name) {
    return Errno::busy;
  }
  if (target.last != LastPart::name) {
    return flags & no_replace ? Errno::exists : Errno::busy;
  }
  return Errno::read_only;
}

CallResult refuse_link(const CallArguments& arguments, int32_t from_directory, base::UserAddr from,
                       int32_t to_directory, base::UserAddr to, uint64_t flags) {
  if (flags & ~(at_follow | at_empty_path)) {
    return Errno::invalid;
  }
  const Place place{from_directory, from, flags & at_follow ? LastLink::follow : LastLink::keep,
                    flags & at_empty_path ? EmptyPath::descriptor : EmptyPath::refused};
  BASE_TRY_ASSIGN(const Resolved source, fetch_place(arguments, place));
  BASE_TRY_ASSIGN(const ResolvedParent target, fetch_parent(arguments, to_directory, to));
  if (target.last != LastPart::name || target.exists) {
    return Errno::exists;
  }
  if (target.slash) {
    return Errno::no_entry;
  }
  return source.scheme.get() == target.parent.scheme.get() ? Errno::read_only : Errno::cross_device;
}

// Attributes of what exists.
CallResult refuse_place(const CallArguments& arguments, const Place& place) {
  BASE_TRY(fetch_place(arguments, place));
  return Errno::read_only;
}
CallResult refuse_file(const CallArguments& arguments) {
  BASE_TRY(fetch_real_file(arguments));
  return Errno::read_only;
}

Place place_here(const CallArguments& arguments, LastLink last = LastLink::follow) {
  return {at_working_directory, arguments.address(0), last};
}
Place place_at(const CallArguments& arguments, uint64_t flags) {
  return {arguments.integer(0), arguments.address(1),
          flags & at_no_follow ? LastLink::keep : LastLink::follow,
          flags & at_empty_path ? EmptyPath::descriptor : EmptyPath::refused};
}

CallResult refuse_node(const CallArguments& arguments, int32_t directory, base::UserAddr where,
                       uint64_t mode) {
  switch (mode & mode_type) {
    case 0:
    case mode_regular:
    case mode_character:
    case mode_block:
    case mode_fifo:
    case mode_socket: return refuse_new(arguments, directory, where, NewKind::other);
    case mode_directory: return Errno::not_permitted;
    default: return Errno::invalid;
  }
}

CallResult refuse_symlink(const CallArguments& arguments, base::UserAddr target, int32_t directory,
                          base::UserAddr where) {
  BASE_TRY_ASSIGN(const auto text, fetch_path(target));
  if (text->size == 0) {
    return Errno::no_entry;
  }
  return refuse_new(arguments, directory, where, NewKind::other);
}

}  // namespace

CallResult mkdir(const CallArguments& arguments) {
  return refuse_new(arguments, at_working_directory, arguments.address(0), NewKind::directory);
}
CallResult mkdirat(const CallArguments& arguments) {
  return refuse_new(arguments, arguments.integer(0), arguments.address(1), NewKind::directory);
}
CallResult mknod(const CallArguments& arguments) {
  return refuse_node(arguments, at_working_directory, arguments.address(0), arguments.value[1]);
}
CallResult mknodat(const CallArguments& arguments) {
  return refuse_node(arguments, arguments.integer(0), arguments.address(1), arguments.value[2]);
}
CallResult symlink(const CallArguments& arguments) {
  return refuse_symlink(arguments, arguments.address(0), at_working_directory,
                        arguments.address(1));
}
CallResult symlinkat(const CallArguments& arguments) {
  return refuse_symlink(arguments, arguments.address(0), arguments.integer(1),
                        arguments.address(2));
}
CallResult link(const CallArguments& arguments) {
  return refuse_link(arguments, at_working_directory, arguments.address(0), at_working_directory,
                     arguments.address(1), 0);
}
CallResult linkat(const CallArguments& arguments) {
  return refuse_link(arguments, arguments.integer(0), arguments.address(1), arguments.integer(2),
                     arguments.address(3), uint32_t(arguments.value[4]));
}
CallResult unlink(const CallArguments& arguments) {
  return refuse_unlink(arguments, at_working_directory, arguments.address(0));
}
CallResult unlinkat(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[2]);
  if (flags & ~at_remove_directory) {
    return Errno::invalid;
  }
  return flags & at_remove_directory
             ? refuse_rmdir(arguments, arguments.integer(0), arguments.address(1))
             : refuse_unlink(arguments, arguments.integer(0), arguments.address(1));
}
CallResult rmdir(const CallArguments& arguments) {
  return refuse_rmdir(arguments, at_working_directory, arguments.address(0));
}
CallResult rename(const CallArguments& arguments) {
  return refuse_rename(arguments, at_working_directory, arguments.address(0), at_working_directory,
                       arguments.address(1), 0);
}
CallResult renameat(const CallArguments& arguments) {
  return refuse_rename(arguments, arguments.integer(0), arguments.address(1), arguments.integer(2),
                       arguments.address(3), 0);
}
CallResult renameat2(const CallArguments& arguments) {
  return refuse_rename(arguments, arguments.integer(0), arguments.address(1), arguments.integer(2),
                       arguments.address(3), uint32_t(arguments.value[4]));
}

CallResult chmod(const CallArguments& arguments) {
  return refuse_place(arguments, place_here(arguments));
}
CallResult fchmod(const CallArguments& arguments) {
  return refuse_file(arguments);
}
CallResult fchmodat(const CallArguments& arguments) {
  return refuse_place(arguments, place_at(arguments, 0));
}
CallResult fchmodat2(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[3]);
  return flags & ~(at_no_follow | at_empty_path)
             ? CallResult(Errno::invalid)
             : refuse_place(arguments, place_at(arguments, flags));
}
CallResult chown(const CallArguments& arguments) {
  return refuse_place(arguments, place_here(arguments));
}
CallResult lchown(const CallArguments& arguments) {
  return refuse_place(arguments, place_here(arguments, LastLink::keep));
}
CallResult fchown(const CallArguments& arguments) {
  return refuse_file(arguments);
}
CallResult fchownat(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[4]);
  return flags & ~(at_no_follow | at_empty_path)
             ? CallResult(Errno::invalid)
             : refuse_place(arguments, place_at(arguments, flags));
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
  return status.is(mode_regular) ? Errno::read_only : Errno::invalid;
}

CallResult utimensat(const CallArguments& arguments) {
  struct Time {
    int64_t seconds;
    int64_t nanoseconds;
  };
  struct Times {
    Time accessed, modified;
  };
  constexpr int64_t now = 0x3fff'ffff;
  constexpr int64_t omit = 0x3fff'fffe;
  constexpr int64_t most = 999'999'999;
  const auto valid = [&](const Time& time) {
    return time.nanoseconds == now || time.nanoseconds == omit ||
           (time.nanoseconds >= 0 && time.nanoseconds <= most);
  };
  if (arguments.value[2] != 0) {
    BASE_TRY_ASSIGN(const Times times, read_user<Times>(arguments.address(2)));
    if (times.accessed.nanoseconds == omit && times.modified.nanoseconds == omit) {
      return uint64_t(0);
    }
    if (!valid(times.accessed) || !valid(times.modified)) {
      return Errno::invalid;
    }
  }
  const uint64_t flags = uint32_t(arguments.value[3]);
  if (arguments.value[1] == 0 && arguments.integer(0) != at_working_directory) {
    return flags != 0 ? CallResult(Errno::invalid) : refuse_file(arguments);
  }
  return flags & ~(at_no_follow | at_empty_path)
             ? CallResult(Errno::invalid)
             : refuse_place(arguments, place_at(arguments, flags));
}

// utime(), utimes(): the times themselves do not matter any more.
CallResult utimes(const CallArguments& arguments) {
  return refuse_place(arguments, place_here(arguments));
}

CallResult utime(const CallArguments& arguments) {
  return utimes(arguments);
}

CallResult fallocate(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  if (int64_t(arguments.value[2]) < 0 || int64_t(arguments.value[3]) <= 0) {
    return Errno::invalid;
  }
  return file->is_writable() ? Errno::not_supported : Errno::bad_descriptor;
}

}  // namespace kernel::calls
