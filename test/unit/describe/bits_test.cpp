// What the formats put into particular bits, spelled out from the manuals, and break-before-make.
#include <catch2/catch.hpp>

#include "arch/aarch64/describe/format.h"
#include "arch/x86_64/describe/format.h"

using namespace vm;
using base::Access;
using base::MemoryType;
using base::Pfn;
using base::Right;

namespace {

Features features_with(uint8_t levels) {
  Features f;
  f.levels = levels;
  f.physical_bits = levels == 5 ? 52 : 48;
  f.gigabyte_leaves = true;
  return f;
}
constexpr Access user_rw = Right::read | Right::write | Right::user;
constexpr Access user_rx = Right::read | Right::execute | Right::user;

template <class F>
uint64_t leaf(Pfn frame, Access access, const Features& f, unsigned level = 1) {
  return F::encode(Entry::leaf_of(frame, access), level, f);
}

}  // namespace

TEST_CASE("x86_64_leaf_bits_follow_the_manual", "[describe]") {
  using F = x86_64::Format;
  const Features f = features_with(4);
  CHECK(leaf<F>(Pfn(0x12345), user_rw, f) == 0x8000'0000'1234'5007);
  CHECK(leaf<F>(Pfn(0x12345), user_rx, f) == 0x0000'0000'1234'5005);
  CHECK(leaf<F>(Pfn(0x200), user_rw, f, 2) == 0x8000'0000'0020'0087);
  Entry e = Entry::leaf_of(Pfn(1), user_rw);
  e.dirty = e.accessed = e.global = true;
  e.software = 7;
  e.protection_key = 15;
  e.memory_type = MemoryType::device;
  CHECK(F::encode(e, 1, f) == 0xf800'0000'0000'1f7f);
  CHECK(F::encode(Entry::table_of(Pfn(5), unlimited), 2, f) == 0x5007);
}

TEST_CASE("x86_64_never_makes_a_shadow_stack_by_write_protecting_a_dirty_page", "[describe]") {
  using F = x86_64::Format;
  const Features f = features_with(4);
  Entry e = Entry::leaf_of(Pfn(1), user_rw);
  e.dirty = true;
  const uint64_t word = F::write_protect(F::encode(e, 1, f), 1, f);
  CHECK((word & (F::dirty | F::writable)) == 0);
  CHECK(F::decode(word, 1, f).dirty);
}

TEST_CASE("x86_64_entries_that_are_not_present_name_no_ram", "[describe]") {
  using F = x86_64::Format;
  const Features f = features_with(4);
  // Inverted, low frames and small payloads become addresses at the top of the 52-bit space.
  CHECK((leaf<F>(Pfn(0x1000), Right::user, f) & F::frame_mask) >= base::bit(51));
  CHECK((F::encode(Entry::software_of(0x1234), 1, f) & F::frame_mask) >= base::bit(51));
}

TEST_CASE("aarch64_leaf_bits_follow_the_manual", "[describe]") {
  using F = aarch64::Format;
  const Features f = features_with(4);
  // Writable and clean: DBM, AP[2:1] = 11; inner shareable; nG; UXN, PXN.
  CHECK(leaf<F>(Pfn(0x12345), user_rw, f) == 0x0068'0000'1234'5bc3);
  CHECK(leaf<F>(Pfn(0x12345), user_rx, f) == 0x0020'0000'1234'5bc3);
  Entry e = Entry::leaf_of(Pfn(0x200), user_rw);
  e.dirty = e.accessed = true;
  CHECK(F::encode(e, 2, f) == 0x0068'0000'0020'0f41);  // AP[2] clear, AF, a block
  e.memory_type = MemoryType::device;
  e.global = true;
  CHECK(F::encode(e, 1, f) == 0x0068'0000'0020'0647);
  CHECK(F::encode(Entry::table_of(Pfn(5), unlimited), 2, f) == 0x5003);
  CHECK(F::encode(Entry::table_of(Pfn(5), unlimited.without(Right::write)), 2, f) ==
        (0x5003 | F::table_read_only));
}

TEST_CASE("aarch64_five_levels_use_the_shareability_bits_for_the_address", "[describe]") {
  using F = aarch64::Format;
  const Features f = features_with(5);
  const uint64_t word = leaf<F>(Pfn(0xc0'0000'0001), user_rw, f);
  CHECK(base::field(word, 8, 2) == 3);
  CHECK(F::frame(word, 1, f) == Pfn(0xc0'0000'0001));
}

TEST_CASE("x86_64_needs_no_break", "[describe]") {
  using F = x86_64::Format;
  const Features f = features_with(4);
  CHECK(F::transition(leaf<F>(Pfn(1), user_rw, f), leaf<F>(Pfn(2), user_rx, f), 1, f) ==
        Transition::plain);
}

TEST_CASE("aarch64_breaks_where_the_architecture_asks_for_it", "[describe]") {
  using F = aarch64::Format;
  const auto levels = uint8_t(GENERATE(4, 5));
  Features f = features_with(levels);
  const auto change = [&](const Entry& from, const Entry& to, unsigned level) {
    return F::transition(F::encode(from, level, f), F::encode(to, level, f), level, f);
  };
  const Entry page = Entry::leaf_of(Pfn(512), user_rw);

  SECTION("another frame") {
    Entry other = page;
    other.frame = Pfn(1024);
    CHECK(change(page, other, 1) == Transition::break_before_make);
    other.access = Access(Right::read) | Right::user;
    CHECK(change(other, page, 1) == Transition::break_before_make);
  }
  SECTION("another memory type") {
    for (unsigned a = 0; a < 4; ++a) {
      for (unsigned b = 0; b < 4; ++b) {
        Entry from = page;
        Entry to = page;
        from.memory_type = MemoryType(a);
        to.memory_type = MemoryType(b);
        CHECK(change(from, to, 1) == (a == b ? Transition::plain : Transition::break_before_make));
      }
    }
  }
  SECTION("global against not global") {
    Entry global = page;
    global.global = true;
    CHECK(change(page, global, 1) == Transition::break_before_make);
    CHECK(change(global, page, 1) == Transition::break_before_make);
  }
  SECTION("another size, unless the hardware sorts it out") {
    const Entry table = Entry::table_of(Pfn(512), unlimited);
    CHECK(change(page, table, 2) == Transition::break_before_make);
    CHECK(change(table, page, 2) == Transition::break_before_make);
    f.size_change_plain = true;
    CHECK(change(page, table, 2) == Transition::plain);
    CHECK(change(table, page, 2) == Transition::plain);
  }
  SECTION("another table") {
    CHECK(change(Entry::table_of(Pfn(1), unlimited), Entry::table_of(Pfn(2), unlimited), 2) ==
          Transition::break_before_make);
    CHECK(change(Entry::table_of(Pfn(1), unlimited),
                 Entry::table_of(Pfn(1), unlimited.without(Right::write)), 2) == Transition::plain);
  }
  SECTION("rights, accessed, dirty and our own bits change in place") {
    for (unsigned raw = 0; raw < 16; ++raw) {
      Entry other = page;
      other.access = F::granted(Access::from_raw(uint8_t(raw)), f);
      other.accessed = true;
      other.dirty = true;
      other.software = 5;
      CHECK(change(page, other, 1) == Transition::plain);
      CHECK(change(other, page, 1) == Transition::plain);
    }
  }
}
