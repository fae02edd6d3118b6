#include "cpu/context.h"

#include "cpu/features.h"
#include "cpu/io.h"
#include "cpu/user_state.h"

extern "C" const char cpu_thread_start[];

namespace cpu {

namespace {

constexpr uint64_t fxsave_size = 512;
uint64_t state_size = fxsave_size;
uint64_t state_mask = 0;  // 0: FXSAVE, else XSAVE components
uint32_t control_mask = 0;

struct alignas(64) InitialState {
  uint8_t bytes[fxsave_size + 64];
};
// XSAVE image with every component in its initial state: XRSTOR of an empty header sets those;
// only MXCSR is read from the legacy area.
constexpr InitialState make_initial_state() {
  InitialState state{};
  state.bytes[0] = 0x7f;  // x87 control word 0x037f
  state.bytes[1] = 0x03;
  state.bytes[24] = 0x80;  // MXCSR 0x1f80
  state.bytes[25] = 0x1f;
  return state;
}
constexpr InitialState initial_state = make_initial_state();

}  // namespace

Context make_context(uint64_t stack_top, ThreadEntry entry, void* argument) {
  // What cpu_switch_context pops: r15 r14 r13 r12 rbx rbp, then its return address.
  auto* slots = reinterpret_cast<uint64_t*>(stack_top) - 8;
  slots[0] = 0;
  slots[1] = 0;
  slots[2] = reinterpret_cast<uint64_t>(argument);
  slots[3] = reinterpret_cast<uint64_t>(entry);
  slots[4] = 0;
  slots[5] = 0;
  slots[6] = reinterpret_cast<uint64_t>(cpu_thread_start);
  slots[7] = 0;  // keeps the stack 16-byte aligned at cpu_thread_start's call
  return {reinterpret_cast<uint64_t>(slots)};
}

void set_user_tls(uint64_t base) {
  write_msr(Msr::fs_base, base);
}
uint64_t user_tls() {
  return read_msr(Msr::fs_base);
}

void configure_user_state(uint64_t xsave_mask, uint64_t size) {
  state_mask = xsave_mask;
  state_size = size;
  alignas(16) uint8_t area[fxsave_size] = {};
  asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
  constexpr unsigned mask_offset = 28;
  constexpr uint32_t mask_of_old_processors = 0xffbf;
  control_mask = uint32_t(area[mask_offset]) | uint32_t(area[mask_offset + 1]) << 8 |
                 uint32_t(area[mask_offset + 2]) << 16 | uint32_t(area[mask_offset + 3]) << 24;
  control_mask = control_mask == 0 ? mask_of_old_processors : control_mask;
}

uint64_t user_state_mask() {
  return state_mask;
}
uint32_t mxcsr_mask() {
  return control_mask;
}

uint64_t user_state_size() {
  return state_size;
}

void save_user_state(void* area) {
  if (state_mask != 0) {
    asm volatile("xsave64 (%0)" : : "r"(area), "a"(uint32_t(state_mask)), "d"(0) : "memory");
  } else {
    asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
  }
}

void load_user_state(const void* area) {
  if (state_mask != 0) {
    asm volatile("xrstor64 (%0)" : : "r"(area), "a"(uint32_t(state_mask)), "d"(0) : "memory");
  } else {
    asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
  }
}

void reset_vector_state() {
  load_user_state(&initial_state);
}

void reset_user_state() {
  reset_vector_state();
  set_user_tls(0);
  write_msr(Msr::kernel_gs_base, 0);  // the user's GS base
}

}  // namespace cpu
