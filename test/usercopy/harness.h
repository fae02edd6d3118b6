// The hosted harness of libusercopy: a SIGSEGV handler in place of a kernel's trap handler, a
// memory-protection call in place of its page tables, and the alternatives applied for one variant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/address.h"

namespace harness {

// Applied once per process, from the environment variable USERCOPY_VARIANT (default: what a kernel
// picks on a current CPU). The names are those of the kernel's command line.
const char* variant();

// Faults that the handler has redirected so far.
uint64_t fault_count();

inline constexpr size_t page = 4096;

// `count` pages with unmapped pages on both sides; each page's access can be changed.
class Pages {
 public:
  explicit Pages(size_t count);
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  uint8_t* begin() const { return begin_; }
  uint8_t* end() const { return begin_ + count_ * page; }
  void protect(size_t index, int access) const;

 private:
  uint8_t* begin_;
  size_t count_;
};

inline base::UserAddr user(const void* pointer) {
  return base::UserAddr(reinterpret_cast<uint64_t>(pointer));
}

// Deterministic bytes that differ between neighbours and between seeds.
void fill(uint8_t* to, size_t size, unsigned seed);
bool holds(const uint8_t* at, size_t size, uint8_t byte);

}  // namespace harness
