// See ram.h.
#include "sim/ram.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>

#include "sim/failure.h"

namespace sim {

using base::Pfn;

Ram::Ram(Pfn first, uint64_t count)
    : frames_(base::PfnRange::of(first, base::PageCount(count))), info_(count) {
  void* memory = mmap(nullptr, count << base::page_shift, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    fail(Rule::mismatch, "no memory for %llu frames", (unsigned long long)count);
  bytes_ = static_cast<char*>(memory);
  stack_.reserve(count);
  for (uint64_t i = count; i-- > 0;) stack_.push_back(first + base::PageCount(i));
}

Ram::~Ram() {
  munmap(bytes_, frames_.count().raw() << base::page_shift);
}

void Ram::complain_no_ram(const volatile void* pointer) const {
  fail(Rule::freed_frame_access, "entry address %p is no RAM", const_cast<const void*>(pointer));
}
void Ram::complain_no_ram(Pfn frame) const {
  fail(Rule::freed_frame_access, "frame %#llx is no RAM", (unsigned long long)frame.raw());
}
void Ram::complain_not_live(Pfn frame, const char* what) const {
  fail(Rule::freed_frame_access, "%s: %s", what, describe(frame).c_str());
}

std::string Ram::describe(Pfn frame) const {
  const Info& it = info(frame);
  char text[200];
  std::snprintf(text, sizeof text,
                "frame %#llx (life %u, %s; last freed by CPU %u during %s, event %llu)",
                (unsigned long long)frame.raw(), it.generation, it.live ? "live" : "free", it.cpu,
                it.operation, (unsigned long long)it.at);
  return text;
}

bool Ram::take_failure() {
  ++allocations_;
  if (fail_after_ == never) return false;
  if (fail_after_-- != 0) return false;
  fail_after_ = never;
  failure_fired_ = true;
  return true;
}

base::Result<Pfn> Ram::allocate(uint32_t cpu) {
  if (take_failure() || stack_.empty()) return base::Error::out_of_memory;
  const Pfn frame = stack_.back();
  stack_.pop_back();
  check_poison(frame);
  note_taken(frame, cpu);
  std::memset(memory(frame), 0, base::page_size);
  return frame;
}

void Ram::check_poison(Pfn frame) {
  if (!info(frame).poisoned) return;
  const uint64_t* at = words(frame);
  for (unsigned i = 0; i < base::page_size / 8; ++i) {
    if (at[i] != poison) {
      fail(Rule::freed_frame_access, "word %u was written (%#llx) after the free of %s", i,
           (unsigned long long)at[i], describe(frame).c_str());
    }
  }
}

void Ram::fill_and_keep(Pfn frame) {
  uint64_t* at = words(frame);
  for (unsigned i = 0; i < base::page_size / 8; ++i) at[i] = poison;
  info(frame).poisoned = true;
  stack_.push_back(frame);
}

void Ram::note_taken(Pfn frame, uint32_t) {
  Info& it = info(frame);
  if (it.live) fail(Rule::double_free, "handed out while in use: %s", describe(frame).c_str());
  it.live = true;
  it.poisoned = false;
  ++it.generation;
  ++live_;
}

void Ram::note_freed(Pfn frame, uint32_t cpu) {
  Info& it = info(frame);
  if (!it.live) fail(Rule::double_free, "%s", describe(frame).c_str());
  it.live = false;
  it.cpu = cpu;
  it.operation = operation_;
  it.at = ++clock_;
  --live_;
}

}  // namespace sim
