// sanitizer_tests.cpp: one mistake of each kind that instrumented kernels must report.
#include "test/ktest/misbehave.h"

#include <cstdint>

#include "kernel/memory/frames.h"
#include "kernel/memory/heap.h"

namespace kernel {

namespace {

// The compiler must neither see a value nor drop its use.
template <typename T>
[[gnu::noinline]] T hidden(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

template <typename T>
void use(T value) {
  asm volatile("" : : "r"(value));
}

constexpr size_t array_size = 12;
uint8_t global_array[array_size];

void overflow_heap() {
  auto block = heap_allocate(array_size);
  if (block.ok()) {
    auto* bytes = hidden(static_cast<volatile uint8_t*>(block.value()));
    bytes[array_size] = 1;
    heap_free(block.value());
  }
}

void use_freed_heap() {
  auto block = heap_allocate(100);
  if (block.ok()) {
    auto* words = hidden(static_cast<volatile uint64_t*>(block.value()));
    heap_free(block.value());
    use(words[2]);
  }
}

void free_heap_twice() {
  auto block = heap_allocate(100);
  auto other = heap_allocate(100);
  if (block.ok() && other.ok()) {
    heap_free(block.value());
    heap_free(hidden(block.value()));
  }
}

void use_freed_frame() {
  auto frame = allocate_frames(0);
  if (frame.ok()) {
    auto* words = hidden(static_cast<volatile uint64_t*>(frame_window(frame.value())));
    free_frames(frame.value(), 0);
    use(words[64]);
  }
}

void read_past_stack_array() {
  volatile uint8_t bytes[array_size] = {};
  use(hidden(&bytes[0])[hidden(array_size)]);
}

void read_past_global_array() {
  use(hidden(&global_array[0])[hidden(array_size)]);
}

void add_too_much() {
  use(hidden(int32_t{0x7fffffff}) + hidden(int32_t{2}));
}

void shift_too_far() {
  use(uint32_t{1} << hidden(uint32_t{32}));
}

void index_too_high() {
  use(global_array[hidden(array_size)]);
}

void read_misaligned() {
  alignas(8) const uint64_t words[2] = {};
  const auto address = hidden(reinterpret_cast<uint64_t>(&words[0]));
  use(*reinterpret_cast<const uint32_t*>(hidden(address + 1)));
}

void load_bad_bool() {
  uint8_t byte = 2;
  use(*reinterpret_cast<const bool*>(hidden(&byte)));
}

}  // namespace

void misbehave(PanicTest kind) {
  switch (kind) {
    case PanicTest::signed_overflow: return add_too_much();
    case PanicTest::wide_shift: return shift_too_far();
    case PanicTest::array_index: return index_too_high();
    case PanicTest::misaligned: return read_misaligned();
    case PanicTest::bad_bool: return load_bad_bool();
    case PanicTest::heap_overflow: return overflow_heap();
    case PanicTest::heap_use_after_free: return use_freed_heap();
    case PanicTest::heap_double_free: return free_heap_twice();
    case PanicTest::frame_use_after_free: return use_freed_frame();
    case PanicTest::stack_array: return read_past_stack_array();
    case PanicTest::global_array: return read_past_global_array();
    default: return;
  }
}

}  // namespace kernel
