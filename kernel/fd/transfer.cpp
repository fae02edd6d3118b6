#include "kernel/fd/transfer.h"

#include <cstring>

#include "kernel/memory/quick_access.h"
#include "usercopy/user_slice.h"

namespace kernel {

Transfer::Transfer(Side side, std::span<const Segment> segments)
    : segments_(segments), side_(side) {
  for (const Segment& segment : segments) {
    remaining_ += segment.size;
  }
}

Transfer::Transfer(const void* kernel, size_t size)
    : segments_(&single_, 1),
      single_{reinterpret_cast<uint64_t>(kernel), size},
      remaining_(size),
      side_(Side::kernel) {}

Segment Transfer::next_user_piece() {
  if (side_ == Side::kernel || remaining_ == 0) {
    return {};
  }
  skip_finished();
  return {segments_.front().base + offset_, segments_.front().size - offset_};
}

size_t Sink::skip(size_t size) {
  return advance(size, [](uint64_t, size_t, size_t count) { return count; });
}

size_t Sink::put(std::span<const uint8_t> bytes) {
  return advance(bytes.size(), [&](uint64_t to, size_t done, size_t count) -> size_t {
    if (side_ == Side::kernel) {
      memcpy(reinterpret_cast<void*>(to), bytes.data() + done, count);
      return count;
    }
    check_no_lock_is_held();
    return usercopy::copy_to_user(base::UserAddr(to), bytes.data() + done, count).copied;
  });
}

size_t Sink::put_zeroes(size_t size) {
  return advance(size, [&](uint64_t to, size_t, size_t count) -> size_t {
    if (side_ == Side::kernel) {
      memset(reinterpret_cast<void*>(to), 0, count);
      return count;
    }
    check_no_lock_is_held();
    return usercopy::clear_user(base::UserAddr(to), count).copied;
  });
}

size_t Source::get(std::span<uint8_t> bytes) {
  return advance(bytes.size(), [&](uint64_t from, size_t done, size_t count) -> size_t {
    if (side_ == Side::kernel) {
      memcpy(bytes.data() + done, reinterpret_cast<const void*>(from), count);
      return count;
    }
    check_no_lock_is_held();
    return usercopy::copy_from_user(bytes.data() + done, base::UserAddr(from), count).copied;
  });
}

size_t Source::skip(size_t size) {
  return advance(size, [](uint64_t, size_t, size_t count) { return count; });
}

}  // namespace kernel
