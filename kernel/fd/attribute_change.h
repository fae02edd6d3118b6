// AttributeChange: what chmod, chown and utimensat want of a file.
#pragma once

#include <cstdint>
#include <optional>

namespace kernel {

struct AttributeChange {
  std::optional<uint32_t> mode;  // without the type
  std::optional<uint32_t> user;
  std::optional<uint32_t> group;
  std::optional<uint64_t> accessed_ns;
  std::optional<uint64_t> modified_ns;
};

}  // namespace kernel
