// Every size, alignment and fault offset, on both sides, for the variant under test.
#include <catch2/catch.hpp>

#include <sys/mman.h>

#include <cstring>
#include <memory>

#include "harness.h"
#include "usercopy/primitives.h"
#include "usercopy/user_memory.h"

using harness::fill;
using harness::holds;
using harness::page;
using harness::Pages;
using harness::user;
using usercopy::CopyResult;
using usercopy::Fault;

namespace {

constexpr size_t largest = 256;
constexpr size_t alignments = 16;
constexpr uint8_t canary = 0xa5;

// A primitive and the sizes it takes.
struct Routine {
  const char* name;
  size_t (*copy)(void*, const void*, size_t);
  size_t smallest;
};

constexpr Routine from_routines[] = {{"bulk", usercopy_from_user_bulk, 1},
                                     {"steps", usercopy_from_user_steps, 64},
                                     {"user to user", usercopy_user_to_user, 1}};
constexpr Routine to_routines[] = {{"bulk", usercopy_to_user_bulk, 1},
                                   {"steps", usercopy_to_user_steps, 64},
                                   {"user to user", usercopy_user_to_user, 1}};

// Copies [from, from + size) to [to, to + size) of which only the first `good` bytes can be
// accessed, and says what is wrong, or nullptr. `window`: memory around `to` that may be looked at.
const char* copy_and_check(const Routine& routine, uint8_t* to, const uint8_t* from, size_t size,
                           size_t good, const uint8_t* window, size_t window_size) {
  std::memset(const_cast<uint8_t*>(window), canary, window_size);
  const size_t copied = routine.copy(to, from, size);
  if (copied != good) {
    return "wrong count";
  }
  if (std::memcmp(to, from, good) != 0) {
    return "wrong bytes";
  }
  const size_t before = size_t(to - window);
  if (!holds(window, before, canary)) {
    return "wrote before the buffer";
  }
  // A step that is replayed may have stored bytes past the count, never past the size.
  const size_t end = before + (size < window_size - before ? size : window_size - before);
  if (!holds(window + end, window_size - end, canary)) {
    return "wrote past the buffer";
  }
  return nullptr;
}

}  // namespace

TEST_CASE("copies_move_every_size_at_every_alignment", "[copy]") {
  alignas(16) static uint8_t source[largest + 64];
  alignas(16) static uint8_t target[largest + 64];
  fill(source, sizeof source, 1);
  for (const auto& routines : {from_routines, to_routines}) {
    for (const Routine* routine = routines; routine != routines + 3; ++routine) {
      for (size_t size = routine->smallest; size <= largest; ++size) {
        for (size_t from = 0; from < alignments; ++from) {
          for (size_t to = 0; to < alignments; ++to) {
            const char* wrong = copy_and_check(*routine, target + 16 + to, source + from, size,
                                               size, target, sizeof target);
            if (wrong != nullptr) {
              FAIL(routine->name << " size " << size << " from +" << from << " to +" << to << ": "
                                 << wrong);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("copies_from_user_stop_at_the_exact_byte_that_cannot_be_read", "[copy]") {
  const Pages pages(2);
  fill(pages.begin(), page, 2);
  pages.protect(1, PROT_NONE);
  const uint8_t* hole = pages.begin() + page;
  alignas(16) static uint8_t target[largest + 64];
  const uint64_t faults_before = harness::fault_count();
  for (const Routine& routine : from_routines) {
    for (size_t size = routine.smallest; size <= largest; ++size) {
      for (size_t good = 0; good < size; ++good) {
        for (size_t to = 0; to < alignments; ++to) {
          const char* wrong = copy_and_check(routine, target + 16 + to, hole - good, size, good,
                                             target, sizeof target);
          if (wrong != nullptr) {
            FAIL(routine.name << " size " << size << " readable " << good << " to +" << to << ": "
                              << wrong);
          }
        }
      }
    }
  }
  REQUIRE(harness::fault_count() > faults_before);
}

TEST_CASE("copies_to_user_stop_at_the_exact_byte_that_cannot_be_written", "[copy]") {
  const Pages pages(2);
  pages.protect(1, PROT_READ);
  uint8_t* wall = pages.begin() + page;
  alignas(16) static uint8_t source[largest + 64];
  fill(source, sizeof source, 3);
  for (const Routine& routine : to_routines) {
    for (size_t size = routine.smallest; size <= largest; ++size) {
      for (size_t good = 0; good < size; ++good) {
        for (size_t from = 0; from < alignments; ++from) {
          uint8_t* window = wall - good - 32;
          const char* wrong =
              copy_and_check(routine, wall - good, source + from, size, good, window, good + 32);
          if (wrong != nullptr) {
            FAIL(routine.name << " size " << size << " writable " << good << " from +" << from
                              << ": " << wrong);
          }
        }
      }
    }
  }
  REQUIRE(holds(wall, page, 0));
}

TEST_CASE("copy_between_users_stops_at_whichever_side_fails_first", "[copy]") {
  const Pages source(2);
  const Pages target(2);
  source.protect(1, PROT_NONE);
  target.protect(1, PROT_NONE);
  fill(source.begin(), page, 4);
  for (size_t readable = 0; readable <= 80; ++readable) {
    for (size_t writable = 0; writable <= 80; ++writable) {
      const size_t good = readable < writable ? readable : writable;
      uint8_t* to = target.begin() + page - writable;
      const uint8_t* from = source.begin() + page - readable;
      std::memset(target.begin() + page - 128, 0, 128);
      const CopyResult result = usercopy::copy_user_to_user(user(to), user(from), 81);
      REQUIRE(result.copied == good);
      REQUIRE(result.fault == Fault::refused);
      REQUIRE(std::memcmp(to, from, good) == 0);
      REQUIRE(holds(to + good, writable - good, 0));
    }
  }
}

TEST_CASE("a_failed_copy_from_user_zeroes_the_rest_of_the_buffer", "[copy]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  fill(pages.begin(), page, 5);
  uint8_t target[1100];
  for (const size_t size : {size_t{1}, size_t{7}, size_t{64}, size_t{127}, size_t{128}, size_t{200},
                            size_t{256}, size_t{384}, size_t{385}, size_t{1024}}) {
    for (size_t good = 0; good < size; ++good) {
      std::memset(target, canary, sizeof target);
      const uint8_t* from = pages.begin() + page - good;
      const CopyResult result = usercopy::copy_from_user(target + 8, user(from), size);
      REQUIRE(result.copied == good);
      REQUIRE(result.fault == Fault::refused);
      REQUIRE(std::memcmp(target + 8, from, good) == 0);
      REQUIRE(holds(target + 8 + good, size - good, 0));
      REQUIRE(holds(target, 8, canary));
      REQUIRE(holds(target + 8 + size, sizeof target - 8 - size, canary));
    }
  }
}

TEST_CASE("large_copies_are_exact_at_page_edges", "[copy]") {
  const Pages pages(20);
  const auto kernel = std::make_unique<uint8_t[]>(20 * page);
  for (size_t bad = 0; bad < 20; ++bad) {
    fill(pages.begin(), 20 * page, unsigned(bad));
    fill(kernel.get(), 20 * page, unsigned(bad) + 100);
    pages.protect(bad, PROT_NONE);
    for (const size_t start : {size_t{0}, size_t{1}, size_t{8}, size_t{4089}, size_t{4095}}) {
      const size_t good = bad * page > start ? bad * page - start : 0;
      const size_t size = 18 * page - 3;
      const size_t expected = good < size ? good : size;
      if (bad == 0 && start != 0) {
        continue;
      }
      const CopyResult in =
          usercopy::copy_from_user(kernel.get(), user(pages.begin() + start), size);
      REQUIRE(in.copied == expected);
      REQUIRE(in.ok() == (expected == size));
      REQUIRE(std::memcmp(kernel.get(), pages.begin() + start, expected) == 0);
      REQUIRE(holds(kernel.get() + expected, size - expected, 0));
      fill(kernel.get(), size, unsigned(bad) + 200);
      const CopyResult out =
          usercopy::copy_to_user(user(pages.begin() + start), kernel.get(), size);
      REQUIRE(out.copied == expected);
      REQUIRE(std::memcmp(kernel.get(), pages.begin() + start, expected) == 0);
    }
    pages.protect(bad, PROT_READ | PROT_WRITE);
  }
}

TEST_CASE("clear_writes_zeroes_up_to_the_exact_byte_that_cannot_be_written", "[copy]") {
  const Pages pages(2);
  pages.protect(1, PROT_READ);
  uint8_t* wall = pages.begin() + page;
  for (size_t size = 1; size <= largest; ++size) {
    for (size_t good = 0; good <= size + 16; ++good) {
      std::memset(wall - 300, canary, 300);
      const size_t expected = good < size ? good : size;
      const CopyResult result = usercopy::clear_user(user(wall - good), size);
      REQUIRE(result.copied == expected);
      REQUIRE(result.ok() == (expected == size));
      REQUIRE(holds(wall - good, expected, 0));
      REQUIRE(holds(wall - good + expected, good - expected, canary));
      REQUIRE(holds(wall - 300, 300 - good, canary));
    }
  }
}

TEST_CASE("length_zero_succeeds_at_any_address_and_touches_nothing", "[copy]") {
  uint8_t byte = canary;
  for (const uint64_t address : {uint64_t{0}, uint64_t{1}, usercopy_limit - 1, usercopy_limit,
                                 uint64_t{1} << 63, ~uint64_t{0}}) {
    const base::UserAddr at(address);
    REQUIRE(usercopy::copy_from_user(&byte, at, 0).ok());
    REQUIRE(usercopy::copy_to_user(at, &byte, 0).ok());
    REQUIRE(usercopy::copy_user_to_user(at, at, 0).ok());
    REQUIRE(usercopy::clear_user(at, 0).ok());
    REQUIRE(usercopy::is_zeroed_user(at, 0).value());
    REQUIRE(byte == canary);
  }
}

// The limit is moved into the middle of mapped memory: what is behind it stands for the kernel.
TEST_CASE("no_access_reaches_past_the_user_limit", "[range]") {
  const Pages pages(4);
  std::memset(pages.begin(), canary, 4 * page);
  pages.protect(1, PROT_NONE);  // the unmapped page at the limit
  const uint64_t limit = reinterpret_cast<uint64_t>(pages.begin() + page);
  const uint64_t saved = usercopy_limit;
  usercopy_limit = limit;
  uint8_t kernel[600];
  const uint64_t tag = uint64_t{0xa5} << 56;
  for (const uint64_t address :
       {limit, limit + 1, limit + page, limit + 2 * page, tag | (limit - 64), ~uint64_t{0},
        uint64_t{1} << 47, uint64_t{1} << 63, uint64_t{0xffff800000000000}}) {
    for (const size_t size : {size_t{1}, size_t{8}, size_t{64}, size_t{300}, size_t{600}}) {
      const base::UserAddr at(address);
      REQUIRE(usercopy::copy_from_user(kernel, at, size).copied == 0);
      REQUIRE(holds(kernel, size, 0));
      REQUIRE(usercopy::copy_to_user(at, kernel, size).copied == 0);
      REQUIRE(usercopy::clear_user(at, size).copied == 0);
      REQUIRE(usercopy::copy_user_to_user(at, user(pages.begin()), size).copied == 0);
      REQUIRE(usercopy::copy_user_to_user(user(pages.begin()), at, size).copied == 0);
      REQUIRE(usercopy::load_user<uint64_t>(at).error() == base::Error::fault);
      REQUIRE(usercopy::store_user<uint64_t>(at, 1).error() == base::Error::fault);
      REQUIRE(usercopy::string_length(at, size).error() == base::Error::fault);
    }
  }
  // From below the limit across it: exact, and a length that would wrap changes nothing.
  REQUIRE(usercopy::copy_to_user(base::UserAddr(limit - 10), kernel, 600).copied == 10);
  REQUIRE(usercopy::clear_user(base::UserAddr(limit - 5), ~size_t{0}).copied == 5);
  REQUIRE(usercopy::clear_user(base::UserAddr(limit - 5), ~size_t{0} - 3).copied == 5);
  REQUIRE(holds(pages.begin() + 2 * page, 2 * page, canary));
  usercopy_limit = saved;
}
