// File: an open file (Linux's "open file description"): what descriptors refer to, shared by dup()
// and fork(). Counted; dies with its last reference, with no lock held.
//
// Every operation may block and may copy user memory (through Sink and Source), so none is called
// with a spin lock held. A wait that a signal ends is Errno::restart, or the part done so far. What
// an operation does not override gives the error Linux gives for files that cannot do it. The
// callers (system calls) have checked the descriptor's access mode.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/access.h"
#include "base/atomic.h"
#include "kernel/fd/attribute_change.h"
#include "kernel/fd/file_status.h"
#include "kernel/fd/open_flags.h"
#include "kernel/fd/path_text.h"
#include "kernel/fd/poll_events.h"
#include "kernel/fd/transfer.h"
#include "kernel/memory/ref.h"
#include "kernel/syscall/call.h"
#include "kernel/syscall/outcome.h"
#include "vm/object/memory_object.h"

namespace kernel {

class PollTable;
class UserSpace;

enum class Whence : uint8_t { start, current, end, data, hole };

struct DirectoryEntry {
  static constexpr size_t max_name = 255;

  char name[max_name + 1];
  size_t size = 0;
  uint64_t inode = 0;
  uint32_t mode = 0;  // the type counts

  // Longer names are cut.
  void set(Text text, uint64_t number, uint32_t type);
  [[nodiscard]] Text text() const { return {name, size}; }
};

// What mmap() asks of a file.
struct MapRequest {
  uint64_t offset;      // bytes, page aligned
  uint64_t size;        // bytes, > 0
  base::Access access;  // wanted now
  bool shared;
};

// What it gets: pages of `object` from `first` on. No object: fresh anonymous memory (as /dev/zero
// gives), private or shared as was asked for.
struct FileMapping {
  vm::ObjectRef object;
  vm::ObjectPage first;
};

class File : public RefCounted<File> {
 public:
  virtual ~File() = default;

  // ---- Flags and name

  // Access mode and status flags, as F_GETFL gives them.
  [[nodiscard]] uint32_t flags() const { return flags_.load<base::Order::relaxed>(); }
  [[nodiscard]] bool is_readable() const {
    return !(flags() & open_flag::path_only) &&
           (flags() & open_flag::access_mode) != open_flag::write_only;
  }
  [[nodiscard]] bool is_writable() const {
    return !(flags() & open_flag::path_only) &&
           (flags() & open_flag::access_mode) != open_flag::read_only;
  }
  [[nodiscard]] bool is_nonblocking() const { return flags() & open_flag::nonblock; }
  // Sets the open_flag::settable ones.
  void set_status_flags(uint32_t flags);

  // The path it was opened by, nullptr without one. Set once, before others see the file.
  [[nodiscard]] const Ref<PathText>& path() const { return path_; }
  void set_path(Ref<PathText> path) { path_ = base::move(path); }
  // What /proc/PID/fd/N leads to: the path, or "pipe:[7]". Returns its length, cut to `capacity`.
  [[nodiscard]] virtual size_t describe(char* text, size_t capacity) const;

  // ---- Transfers. The value is the number of bytes moved; an error only when none did.

  // At the file's own position, if it has one. 0: end of file. EINVAL.
  virtual Outcome<uint64_t> read(Sink& sink);
  virtual Outcome<uint64_t> write(Source& source);
  // Elsewhere; ESPIPE for files without positions.
  virtual Outcome<uint64_t> read_at(Sink& sink, uint64_t position);
  virtual Outcome<uint64_t> write_at(Source& source, uint64_t position);
  // The new position. ESPIPE.
  virtual Outcome<uint64_t> seek(int64_t offset, Whence whence);
  // The next entry of a directory, false after the last. ENOTDIR. `position` is opaque, 0 at the
  // start, and is left alone when this fails.
  virtual Outcome<bool> next_entry(uint64_t& position, DirectoryEntry& entry);
  // The position for next_entry(), which whoever lists takes and puts back. ENOTDIR.
  virtual Outcome<uint64_t> list_position();
  virtual void set_list_position(uint64_t) {}

  // ---- Everything else

  virtual Outcome<FileStatus> status() = 0;
  // The poll events that hold now; first puts the queues that are woken when they change on
  // `table`.
  [[nodiscard]] virtual uint32_t poll(PollTable* table);
  // ENOTTY.
  virtual CallResult ioctl(uint32_t request, uint64_t argument);
  // What fcntl() does not know for all files. EINVAL.
  virtual CallResult control(int32_t command, uint64_t argument);
  // ENODEV. The caller has compared the request with the access mode.
  virtual Outcome<FileMapping> map(const MapRequest& request);
  // All of its bytes, if they are in memory and never change or go away; else none.
  [[nodiscard]] virtual std::span<const uint8_t> constant_bytes() const { return {}; }
  // A new file derived from this one by name (system call dup_named). EINVAL: no such name.
  virtual Outcome<Ref<File>> dup_named(Text name, uint32_t flags);
  // The address space that this is a descriptor of; no reference: it is none's.
  [[nodiscard]] virtual Ref<UserSpace> address_space() const;
  // EINVAL.
  virtual Outcome<> set_size(uint64_t size);
  virtual Outcome<> sync();
  // EROFS.
  virtual Outcome<> set_attributes(const AttributeChange& change);
  // Whether it may go to another process through a scheme.
  [[nodiscard]] virtual bool may_be_passed() const { return true; }
  // Asks what poll() is to say, where that takes asking: before the first poll() of a wait, by the
  // waiting thread, which may block. EINTR: a signal.
  virtual Outcome<> prepare_poll(uint32_t) { return {}; }

 protected:
  // Of `flags`, what open_flag::transient names is dropped.
  explicit File(uint32_t flags) : flags_(flags & ~open_flag::transient) {}

 private:
  base::Atomic<uint32_t> flags_;
  Ref<PathText> path_;
};

}  // namespace kernel
