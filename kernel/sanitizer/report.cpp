// report.cpp: a bad access in words: what was accessed, how, and what the memory there is.
#include <cstdint>

#include "kernel/log/format.h"
#include "kernel/log/panic.h"
#include "kernel/memory/heap.h"
#include "kernel/sanitizer/shadow_map.h"

namespace kernel::shadow {

namespace {

struct Description {
  char text[96];
};

void describe_heap(uint64_t bad, const char* state, Description& description) {
  const HeapBlock block = find_heap_block(bad);
  if (block.size == 0) {
    format_into(description.text, sizeof(description.text), "heap memory that is no block's");
  } else if (bad >= block.start + block.size) {
    format_into(description.text, sizeof(description.text),
                "%lu bytes past the end of a%s heap block of %lu bytes at 0x%lx",
                bad - block.start - block.size, state, block.size, block.start);
  } else {
    format_into(description.text, sizeof(description.text),
                "byte %lu of a%s heap block of %lu bytes at 0x%lx", bad - block.start, state,
                block.size, block.start);
  }
}

const char* describe(Poison what) {
  switch (what) {
    case Poison::stack_left:
    case Poison::stack_middle:
    case Poison::stack_right: return "the stack beside a variable";
    case Poison::stack_after_return:
    case Poison::stack_out_of_scope: return "a variable on the stack that is out of scope";
    case Poison::global_edge: return "behind a global variable";
    case Poison::frame_free: return "a free frame";
    default: return "poisoned memory";
  }
}

// The shadow of the granule after the good bytes of the last one says what follows.
Poison reason_at(uint64_t bad) {
  const uint8_t* at = of(bad);
  if (*at < granule) {
    const uint8_t* next = of(bad + granule);
    return next == nullptr ? Poison(0) : Poison(*next);
  }
  return Poison(*at);
}

}  // namespace

void report(uint64_t address, uint64_t size, Kind kind, uint64_t bad) {
  const Poison what = reason_at(bad);
  stop_address_checks();
  Description description;
  if (what == Poison::heap_edge || what == Poison::heap_freed) {
    describe_heap(bad, what == Poison::heap_freed ? " freed" : "", description);
  } else {
    format_into(description.text, sizeof(description.text), "%s", describe(what));
  }
  panic("bad %s of %lu bytes at 0x%lx: 0x%lx is %s", kind == Kind::read ? "read" : "write", size,
        address, bad, description.text);
}

}  // namespace kernel::shadow
