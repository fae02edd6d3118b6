#include "kernel/fd/directory_file.h"

#include "kernel/fd/seekable_file.h"

namespace kernel {

namespace {
constexpr uint64_t dots = 2;  // positions 0 and 1
}

Outcome<uint64_t> DirectoryFile::read(Sink&) {
  return Errno::is_directory;
}
Outcome<uint64_t> DirectoryFile::read_at(Sink&, uint64_t) {
  return Errno::is_directory;
}

Outcome<uint64_t> DirectoryFile::seek(int64_t offset, Whence whence) {
  if (whence != Whence::start && whence != Whence::current) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const uint64_t target,
                  seek_target(position_.load<base::Order::relaxed>(), 0, offset, whence));
  set_list_position(target);
  return target;
}

Outcome<bool> DirectoryFile::next_entry(uint64_t& position, DirectoryEntry& entry) {
  if (position < dots) {
    BASE_TRY_ASSIGN(const FileStatus own, status());
    entry.set(position == 0 ? "." : "..", own.inode, mode_directory);
    ++position;
    return true;
  }
  uint64_t child = position - dots;
  BASE_TRY_ASSIGN(const bool found, next_child(child, entry));
  if (found) {
    position = child + dots;
  }
  return found;
}

}  // namespace kernel
