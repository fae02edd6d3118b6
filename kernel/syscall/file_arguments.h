// file_arguments.h: what calls on files find in their arguments: descriptors, paths, buffers.
//
// Everything is fetched once into kernel memory and checked there. Called on the thread whose
// memory and files are meant, with no lock held.
#pragma once

#include "kernel/fd/file_table.h"
#include "kernel/scheme/path_walk.h"
#include "kernel/syscall/call.h"

namespace kernel {

inline constexpr int32_t at_working_directory = -100;
inline constexpr uint64_t at_no_follow = 0x100;
inline constexpr uint64_t at_empty_path = 0x1000;

// Bytes a transfer moves at most, as on Linux.
inline constexpr uint64_t max_transfer = 0x7fff'f000;

[[nodiscard]] FileTable& files_of(const CallArguments& arguments);
// RLIMIT_NOFILE.
[[nodiscard]] uint32_t file_limit(const CallArguments& arguments);

// The open file whose number is argument `index`. EBADF.
[[nodiscard]] Outcome<Ref<File>> fetch_file(const CallArguments& arguments, unsigned index = 0);
// The same, not for files that are open by path only, which have no operations. EBADF.
[[nodiscard]] Outcome<Ref<File>> fetch_real_file(const CallArguments& arguments,
                                                 unsigned index = 0);

// A path in the heap.
struct PathBuffer {
  size_t size = 0;
  char text[max_path];

  [[nodiscard]] Text path() const { return {text, size}; }
};
// EFAULT, ENAMETOOLONG, ENOMEM; an empty one is none.
[[nodiscard]] Outcome<Owned<PathBuffer>> fetch_path(base::UserAddr from);

// Where a path starts that is relative to the descriptor `directory` (or at_working_directory).
// EBADF, ENOTDIR: only if it is relative.
[[nodiscard]] Outcome<Ref<PathText>> base_directory(const CallArguments& arguments,
                                                    int32_t directory, Text path);

// What a path argument names; with `empty` allowed, an empty path is the descriptor itself.
enum class EmptyPath : uint8_t { refused, descriptor };
struct Place {
  int32_t directory;
  base::UserAddr path;
  LastLink last = LastLink::follow;
  EmptyPath empty = EmptyPath::refused;
};
[[nodiscard]] Outcome<Resolved> fetch_place(const CallArguments& arguments, const Place& place);
// What an open file is, as if by its path.
[[nodiscard]] Outcome<Resolved> place_of(Ref<File> file);

// One user buffer as the segments of a Sink or Source. EFAULT.
[[nodiscard]] Outcome<Segment> fetch_buffer(base::UserAddr at, uint64_t size);

// The iovec array of readv() and its like; the sum is cut to max_transfer.
class SegmentList {
 public:
  // EINVAL: more than 1024, or a negative size; EFAULT; ENOMEM.
  [[nodiscard]] Outcome<> fetch(base::UserAddr from, uint64_t count);
  SegmentList() = default;
  SegmentList(const SegmentList&) = delete;
  SegmentList& operator=(const SegmentList&) = delete;
  ~SegmentList() { heap_free(allocated_); }

  [[nodiscard]] std::span<const Segment> segments() const { return {segments_, count_}; }

 private:
  static constexpr size_t few = 8;
  Segment inline_[few];
  Segment* segments_ = inline_;
  size_t count_ = 0;
  void* allocated_ = nullptr;
};

}  // namespace kernel
