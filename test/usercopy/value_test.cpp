// Single values and atomics: every alignment, every fault, every operation.
#include <catch2/catch.hpp>

#include <sys/mman.h>

#include <cstring>

#include "harness.h"
#include "usercopy/user_memory.h"

using base::Error;
using harness::page;
using harness::Pages;
using harness::user;

namespace {

template <class T>
void check_load_and_store(const Pages& pages) {
  uint8_t* wall = pages.begin() + page;
  const T value = T(0x8182838485868788);
  for (size_t room = 0; room <= 24; ++room) {
    uint8_t* at = wall - room;
    std::memset(wall - 32, 0x11, 32);
    const base::Status stored = usercopy::store_user<T>(user(at), value);
    if (room >= sizeof(T)) {
      REQUIRE(stored.ok());
      REQUIRE(std::memcmp(at, &value, sizeof(T)) == 0);
      REQUIRE(usercopy::load_user<T>(user(at)).value() == value);
      REQUIRE(harness::holds(at + sizeof(T), room - sizeof(T), 0x11));
    } else {
      REQUIRE(stored.error() == Error::fault);
      REQUIRE(usercopy::load_user<T>(user(at)).error() == Error::fault);
    }
  }
}

template <class T>
void check_atomics(const Pages& pages) {
  uint8_t* wall = pages.begin() + page;
  const T before = T(0xf0f1f2f3f4f5f6f7);
  const T operand = T(0x8fff00ff0ff0f00f);
  using Operation = base::Result<T> (*)(base::UserAddr, T);
  struct Named {
    Operation apply;
    T expected;
  };
  const Named operations[] = {
      {usercopy::exchange_user<T>, operand},
      {usercopy::fetch_add_user<T>, T(before + operand)},
      {usercopy::fetch_or_user<T>, T(before | operand)},
      {usercopy::fetch_and_user<T>, T(before & operand)},
      {usercopy::fetch_xor_user<T>, T(before ^ operand)},
  };
  for (size_t room = 0; room <= 24; ++room) {
    uint8_t* at = wall - room;
    const bool aligned = reinterpret_cast<uintptr_t>(at) % sizeof(T) == 0;
    const bool mapped = room >= sizeof(T);
    const Error expected_error = aligned ? Error::fault : Error::invalid_argument;
    for (const Named& operation : operations) {
      if (mapped) {
        std::memcpy(at, &before, sizeof(T));
      }
      const base::Result<T> result = operation.apply(user(at), operand);
      if (aligned && mapped) {
        REQUIRE(result.value() == before);
        REQUIRE(std::memcmp(at, &operation.expected, sizeof(T)) == 0);
      } else {
        REQUIRE(result.error() == expected_error);
        REQUIRE((!mapped || std::memcmp(at, &before, sizeof(T)) == 0));
      }
    }
    if (mapped) {
      std::memcpy(at, &before, sizeof(T));
    }
    const base::Result<T> lost = usercopy::compare_exchange_user<T>(user(at), T(1), operand);
    if (aligned && mapped) {
      REQUIRE(lost.value() == before);
      REQUIRE(std::memcmp(at, &before, sizeof(T)) == 0);
      REQUIRE(usercopy::compare_exchange_user<T>(user(at), before, operand).value() == before);
      REQUIRE(std::memcmp(at, &operand, sizeof(T)) == 0);
    } else {
      REQUIRE(lost.error() == expected_error);
    }
  }
}

}  // namespace

TEST_CASE("loads_and_stores_work_at_every_alignment_and_fault_at_the_edge", "[value]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  check_load_and_store<uint8_t>(pages);
  check_load_and_store<uint16_t>(pages);
  check_load_and_store<uint32_t>(pages);
  check_load_and_store<uint64_t>(pages);
}

TEST_CASE("a_store_to_a_read_only_page_is_a_fault_and_a_load_is_not", "[value]") {
  const Pages pages(1);
  pages.begin()[0] = 7;
  pages.protect(0, PROT_READ);
  REQUIRE(usercopy::load_user<uint8_t>(user(pages.begin())).value() == 7);
  REQUIRE(usercopy::store_user<uint8_t>(user(pages.begin()), 8).error() == Error::fault);
  REQUIRE(usercopy::fetch_add_user<uint32_t>(user(pages.begin()), 1).error() == Error::fault);
  REQUIRE(usercopy::compare_exchange_user<uint32_t>(user(pages.begin()), 7, 8).error() ==
          Error::fault);
  REQUIRE(pages.begin()[0] == 7);
}

TEST_CASE("atomics_return_the_old_value_and_refuse_unaligned_addresses", "[value]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  check_atomics<uint32_t>(pages);
  check_atomics<uint64_t>(pages);
}
