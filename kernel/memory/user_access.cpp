#include "kernel/memory/user_access.h"

#include "cpu/page_format.h"
#include "cpu/usercopy_variant.h"
#include "kernel/host/options.h"
#include "kernel/log/log.h"
#include "kernel/log/panic.h"
#include "kernel/memory/user_space.h"
#include "kernel/seam/memory.h"
#include "usercopy/exception_table.h"
#include "usercopy/user_memory.h"

// Hook of libusercopy.
uint64_t usercopy_limit = 0;

namespace kernel {

namespace {

// Text is read-only where it runs; its alias in the direct map is writable and not executable.
void write_code(void*, uintptr_t site, base::Span<const uint8_t> bytes) {
  auto* alias = static_cast<volatile uint8_t*>(writable_alias(site));
  for (size_t i = 0; i < bytes.size(); ++i) {
    alias[i] = bytes[i];
  }
  cpu::sync_instructions(const_cast<const uint8_t*>(alias), bytes.size());
}

usercopy::FeatureSet chosen_features() {
  const Text variant = options().usercopy;
  if (const auto features = cpu::usercopy_features(variant)) {
    return *features;
  }
  LOG_ERROR("command line: usercopy=%s does not run here", options().usercopy);
  return cpu::usercopy_features("").value_or(usercopy::FeatureSet());
}

}  // namespace

void prepare_user_access() {
  usercopy_limit = UserSpace::end();
  if (!usercopy::exception_table_is_sorted()) {
    panic("the exception table is not sorted");
  }
  usercopy::apply_alternatives(cpu::usercopy_patcher, chosen_features(), write_code, nullptr)
      .expect("malformed alternatives");
}

}  // namespace kernel
