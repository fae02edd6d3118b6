// user_memory.h: a small user space for tests of user copies, active while it lives: one page of
// text without terminators and one of zeroes, each with nothing mapped after it. Pages come on
// demand.
#pragma once

#include <cstdint>

#include "kernel/memory/user_space.h"

namespace kernel::test {

// Maps `size` bytes, whole pages, at `at`: zeroes, or what `file` holds.
[[nodiscard]] base::Status map_at(UserSpace& space, uint64_t at, uint64_t size, base::Access access,
                                  std::span<const uint8_t> file = {});

class UserMemory {
 public:
  static constexpr uint64_t text = 0x10000000;
  static constexpr uint64_t text_end = text + base::page_size;
  static constexpr uint64_t zeroes = 0x20000000;
  static constexpr uint64_t zeroes_end = zeroes + base::page_size;
  static constexpr uint64_t read_only = 0x30000000;  // text too
  static constexpr uint64_t read_only_end = read_only + base::page_size;

  // One string ends at text + string_end (and the same in read_only).
  static constexpr uint64_t string_end = 32;
  [[nodiscard]] static uint8_t text_at(uint64_t offset) {
    return offset == string_end ? 0 : uint8_t('A' + offset % 53);
  }

  UserMemory();
  ~UserMemory();
  UserMemory(const UserMemory&) = delete;
  UserMemory& operator=(const UserMemory&) = delete;

  // False: no memory.
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] UserSpace& space() { return *space_.value(); }

  // A digest of both writable pages; faults them in.
  [[nodiscard]] static uint64_t digest();

 private:
  base::Result<Ref<UserSpace>> space_;
  bool ready_ = false;
};

}  // namespace kernel::test
