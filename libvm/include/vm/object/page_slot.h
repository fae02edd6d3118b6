// PageSlot: one word of a PageIndex: what an object knows of a page.
#pragma once

#include <stdint.h>

#include "base/address.h"

namespace vm {

class PageSlot {
 public:
  enum class Kind : uint8_t {
    empty = 0,      // nothing; new or to be asked for
    resident = 1,   // frame()
    requested = 2,  // its pager owes it, asked as ticket()
    failed = 3,     // its pager could not give it; the next who asks is told so
  };

  constexpr PageSlot() = default;
  explicit constexpr PageSlot(uint64_t word) : word_(word) {}
  static constexpr PageSlot of_frame(base::Pfn frame) {
    return PageSlot(frame.raw() << shift | uint64_t(Kind::resident));
  }
  static constexpr PageSlot of_request(uint64_t ticket) {
    return PageSlot(ticket << shift | uint64_t(Kind::requested));
  }
  static constexpr PageSlot of_failure() { return PageSlot(uint64_t(Kind::failed)); }

  [[nodiscard]] constexpr uint64_t word() const { return word_; }
  [[nodiscard]] constexpr Kind kind() const { return Kind(word_ & 3); }
  [[nodiscard]] constexpr bool is_empty() const { return word_ == 0; }
  [[nodiscard]] constexpr bool is_resident() const { return kind() == Kind::resident; }
  [[nodiscard]] constexpr bool is_requested() const { return kind() == Kind::requested; }
  // Only if resident.
  [[nodiscard]] constexpr base::Pfn frame() const { return base::Pfn(word_ >> shift); }
  // Only if requested.
  [[nodiscard]] constexpr uint64_t ticket() const { return word_ >> shift; }

  // A resident page that the pager is writing back: it stays in memory until that is done.
  [[nodiscard]] constexpr bool is_writing() const { return (word_ & writing_bit) != 0; }
  [[nodiscard]] constexpr PageSlot with_writing() const { return PageSlot(word_ | writing_bit); }
  [[nodiscard]] constexpr PageSlot without_writing() const {
    return PageSlot(word_ & ~writing_bit);
  }

 private:
  static constexpr uint64_t writing_bit = 4;
  static constexpr unsigned shift = 8;
  uint64_t word_ = 0;
};

}  // namespace vm
