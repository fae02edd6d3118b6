// How a CPU reads an entry: an interpretation of the bits written from the manuals, apart from the
// encoders under test (arch/*/describe), so that the two check each other.
//
// A hardware model is a type with the members of the concept; hardware_x86_64.h and
// hardware_aarch64.h are the two real ones. Levels are counted as in vm/seam/entry.h: 1 maps 4 KiB.
#pragma once

#include <concepts>
#include <cstdint>

#include "base/access.h"
#include "base/address.h"
#include "vm/seam/features.h"

namespace sim {

enum class Use : uint8_t { read, write, execute };
enum class Privilege : uint8_t { user, kernel };

// Rights per privilege, read / write / execute.
struct Rights {
  base::Access user = base::Right::read | base::Right::write | base::Right::execute;
  base::Access kernel = base::Right::read | base::Right::write | base::Right::execute;

  [[nodiscard]] Rights under(Rights limit) const {
    return {user.intersect(limit.user), kernel.intersect(limit.kernel)};
  }
  [[nodiscard]] bool allow(Use use, Privilege who) const {
    const base::Access rights = who == Privilege::user ? user : kernel;
    return use == Use::read    ? rights.can_read()
           : use == Use::write ? rights.can_write()
                               : rights.can_execute();
  }
  friend bool operator==(const Rights&, const Rights&) = default;
};

struct HardwareEntry {
  enum class Kind : uint8_t { invalid, table, leaf };
  Kind kind = Kind::invalid;
  base::Pfn frame;
  Rights rights;         // table: the limit it puts on everything below
  bool accessed = true;  // leaf; a leaf without it is never cached
  bool dirty = true;     // leaf: a write needs no update of the entry first
  bool global = false;   // leaf
  uint8_t memory_type = 0;
};

// What differs between architectures beyond the layout.
struct HardwareRules {
  bool breaks_before_makes;     // live entries must not be replaced in place by conflicting ones
  bool publishes;               // walkers see new entries only after publish()
  bool fault_forgets;           // a fault drops the CPU's translations of its page
  bool invalidates_everywhere;  // invalidations are broadcast
};

// clang-format off: as in vm/seam
template <class H>
concept Hardware = requires(uint64_t word, unsigned level, uint64_t address,
                            const vm::Features& features) {
  { H::name } -> std::convertible_to<const char*>;
  { H::rules } -> std::convertible_to<HardwareRules>;
  { H::read(word, level, features) } -> std::same_as<HardwareEntry>;
  // The word after the CPU has noted an access, or a write, of a leaf.
  { H::with_accessed(word) } -> std::same_as<uint64_t>;
  { H::with_dirty(word) } -> std::same_as<uint64_t>;
  // Does the user half's root translate this address at all?
  { H::translates(address, features) } -> std::same_as<bool>;
  // Two different valid words in one place: may the second follow the first directly?
  { H::must_break(word, word, level, features) } -> std::same_as<bool>;
  // nullptr, or what is wrong with a valid word.
  { H::malformed(word, level, features) } -> std::same_as<const char*>;
};
// clang-format on

}  // namespace sim
