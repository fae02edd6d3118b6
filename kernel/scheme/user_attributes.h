// user_attributes.h: an attribute change in the words of scheme_protocol.h.
#pragma once

#include "kernel/fd/attribute_change.h"
#include "kernel/scheme/user_call.h"

namespace kernel {

inline void put_attributes(UserCall& call, const AttributeChange& change) {
  uint64_t mask = 0;
  const auto put = [&](const auto& value, unsigned index, uint64_t bit) {
    mask |= value ? bit : 0;
    call.value(index) = value ? uint64_t(*value) : 0;
  };
  put(change.mode, 1, SCHEME_SET_MODE);
  put(change.user, 2, SCHEME_SET_USER);
  put(change.group, 3, SCHEME_SET_GROUP);
  put(change.accessed_ns, 4, SCHEME_SET_ACCESSED);
  put(change.modified_ns, 5, SCHEME_SET_MODIFIED);
  call.value(0) = mask;
}

}  // namespace kernel
