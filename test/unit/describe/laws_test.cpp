// The laws of MmuFormat, exhausted over level x property for both real formats.
#include <catch2/catch.hpp>

#include <vector>

#include "arch/aarch64/describe/format.h"
#include "arch/x86_64/describe/format.h"

using namespace vm;
using base::Access;
using base::Pfn;
using base::Right;

namespace {

// Every value of every feature that a format looks at.
std::vector<Features> all_features() {
  std::vector<Features> all;
  for (const uint8_t levels : {uint8_t(4), uint8_t(5)}) {
    for (unsigned bits = 0; bits < 16; ++bits) {
      Features f;
      f.levels = levels;
      f.physical_bits = levels == 5 ? 52 : 48;
      f.gigabyte_leaves = (bits & 1) != 0;
      f.no_execute = (bits & 2) != 0;
      f.hardware_dirty = f.hardware_accessed = (bits & 4) != 0;
      f.size_change_plain = (bits & 8) != 0;
      all.push_back(f);
    }
  }
  return all;
}

// The frame that entries of `level` can name: aligned to the span for leaves.
std::vector<Pfn> frames_for(EntryKind kind, unsigned level, const Features& f) {
  const uint64_t align = kind == EntryKind::leaf ? entry_span(level).raw() : 1;
  const uint64_t end = 1ULL << (f.physical_bits - base::page_shift);
  std::vector<Pfn> frames = {Pfn(0), Pfn(align), Pfn(end - align)};
  for (uint64_t bit = align; bit < end; bit <<= 1) frames.push_back(Pfn(bit));
  return frames;
}

// Calls visit(entry, level, features) for every legal entry, frames thinned to `all_frames` or two.
template <class F, class Visit>
void for_each_leaf(const Features& f, Visit&& visit) {
  for (unsigned level = 1; level <= f.levels; ++level) {
    if (!F::leaf_allowed(level, f)) continue;
    for (Pfn frame : frames_for(EntryKind::leaf, level, f)) {
      for (unsigned access = 0; access < 16; ++access) {
        if (F::granted(Access::from_raw(uint8_t(access)), f).raw() != access) continue;
        for (unsigned type = 0; type < 4; ++type) {
          for (unsigned bits = 0; bits < 64; ++bits) {
            Entry e = Entry::leaf_of(frame, Access::from_raw(uint8_t(access)));
            e.memory_type = base::MemoryType(type);
            e.accessed = (bits & 1) != 0;
            e.dirty = (bits & 2) != 0;
            e.global = (bits & 4) != 0;
            e.software = uint8_t(bits >> 3);
            e.protection_key = uint8_t((bits * 7) & ((1u << F::protection_key_bits) - 1));
            visit(e, level);
          }
        }
      }
    }
  }
}

template <class F, class Visit>
void for_each_table(const Features& f, Visit&& visit) {
  for (unsigned level = 2; level <= f.levels; ++level) {
    for (Pfn frame : frames_for(EntryKind::table, level, f)) {
      for (unsigned access = 0; access < 16; ++access) {
        const Access limit = Access::from_raw(uint8_t(access));
        if (!limit.can_read()) continue;
        if (F::granted(limit, f) != limit) continue;
        for (unsigned software = 0; software < 8; ++software) {
          Entry e = Entry::table_of(frame, limit);
          e.software = uint8_t(software);
          visit(e, level);
        }
      }
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("decode_undoes_encode", "[describe]", x86_64::Format, aarch64::Format) {
  using F = TestType;
  uint64_t wrong = 0;
  uint64_t seen = 0;
  for (const Features& f : all_features()) {
    const auto round_trip = [&](const Entry& e, unsigned level) {
      const uint64_t word = F::encode(e, level, f);
      const Entry back = F::decode(word, level, f);
      const bool same =
          back == e && F::kind(word, level, f) == e.kind && F::frame(word, level, f) == e.frame &&
          word != 0 &&
          F::is_open(word, level, f) == (e.kind == EntryKind::table && e.access.can_write());
      wrong += same ? 0 : 1;
      ++seen;
    };
    for_each_leaf<F>(f, round_trip);
    for_each_table<F>(f, round_trip);
  }
  CHECK(wrong == 0);
  CHECK(seen > 1'000'000);
}

TEMPLATE_TEST_CASE("zero_word_is_absent_and_absent_is_zero", "[describe]", x86_64::Format,
                   aarch64::Format) {
  using F = TestType;
  for (const Features& f : all_features()) {
    for (unsigned level = 1; level <= f.levels; ++level) {
      CHECK(F::decode(0, level, f) == Entry());
      CHECK(F::kind(0, level, f) == EntryKind::absent);
      CHECK(F::encode(Entry(), level, f) == 0);
    }
  }
}

TEMPLATE_TEST_CASE("software_entry_keeps_every_payload_bit_and_never_looks_present", "[describe]",
                   x86_64::Format, aarch64::Format) {
  using F = TestType;
  STATIC_REQUIRE(F::payload_bits >= 50);
  for (const Features& f : all_features()) {
    for (unsigned level = 1; level <= f.levels; ++level) {
      std::vector<uint64_t> payloads = {0, base::mask(0, F::payload_bits)};
      for (unsigned bit = 0; bit < F::payload_bits; ++bit) payloads.push_back(1ULL << bit);
      for (uint64_t payload : payloads) {
        const uint64_t word = F::encode(Entry::software_of(payload), level, f);
        CHECK((word & 1) == 0);
        CHECK(F::decode(word, level, f) == Entry::software_of(payload));
      }
    }
  }
}

TEMPLATE_TEST_CASE("granted_rights_are_a_superset_and_a_fixed_point", "[describe]", x86_64::Format,
                   aarch64::Format) {
  using F = TestType;
  for (const Features& f : all_features()) {
    for (unsigned raw = 0; raw < 16; ++raw) {
      const Access asked = Access::from_raw(uint8_t(raw));
      const Access given = F::granted(asked, f);
      CHECK(given.has(asked));
      CHECK(F::granted(given, f) == given);
      CHECK(given.can_write() == asked.can_write());
      CHECK(given.is_user() == asked.is_user());
      if (f.no_execute) CHECK(given.can_execute() == asked.can_execute());
      if (!asked.any(Right::read | Right::write | Right::execute)) CHECK(given == asked);
    }
  }
}

TEMPLATE_TEST_CASE("write_protect_clean_and_old_change_one_property_each", "[describe]",
                   x86_64::Format, aarch64::Format) {
  using F = TestType;
  uint64_t wrong = 0;
  for (const Features& f : all_features()) {
    for_each_leaf<F>(f, [&](Entry e, unsigned level) {
      const uint64_t word = F::encode(e, level, f);
      Entry expected = e;
      expected.access = e.access.without(Right::write);
      wrong += F::decode(F::write_protect(word, level, f), level, f) == expected ? 0 : 1;
      expected = e;
      expected.dirty = false;
      wrong += F::decode(F::mark_clean(word, level, f), level, f) == expected ? 0 : 1;
      expected = e;
      expected.accessed = false;
      wrong += F::decode(F::mark_old(word, level, f), level, f) == expected ? 0 : 1;
    });
    for_each_table<F>(f, [&](Entry e, unsigned level) {
      const uint64_t word = F::encode(e, level, f);
      e.access = e.access.without(Right::write);
      wrong += F::decode(F::write_protect(word, level, f), level, f) == e ? 0 : 1;
    });
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("rights_alone_change_in_place", "[describe]", x86_64::Format, aarch64::Format) {
  using F = TestType;
  uint64_t wrong = 0;
  for (const Features& f : all_features()) {
    for_each_leaf<F>(f, [&](Entry e, unsigned level) {
      const uint64_t word = F::encode(e, level, f);
      wrong += F::access(word, level, f) == e.access ? 0 : 1;
      wrong += F::software(word) == e.software ? 0 : 1;
      for (unsigned raw = 0; raw < 16; ++raw) {
        Entry expected = e;
        expected.access = F::granted(Access::from_raw(uint8_t(raw)), f);
        const uint64_t changed = F::with_access(word, level, expected.access, f);
        wrong += changed == F::encode(expected, level, f) ? 0 : 1;
        wrong += F::transition(word, changed, level, f) == Transition::plain ? 0 : 1;
      }
    });
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("what_changes_in_a_word_follows_from_the_bits_beside_the_frame", "[describe]",
                   x86_64::Format, aarch64::Format) {
  using F = TestType;
  uint64_t wrong = 0;
  uint64_t compared = 0;
  const auto compare = [&](Entry e, unsigned level, const Features& f) {
    const uint64_t word = F::encode(e, level, f);
    e.frame = Pfn(0);
    const uint64_t other = F::encode(e, level, f);
    if (((word ^ other) & ~F::frame_mask) != 0) return;
    ++compared;
    wrong += F::kind(word, level, f) == F::kind(other, level, f) ? 0 : 1;
    wrong += F::software(word) == F::software(other) ? 0 : 1;
    wrong +=
        (F::write_protect(word, level, f) ^ word) == (F::write_protect(other, level, f) ^ other)
            ? 0
            : 1;
    if (e.kind != EntryKind::leaf) return;
    wrong += F::access(word, level, f) == F::access(other, level, f) ? 0 : 1;
    for (unsigned raw = 0; raw < 16; ++raw) {
      const Access access = F::granted(Access::from_raw(uint8_t(raw)), f);
      const uint64_t flipped = F::with_access(other, level, access, f) ^ other;
      wrong += F::with_access(word, level, access, f) == (word ^ flipped) ? 0 : 1;
    }
  };
  for (const Features& f : all_features()) {
    uint64_t entries = 0;
    compared = 0;
    const auto visit = [&](const Entry& e, unsigned level) {
      ++entries;
      compare(e, level, f);
    };
    for_each_leaf<F>(f, visit);
    for_each_table<F>(f, visit);
    if (f.levels == 4) CHECK(compared == entries);
    CHECK(compared > entries / 2);
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("appearing_vanishing_and_staying_are_plain", "[describe]", x86_64::Format,
                   aarch64::Format) {
  using F = TestType;
  uint64_t wrong = 0;
  for (const Features& f : all_features()) {
    for_each_leaf<F>(f, [&](const Entry& e, unsigned level) {
      const uint64_t word = F::encode(e, level, f);
      wrong += F::transition(word, word, level, f) == Transition::plain ? 0 : 1;
      wrong += F::transition(0, word, level, f) == Transition::plain ? 0 : 1;
      wrong += F::transition(word, 0, level, f) == Transition::plain ? 0 : 1;
      const uint64_t weaker =
          F::mark_old(F::mark_clean(F::write_protect(word, level, f), level, f), level, f);
      wrong += F::transition(word, weaker, level, f) == Transition::plain ? 0 : 1;
      wrong += F::transition(weaker, word, level, f) == Transition::plain ? 0 : 1;
    });
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("user_half_is_what_the_root_entries_span", "[describe]", x86_64::Format,
                   aarch64::Format) {
  using F = TestType;
  for (const Features& f : all_features()) {
    CHECK(F::user_pages(f).first() == base::Vpn(0));
    CHECK(F::user_pages(f).count().raw() == F::user_root_entries(f) * entry_span(f.levels).raw());
  }
}
