// mounts.h: which scheme a canonical path belongs to.
//
//   /            initfs           /dev    dev, the devices' usual names
//   /proc        proc             /scheme the list of schemes; /scheme/NAME is the scheme NAME
#pragma once

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

}  // namespace kernel
