// mounts.h: which scheme a canonical path belongs to.
//
//   /dev     dev, the devices' usual names        /proc    proc
//   /scheme  the list of schemes; /scheme/NAME is the scheme NAME
//   what was mounted by mount(), the longest path first
//   /        what was mounted there, else initfs
//
// Lock: a spin lock, leaf; schemes are not called under it.
#pragma once

#include "kernel/fd/path_text.h"
#include "kernel/scheme/scheme.h"

namespace kernel {

struct Located {
  Ref<Scheme> scheme;
  size_t rest_start;  // where its part begins in the path
};

// `path` is canonical. No scheme: nothing is mounted there. What it names need not exist.
[[nodiscard]] Located locate_path(Text path);

// The scheme of "/scheme" itself, which is not registered.
void mount_scheme_list(Ref<Scheme> list);

// From now on `at`, a canonical path, and what is below it belong to `scheme`, until it is mounted
// no more or ends. Several mounts of one place: the latest counts. EBUSY: nothing can be mounted
// there; ENOSPC: too many.
[[nodiscard]] Outcome<> mount_scheme(Ref<PathText> at, Ref<Scheme> scheme);
// Takes the latest mount of `at` away. EINVAL: there is none.
[[nodiscard]] Outcome<> unmount_scheme(Text at);
// Takes every mount of `scheme` away: it has ended.
void forget_mounts(const Scheme& scheme);

// The mount at `index`, for lists. No scheme: there are no more.
struct Mounted {
  Ref<PathText> at;
  Ref<Scheme> scheme;
};
[[nodiscard]] Mounted mount_at(size_t index);

}  // namespace kernel
