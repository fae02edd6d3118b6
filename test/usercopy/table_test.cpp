// The exception table and the alternatives, as linked.
#include <catch2/catch.hpp>

#include <cstring>

#include "harness.h"
#include "usercopy/alternatives.h"
#include "usercopy/exception_table.h"
#include "usercopy/user_memory.h"

#if defined(__x86_64__)
#include "arch/x86_64/usercopy/patch.h"
#else
#include "arch/aarch64/usercopy/patch.h"
#endif

using usercopy::AccessKind;
using usercopy::ExceptionEntry;
using usercopy::find_fixup;
using usercopy::find_restart;

TEST_CASE("the_exception_table_is_sorted_and_every_entry_is_found", "[table]") {
  REQUIRE(usercopy::exception_table_is_sorted());
  size_t entries = 0;
  for (const ExceptionEntry* entry = usercopy::exception_table_begin();
       entry != usercopy::exception_table_end(); ++entry, ++entries) {
    const uintptr_t pc = entry->instruction();
    const bool reads = (entry->kind & uint32_t(AccessKind::read)) != 0;
    const bool writes = (entry->kind & uint32_t(AccessKind::write)) != 0;
    REQUIRE((reads || writes));
    REQUIRE(find_fixup(pc, 4096, AccessKind::read, usercopy_limit) ==
            (reads ? entry->continuation() : 0));
    REQUIRE(find_fixup(pc, 4096, AccessKind::write, usercopy_limit) ==
            (writes ? entry->continuation() : 0));
    REQUIRE(find_restart(pc) == entry->continuation());
    REQUIRE(find_restart(pc + 1) == 0);
    REQUIRE(find_fixup(pc + 1, 4096, reads ? AccessKind::read : AccessKind::write,
                       usercopy_limit) == 0);
  }
  REQUIRE(entries > 50);
  REQUIRE(find_fixup(0, 4096, AccessKind::read, usercopy_limit) == 0);
  REQUIRE(find_fixup(~uintptr_t{0}, 4096, AccessKind::read, usercopy_limit) == 0);
}

TEST_CASE("a_fault_on_a_kernel_address_has_no_fixup", "[table]") {
  const ExceptionEntry& entry = *usercopy::exception_table_begin();
  const AccessKind kind =
      (entry.kind & uint32_t(AccessKind::read)) != 0 ? AccessKind::read : AccessKind::write;
  const uintptr_t pc = entry.instruction();
  REQUIRE(find_fixup(pc, usercopy_limit, kind, usercopy_limit) != 0);
  REQUIRE(find_fixup(pc, usercopy_limit + 4095, kind, usercopy_limit) != 0);
  REQUIRE(find_fixup(pc, usercopy_limit + 4096, kind, usercopy_limit) == 0);
  REQUIRE(find_fixup(pc, ~uint64_t{0}, kind, usercopy_limit) == 0);
}

namespace {

struct Written {
  size_t count = 0;
  bool every_site_known = true;
};

void record(void* context, uintptr_t site, base::Span<const uint8_t> bytes) {
  auto* written = static_cast<Written*>(context);
  ++written->count;
  bool known = false;
  for (const usercopy::Alternative* alternative = usercopy::alternatives_begin();
       alternative != usercopy::alternatives_end(); ++alternative) {
    known = known || (alternative->site() == site && alternative->size == bytes.size());
  }
  written->every_site_known = written->every_site_known && known;
}

}  // namespace

TEST_CASE("only_records_of_present_features_are_applied", "[table]") {
#if defined(__x86_64__)
  const usercopy::Patcher& patcher = x86_64::patcher;
#else
  const usercopy::Patcher& patcher = aarch64::patcher;
#endif
  Written none;
  REQUIRE(usercopy::apply_alternatives(patcher, {}, record, &none).ok());
  REQUIRE(none.count == 0);
  size_t windows = 0;
  for (const usercopy::Alternative* alternative = usercopy::alternatives_begin();
       alternative != usercopy::alternatives_end(); ++alternative) {
    windows += alternative->feature == USERCOPY_FEATURE_NO_WINDOW ? 1 : 0;
  }
  Written some;
  const auto features = usercopy::FeatureSet().with(USERCOPY_FEATURE_NO_WINDOW);
  REQUIRE(usercopy::apply_alternatives(patcher, features, record, &some).ok());
  REQUIRE(some.count == windows);
  REQUIRE(windows > 0);
  REQUIRE(some.every_site_known);
}

#if defined(__x86_64__)
TEST_CASE("x86_64_nops_fill_any_size_and_jumps_keep_their_target", "[table]") {
  for (size_t size = 0; size <= 32; ++size) {
    uint8_t code[34];
    std::memset(code, 0xcc, sizeof code);
    x86_64::fill_with_nops(code, size);
    REQUIRE(code[size] == 0xcc);
  }
  uint8_t jump[5] = {0xe9, 0x00, 0x01, 0x00, 0x00};  // at 0x1000: to 0x1105
  x86_64::retarget(jump, 5, 0x1000, 0x2000);
  const uint8_t expected[5] = {0xe9, 0x00, 0xf1, 0xff, 0xff};  // at 0x2000: to 0x1105
  REQUIRE(std::memcmp(jump, expected, 5) == 0);
  uint8_t other[3] = {0x0f, 0x01, 0xca};
  x86_64::retarget(other, 3, 0x1000, 0x2000);
  REQUIRE(other[2] == 0xca);
}
#else
TEST_CASE("aarch64_nops_fill_any_size_and_branches_keep_their_target", "[table]") {
  uint8_t branch[4];
  aarch64::store_instruction(branch, 0x14000040);  // at 0x1000: b 0x1100
  aarch64::retarget(branch, 4, 0x1000, 0x2000);
  uint8_t expected[4];
  aarch64::store_instruction(expected, 0x17fffc40);  // at 0x2000: b 0x1100
  REQUIRE(std::memcmp(branch, expected, 4) == 0);
  uint8_t other[4];
  aarch64::store_instruction(other, 0xd503201f);
  aarch64::retarget(other, 4, 0x1000, 0x2000);
  aarch64::store_instruction(expected, 0xd503201f);
  REQUIRE(std::memcmp(other, expected, 4) == 0);
  aarch64::fill_with_nops(other, 4);
  REQUIRE(std::memcmp(other, expected, 4) == 0);
}
#endif
