// Access: which uses of a page are allowed, or attempted. MemoryType: how the CPU may cache it.
#pragma once

#include <stdint.h>

namespace base {

enum class Right : uint8_t { read = 1, write = 2, execute = 4, user = 8 };

// A set of rights. Value type, 1 byte.
class Access {
 public:
  constexpr Access() = default;
  constexpr Access(Right right) : bits_(uint8_t(right)) {}  // NOLINT: implicit on purpose
  static constexpr Access none() { return Access(); }
  static constexpr Access from_raw(uint8_t bits) {
    Access access;
    access.bits_ = bits & 15;
    return access;
  }

  [[nodiscard]] constexpr uint8_t raw() const { return bits_; }
  [[nodiscard]] constexpr bool has(Access other) const {
    return (bits_ & other.bits_) == other.bits_;
  }
  [[nodiscard]] constexpr bool any(Access other) const { return (bits_ & other.bits_) != 0; }
  [[nodiscard]] constexpr bool can_read() const { return has(Right::read); }
  [[nodiscard]] constexpr bool can_write() const { return has(Right::write); }
  [[nodiscard]] constexpr bool can_execute() const { return has(Right::execute); }
  [[nodiscard]] constexpr bool is_user() const { return has(Right::user); }
  [[nodiscard]] constexpr Access with(Access other) const {
    return from_raw(uint8_t(bits_ | other.bits_));
  }
  [[nodiscard]] constexpr Access without(Access other) const {
    return from_raw(uint8_t(bits_ & ~other.bits_));
  }
  [[nodiscard]] constexpr Access intersect(Access other) const {
    return from_raw(uint8_t(bits_ & other.bits_));
  }

  friend constexpr bool operator==(Access a, Access b) { return a.bits_ == b.bits_; }
  friend constexpr bool operator!=(Access a, Access b) { return a.bits_ != b.bits_; }
  friend constexpr Access operator|(Access a, Access b) { return a.with(b); }

 private:
  uint8_t bits_ = 0;
};

constexpr Access operator|(Right a, Right b) {
  return Access(a).with(b);
}

enum class MemoryType : uint8_t {
  write_back = 0,   // ordinary RAM
  write_combining,  // frame buffers (aarch64: Normal non-cacheable)
  uncached,         // x86_64: UC-; aarch64: Normal non-cacheable
  device,           // strongly ordered device registers (x86_64: UC; aarch64: Device-nGnRnE)
};

}  // namespace base
