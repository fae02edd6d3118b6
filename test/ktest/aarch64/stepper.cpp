#include "test/ktest/stepper.h"

#include "cpu/features.h"
#include "cpu/probe.h"
#include "cpu/sysreg.h"
#include "kernel/host/cpu_local.h"
#include "kernel/memory/user_space.h"

namespace kernel::test {

namespace {

constexpr uint64_t spsr_software_step = 1u << 21;
constexpr uint64_t spsr_carry = 1u << 29;
constexpr uint64_t spsr_pan = 1u << 22;

constexpr uint32_t msr_pan_0 = 0xd500'409f;
constexpr uint32_t msr_pan_1 = 0xd500'419f;

uint32_t instruction_at(uint64_t pc) {
  return *reinterpret_cast<const uint32_t*>(pc);
}

// STLXR Ws, Rt, [Xn] of 4 or 8 bytes.
struct StoreExclusive {
  explicit StoreExclusive(uint32_t code)
      : matches((code & 0xbfe0'fc00) == 0x8800'fc00),
        is_8_bytes((code >> 30 & 1) != 0),
        status(code >> 16 & 31),
        address(code >> 5 & 31),
        value(code & 31) {}
  bool matches, is_8_bytes;
  unsigned status, address, value;
};

}  // namespace

// Every return from an exception clears the exclusive monitor, so that a stepped store-exclusive
// always fails.
void continue_stepping(cpu::TrapFrame& frame, uint64_t last_pc) {
  frame.spsr |= spsr_software_step;
  if (last_pc == 0) {
    return;
  }
  const StoreExclusive store(instruction_at(last_pc));
  if (!store.matches || frame.x[store.status] != 1 || last_pc + 4 != frame.pc()) {
    return;
  }
  const uint64_t at = frame.x[store.address];
  const uint64_t value = store.value == 31 ? 0 : frame.x[store.value];
  // A page that the instruction has not written yet may have to become the space's own.
  (void)cpu_local().space->vm().fault({base::UserAddr(at), base::Right::write | base::Right::user});
  cpu::open_user_access();
  if (store.is_8_bytes) {
    *reinterpret_cast<volatile uint64_t*>(at) = value;
  } else {
    *reinterpret_cast<volatile uint32_t*>(at) = uint32_t(value);
  }
  cpu::close_user_access();
  frame.x[store.status] = 0;
}

bool had_user_access(const cpu::TrapFrame& frame) {
  return cpu::protection(cpu::Protection::kernel_reads_user).present &&
         (frame.spsr & spsr_pan) == 0;
}

WindowEffect window_effect(uint64_t pc) {
  const uint32_t code = instruction_at(pc);
  return code == msr_pan_0   ? WindowEffect::opens
         : code == msr_pan_1 ? WindowEffect::closes
                             : WindowEffect::none;
}

// What FEAT_MOPS keeps in the flags: the carry says which of the two ways it is.
bool make_copy_foreign(cpu::TrapFrame& frame) {
  constexpr uint32_t copy_forward = 0x1900'0400;
  constexpr uint32_t copy_mask = 0xff20'0c00;
  constexpr uint32_t stage = 3u << 22;  // 0: the first of the three
  const uint32_t code = instruction_at(frame.pc());
  if ((code & copy_mask) != copy_forward || (code & stage) == 0) {
    return false;
  }
  frame.spsr ^= spsr_carry;
  return true;
}

// Its deadline is long past.
void make_timer_pending() {
  SYSREG_WRITE("cntv_cval_el0", 0);
  cpu::isb();
}

bool has_nmi() {
  return false;
}
void send_nmi() {}

}  // namespace kernel::test
