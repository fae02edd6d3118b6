// A System in miniature for object tests: frames, epochs, and spaces that are maps of entries.
#pragma once

#include <string.h>

#include <map>
#include <memory>
#include <vector>

#include "test/unit/frame/memory.h"
#include "vm/object/page_store.h"

namespace object_test {

using base::Error;
using base::PageCount;
using base::Pfn;
using frame_test::Allocator;
using frame_test::Memory;
using frame_test::TestHost;
using vm::ObjectPage;
using vm::ObjectRange;
using vm::PageAnswer;
using vm::PageUse;

constexpr uint32_t cpus = 4;

using Section = vm::Epochs<TestHost>::Section;
using Mappers = vm::ObjectMappers<TestHost::Lock>;
using System = vm::ObjectSystem<Allocator>;

inline ObjectRange pages(uint64_t first, uint64_t count) {
  return ObjectRange::of(ObjectPage(first), PageCount(count));
}

// What a test's address space has of one object: entries that hold references.
class FakeSpace final : public vm::ObjectMapper {
 public:
  struct Entry {
    Pfn frame;
    bool writable = false;
    bool dirty = false;  // as hardware would set it
  };

  explicit FakeSpace(Memory& memory, Mappers& mappers) : memory_(memory), mappers_(mappers) {
    mappers_.join(*this);
  }
  ~FakeSpace() {
    mappers_.leave(*this);
    while (!entries.empty()) drop(entries.begin());
  }

  void put(ObjectPage page, const PageAnswer& answer, bool writable) {
    REQUIRE(answer.is_page());
    const auto old = entries.find(page.raw());
    if (old != entries.end()) drop(old);
    entries[page.raw()] = {answer.frame(), writable, false};
  }
  unsigned char* at(uint64_t page) {
    return static_cast<unsigned char*>(memory_.host.window(entries.at(page).frame));
  }
  void write(uint64_t page, unsigned char value) {
    REQUIRE(entries.at(page).writable);
    entries.at(page).dirty = true;
    at(page)[123] = value;
  }

  void drop_pages(vm::MemoryObject&, ObjectRange range) override {
    ++drops;
    for (auto at = entries.begin(); at != entries.end();) {
      const auto next = std::next(at);
      if (range.contains(ObjectPage(at->first))) drop(at);
      at = next;
    }
  }
  void clean_pages(vm::MemoryObject&, ObjectRange range) override {
    for (auto& [page, entry] : entries) {
      if (!range.contains(ObjectPage(page))) continue;
      if (entry.dirty) memory_.frames.records().of(entry.frame).mark_dirty();
      entry.dirty = false;
      entry.writable = false;
    }
  }

  std::map<uint64_t, Entry> entries;
  int drops = 0;

 private:
  void drop(std::map<uint64_t, Entry>::iterator at) {
    if (at->second.dirty) memory_.frames.records().of(at->second.frame).mark_dirty();
    memory_.frames.drop(at->second.frame);
    entries.erase(at);
  }

  Memory& memory_;
  Mappers& mappers_;
};

struct Fixture {
  explicit Fixture(uint64_t ram_pages = 2048) : memory(ram_pages, cpus) {}
  ~Fixture() { epochs.synchronize(); }

  // What a fault does: asks inside a section.
  PageAnswer ask(vm::MemoryObject& object, uint64_t page, PageUse use = PageUse::read) {
    Section section(epochs);
    return object.page(ObjectPage(page), use);
  }
  // Asks, and gives the reference back.
  Pfn peek(vm::MemoryObject& object, uint64_t page) {
    const PageAnswer answer = ask(object, page);
    REQUIRE(answer.is_page());
    memory.frames.drop(answer.frame());
    return answer.frame();
  }
  unsigned char* window(Pfn frame) {
    return static_cast<unsigned char*>(memory.host.window(frame));
  }
  uint64_t available() { return memory.frames.statistics().available().raw(); }

  Memory memory;
  vm::EpochCpu cpu[cpus];
  vm::Epochs<TestHost> epochs{memory.host, cpu, memory.frames.records(),
                              vm::FrameReclaim::to(memory.frames)};
  Mappers mappers;
  System system{memory.frames, epochs, mappers};
};

}  // namespace object_test
