// MmuFormat: the layout of an architecture's page-table entries, as pure functions.
//
// A model touches no machine: any host compiles and runs it, and the tests walk every level and
// property. Laws, for every level and every Features value the architecture can have:
//   decode(encode(e)) == e              for every e with legal fields (access == granted(access))
//   decode(0).kind == absent            and encode of an absent entry is 0
//   kind, frame, is_open                agree with decode
//   decode(write_protect(w))            is decode(w) without the write right, nothing else changed
//   decode(mark_clean(w)), mark_old(w)  is decode(w) without `dirty`, without `accessed`
//   access(w), software(w)              agree with decode
//   decode(with_access(w, a))           is decode(w) with the rights a == granted(a); its
//   transition
//                                       is plain
//   transition(w, w), (0, w), (w, 0)    are plain
//   kind, access, software of w, and the bits in which write_protect(w) and with_access(w, a)
//   differ
//                                       from w, follow from w & ~frame_mask, of a leaf or table
// A dirty entry without the write right stays dirty: what the CPU learnt is never lost.
#pragma once

#include <stdint.h>

#include <concepts>

#include "base/page_range.h"
#include "vm/seam/entry.h"
#include "vm/seam/features.h"

namespace vm {

// clang-format off: the one-line-per-requirement shape is easier to compare with a model.
template <class F>
concept MmuFormat = requires(uint64_t word, Entry entry, unsigned level, base::Access access,
                             const Features& features) {
  // Static text: "x86_64".
  { F::name } -> std::convertible_to<const char*>;
  // Width of Entry::payload (at least 50), Entry::software (3), Entry::protection_key.
  { F::payload_bits } -> std::convertible_to<unsigned>;
  { F::software_bits } -> std::convertible_to<unsigned>;
  { F::protection_key_bits } -> std::convertible_to<unsigned>;
  // Bits that hold nothing but bits of the frame's number, in a leaf or table.
  { F::frame_mask } -> std::convertible_to<uint64_t>;
  // Pages that an address space owns: the user half, from page 0.
  { F::user_pages(features) } -> std::same_as<base::VpnRange>;
  // Entries of the root table that belong to the user half; the rest is the host's.
  { F::user_root_entries(features) } -> std::same_as<unsigned>;
  // May an entry at `level` be a leaf?
  { F::leaf_allowed(level, features) } -> std::same_as<bool>;
  // The rights that a leaf with `access` really gives: `access`, plus what the architecture
  // cannot withhold. Idempotent. No read, write or execute stays none of them.
  { F::granted(access, features) } -> std::same_as<base::Access>;
  { F::encode(entry, level, features) } -> std::same_as<uint64_t>;
  { F::decode(word, level, features) } -> std::same_as<Entry>;
  // Parts of decode, for loops over whole tables. `frame` only of a leaf or table.
  { F::kind(word, level, features) } -> std::same_as<EntryKind>;
  { F::frame(word, level, features) } -> std::same_as<base::Pfn>;
  // A table entry with the write right.
  { F::is_open(word, level, features) } -> std::same_as<bool>;
  // Only of a leaf or table.
  { F::write_protect(word, level, features) } -> std::same_as<uint64_t>;
  // Only of a leaf.
  { F::access(word, level, features) } -> std::same_as<base::Access>;
  { F::software(word) } -> std::same_as<uint8_t>;
  { F::with_access(word, level, access, features) } -> std::same_as<uint64_t>;
  { F::mark_clean(word, level, features) } -> std::same_as<uint64_t>;
  { F::mark_old(word, level, features) } -> std::same_as<uint64_t>;
  // How a live `word` may become another one at the same place.
  { F::transition(word, word, level, features) } -> std::same_as<Transition>;
} && F::payload_bits >= 50 && F::software_bits == 3 && F::protection_key_bits <= 8;
// clang-format on

// The smallest thing that compiles; real models: arch/<isa>/describe/format.h.
struct MmuFormatExemplar {
  static constexpr const char* name = "exemplar";
  static constexpr unsigned payload_bits = 56;
  static constexpr unsigned software_bits = 3;
  static constexpr unsigned protection_key_bits = 0;
  static constexpr uint64_t frame_mask = 0;
  static constexpr base::VpnRange user_pages(const Features&) { return {}; }
  static constexpr unsigned user_root_entries(const Features&) { return 256; }
  static constexpr bool leaf_allowed(unsigned level, const Features&) { return level == 1; }
  static constexpr base::Access granted(base::Access access, const Features&) { return access; }
  static constexpr uint64_t encode(const Entry&, unsigned, const Features&) { return 0; }
  static constexpr Entry decode(uint64_t, unsigned, const Features&) { return {}; }
  static constexpr EntryKind kind(uint64_t, unsigned, const Features&) { return {}; }
  static constexpr base::Pfn frame(uint64_t, unsigned, const Features&) { return {}; }
  static constexpr bool is_open(uint64_t, unsigned, const Features&) { return false; }
  static constexpr uint64_t write_protect(uint64_t w, unsigned, const Features&) { return w; }
  static constexpr base::Access access(uint64_t, unsigned, const Features&) { return {}; }
  static constexpr uint8_t software(uint64_t) { return 0; }
  static constexpr uint64_t with_access(uint64_t w, unsigned, base::Access, const Features&) {
    return w;
  }
  static constexpr uint64_t mark_clean(uint64_t w, unsigned, const Features&) { return w; }
  static constexpr uint64_t mark_old(uint64_t w, unsigned, const Features&) { return w; }
  static constexpr Transition transition(uint64_t, uint64_t, unsigned, const Features&) {
    return Transition::plain;
  }
};
static_assert(MmuFormat<MmuFormatExemplar>);

}  // namespace vm
