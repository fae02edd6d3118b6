// memory_tag.h: what a mapping is for, as libvm keeps it for us (vm::Mapping::tag) and people read
// it.
#pragma once

#include <cstdint>

namespace kernel {

enum class MemoryTag : uint32_t {
  anonymous,
  heap,
  stack,
  text,
  rodata,
  data,
  file,
  shared,
  signals,
  lent
};

[[nodiscard]] constexpr const char* memory_tag_name(uint32_t tag) {
  switch (MemoryTag(tag)) {
    case MemoryTag::heap: return "heap";
    case MemoryTag::stack: return "stack";
    case MemoryTag::text: return "text";
    case MemoryTag::rodata: return "rodata";
    case MemoryTag::data: return "data";
    case MemoryTag::file: return "file";
    case MemoryTag::shared: return "shared";
    case MemoryTag::signals: return "signals";
    case MemoryTag::lent: return "lent";
    case MemoryTag::anonymous: break;
  }
  return "anonymous";
}

}  // namespace kernel
