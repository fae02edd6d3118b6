// runtime.cpp: what C++ programs without the C++ library need: new and delete over malloc. Without
// memory the program ends: who can do better calls malloc.
#include <stdlib.h>

void* operator new(size_t size) {
  void* block = malloc(size);
  if (block == nullptr) {
    abort();
  }
  return block;
}
void* operator new[](size_t size) {
  return operator new(size);
}
void operator delete(void* block) noexcept {
  free(block);
}
void operator delete[](void* block) noexcept {
  free(block);
}
void operator delete(void* block, size_t) noexcept {
  free(block);
}
void operator delete[](void* block, size_t) noexcept {
  free(block);
}
extern "C" [[noreturn]] void __cxa_pure_virtual() {
  abort();
}
