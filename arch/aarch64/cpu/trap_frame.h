// trap_frame.h: every user-visible general register, saved by a trap in this order.
//
// Built by trap_entry.S on the kernel stack for exceptions, interrupts and system calls alike;
// changing a field changes the register on return. The layout is private to the architecture
// (generated offsets); the kernel uses the member functions, which every architecture has.
//
// `record` is a frame record: it joins the handler's chain of frame pointers to the interrupted
// one, or ends it (zeroes) when user mode was interrupted. SP_EL0 is scratch in the kernel:
// while a user thread is in the kernel, `stack_pointer` is its only copy.
// Source: Arm ARM D1.3 (exception entry); AAPCS64 6.4.6 (frame records).
#pragma once

#include "cpu/sysreg.h"

#include <cstddef>
#include <cstdint>

namespace cpu {

struct TrapFrame {
  uint64_t x[31];
  uint64_t stack_pointer;  // SP_EL0 from user mode, else SP_EL1 before the frame was pushed
  uint64_t elr;            // address to return to
  uint64_t spsr;           // interrupted PSTATE
  uint64_t esr;            // why (synchronous exceptions and SError only)
  uint64_t far;            // faulting address, where esr says that it is valid
  uint64_t vector;         // which of the 16 vectors was taken
  uint64_t reserved;
  uint64_t record[2];

  [[nodiscard]] uint64_t pc() const { return elr; }
  void set_pc(uint64_t value) { elr = value; }
  [[nodiscard]] uint64_t sp() const { return stack_pointer; }
  void set_sp(uint64_t value) { stack_pointer = value; }
  [[nodiscard]] uint64_t frame_pointer() const { return x[29]; }
  // The return address of a function that has built no frame, unless it has made calls: aarch64
  // keeps it in a register (x86_64: on the stack, where nothing says so; 0).
  [[nodiscard]] uint64_t link() const { return x[30]; }
  [[nodiscard]] bool from_user() const { return (spsr & pstate::mode_mask) == pstate::mode_el0; }

  // System call convention of Linux on this architecture.
  [[nodiscard]] uint64_t syscall_number() const { return x[8]; }
  [[nodiscard]] uint64_t syscall_argument(size_t index) const { return x[index]; }
  void set_syscall_result(uint64_t value) { x[0] = value; }
  [[nodiscard]] uint64_t syscall_result() const { return x[0]; }
  // Whether the frame is a system call's, whose result may still change; it is none from here on.
  [[nodiscard]] bool is_syscall() const {
    constexpr uint64_t synchronous_from_user = 8;
    constexpr uint64_t class_svc = 0x15;
    return vector == synchronous_from_user && (esr >> 26 & 0x3f) == class_svc;
  }
  void forget_syscall() { esr = 0; }
  // The program makes call `number` again, with the arguments it had: the first is handed back.
  void repeat_syscall(uint64_t number, uint64_t first_argument) {
    constexpr uint64_t instruction_size = 4;
    x[8] = number;
    x[0] = first_argument;
    elr -= instruction_size;
  }

  // A frame that starts a program: every register 0 but these two, interrupts on, user mode.
  [[nodiscard]] static TrapFrame for_user(uint64_t pc, uint64_t sp);

  // The registers by name, for panic messages: calls visit(const char* name, uint64_t value).
  template <typename Visit>
  void for_each_register(Visit visit) const {
    static constexpr const char* names[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",
                                            "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
                                            "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
                                            "x24", "x25", "x26", "x27", "x28", "x29", "x30"};
    for (size_t i = 0; i < 31; ++i) {
      visit(names[i], x[i]);
    }
    visit("sp", stack_pointer), visit("pc", elr), visit("pstate", spsr);
    visit("esr", esr), visit("far", far), visit("vector", vector);
  }
};
static_assert(sizeof(TrapFrame) % 16 == 0, "SP stays 16-byte aligned");

}  // namespace cpu
