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

// Below the stack pointer, and a leaf function's own.
inline constexpr uint64_t signal_red_zone = 128;
// MINSIGSTKSZ.
inline constexpr uint64_t least_signal_stack = 2048;
// Handlers name where they return to (SA_RESTORER): there is no other place.
inline constexpr bool has_signal_trampoline = false;
inline constexpr uint32_t signal_trampoline_code[1]{};
// Room for the vector state in a frame.
inline constexpr size_t max_signal_state = 1024;

// struct sigcontext
struct SignalRegisters {
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
  uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  uint16_t cs, gs, fs, ss;
  uint64_t error, vector, old_mask, cr2;
  uint64_t state;  // address of the vector state, 0: none
  uint64_t reserved[8];
};
static_assert(sizeof(SignalRegisters) == 256);

// struct rt_sigframe: the handler returns to `restorer`.
struct SignalContext {
  uint64_t restorer;
  uint64_t flags;
  uint64_t link;
  kernel::SignalStack stack;
  SignalRegisters registers;
  uint64_t mask;
  uint8_t info[128];
};
static_assert(sizeof(SignalContext) == 440);

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
  // The registers that the handler starts with, vector state included.
  void enter(TrapFrame& frame, const kernel::SignalDelivery& delivery) const;

 private:
  uint64_t context_address_;
  uint64_t state_address_;
  size_t state_size_;
  SignalContext context_;
  alignas(64) uint8_t state_[max_signal_state];
};

// Where the frame of a handler that returns must be, by its registers.
[[nodiscard]] inline uint64_t signal_context_address(const TrapFrame& frame) {
  return frame.rsp - sizeof(uint64_t);
}

// The vector state that `context` names: where it is, how much of it to read (at most
// max_signal_state; if that much is not there, `least`). Size 0: there is none.
struct SignalStateArea {
  uint64_t address;
  size_t size;
  size_t least;
};
[[nodiscard]] SignalStateArea signal_state_area(const SignalContext& context);
// Puts the registers of `context` into `frame`, and `size` bytes read from that area, 64-byte
// aligned, into this CPU's vector registers. False: it makes no sense; registers may have changed,
// but are a program's still. The frame is no system call's afterwards.
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
  return frame.error;
}
[[nodiscard]] inline uint64_t fault_vector(const TrapFrame& frame) {
  return frame.vector;
}

}  // namespace cpu
