#include "kernel/host/random.h"

#include <bit>
#include <cstring>

#include "cpu/timer.h"
#include "kernel/host/boot_info.h"
#include "kernel/host/spin_lock.h"
#include "kernel/log/log.h"

namespace kernel {

namespace {

struct State {
  uint32_t key[8];
  uint64_t counter;
};
SpinLock lock{LockRank::random};
State state BASE_GUARDED_BY(lock);

void quarter_round(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d) {
  a += b, d = std::rotl(d ^ a, 16);
  c += d, b = std::rotl(b ^ c, 12);
  a += b, d = std::rotl(d ^ a, 8);
  c += d, b = std::rotl(b ^ c, 7);
}

// One block of the ChaCha20 stream (RFC 8439, 2.3) with nonce 0.
void block(uint32_t (&out)[16]) BASE_REQUIRES(lock) {
  const uint32_t start[16] = {0x61707865,
                              0x3320646e,
                              0x79622d32,
                              0x6b206574,
                              state.key[0],
                              state.key[1],
                              state.key[2],
                              state.key[3],
                              state.key[4],
                              state.key[5],
                              state.key[6],
                              state.key[7],
                              uint32_t(state.counter),
                              uint32_t(state.counter >> 32),
                              0,
                              0};
  ++state.counter;
  memcpy(out, start, sizeof(start));
  for (unsigned i = 0; i < 10; ++i) {
    quarter_round(out[0], out[4], out[8], out[12]);
    quarter_round(out[1], out[5], out[9], out[13]);
    quarter_round(out[2], out[6], out[10], out[14]);
    quarter_round(out[3], out[7], out[11], out[15]);
    quarter_round(out[0], out[5], out[10], out[15]);
    quarter_round(out[1], out[6], out[11], out[12]);
    quarter_round(out[2], out[7], out[8], out[13]);
    quarter_round(out[3], out[4], out[9], out[14]);
  }
  for (unsigned i = 0; i < 16; ++i) {
    out[i] += start[i];
  }
}

void replace_key() BASE_REQUIRES(lock) {
  uint32_t words[16];
  block(words);
  memcpy(state.key, words, sizeof(state.key));
}

}  // namespace

void init_random() {
  const boot::BootInfo& info = boot_info();
  const base::Guard guard(lock);
  memcpy(state.key, info.random_seed, sizeof(state.key));
  uint32_t second[8];
  memcpy(second, info.random_seed + sizeof(state.key), sizeof(second));
  for (unsigned i = 0; i < 8; ++i) {
    state.key[i] ^= second[i];
  }
  state.counter = cpu::monotonic_ns() ^ uint64_t(info.wall_clock_seconds);
  replace_key();
  if (info.random_seed_valid == 0) {
    LOG_WARNING("random: the firmware gave no seed; numbers are predictable");
  }
}

void random_bytes(std::span<uint8_t> buffer) {
  const base::Guard guard(lock);
  while (!buffer.empty()) {
    uint32_t words[16];
    block(words);
    const size_t count = buffer.size() < sizeof(words) ? buffer.size() : sizeof(words);
    memcpy(buffer.data(), words, count);
    buffer = buffer.subspan(count);
  }
  replace_key();
}

uint64_t random_number() {
  uint64_t value = 0;
  random_bytes({reinterpret_cast<uint8_t*>(&value), sizeof(value)});
  return value;
}

}  // namespace kernel
