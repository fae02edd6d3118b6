// mount_calls.cpp: mount and umount2: a scheme becomes a directory, or the root.
#include "kernel/scheme/mounts.h"
#include "kernel/scheme/registry.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"

namespace kernel::calls {

namespace {

constexpr int32_t no_directory = at_working_directory;

// The canonical path of the directory that an argument names. ENOTDIR.
Outcome<Ref<PathText>> fetch_directory(const CallArguments& arguments, unsigned index) {
  BASE_TRY_ASSIGN(Resolved found, fetch_place(arguments, {no_directory, arguments.address(index)}));
  BASE_TRY_ASSIGN(const FileStatus status, found.status_now());
  return status.is(mode_directory) && found.path ? Outcome<Ref<PathText>>(base::move(found.path))
                                                 : Outcome<Ref<PathText>>(Errno::not_directory);
}

}  // namespace

// mount(NAME, DIRECTORY, "scheme", flags, data): flags but MS_SILENT are EINVAL.
CallResult mount(const CallArguments& arguments) {
  constexpr uint64_t silent = 0x8000;
  BASE_TRY_ASSIGN(const auto type, fetch_path(arguments.address(2)));
  if (type->path() != "scheme") {
    return Errno::no_device;
  }
  if ((arguments.value[3] & ~silent) != 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const auto name, fetch_path(arguments.address(0)));
  Ref<Scheme> scheme = find_scheme(name->path());
  if (!scheme) {
    return Errno::no_entry;
  }
  if (scheme->walk() != Walk::parts) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(Ref<PathText> at, fetch_directory(arguments, 1));
  BASE_TRY_ASSIGN(const FileStatus root, scheme->status(""));
  if (!root.is(mode_directory)) {
    return Errno::not_directory;
  }
  return mount_scheme(base::move(at), base::move(scheme));
}

CallResult umount2(const CallArguments& arguments) {
  constexpr uint64_t known = 0xf;  // force, detach, expire, no-follow: there is nothing to wait for
  if ((arguments.value[1] & ~known) != 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Ref<PathText> at, fetch_directory(arguments, 0));
  return unmount_scheme(at->text());
}

}  // namespace kernel::calls
