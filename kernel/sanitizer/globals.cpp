// globals.cpp: poisoned bytes behind every global variable. Each object file has a function in
// .init_array that hands over its table; the image's shadow is made later, so the tables are read
// then.
//
// The names and the layout are the compiler's (clang 19).
#include <cstddef>
#include <cstdint>

#include "kernel/sanitizer/shadow_map.h"

extern "C" {
using Constructor = void (*)();
extern const Constructor kernel_constructors_start[];
extern const Constructor kernel_constructors_end[];
}

namespace kernel {

namespace {

struct Global {
  uint64_t address;
  uint64_t size;
  uint64_t size_with_edge;
  const char* name;
  const char* module;
  uint64_t has_dynamic_initializer;
  const void* location;
  uint64_t odr_indicator;
};

}  // namespace

void poison_global_edges() {
  for (const Constructor* each = kernel_constructors_start; each != kernel_constructors_end;
       ++each) {
    (*each)();
  }
}

}  // namespace kernel

using namespace kernel;

extern "C" {

void __asan_register_globals(const Global* globals, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const Global& global = globals[i];
    shadow::fill(global.address, global.size_with_edge, uint8_t(Poison::global_edge));
    unpoison(reinterpret_cast<const void*>(global.address), global.size);
  }
}

void __asan_unregister_globals(const Global*, size_t) {}

}  // extern "C"
