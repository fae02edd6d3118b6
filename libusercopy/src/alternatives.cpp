#include "usercopy/alternatives.h"

// The linker defines these around the section of that name.
extern "C" {
extern const usercopy::Alternative __start_usercopy_alternatives[];
extern const usercopy::Alternative __stop_usercopy_alternatives[];
}

namespace usercopy {

const Alternative* alternatives_begin() {
  return __start_usercopy_alternatives;
}
const Alternative* alternatives_end() {
  return __stop_usercopy_alternatives;
}

namespace {

bool well_formed(const Alternative& record) {
  return record.size != 0 && record.size <= max_site_size &&
         record.replacement_size <= record.size && record.feature != 0 &&
         record.feature < USERCOPY_FEATURE_COUNT;
}

}  // namespace

base::Status apply_alternatives(const Patcher& patcher, FeatureSet features, CodeWriter write,
                                void* context) {
  for (const Alternative* record = alternatives_begin(); record < alternatives_end(); ++record) {
    if (!well_formed(*record)) {
      return base::Error::invalid_argument;
    }
  }
  for (const Alternative* record = alternatives_begin(); record < alternatives_end(); ++record) {
    if (!features.has(record->feature)) {
      continue;
    }
    uint8_t code[max_site_size];
    const uint8_t* source = reinterpret_cast<const uint8_t*>(record->source());
    for (size_t i = 0; i < record->replacement_size; ++i) {
      code[i] = source[i];
    }
    patcher.retarget(code, record->replacement_size, record->source(), record->site());
    patcher.fill_with_nops(code + record->replacement_size,
                           size_t(record->size) - record->replacement_size);
    write(context, record->site(), base::Span<const uint8_t>(code, record->size));
  }
  return {};
}

}  // namespace usercopy
