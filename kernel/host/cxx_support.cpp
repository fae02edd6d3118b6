// cxx_support.cpp: what the standard headers and the compiler expect somebody to define.
#include <cstddef>

#include "kernel/log/panic.h"

extern "C" {

size_t strlen(const char* text) {
  size_t size = 0;
  while (text[size] != '\0') {
    ++size;
  }
  return size;
}

void* memchr(const void* bytes, int wanted, size_t size) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  for (size_t i = 0; i < size; ++i) {
    if (at[i] == static_cast<unsigned char>(wanted)) {
      return const_cast<unsigned char*>(at + i);
    }
  }
  return nullptr;
}

// Called for a pure virtual function of an object under construction.
void __cxa_pure_virtual() {
  kernel::panic("pure virtual call");
}

}  // extern "C"

// Part of every virtual destructor. Objects live in the heap of kernel/memory/heap.h and leave it
// through their handles, never by `delete`.
void operator delete(void*, size_t) noexcept {
  kernel::panic("an object was deleted");
}

namespace std {

// string_view::substr past the end, and its like.
void __throw_out_of_range_fmt(const char* format, ...) {
  kernel::panic("out of range: %s", format);
}

}  // namespace std
