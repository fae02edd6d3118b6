#include "kernel/scheme/mounts.h"

#include "kernel/host/spin_lock.h"
#include "kernel/scheme/registry.h"

namespace kernel {

namespace {

// Set once at boot, and kept.
Scheme* scheme_list = nullptr;

struct FixedMount {
  Text at;
  Text scheme;
};
constexpr FixedMount fixed_mounts[] = {{"/dev", "dev"}, {"/proc", "proc"}};

constexpr Text list_path = "/scheme";

constexpr size_t max_mounts = 32;
SpinLock lock{LockRank::mounts};
// The oldest first, each with references.
struct Entry {
  PathText* at;
  Scheme* scheme;
} mounts[max_mounts] BASE_GUARDED_BY(lock);
size_t mount_count BASE_GUARDED_BY(lock) = 0;

bool is_under(Text path, Text at) {
  return path.starts_with(at) && (path.size() == at.size() || path[at.size()] == '/');
}

// Past the '/' after the first `size` bytes, if there is one.
size_t after(Text path, size_t size) {
  return path.size() > size ? size + 1 : size;
}

// The references are the caller's, who drops them without the lock.
Entry take_out(size_t index) BASE_REQUIRES(lock) {
  const Entry entry = mounts[index];
  --mount_count;
  for (size_t i = index; i < mount_count; ++i) {
    mounts[i] = mounts[i + 1];
  }
  return entry;
}

void drop(const Entry& entry) {
  entry.at->release();
  entry.scheme->release();
}

// Of what mount() mounted.
Located locate_mounted(Text path) {
  const base::Guard guard(lock);
  const Entry* best = nullptr;
  for (size_t i = 0; i < mount_count; ++i) {
    const Text at = mounts[i].at->text();
    if ((at == "/" || is_under(path, at)) &&
        (best == nullptr || at.size() >= best->at->text().size())) {
      best = &mounts[i];
    }
  }
  if (best == nullptr) {
    return {};
  }
  const Text at = best->at->text();
  return {Ref<Scheme>::share(*best->scheme), at == "/" ? 1 : after(path, at.size())};
}

}  // namespace

void mount_scheme_list(Ref<Scheme> list) {
  scheme_list = list.take();
}

Located locate_path(Text path) {
  for (const FixedMount& mount : fixed_mounts) {
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
  Located found = locate_mounted(path);
  return found.scheme ? base::move(found) : Located{find_scheme("initfs"), 1};
}

Outcome<> mount_scheme(Ref<PathText> at, Ref<Scheme> scheme) {
  if (is_under(at->text(), list_path)) {
    return Errno::busy;
  }
  for (const FixedMount& mount : fixed_mounts) {
    if (is_under(at->text(), mount.at)) {
      return Errno::busy;
    }
  }
  const base::Guard guard(lock);
  if (mount_count == max_mounts) {
    return Errno::no_space;
  }
  mounts[mount_count++] = {at.take(), scheme.take()};
  return {};
}

Outcome<> unmount_scheme(Text at) {
  Entry gone{};
  {
    const base::Guard guard(lock);
    for (size_t i = mount_count; i > 0 && gone.at == nullptr; --i) {
      if (mounts[i - 1].at->text() == at) {
        gone = take_out(i - 1);
      }
    }
  }
  if (gone.at == nullptr) {
    return Errno::invalid;
  }
  drop(gone);
  return {};
}

void forget_mounts(const Scheme& scheme) {
  for (;;) {
    Entry gone{};
    {
      const base::Guard guard(lock);
      for (size_t i = 0; i < mount_count && gone.at == nullptr; ++i) {
        if (mounts[i].scheme == &scheme) {
          gone = take_out(i);
        }
      }
    }
    if (gone.at == nullptr) {
      return;
    }
    drop(gone);
  }
}

Mounted mount_at(size_t index) {
  const base::Guard guard(lock);
  return index >= mount_count ? Mounted()
                              : Mounted{Ref<PathText>::share(*mounts[index].at),
                                        Ref<Scheme>::share(*mounts[index].scheme)};
}

}  // namespace kernel
