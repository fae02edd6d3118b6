// The kernel's memcpy, memmove, memset and memcmp (arch/*/cpu/memory.S), assembled under other
// names: every short size at every alignment, long ones at their edges, every overlap; nothing
// outside is touched.
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <vector>

extern "C" void* tested_memcpy(void* to, const void* from, size_t size);
extern "C" void* tested_memmove(void* to, const void* from, size_t size);
extern "C" void* tested_memset(void* to, int byte, size_t size);
extern "C" int tested_memcmp(const void* left, const void* right, size_t size);

namespace {

constexpr size_t margin = 64;
using Bytes = std::vector<unsigned char>;

Bytes pattern(size_t size, unsigned seed) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<unsigned char>(i * 7 + (i >> 8) * 13 + seed);
  }
  return bytes;
}

std::vector<size_t> sizes() {
  std::vector<size_t> all;
  for (size_t size = 0; size <= 200; ++size) {
    all.push_back(size);
  }
  for (const size_t near : {256, 512, 1024, 2048, 4096}) {
    for (size_t size = near - 9; size <= near + 9; ++size) {
      all.push_back(size);
    }
  }
  return all;
}

}  // namespace

TEST_CASE("memcpy copies exactly") {
  for (const size_t size : sizes()) {
    const Bytes from = pattern(size + 2 * margin, 1);
    for (size_t to_at = margin; to_at < margin + 16; to_at += size > 200 ? 5 : 1) {
      for (size_t from_at = margin; from_at < margin + 16; from_at += size > 200 ? 5 : 3) {
        Bytes to = pattern(size + 2 * margin, 99);
        Bytes wanted = to;
        for (size_t i = 0; i < size; ++i) {
          wanted[to_at + i] = from[from_at + i];
        }
        const bool returns_to = tested_memcpy(&to[to_at], &from[from_at], size) == &to[to_at];
        if (!returns_to || to != wanted) {
          FAIL("size " << size << ", to +" << to_at << ", from +" << from_at);
        }
      }
    }
  }
}

TEST_CASE("memmove copies as if by way of a third place") {
  for (const size_t size : sizes()) {
    for (int distance = -40; distance <= 40; distance += size > 200 ? 3 : 1) {
      Bytes bytes = pattern(size + 2 * margin, 5);
      const Bytes before = bytes;
      Bytes wanted = bytes;
      for (size_t i = 0; i < size; ++i) {
        wanted[size_t(int(margin) + distance) + i] = before[margin + i];
      }
      unsigned char* const to = &bytes[size_t(int(margin) + distance)];
      const bool returns_to = tested_memmove(to, &bytes[margin], size) == to;
      if (!returns_to || bytes != wanted) {
        FAIL("size " << size << ", distance " << distance);
      }
    }
    // Apart, and far apart but overlapping.
    for (const size_t distance : {size / 2, size}) {
      Bytes bytes = pattern(2 * size + 2 * margin, 6);
      Bytes wanted = bytes;
      for (size_t i = 0; i < size; ++i) {
        wanted[margin + distance + i] = pattern(2 * size + 2 * margin, 6)[margin + i];
      }
      tested_memmove(&bytes[margin + distance], &bytes[margin], size);
      if (bytes != wanted) {
        FAIL("size " << size << ", distance " << distance);
      }
    }
  }
}

TEST_CASE("memset fills exactly") {
  for (const size_t size : sizes()) {
    for (const int byte : {0, 0xa5, 0x1ff}) {
      for (size_t at = margin; at < margin + 16; ++at) {
        Bytes to = pattern(size + 2 * margin, 3);
        Bytes wanted = to;
        for (size_t i = 0; i < size; ++i) {
          wanted[at + i] = static_cast<unsigned char>(byte);
        }
        const bool returns_to = tested_memset(&to[at], byte, size) == &to[at];
        if (!returns_to || to != wanted) {
          FAIL("size " << size << ", to +" << at << ", byte " << byte);
        }
      }
    }
  }
}

TEST_CASE("memcmp orders by the first byte that differs") {
  const auto sign = [](int value) { return (value > 0) - (value < 0); };
  for (size_t size = 0; size <= 70; ++size) {
    for (size_t at = 0; at < 9; ++at) {
      Bytes left = pattern(size + margin, 7);
      Bytes right(margin + size);
      std::memcpy(right.data() + 3, left.data() + at, size);
      left[at + size] = 1;  // what follows does not count
      right[3 + size] = 2;
      CHECK(tested_memcmp(&left[at], &right[3], size) == 0);
      for (size_t place = 0; place < size; ++place) {
        for (const int change : {0x01, 0x80, 0xff}) {
          const unsigned char kept = right[3 + place];
          right[3 + place] = static_cast<unsigned char>(kept ^ change);
          if (place + 1 < size) {
            right[3 + place + 1] ^= 0x55;
          }
          const int wanted = sign(int(left[at + place]) - int(right[3 + place]));
          if (sign(tested_memcmp(&left[at], &right[3], size)) != wanted) {
            FAIL("size " << size << ", place " << place);
          }
          right[3 + place] = kept;
          if (place + 1 < size) {
            right[3 + place + 1] ^= 0x55;
          }
        }
      }
    }
  }
}
