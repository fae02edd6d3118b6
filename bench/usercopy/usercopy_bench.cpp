// usercopy_bench [--json FILE]: copies between kernel and user memory beside plain rep movsb and
// the C library's memcpy (which may use vectors; a kernel's copy may not), in one process and one
// run.
//
// Each figure is the minimum over interleaved rounds, in nanoseconds per copy. Rows: fixed sizes
// with warm buffers; random sizes up to a bound at random offsets; cold buffers.
#include <sys/mman.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "test/usercopy/harness.h"
#include "usercopy/user_memory.h"

extern "C" void base_panic(const char* message, const char*, uint32_t) {
  std::fprintf(stderr, "panic: %s\n", message);
  std::abort();
}

namespace {

// The contenders, as a caller's compiler sees them: one call each.
struct FromUser {
  void operator()(uint8_t* to, uint8_t* from, size_t size) const {
    if (!usercopy::copy_from_user(to, harness::user(from), size).ok()) {
      std::abort();
    }
  }
};

struct ToUser {
  void operator()(uint8_t* to, uint8_t* from, size_t size) const {
    if (!usercopy::copy_to_user(harness::user(to), from, size).ok()) {
      std::abort();
    }
  }
};

__attribute__((noinline)) size_t plain_movsb(uint8_t* to, uint8_t* from, size_t size) {
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return size;
}

struct PlainMovsb {
  void operator()(uint8_t* to, uint8_t* from, size_t size) const {
    if (plain_movsb(to, from, size) != 0) {
      std::abort();
    }
  }
};

struct Library {
  void operator()(uint8_t* to, uint8_t* from, size_t size) const {
    std::memcpy(to, from, size);
    __asm__ volatile("" : : "r"(to) : "memory");
  }
};

struct Work {
  std::vector<size_t> sizes;
  std::vector<size_t> to_offsets;
  std::vector<size_t> from_offsets;
  bool cold = false;
};

void flush(const uint8_t* at, size_t size) {
  for (size_t offset = 0; offset < size + 64; offset += 64) {
    __builtin_ia32_clflush(at + offset);
  }
}

template <class Copy>
double once(const Work& work, uint8_t* to, uint8_t* from, size_t repeats) {
  const Copy copy;
  if (work.cold) {
    for (size_t i = 0; i < work.sizes.size(); ++i) {
      flush(to + work.to_offsets[i], work.sizes[i]);
      flush(from + work.from_offsets[i], work.sizes[i]);
    }
    __builtin_ia32_mfence();
  }
  const auto start = std::chrono::steady_clock::now();
  for (size_t repeat = 0; repeat < repeats; ++repeat) {
    for (size_t i = 0; i < work.sizes.size(); ++i) {
      copy(to + work.to_offsets[i], from + work.from_offsets[i], work.sizes[i]);
    }
  }
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
  return spent.count() / double(repeats * work.sizes.size());
}

struct Figures {
  double in, out, movsb, library;
};

Figures measure(const Work& work, uint8_t* to, uint8_t* from, size_t bytes_per_copy, int rounds) {
  const size_t copies = work.sizes.size();
  size_t repeats = size_t(1000000) / (copies * (20 + bytes_per_copy / 16));
  repeats = repeats == 0 || work.cold ? 1 : repeats;
  Figures best{1e18, 1e18, 1e18, 1e18};
  for (int round = 0; round < rounds; ++round) {
    best.in = std::min(best.in, once<FromUser>(work, to, from, repeats));
    best.movsb = std::min(best.movsb, once<PlainMovsb>(work, to, from, repeats));
    best.out = std::min(best.out, once<ToUser>(work, to, from, repeats));
    best.library = std::min(best.library, once<Library>(work, to, from, repeats));
  }
  return best;
}

std::string json;

void row(const std::string& name, const Figures& figures) {
  std::printf("%-28s %9.2f %9.2f %9.2f %9.2f   %5.2f %5.2f %5.2f\n", name.c_str(), figures.in,
              figures.out, figures.movsb, figures.library, figures.in / figures.movsb,
              figures.out / figures.movsb, figures.in / figures.library);
  const auto add = [&](const char* direction, double ours, const char* peer, double theirs) {
    char line[400];
    std::snprintf(line, sizeof line,
                  "%s{\"suite\": \"usercopy\", \"arch\": \"x86_64\", \"row\": \"%s %s\", \"unit\": "
                  "\"ns\", \"ours\": %.3f, \"peer\": %.3f, \"peer_name\": \"%s\", \"ratio\": %.3f}",
                  json.empty() ? "" : ",\n ", direction, name.c_str(), ours, theirs, peer,
                  ours / theirs);
    json += line;
  };
  add("from user,", figures.in, "rep movsb", figures.movsb);
  add("to user,", figures.out, "rep movsb", figures.movsb);
  add("from user,", figures.in, "memcpy", figures.library);
}

uint8_t* buffer(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  std::memset(memory, 1, size);
  return static_cast<uint8_t*>(memory);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 1 && !(argc == 3 && std::strcmp(argv[1], "--json") == 0)) {
    std::fprintf(stderr, "usage: usercopy_bench [--json FILE]\n");
    return 2;
  }
  constexpr size_t arena = size_t(64) << 20;
  uint8_t* to = buffer(arena);
  uint8_t* from = buffer(arena);
  constexpr int rounds = 40;

  std::printf(
      "ns per copy                      in       out     movsb    memcpy   in/movsb out/movsb "
      "in/memcpy\n");
  for (const size_t size : {1,   8,   16,  32,  64,  100, 127,  128,  160,  192,  256,   320,  384,
                            400, 401, 448, 512, 640, 768, 1024, 2048, 4096, 8192, 16384, 65536}) {
    Work work;
    for (int i = 0; i < 16; ++i) {
      work.sizes.push_back(size);
      work.to_offsets.push_back(0);
      work.from_offsets.push_back(0);
    }
    row("warm, " + std::to_string(size) + " B", measure(work, to, from, size, rounds));
  }
  for (const size_t bound : {64, 256, 1024, 4096, 65536}) {
    Work work;
    uint64_t state = 88172645463325252u;
    const auto next = [&](size_t below) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      return size_t(state % below);
    };
    for (int i = 0; i < 512; ++i) {
      work.sizes.push_back(1 + next(bound));
      work.to_offsets.push_back(next(4096));
      work.from_offsets.push_back(next(4096));
    }
    row("random up to " + std::to_string(bound) + " B", measure(work, to, from, bound / 2, rounds));
  }
  for (const size_t size : {64, 256, 512, 4096, 65536}) {
    Work work;
    work.cold = true;
    const size_t stride = arena / 512;
    for (size_t i = 0; i < 512; ++i) {
      work.sizes.push_back(size);
      work.to_offsets.push_back(i * stride);
      work.from_offsets.push_back((i * 157 % 512) * stride);
    }
    row("cold, " + std::to_string(size) + " B", measure(work, to, from, size, 20));
  }
  if (argc == 3) {
    FILE* file = std::fopen(argv[2], "w");
    if (file == nullptr) {
      std::perror(argv[2]);
      return 1;
    }
    std::fprintf(file, "[%s]\n", json.c_str());
    std::fclose(file);
  }
  return 0;
}
