// Epochs and Gate.
#include <catch2/catch.hpp>

#include <sched.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "vm/epoch/epochs.h"

namespace {

thread_local uint32_t this_cpu = 0;

struct TestHost {
  uint32_t current_cpu() { return this_cpu; }
  void relax() { sched_yield(); }
};

using Epochs = vm::Epochs<TestHost>;
using Section = Epochs::Section;

constexpr uint32_t cpus = 4;

struct Fixture {
  Fixture() : storage(vm::FrameRecords::storage_for(ram).value().raw() / 16 + 1) {
    REQUIRE(records.init(ram, storage.data(), base::Bytes(storage.size() * 16)).ok());
  }
  struct alignas(16) Line {
    unsigned char bytes[16];
  };
  base::PfnRange ram[1] = {base::PfnRange::of(base::Pfn(100), base::PageCount(50))};
  std::vector<Line> storage;
  vm::FrameRecords records;
  TestHost host;
  std::vector<base::Pfn> freed;
  vm::EpochCpu cpu[cpus];
  Epochs epochs{host, cpu, records, {this, [](void* self, base::Pfn frame) {
                                       static_cast<Fixture*>(self)->freed.push_back(frame);
                                     }}};
};

struct Thing {
  vm::EpochNode node;
  bool* reclaimed = nullptr;
};

void retire(Epochs& epochs, Thing& thing, bool& reclaimed) {
  thing.reclaimed = &reclaimed;
  epochs.retire(thing.node,
                [](vm::EpochNode* node) { *reinterpret_cast<Thing*>(node)->reclaimed = true; });
}

}  // namespace

TEST_CASE("a retired object is reclaimed after every reader has left") {
  Fixture it;
  Thing thing;
  bool reclaimed = false;
  {
    Section reader(it.epochs);
    retire(it.epochs, thing, reclaimed);
    CHECK(it.epochs.in_section());
    for (int i = 0; i < 10; ++i) (void)it.epochs.collect();
    CHECK(!reclaimed);
    CHECK(it.epochs.pending() == 1);
  }
  CHECK(!it.epochs.in_section());
  while (it.epochs.pending() != 0) (void)it.epochs.collect();
  CHECK(reclaimed);
}

TEST_CASE("a reader on another CPU holds back what was retired while it reads") {
  Fixture it;
  Thing thing;
  bool reclaimed = false;
  this_cpu = 1;
  {
    Section reader(it.epochs);
    this_cpu = 0;
    retire(it.epochs, thing, reclaimed);
    for (int i = 0; i < 10; ++i) (void)it.epochs.collect();
    CHECK(!reclaimed);
    // A newer reader changes nothing.
    this_cpu = 2;
    {
      Section newer(it.epochs);
      this_cpu = 0;
      (void)it.epochs.collect();
      CHECK(!reclaimed);
      this_cpu = 2;
    }
    this_cpu = 1;
  }
  this_cpu = 0;
  it.epochs.synchronize();
  CHECK(reclaimed);
}

TEST_CASE("sections nest and the outermost one counts") {
  Fixture it;
  Thing thing;
  bool reclaimed = false;
  {
    Section outer(it.epochs);
    {
      Section inner(it.epochs);
    }
    CHECK(it.epochs.in_section());
    retire(it.epochs, thing, reclaimed);
    for (int i = 0; i < 10; ++i) (void)it.epochs.collect();
    CHECK(!reclaimed);
  }
  it.epochs.synchronize();
  CHECK(reclaimed);
}

TEST_CASE("retired frames reach their owner in bulk") {
  Fixture it;
  for (uint64_t i = 0; i < 40; ++i) it.epochs.retire_frame(base::Pfn(100 + i));
  CHECK(it.epochs.pending() == 40);
  CHECK(it.freed.empty());
  it.epochs.synchronize();
  CHECK(it.freed.size() == 40);
  CHECK(it.epochs.pending() == 0);
}

TEST_CASE("one CPU reclaims what an idle one retired") {
  Fixture it;
  this_cpu = 3;
  it.epochs.retire_frame(base::Pfn(120));
  this_cpu = 0;
  it.epochs.synchronize();
  CHECK(it.freed.size() == 1);
}

TEST_CASE("a few retired things wait, many are reclaimed by poll") {
  Fixture it;
  for (uint64_t i = 0; i + 1 < Epochs::poll_limit; ++i) {
    it.epochs.retire_frame(base::Pfn(100 + i));
    CHECK(it.epochs.poll() == 0);
  }
  const uint64_t before = it.epochs.stamp();
  CHECK(it.epochs.pending() == Epochs::poll_limit - 1);
  CHECK(it.epochs.passed() < before);
  it.epochs.retire_frame(base::Pfn(149));
  CHECK(it.epochs.poll() == Epochs::poll_limit);
  CHECK(it.freed.size() == Epochs::poll_limit);
  CHECK(it.epochs.pending() == 0);
}

TEST_CASE("where others have moved the epoch on, poll reclaims without moving it") {
  Fixture it;
  for (uint64_t i = 0; i < Epochs::poll_limit; ++i) it.epochs.retire_frame(base::Pfn(100 + i));
  this_cpu = 1;
  CHECK(it.epochs.try_advance());
  CHECK(it.epochs.try_advance());
  this_cpu = 0;
  const uint64_t now = it.epochs.stamp();
  CHECK(it.epochs.poll() == Epochs::poll_limit);
  CHECK(it.epochs.stamp() == now);
}

TEST_CASE("an idle CPU keeps nothing that it has retired") {
  Fixture it;
  Thing thing;
  bool reclaimed = false;
  retire(it.epochs, thing, reclaimed);
  it.epochs.retire_frame(base::Pfn(100));
  CHECK(it.epochs.collect() == 2);
  CHECK(reclaimed);
  CHECK(it.epochs.pending() == 0);
  CHECK(it.epochs.collect() == 0);
}

TEST_CASE("relief gives the frames of all CPUs back and leaves objects where they are") {
  Fixture it;
  Thing thing;
  bool reclaimed = false;
  for (uint32_t c = 0; c < cpus; ++c) {
    this_cpu = c;
    it.epochs.retire_frame(base::Pfn(100 + c));
  }
  retire(it.epochs, thing, reclaimed);
  this_cpu = 0;
  CHECK(it.epochs.relieve() == cpus);
  CHECK(it.freed.size() == cpus);
  CHECK(!reclaimed);
  CHECK(it.epochs.pending() == 1);
  it.epochs.synchronize();
  CHECK(reclaimed);
}

TEST_CASE("relief waits for no reader, least of all for the caller") {
  Fixture it;
  it.epochs.retire_frame(base::Pfn(100));
  {
    Section reader(it.epochs);
    it.epochs.retire_frame(base::Pfn(101));
    CHECK(it.epochs.relieve() == 0);
  }
  this_cpu = 1;
  {
    Section reader(it.epochs);
    this_cpu = 0;
    it.epochs.retire_frame(base::Pfn(102));
    const uint64_t freed = it.epochs.relieve();
    CHECK(it.freed.size() == freed);
    CHECK(it.epochs.pending() == 3 - freed);
    CHECK(it.epochs.pending() >= 1);
    this_cpu = 1;
  }
  this_cpu = 0;
  (void)it.epochs.relieve();
  CHECK(it.freed.size() == 3);
}

TEST_CASE("a stamp has passed when its readers are gone") {
  Fixture it;
  const uint64_t before = it.epochs.stamp();
  CHECK(it.epochs.passed() < before);
  this_cpu = 1;
  {
    Section reader(it.epochs);
    const uint64_t during = it.epochs.stamp();
    for (int i = 0; i < 5; ++i) (void)it.epochs.try_advance();
    CHECK(it.epochs.passed() < during);
  }
  this_cpu = 0;
  for (int i = 0; i < 5; ++i) CHECK(it.epochs.try_advance());
  CHECK(it.epochs.passed() >= before);
}

TEST_CASE("a closed gate keeps readers out and waits for those inside") {
  Fixture it;
  vm::Gate gate;
  vm::Gate other;
  std::atomic<int> inside{0};
  std::atomic<bool> closed{false};
  std::atomic<bool> failed{false};
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (uint32_t c = 1; c < cpus; ++c) {
    readers.emplace_back([&, c] {
      this_cpu = c;
      while (!stop) {
        Section first(it.epochs, other);
        Section section(it.epochs, gate);
        ++inside;
        if (closed) failed = true;
        --inside;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    it.epochs.close(gate);
    closed = true;
    if (inside != 0) failed = true;
    closed = false;
    it.epochs.open(gate);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(!failed);
}

TEST_CASE("readers never see a reclaimed object while writers replace it") {
  Fixture it;
  struct Value {
    vm::EpochNode node;
    std::atomic<uint64_t> live{0x11fe};
  };
  std::atomic<Value*> current{new Value};
  std::atomic<bool> stop{false};
  std::atomic<bool> failed{false};
  std::atomic<uint64_t> reads{0};
  std::vector<std::thread> threads;
  for (uint32_t c = 2; c < cpus; ++c) {
    threads.emplace_back([&, c] {
      this_cpu = c;
      while (!stop) {
        Section section(it.epochs);
        const Value* value = current.load();
        for (int i = 0; i < 20; ++i) {
          if (value->live.load(std::memory_order_relaxed) != 0x11fe) failed = true;
        }
        reads.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (uint32_t c = 0; c < 2; ++c) {
    threads.emplace_back([&, c] {
      this_cpu = c;
      for (int i = 0; i < 5000 || reads < 1000; ++i) {
        Value* old = current.exchange(new Value);
        it.epochs.retire(old->node, [](vm::EpochNode* node) {
          auto* value = reinterpret_cast<Value*>(node);
          value->live.store(0xdead, std::memory_order_relaxed);
          delete value;
        });
        (void)(i % 3 == 0 ? it.epochs.collect() : it.epochs.poll());
      }
    });
  }
  threads[2].join();
  threads[3].join();
  stop = true;
  threads[0].join();
  threads[1].join();
  it.epochs.synchronize();
  CHECK(!failed);
  CHECK(it.epochs.pending() == 0);
  delete current.load();
}

// What a CPU has retired is collected by another while it retires more.
TEST_CASE("CPUs retire objects and frames while another one collects for all") {
  constexpr uint64_t frames = 24;  // of each CPU
  struct Shared {
    std::atomic<bool> retired[2 * frames] = {};
    std::atomic<uint64_t> collected{0};
  } shared;
  Fixture it;
  vm::EpochCpu cpu[cpus];
  Epochs epochs(it.host, cpu, it.records, {&shared, [](void* to, base::Pfn frame) {
                                             auto* all = static_cast<Shared*>(to);
                                             all->retired[frame.raw() - 100] = false;
                                             ++all->collected;
                                           }});
  struct Node {
    vm::EpochNode node;
    std::atomic<bool> retired{false};
  };
  std::vector<Node> nodes(2);
  std::atomic<int> running{2};
  std::vector<std::thread> threads;
  uint64_t made[2] = {};
  for (uint32_t c = 0; c < 2; ++c) {
    threads.emplace_back([&, c] {
      this_cpu = c;
      for (int i = 0; i < 20000; ++i) {
        const uint64_t number = c * frames + uint64_t(i) % frames;
        if (!shared.retired[number].exchange(true)) {
          epochs.retire_frame(base::Pfn(100 + number));
          ++made[c];
        }
        if (!nodes[c].retired.exchange(true)) {
          epochs.retire(nodes[c].node, [](vm::EpochNode* node) {
            reinterpret_cast<Node*>(node)->retired = false;
          });
        }
        (void)(i % 3 == 0 ? epochs.collect() : epochs.poll());
      }
      --running;
    });
  }
  this_cpu = 2;
  for (int i = 0; running != 0; ++i) {
    if (i % 2 == 0) {
      epochs.synchronize();
    } else {
      (void)epochs.relieve();
    }
  }
  for (std::thread& thread : threads) thread.join();
  epochs.synchronize();
  this_cpu = 0;
  CHECK(epochs.pending() == 0);
  CHECK(shared.collected == made[0] + made[1]);
}
