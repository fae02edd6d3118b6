// FrameAllocator from several threads: run plain and under ThreadSanitizer.
#include <catch2/catch.hpp>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "test/unit/frame/memory.h"
#include "vm/frame/frame.h"

using frame_test::Memory;
using frame_test::PageCount;
using frame_test::Pfn;
using vm::Contents;

namespace {

constexpr unsigned threads = 4;
constexpr int rounds = 6000;

// Frames travel between threads through slots, so that a thread frees what another one got.
struct Exchange {
  std::atomic<uint64_t> slots[16] = {};
};

uint64_t* words(Memory& memory, Pfn frame) {
  return static_cast<uint64_t*>(memory.host.window(frame));
}

void give(Memory& memory, uint64_t raw) {
  if (raw == 0) return;
  const uint64_t* word = words(memory, Pfn(raw));
  if (word[0] != raw || word[511] != ~raw) FAIL("frame changed while it was held");
  memory.frames.free(Pfn(raw));
}

void work(Memory& memory, Exchange& exchange, unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < rounds; ++i) {
    const Contents contents = random() % 4 == 0 ? Contents::zero : Contents::unknown;
    base::Result<Pfn> frame = memory.frames.allocate(contents);
    if (!frame.ok()) continue;
    uint64_t* word = words(memory, frame.value());
    if (contents == Contents::zero && (word[0] | word[100] | word[511]) != 0) std::abort();
    word[0] = frame.value().raw();
    word[511] = ~frame.value().raw();
    give(memory, exchange.slots[random() % 16].exchange(frame.value().raw()));
    switch (random() % 128) {
      case 0: memory.frames.drain_caches(); break;
      case 1: (void)memory.frames.zero_one(); break;
      case 2:
        if (base::Result<Pfn> block = memory.frames.allocate_block({.order = 3}); block.ok()) {
          memory.frames.free(block.value());
        }
        break;
      default: break;
    }
  }
}

void run(uint64_t pages, bool own_cpu) {
  Memory memory(pages, threads);
  memory.frames.set_zeroed_target(PageCount(16));
  Exchange exchange;
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      frame_test::this_cpu = own_cpu ? t : 0;
      work(memory, exchange, t + 1);
    });
  }
  for (std::thread& thread : running) thread.join();
  for (std::atomic<uint64_t>& slot : exchange.slots) give(memory, slot.exchange(0));
}

}  // namespace

TEST_CASE("threads on CPUs of their own get and free each other's frames") {
  run(2048, true);
}

TEST_CASE("threads that share one CPU's cache keep it whole") {
  run(2048, false);
}

TEST_CASE("threads that run out of memory lose none of it") {
  run(40, true);
}

TEST_CASE("references from many threads are all counted") {
  Memory memory(64);
  vm::FrameRef<frame_test::TestHost> frame =
      vm::Frame<frame_test::TestHost>::get(memory.frames).value();
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&] {
      for (int i = 0; i < rounds; ++i) {
        auto shared = frame.share();
        if (shared.ok() && shared.value().record().references() < 2) std::abort();
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  CHECK(frame.record().references() == 1);
}
