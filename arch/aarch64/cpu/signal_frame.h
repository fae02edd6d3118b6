// signal_frame.h: what Linux puts on the stack for a signal handler (struct rt_sigframe), and what
// it takes back from there.
//
// Nothing here touches user memory: the kernel copies. What comes back from it may be anything:
// the registers it yields give no right that a program does not have, and cannot make the way to
// user mode fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "cpu/trap_frame.h"
#include "kernel/seam/signals.h"
#include "kernel/seam/traps.h"

namespace cpu {

// Below the stack pointer, and a leaf function's own: the ABI has none.
inline constexpr uint64_t signal_red_zone = 0;
// MINSIGSTKSZ.
inline constexpr uint64_t least_signal_stack = 5120;
// Where handlers return that name nothing else: mov x8, #__NR_rt_sigreturn; svc #0. As in Linux's
// vDSO, by whose bytes unwinders know a signal frame.
inline constexpr bool has_signal_trampoline = true;
inline constexpr uint32_t signal_trampoline_code[] = {0xd280'1168, 0xd400'0001};
// Room for vector state outside the context: it is inside.
inline constexpr size_t max_signal_state = 64;

// Each record of the context's last part starts so; zeroes end them.
struct SignalRecord {
  uint32_t magic;
  uint32_t size;
};

// struct rt_sigframe up to what records need; Linux reserves 4096 bytes for them.
struct SignalContext {
  static constexpr size_t reserved_size = 4096;
  static constexpr size_t known_size = 1024;  // as much of it as is looked at

  uint8_t info[128];
  uint64_t flags;
  uint64_t link;
  kernel::SignalStack stack;
  uint64_t mask;
  uint8_t unused[128];  // room for a longer mask, and alignment
  // struct sigcontext
  uint64_t fault_address;
  uint64_t x[31];
  uint64_t sp;
  uint64_t pc;
  uint64_t pstate;
  uint64_t padding;
  alignas(16) uint8_t records[known_size];
};
static_assert(offsetof(SignalContext, fault_address) == 128 + 176);
static_assert(offsetof(SignalContext, records) == 128 + 176 + 288);

// A frame for `delivery` to a thread with the registers of `frame` and the vector state last saved
// at `user_state`.
class SignalFrame {
 public:
  SignalFrame(const TrapFrame& frame, const kernel::SignalDelivery& delivery,
              const void* user_state);
  SignalFrame(const SignalFrame&) = delete;
  SignalFrame& operator=(const SignalFrame&) = delete;

  static constexpr size_t part_count = 2;
  [[nodiscard]] kernel::SignalFramePart part(size_t index) const;
  // The handler's stack pointer; nothing of the frame is below.
  [[nodiscard]] uint64_t lowest() const { return context_address_; }
  // The registers that the handler starts with.
  void enter(TrapFrame& frame, const kernel::SignalDelivery& delivery) const;

 private:
  uint64_t context_address_;
  uint64_t record_address_;
  uint64_t frame_record_[2];  // joins the handler's chain of frame pointers to the interrupted one
  size_t context_size_;
  SignalContext context_;
};

// Where the frame of a handler that returns must be, by its registers.
[[nodiscard]] inline uint64_t signal_context_address(const TrapFrame& frame) {
  return frame.stack_pointer;
}

// The vector state outside of `context`: there is none.
struct SignalStateArea {
  uint64_t address;
  size_t size;
  size_t least;
};
[[nodiscard]] inline SignalStateArea signal_state_area(const SignalContext&) {
  return {0, 0, 0};
}
// Puts the registers of `context` into `frame` and into this CPU's vector registers. False: it
// makes no sense; registers may have changed, but are a program's still. The frame is no system
// call's afterwards.
[[nodiscard]] bool restore_signal_context(TrapFrame& frame, const SignalContext& context,
                                          uint8_t* state, size_t size);

// The registers of a program by their DWARF numbers; what there is none of is 0.
struct ProgramRegisters {
  uint64_t pc;
  uint64_t sp;
  uint64_t flags;
  uint64_t general[32];
};
[[nodiscard]] ProgramRegisters program_registers(const TrapFrame& frame);
// Of the flags those that a program may change. The frame is no system call's afterwards.
void set_program_registers(TrapFrame& frame, const ProgramRegisters& registers);

// What an exception that a program caused is told as.
[[nodiscard]] kernel::ExceptionSignal exception_signal(const TrapFrame& frame,
                                                       const kernel::ExceptionInfo& info);
// What SignalDelivery::fault_* say of the trap in `frame`.
[[nodiscard]] inline uint64_t fault_code(const TrapFrame& frame) {
  return frame.esr;
}
[[nodiscard]] inline uint64_t fault_vector(const TrapFrame&) {
  return 0;
}

}  // namespace cpu
