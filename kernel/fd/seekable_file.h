// SeekableFile: files that have a position and a size: read(), write() and seek() by way of
// read_at() and write_at().
//
// One read, write or seek at a time uses the position (as on Linux). Lock: a mutex, held while the
// file transfers; the derived class's own locks rank below.
#pragma once

#include "kernel/fd/file.h"
#include "kernel/process/mutex.h"

namespace kernel {

class SeekableFile : public File {
 public:
  static constexpr uint64_t max_position = 0x7fff'ffff'ffff'ffff;

  Outcome<uint64_t> read(Sink& sink) override;
  Outcome<uint64_t> write(Source& source) override;
  Outcome<uint64_t> seek(int64_t offset, Whence whence) override;

 protected:
  using File::File;

  // Bytes. Only for seeking from the end.
  [[nodiscard]] virtual uint64_t size() const = 0;

 private:
  Mutex position_lock_;
  uint64_t position_ BASE_GUARDED_BY(position_lock_) = 0;
};

// The position that seek() asks for, in a file of `size` bytes without holes. EINVAL; ENXIO: data
// or a hole past the end.
[[nodiscard]] Outcome<uint64_t> seek_target(uint64_t position, uint64_t size, int64_t offset,
                                            Whence whence);

}  // namespace kernel
