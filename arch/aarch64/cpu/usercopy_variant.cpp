#include "cpu/usercopy_variant.h"

#include "cpu/features.h"
#include "cpu/sysreg.h"

namespace cpu {

namespace {

// ID_AA64ISAR2_EL1.MOPS, bits 19..16. The register reads as zero where it is not defined.
bool has_memory_operations() {
  return (SYSREG_READ("s3_0_c0_c6_2") >> 16 & 0xf) != 0;
}

}  // namespace

std::optional<usercopy::FeatureSet> usercopy_features(std::string_view variant) {
  const bool pan = protection(Protection::kernel_reads_user).present;
  usercopy::FeatureSet features;
  if (!pan) {
    features = features.with(USERCOPY_FEATURE_NO_WINDOW);
  }
  if (variant == "bytes") {
    return features;
  }
  if (variant == "unprivileged" || (variant.empty() && !has_memory_operations())) {
    return features.with(USERCOPY_FEATURE_FAST_UNPRIVILEGED);
  }
  if (variant == "pan" && pan) {
    return features.with(USERCOPY_FEATURE_FAST_PAN_TOGGLE);
  }
  if ((variant == "mops" || variant.empty()) && has_memory_operations()) {
    return features.with(USERCOPY_FEATURE_MOPS);
  }
  return std::nullopt;
}

}  // namespace cpu
