#include "kernel/fd/initfs.h"

#include "kernel/memory/heap.h"

namespace kernel {

namespace {

InitfsIndex mounted;
// Where other schemes are mounted (mounts.h).
constexpr Text mount_points[] = {"dev", "proc", "scheme"};
constexpr size_t added = 1 + std::size(mount_points);
InitfsEntry empty_storage[added];

}  // namespace

const char* mount_initfs(std::span<const uint8_t> archive) {
  mounted.build({}, mount_points, empty_storage, added);
  uint64_t count = 0;
  if (const char* problem = check_archive(archive, count)) {
    return problem;
  }
  const size_t capacity = count + added;
  auto storage = heap_allocate(capacity * sizeof(InitfsEntry));
  if (!storage) {
    return "no memory for its index";
  }
  mounted.build(archive, mount_points, static_cast<InitfsEntry*>(storage.value()), capacity);
  return nullptr;
}

const InitfsIndex& initfs() {
  return mounted;
}

}  // namespace kernel
