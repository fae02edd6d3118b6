// usercopy_tests.cpp: libusercopy against real address spaces: demand paging is invisible to a
// copy, and everything else ends it at the very byte.
#include <cstring>

#include "kernel/log/format.h"
#include "test/ktest/ktest.h"
#include "test/ktest/user_memory.h"
#include "usercopy/user_memory.h"

namespace kernel::test {

namespace {

using base::Right;
using base::UserAddr;
using usercopy::clear_user;
using usercopy::copy_from_user;
using usercopy::copy_to_user;
using usercopy::copy_user_to_user;
using usercopy::CopyResult;

constexpr uint64_t page = base::page_size;

uint8_t buffer[2 * page];
uint8_t back[2 * page];

bool all_are(const uint8_t* bytes, size_t size, uint8_t value) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != value) {
      return false;
    }
  }
  return true;
}

bool is_text(const uint8_t* bytes, uint64_t offset, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != UserMemory::text_at(offset + i)) {
      return false;
    }
  }
  return true;
}

bool stopped_at(CopyResult result, size_t copied) {
  return !result.ok() && result.copied == copied;
}

// Two pages of zeroes, the second one with other rights.
constexpr uint64_t pair = 0x50000000;

base::VpnRange pair_page(uint64_t index) {
  return base::VpnRange::of(UserAddr(pair + index * page).page(), base::PageCount(1));
}

bool map_pair(UserSpace& space, base::Access second) {
  return map_at(space, pair, 2 * page, Right::read | Right::write).ok() &&
         space.vm().protect(pair_page(1), second).ok();
}

// Sizes on both sides of where the copies change their method.
constexpr size_t sizes[] = {1, 7, 8, 63, 64, 65, 127, 128, 129, 200, 384, 385, 1000, page};

Verdict copies_bring_untouched_pages_in() {
  for (const size_t size : sizes) {
    UserMemory memory;
    KTEST_CHECK(memory.ready(), "no memory");
    memset(buffer, 0xee, sizeof(buffer));
    KTEST_CHECK(copy_from_user(buffer, UserAddr(UserMemory::text), size).ok(), "refused");
    KTEST_CHECK(is_text(buffer, 0, size) && buffer[size] == 0xee, "wrong bytes");
    KTEST_CHECK(memory.space().resident_pages() == 1, "one page read, another number came in");
    KTEST_CHECK(copy_to_user(UserAddr(UserMemory::zeroes_end - size), buffer, size).ok(),
                "refused a write");
    KTEST_CHECK(memory.space().resident_pages() == 2, "one page written, another number came in");
    KTEST_CHECK(copy_from_user(back, UserAddr(UserMemory::zeroes), page).ok(), "refused");
    KTEST_CHECK(all_are(back, page - size, 0) && is_text(back + page - size, 0, size),
                "a write went elsewhere");
  }
  return passed;
}

Verdict copies_between_untouched_pages() {
  UserMemory memory;
  KTEST_CHECK(memory.ready(), "no memory");
  const UserAddr to(UserMemory::zeroes + 3);
  KTEST_CHECK(copy_user_to_user(to, UserAddr(UserMemory::read_only + 1), 1000).ok(), "refused");
  KTEST_CHECK(copy_from_user(back, UserAddr(UserMemory::zeroes), page).ok(), "refused");
  KTEST_CHECK(is_text(back + 3, 1, 1000), "wrong bytes");
  KTEST_CHECK(clear_user(UserAddr(UserMemory::text), page).ok(), "clearing was refused");
  KTEST_CHECK(copy_from_user(back, UserAddr(UserMemory::text), page).ok(), "refused");
  KTEST_CHECK(all_are(back, page, 0), "clearing left something");
  memory.space().check();
  return passed;
}

// Every distance from the end of a mapping, for the sizes that all methods have.
Verdict reads_stop_at_the_end_of_a_mapping() {
  UserMemory memory;
  KTEST_CHECK(memory.ready(), "no memory");
  for (const size_t size : {size_t(40), size_t(200), size_t(600)}) {
    for (size_t before = 0; before < size; ++before) {
      memset(buffer, 0xee, size + 1);
      KTEST_CHECK(
          stopped_at(copy_from_user(buffer, UserAddr(UserMemory::text_end - before), size), before),
          "wrong count");
      KTEST_CHECK(is_text(buffer, page - before, before), "wrong bytes before the fault");
      KTEST_CHECK(all_are(buffer + before, size - before, 0), "the rest is not zeroed");
      KTEST_CHECK(buffer[size] == 0xee, "written past the buffer");
    }
  }
  return passed;
}

Verdict writes_stop_at_the_end_of_a_mapping() {
  UserMemory memory;
  KTEST_CHECK(memory.ready(), "no memory");
  memset(buffer, 0xab, sizeof(buffer));
  for (const size_t size : {size_t(40), size_t(200), size_t(600)}) {
    for (size_t before = 0; before < size; ++before) {
      const UserAddr at(UserMemory::zeroes_end - before);
      KTEST_CHECK(clear_user(UserAddr(UserMemory::zeroes), page).ok(), "clearing was refused");
      KTEST_CHECK(stopped_at(copy_to_user(at, buffer, size), before), "wrong count");
      KTEST_CHECK(copy_from_user(back, UserAddr(UserMemory::zeroes), page).ok(), "refused");
      KTEST_CHECK(all_are(back + page - before, before, 0xab), "wrong bytes before the fault");
      KTEST_CHECK(all_are(back, page - before, 0), "written below the buffer");
      KTEST_CHECK(stopped_at(clear_user(at, size), before), "clearing has a wrong count");
      KTEST_CHECK(stopped_at(copy_user_to_user(at, UserAddr(UserMemory::text), size), before),
                  "copying between user pages has a wrong count");
    }
  }
  return passed;
}

Verdict read_only_pages_refuse_writes_at_the_very_byte() {
  UserMemory memory;
  KTEST_CHECK(memory.ready() && map_pair(memory.space(), Right::read), "no memory");
  memset(buffer, 0xab, sizeof(buffer));
  // Neither page is there at first; then both are.
  for (int round = 0; round < 2; ++round) {
    for (const size_t size : {size_t(40), size_t(200), size_t(600)}) {
      KTEST_CHECK(stopped_at(copy_to_user(UserAddr(pair + page), buffer, size), 0),
                  "a read-only page was written");
      KTEST_CHECK(stopped_at(copy_to_user(UserAddr(pair + page - 19), buffer, size), 19),
                  "wrong count at a read-only page");
      KTEST_CHECK(stopped_at(clear_user(UserAddr(pair + page - 19), size), 19),
                  "wrong count of clearing at a read-only page");
    }
    KTEST_CHECK(
        usercopy::fetch_add_user<uint32_t>(UserAddr(pair + page), 1).error() == base::Error::fault,
        "an atomic wrote a read-only page");
    KTEST_CHECK(usercopy::compare_exchange_user<uint64_t>(UserAddr(pair + page), 0, 1).error() ==
                    base::Error::fault,
                "a compare-exchange wrote a read-only page");
    KTEST_CHECK(!usercopy::store_user<uint16_t>(UserAddr(pair + page), 1).ok(),
                "a store wrote a read-only page");
    KTEST_CHECK(copy_from_user(back, UserAddr(pair + page), page).ok(), "reading was refused");
    KTEST_CHECK(all_are(back, page, 0), "a read-only page changed");
  }
  return passed;
}

Verdict pages_without_rights_refuse_everything() {
  UserMemory memory;
  KTEST_CHECK(memory.ready() && map_pair(memory.space(), Right::read | Right::write), "no memory");
  KTEST_CHECK(clear_user(UserAddr(pair), 2 * page).ok(), "refused");
  KTEST_CHECK(memory.space().vm().protect(pair_page(1), base::Access::none()).ok(), "no memory");
  KTEST_CHECK(stopped_at(copy_from_user(buffer, UserAddr(pair + page - 5), 300), 5), "read");
  KTEST_CHECK(stopped_at(copy_to_user(UserAddr(pair + page - 5), buffer, 300), 5), "written");
  return passed;
}

Verdict pages_that_are_gone_refuse_everything() {
  UserMemory memory;
  KTEST_CHECK(memory.ready() && map_pair(memory.space(), Right::read | Right::write), "no memory");
  KTEST_CHECK(clear_user(UserAddr(pair), 2 * page).ok(), "refused");
  KTEST_CHECK(memory.space().vm().unmap(pair_page(1)).ok(), "no memory");
  KTEST_CHECK(stopped_at(copy_from_user(buffer, UserAddr(pair + page - 5), 300), 5), "read");
  KTEST_CHECK(stopped_at(copy_to_user(UserAddr(pair + page - 5), buffer, 300), 5), "written");
  return passed;
}

// Addresses that no mapping can have. What they would mean as kernel addresses stays untouched.
Verdict addresses_outside_the_user_half_are_refused() {
  UserMemory memory;
  KTEST_CHECK(memory.ready(), "no memory");
  static uint8_t victim[600];
  memset(victim, 0x5a, sizeof(victim));
  const uint64_t limit = UserSpace::end();
  const uint64_t bad[] = {0,          1,
                          limit - 1,  limit,
                          limit + 1,  limit + page,
                          1ULL << 47, 1ULL << 56,
                          1ULL << 63, uint64_t(0) - page,
                          ~0ULL,      reinterpret_cast<uint64_t>(victim)};
  for (const uint64_t address : bad) {
    for (const size_t size : {size_t(1), size_t(8), size_t(40), size_t(200), size_t(600)}) {
      const UserAddr at(address);
      memset(buffer, 0xee, size);
      KTEST_CHECK(stopped_at(copy_from_user(buffer, at, size), 0), "something was read");
      KTEST_CHECK(all_are(buffer, size, 0), "the buffer is not zeroed");
      KTEST_CHECK(stopped_at(copy_to_user(at, buffer, size), 0), "something was written");
      KTEST_CHECK(stopped_at(clear_user(at, size), 0), "something was cleared");
      KTEST_CHECK(stopped_at(copy_user_to_user(at, UserAddr(UserMemory::text), size), 0),
                  "something was copied in");
      KTEST_CHECK(stopped_at(copy_user_to_user(UserAddr(UserMemory::zeroes), at, size), 0),
                  "something was copied out");
    }
    KTEST_CHECK(!usercopy::load_user<uint8_t>(UserAddr(address)).ok(), "a load went through");
    KTEST_CHECK(!usercopy::string_length(UserAddr(address), 10).ok(), "a string was found");
  }
  KTEST_CHECK(all_are(victim, sizeof(victim), 0x5a), "kernel memory was written");
  KTEST_CHECK(copy_from_user(buffer, UserAddr(~0ULL), 0).ok(), "nothing at all was refused");
  return passed;
}

// A terminator at every place near the end of the mapping, and none at all.
Verdict strings_at_the_end_of_a_mapping() {
  UserMemory memory;
  KTEST_CHECK(memory.ready(), "no memory");
  auto* text = reinterpret_cast<char*>(buffer);
  for (uint64_t length = 1; length < 30; ++length) {
    const UserAddr at(UserMemory::text_end - length);
    KTEST_CHECK(usercopy::string_length(at, 100).error() == base::Error::fault,
                "a string without an end had a length");
    KTEST_CHECK(usercopy::copy_string_from_user(text, at, 100).error() == base::Error::fault,
                "a string without an end was copied");
    KTEST_CHECK(all_are(buffer, 100, 0), "a failed copy left something");
    KTEST_CHECK(usercopy::string_length(at, length).error() == base::Error::limit_exceeded,
                "a string had a length beyond its limit");
  }
  const UserAddr last(UserMemory::text_end - 1);
  KTEST_CHECK(usercopy::store_user<uint8_t>(last, 0).ok(), "refused");
  for (uint64_t length = 0; length < 30; ++length) {
    const UserAddr at(UserMemory::text_end - 1 - length);
    const auto found = usercopy::string_length(at, 100);
    KTEST_CHECK(found.ok() && found.value() == length, "wrong length");
    const auto copied = usercopy::copy_string_from_user(text, at, 100);
    KTEST_CHECK(copied.ok() && copied.value() == length, "wrong length copied");
    KTEST_CHECK(is_text(buffer, page - 1 - length, length) && buffer[length] == 0, "wrong text");
  }
  return passed;
}

Verdict atomics_on_untouched_pages() {
  UserMemory memory;
  KTEST_CHECK(memory.ready(), "no memory");
  const UserAddr at(UserMemory::zeroes + 16);
  const auto first = usercopy::compare_exchange_user<uint32_t>(at, 0, 7);
  KTEST_CHECK(first.ok() && first.value() == 0, "compare-exchange");
  const auto second = usercopy::fetch_add_user<uint32_t>(at, 5);
  KTEST_CHECK(second.ok() && second.value() == 7, "fetch-add");
  const auto third = usercopy::exchange_user<uint64_t>(at, 1);
  KTEST_CHECK(third.ok() && third.value() == 12, "exchange");
  KTEST_CHECK(usercopy::fetch_or_user<uint32_t>(UserAddr(UserMemory::zeroes + 18), 1).error() ==
                  base::Error::invalid_argument,
              "an unaligned atomic was let through");
  return passed;
}

#define TEST(name) {#name, name}

constexpr Test tests[] = {
    TEST(copies_bring_untouched_pages_in),
    TEST(copies_between_untouched_pages),
    TEST(reads_stop_at_the_end_of_a_mapping),
    TEST(writes_stop_at_the_end_of_a_mapping),
    TEST(read_only_pages_refuse_writes_at_the_very_byte),
    TEST(pages_without_rights_refuse_everything),
    TEST(pages_that_are_gone_refuse_everything),
    TEST(addresses_outside_the_user_half_are_refused),
    TEST(strings_at_the_end_of_a_mapping),
    TEST(atomics_on_untouched_pages),
};

}  // namespace

constinit const std::span<const Test> usercopy_tests = tests;

}  // namespace kernel::test
