// Alternatives: code that is chosen once, by CPU feature, by rewriting it before its first use.
//
// Each record names a site, a feature and the bytes that replace it; the rest of the site becomes
// NOPs. Records apply in order, so a later one wins. A replacement that is a single jump is
// re-aimed. Sites never overlap a page boundary's worth of meaning: the writer may copy byte by
// byte, because nothing executes the sites yet.
//
// The caller supplies the writer, which knows how to reach read-only text: through a second,
// writable and non-executable mapping. So no page is writable and executable at any time.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/span.h"
#include "usercopy/feature.h"

namespace usercopy {

// As asm.inc emits it.
struct Alternative {
  int32_t at;                // site, relative to this field
  int32_t replacement;       // relative to this field
  uint16_t feature;          // USERCOPY_FEATURE_*
  uint8_t size;              // bytes of the site
  uint8_t replacement_size;  // bytes; 0: all NOPs

  [[nodiscard]] uintptr_t site() const {
    return reinterpret_cast<uintptr_t>(&at) + uintptr_t(intptr_t{at});
  }
  [[nodiscard]] uintptr_t source() const {
    return reinterpret_cast<uintptr_t>(&replacement) + uintptr_t(intptr_t{replacement});
  }
};
static_assert(sizeof(Alternative) == 12);

// Set of USERCOPY_FEATURE_* numbers.
class FeatureSet {
 public:
  constexpr FeatureSet() = default;
  [[nodiscard]] constexpr FeatureSet with(unsigned feature) const {
    FeatureSet set = *this;
    set.bits_ |= 1u << feature;
    return set;
  }
  [[nodiscard]] constexpr bool has(unsigned feature) const {
    return feature < USERCOPY_FEATURE_COUNT && ((bits_ >> feature) & 1u) != 0;
  }

 private:
  uint32_t bits_ = 0;
};

// How one architecture encodes the bytes. Supplied by arch/<isa>/usercopy/patch.h.
// fill_with_nops: writes `size` bytes of NOPs at `out`. retarget: when the `size` bytes in `code`,
// assembled for address `from`, are one jump, re-aims it for address `to`; else leaves them.
struct Patcher {
  void (*fill_with_nops)(uint8_t* out, size_t size);
  void (*retarget)(uint8_t* code, size_t size, uintptr_t from, uintptr_t to);
};

// Writes `bytes` over the code at `site` (linked address). Must make them visible to instruction
// fetch on this CPU before it returns (aarch64: clean and invalidate by address).
using CodeWriter = void (*)(void* context, uintptr_t site, base::Span<const uint8_t> bytes);

inline constexpr size_t max_site_size = 32;

// Applies every record whose feature is in `features`. Call once, on the boot CPU, before the first
// user access and before other CPUs run. Error::invalid_argument: a malformed record
// (replacement longer than its site, unknown feature, site too long); nothing was written.
[[nodiscard]] base::Status apply_alternatives(const Patcher& patcher, FeatureSet features,
                                              CodeWriter write, void* context);

[[nodiscard]] const Alternative* alternatives_begin();
[[nodiscard]] const Alternative* alternatives_end();

}  // namespace usercopy
