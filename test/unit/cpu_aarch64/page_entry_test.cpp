// The kernel's own page-table entries of aarch64: rights survive encoding, nobody executes what
// belongs to the other half.
#include <catch2/catch.hpp>

#include "cpu/page_format.h"

namespace {

constexpr uint64_t physical = 0x1234'5620'0000;

template <typename Check>
void for_each_leaf(Check check) {
  for (const uint64_t shareability : {cpu::entry_inner_shareable, uint64_t{0}}) {
    cpu::leaf_shareability = shareability;
    for (unsigned bits = 0; bits < 16; ++bits) {
      const cpu::PageRights rights{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0,
                                   (bits & 8) != 0};
      for (const unsigned level : {1u, 2u}) {
        check(cpu::make_leaf(physical, level, rights), level, rights);
      }
    }
  }
  cpu::leaf_shareability = cpu::entry_inner_shareable;
}

}  // namespace

TEST_CASE("leaf entries give back address and rights") {
  for_each_leaf([](uint64_t entry, unsigned level, cpu::PageRights rights) {
    REQUIRE(cpu::is_present(entry));
    REQUIRE(cpu::is_leaf(entry, level));
    REQUIRE(cpu::entry_address(entry, level) == physical);
    REQUIRE(cpu::leaf_rights(entry) == rights);
  });
}

TEST_CASE("the kernel never executes a user leaf, nor a user a kernel leaf") {
  for_each_leaf([](uint64_t entry, unsigned, cpu::PageRights rights) {
    REQUIRE((rights.user ? (entry & cpu::entry_kernel_no_execute) != 0
                         : (entry & cpu::entry_user_no_execute) != 0));
  });
}

TEST_CASE("leaves never cause access-flag faults and only user leaves have an address-space tag") {
  for_each_leaf([](uint64_t entry, unsigned, cpu::PageRights rights) {
    REQUIRE((entry & cpu::entry_accessed) != 0);
    REQUIRE(((entry & cpu::entry_not_global) != 0) == rights.user);
  });
}

TEST_CASE("with 52-bit descriptors the shareability bits stay clear") {
  cpu::leaf_shareability = 0;
  REQUIRE((cpu::make_leaf(physical, 1, {}) & cpu::entry_inner_shareable) == 0);
  cpu::leaf_shareability = cpu::entry_inner_shareable;
  REQUIRE((cpu::make_leaf(physical, 1, {}) & cpu::entry_inner_shareable) ==
          cpu::entry_inner_shareable);
}

TEST_CASE("a table entry is no leaf above the last level") {
  const uint64_t entry = cpu::make_table(physical, true);
  for (const unsigned level : {2u, 3u, 4u, 5u}) {
    REQUIRE(cpu::is_present(entry));
    REQUIRE_FALSE(cpu::is_leaf(entry, level));
    REQUIRE(cpu::entry_address(entry, level) == physical);
  }
  REQUIRE_FALSE(cpu::is_present(0));
}

TEST_CASE("the fifth level has sixteen entries") {
  REQUIRE(cpu::entry_index(0xffff'ffff'8000'0000, 5) == 15);
  REQUIRE(cpu::entry_index(0xffff'ffff'8000'0000, 4) == 511);
  REQUIRE(cpu::entry_index(0xffff'0000'0000'0000, 5) == 15);
  REQUIRE(cpu::entry_index(0xffff'0000'0000'0000, 4) == 0);
  REQUIRE(cpu::entry_index(0x000f'ffff'ffff'f000, 5) == 15);
  REQUIRE(cpu::kernel_start(4) == 0xffff'0000'0000'0000);
  REQUIRE(cpu::kernel_start(5) == 0xfff0'0000'0000'0000);
}
