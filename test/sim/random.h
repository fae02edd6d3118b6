// Random: a small seeded generator (splitmix64), the same on every host. Tests print the seed.
#pragma once

#include <cstdint>

namespace sim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // 0 .. bound-1; bound > 0.
  uint64_t below(uint64_t bound) { return next() % bound; }
  // True once in `turns` calls on average.
  bool once_in(uint64_t turns) { return below(turns) == 0; }

 private:
  uint64_t state_;
};

}  // namespace sim
