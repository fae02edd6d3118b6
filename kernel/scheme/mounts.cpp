#include "kernel/scheme/mounts.h"

#include "kernel/scheme/registry.h"

namespace kernel {

namespace {

// Set once at boot, and kept.
Scheme* scheme_list = nullptr;

struct Mount {
  Text at;
  Text scheme;
};
constexpr Mount mounts[] = {{"/dev", "dev"}, {"/proc", "proc"}};

constexpr Text list_path = "/scheme";

bool is_under(Text path, Text at) {
  return path.starts_with(at) && (path.size() == at.size() || path[at.size()] == '/');
}

// Past the '/' after the first `size` bytes, if there is one.
size_t after(Text path, size_t size) {
  return path.size() > size ? size + 1 : size;
}

}  // namespace

void mount_scheme_list(Ref<Scheme> list) {
  scheme_list = list.take();
}

Located locate_path(Text path) {
  for (const Mount& mount : mounts) {
    if (is_under(path, mount.at)) {
      return {find_scheme(mount.scheme), after(path, mount.at.size())};
    }
  }
  if (is_under(path, list_path)) {
    const size_t start = after(path, list_path.size());
    const Text name = path.substr(start, path.find('/', start) - start);
    if (Ref<Scheme> scheme = name.empty() ? Ref<Scheme>() : find_scheme(name)) {
      return {base::move(scheme), after(path, start + name.size())};
    }
    return {Ref<Scheme>::share(*scheme_list), start};
  }
  return {find_scheme("initfs"), 1};
}

}  // namespace kernel
