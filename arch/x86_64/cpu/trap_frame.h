// trap_frame.h: every user-visible general register, saved by a trap in this order.
//
// Built by entry.S on the kernel stack for traps, interrupts and system calls alike; changing a
// field changes the register on return. The layout is private to the architecture (generated
// offsets); the kernel uses the member functions, which every architecture has.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cpu {

struct TrapFrame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
  uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
  uint64_t vector;                    // exception or interrupt vector; 0x100: system call
  uint64_t error;                     // the processor's error code, 0 where it has none
  uint64_t rip, cs, rflags, rsp, ss;  // as IRETQ wants them

  static constexpr uint64_t syscall_vector = 0x100;
  static constexpr uint64_t no_vector = 0x101;

  [[nodiscard]] uint64_t pc() const { return rip; }
  void set_pc(uint64_t value) { rip = value; }
  [[nodiscard]] uint64_t sp() const { return rsp; }
  void set_sp(uint64_t value) { rsp = value; }
  [[nodiscard]] uint64_t frame_pointer() const { return rbp; }
  // The return address of a function that has built no frame, unless it has made calls: aarch64
  // keeps it in a register (x86_64: on the stack, where nothing says so; 0).
  [[nodiscard]] uint64_t link() const { return 0; }
  [[nodiscard]] bool from_user() const { return (cs & 3) == 3; }

  // System call convention of Linux on this architecture.
  [[nodiscard]] uint64_t syscall_number() const { return rax; }
  [[nodiscard]] uint64_t syscall_argument(size_t index) const {
    const uint64_t values[] = {rdi, rsi, rdx, r10, r8, r9};
    return values[index];
  }
  void set_syscall_result(uint64_t value) { rax = value; }
  [[nodiscard]] uint64_t syscall_result() const { return rax; }
  // Whether the frame is a system call's, whose result may still change; it is none from here on.
  [[nodiscard]] bool is_syscall() const { return vector == syscall_vector; }
  void forget_syscall() { vector = no_vector; }
  // The program makes call `number` again, with the arguments it had: the first is handed back.
  void repeat_syscall(uint64_t number, uint64_t) {
    constexpr uint64_t instruction_size = 2;
    rax = number;
    rip -= instruction_size;
  }

  // A frame that starts a program: every register 0 but these two, interrupts on, user mode.
  [[nodiscard]] static TrapFrame for_user(uint64_t pc, uint64_t sp);

  // The registers by name, for panic messages: calls visit(const char* name, uint64_t value).
  template <typename Visit>
  void for_each_register(Visit visit) const {
    visit("rax", rax), visit("rbx", rbx), visit("rcx", rcx), visit("rdx", rdx);
    visit("rsi", rsi), visit("rdi", rdi), visit("rbp", rbp), visit("rsp", rsp);
    visit("r8", r8), visit("r9", r9), visit("r10", r10), visit("r11", r11);
    visit("r12", r12), visit("r13", r13), visit("r14", r14), visit("r15", r15);
    visit("rip", rip), visit("rflags", rflags), visit("cs", cs), visit("ss", ss);
    visit("vector", vector), visit("error", error);
  }
};

}  // namespace cpu
