#include "cpu/usercopy_variant.h"

#include "cpu/features.h"
#include "cpu/io.h"

namespace cpu {

namespace {

bool has_fast_byte_copy() {
  constexpr uint32_t erms = 1u << 9;
  return cpuid(0).eax >= 7 && (cpuid(7).ebx & erms) != 0;
}

}  // namespace

std::optional<usercopy::FeatureSet> usercopy_features(std::string_view variant) {
  usercopy::FeatureSet features;
  if (!protection(Protection::kernel_reads_user).present) {
    features = features.with(USERCOPY_FEATURE_NO_WINDOW);
  }
  if (variant.empty()) {
    return has_fast_byte_copy() ? features : features.with(USERCOPY_FEATURE_NO_ERMS);
  }
  if (variant == "steps") {
    return features;
  }
  if (variant == "movsb") {
    return features.with(USERCOPY_FEATURE_STRING_ONLY);
  }
  if (variant == "movsq") {
    return features.with(USERCOPY_FEATURE_NO_ERMS);
  }
  return std::nullopt;
}

}  // namespace cpu
