// usercopy_variant.h: which of libusercopy's routines this processor gets.
#pragma once

#include <optional>
#include <string_view>

#include "usercopy/alternatives.h"
#include "usercopy/patch.h"

namespace cpu {

inline constexpr usercopy::Patcher usercopy_patcher = x86_64::patcher;

// The features to patch in. `variant` (the command line's `usercopy=`): "" the best; "steps",
// "movsb" (REP MOVSB for every size), "movsq" (REP MOVSQ) force one. nullopt: no such variant, or
// the processor cannot run it. After enable_features().
[[nodiscard]] std::optional<usercopy::FeatureSet> usercopy_features(std::string_view variant);

}  // namespace cpu
