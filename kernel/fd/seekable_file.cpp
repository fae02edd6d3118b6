#include "kernel/fd/seekable_file.h"

namespace kernel {

Outcome<uint64_t> seek_target(uint64_t position, uint64_t size, int64_t offset, Whence whence) {
  int64_t origin = 0;
  switch (whence) {
    case Whence::start: break;
    case Whence::current: origin = int64_t(position); break;
    case Whence::end: origin = int64_t(size); break;
    case Whence::data:
    case Whence::hole:
      if (offset < 0 || uint64_t(offset) >= size) {
        return Errno::no_such_address;
      }
      return whence == Whence::data ? uint64_t(offset) : size;
    default: return Errno::invalid;
  }
  int64_t target = 0;
  if (__builtin_add_overflow(origin, offset, &target) || target < 0) {
    return Errno::invalid;
  }
  return uint64_t(target);
}

Outcome<uint64_t> SeekableFile::read(Sink& sink) {
  const base::Guard guard(position_lock_);
  BASE_TRY_ASSIGN(const uint64_t moved, read_at(sink, position_));
  position_ += moved;
  return moved;
}

Outcome<uint64_t> SeekableFile::write(Source& source) {
  const base::Guard guard(position_lock_);
  if (flags() & open_flag::append) {
    position_ = size();
  }
  BASE_TRY_ASSIGN(const uint64_t moved, write_at(source, position_));
  position_ += moved;
  return moved;
}

Outcome<uint64_t> SeekableFile::seek(int64_t offset, Whence whence) {
  const base::Guard guard(position_lock_);
  BASE_TRY_ASSIGN(position_, seek_target(position_, size(), offset, whence));
  return position_;
}

}  // namespace kernel
