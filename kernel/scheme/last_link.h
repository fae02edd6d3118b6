// last_link.h: whether a symbolic link at the end of a path is followed.
#pragma once

#include <cstdint>

namespace kernel {

enum class LastLink : uint8_t { follow, keep };

}  // namespace kernel
