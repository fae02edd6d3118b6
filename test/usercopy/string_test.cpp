// Strings and zero checks at every distance from the end of a mapping.
#include <catch2/catch.hpp>

#include <sys/mman.h>

#include <cstring>

#include "harness.h"
#include "usercopy/user_memory.h"

using base::Error;
using harness::holds;
using harness::page;
using harness::Pages;
using harness::user;

namespace {
constexpr size_t longest = 80;
}

TEST_CASE("string_length_is_exact_at_every_distance_from_the_end_of_a_mapping", "[string]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  uint8_t* hole = pages.begin() + page;
  for (size_t room = 0; room <= longest; ++room) {
    for (size_t length = 0; length <= longest; ++length) {
      uint8_t* at = hole - room;
      std::memset(hole - longest, 'x', longest);
      if (length < room) {
        at[length] = 0;
      }
      for (const size_t limit : {size_t{1}, length, length + 1, length + 7, size_t{4096}}) {
        if (limit == 0) {
          continue;
        }
        const auto result = usercopy::string_length(user(at), limit);
        if (length < room && length < limit) {
          REQUIRE(result.value() == length);
        } else if (limit <= room) {
          REQUIRE(result.error() == Error::limit_exceeded);
        } else {
          REQUIRE(result.error() == Error::fault);
        }
      }
    }
  }
}

TEST_CASE("a_string_is_copied_with_its_terminator_and_nothing_else", "[string]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  uint8_t* hole = pages.begin() + page;
  char target[longest + 32];
  for (size_t room = 0; room <= longest; ++room) {
    for (size_t length = 0; length <= longest; ++length) {
      uint8_t* at = hole - room;
      for (size_t i = 0; i < longest; ++i) {
        hole[-1 - std::ptrdiff_t(i)] = uint8_t('a' + i % 26);
      }
      if (length < room) {
        at[length] = 0;
      }
      for (const size_t size : {size_t{1}, size_t{8}, length + 1, length + 9, longest + 16}) {
        std::memset(target, 0x5a, sizeof target);
        const auto result = usercopy::copy_string_from_user(target + 8, user(at), size);
        REQUIRE(holds(reinterpret_cast<uint8_t*>(target), 8, 0x5a));
        REQUIRE(
            holds(reinterpret_cast<uint8_t*>(target) + 8 + size, sizeof target - 8 - size, 0x5a));
        if (length < room && length < size) {
          REQUIRE(result.value() == length);
          REQUIRE(std::memcmp(target + 8, at, length + 1) == 0);
          REQUIRE(
              holds(reinterpret_cast<uint8_t*>(target) + 8 + length + 1, size - length - 1, 0x5a));
        } else {
          REQUIRE(result.error() == (size <= room ? Error::limit_exceeded : Error::fault));
          REQUIRE(holds(reinterpret_cast<uint8_t*>(target) + 8, size, 0));
        }
      }
    }
  }
}

TEST_CASE("zero_check_finds_a_byte_anywhere_and_reads_no_further", "[string]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  uint8_t* hole = pages.begin() + page;
  for (size_t room = 1; room <= longest; ++room) {
    std::memset(hole - longest, 0, longest);
    REQUIRE(usercopy::is_zeroed_user(user(hole - room), room).value());
    REQUIRE(usercopy::is_zeroed_user(user(hole - room), room + 1).error() == Error::fault);
    for (size_t at = 0; at < room; ++at) {
      hole[std::ptrdiff_t(at) - std::ptrdiff_t(room)] = 0x80;
      REQUIRE(!usercopy::is_zeroed_user(user(hole - room), room).value());
      // The byte decides before the hole is reached.
      REQUIRE(!usercopy::is_zeroed_user(user(hole - room), room + 100).value());
      if (at > 0) {
        REQUIRE(usercopy::is_zeroed_user(user(hole - room), at).value());
      }
      hole[std::ptrdiff_t(at) - std::ptrdiff_t(room)] = 0;
    }
  }
}

TEST_CASE("bytes_with_the_top_bit_set_are_not_terminators", "[string]") {
  const Pages pages(1);
  for (unsigned byte = 1; byte < 256; ++byte) {
    std::memset(pages.begin(), int(byte), 64);
    pages.begin()[64] = 0;
    REQUIRE(usercopy::string_length(user(pages.begin()), 100).value() == 64);
  }
}
