#include "cpu/signal_frame.h"

#include <cstring>

#include "base/bits.h"
#include "base/check.h"
#include "cpu/context.h"
#include "cpu/cpu.h"
#include "cpu/descriptor_tables.h"
#include "cpu/user_state.h"

namespace cpu {

namespace {

// uc_flags
constexpr uint64_t has_extended_state = 1;
constexpr uint64_t has_stack_segment = 2;
constexpr uint64_t strict_stack_segment = 4;

// What programs may set: AC, OF, DF, TF, SF, ZF, AF, PF, CF, RF.
constexpr uint64_t program_flags = 0x5'0dd5;
constexpr uint64_t flag_trap = 0x100;
constexpr uint64_t flag_direction = 0x400;
constexpr uint64_t flag_resume = 0x1'0000;

// The FXSAVE area, what Linux says in its last bytes, and the XSAVE header behind it.
constexpr size_t legacy_size = 512;
constexpr size_t software_offset = 464;
constexpr size_t header_offset = 512;
constexpr size_t header_size = 64;
constexpr size_t mxcsr_offset = 24;
constexpr uint64_t legacy_components = 3;

struct SoftwareBytes {
  static constexpr uint32_t magic1_value = 0x4650'5853;
  uint32_t magic1;
  uint32_t extended_size;  // with the second magic number
  uint64_t components;
  uint32_t state_size;
  uint32_t padding[7];
};
static_assert(sizeof(SoftwareBytes) == legacy_size - software_offset);
constexpr uint32_t magic2_value = 0x4650'5845;

struct Header {
  uint64_t components;
  uint64_t compaction;
  uint64_t reserved[6];
};
static_assert(sizeof(Header) == header_size);

template <typename T>
T read_at(const uint8_t* from) {
  T value;
  memcpy(&value, from, sizeof(value));
  return value;
}

uint64_t align_down(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}

// The area as the processor will load it; false: loading it would fault.
bool make_loadable(uint8_t* state, size_t size) {
  const auto software = read_at<SoftwareBytes>(state + software_offset);
  const bool is_extended =
      user_state_mask() != 0 && size > legacy_size &&
      software.magic1 == SoftwareBytes::magic1_value &&
      software.state_size >= header_offset + header_size && software.state_size <= size - 4 &&
      software.state_size <= user_state_size() && software.state_size <= software.extended_size &&
      read_at<uint32_t>(state + software.state_size) == magic2_value;
  Header header{legacy_components, 0, {}};
  if (is_extended) {
    header = read_at<Header>(state + header_offset);
    if ((header.components & ~user_state_mask()) != 0 || header.compaction != 0) {
      return false;
    }
    for (const uint64_t word : header.reserved) {
      if (word != 0) {
        return false;
      }
    }
    header.components &= software.components;
  }
  memcpy(state + header_offset, &header, sizeof(header));
  return (read_at<uint32_t>(state + mxcsr_offset) & ~mxcsr_mask()) == 0;
}

kernel::ExceptionSignal float_signal(uint64_t pc, uint32_t errors) {
  enum : int32_t { division = 3, overflow = 4, underflow = 5, inexact = 6, invalid = 7 };
  constexpr uint8_t sigfpe = 8;
  const int32_t code = (errors & 1)      ? invalid
                       : (errors & 4)    ? division
                       : (errors & 8)    ? overflow
                       : (errors & 0x12) ? underflow
                                         : inexact;
  return {sigfpe, code, pc};
}

uint32_t x87_errors() {
  uint16_t status = 0;
  uint16_t control = 0;
  asm volatile("fnstsw %0" : "=m"(status));
  asm volatile("fnstcw %0" : "=m"(control));
  return status & ~control & 0x3fu;
}

uint32_t vector_errors() {
  uint32_t mxcsr = 0;
  asm volatile("stmxcsr %0" : "=m"(mxcsr));
  return mxcsr & ~(mxcsr >> 7) & 0x3fu;
}

// Whether the debug exception was a step; forgets it.
bool was_step() {
  constexpr uint64_t step = 1u << 14;
  constexpr uint64_t nothing = 0xffff'0ff0;
  uint64_t status = 0;
  asm volatile("movq %%dr6, %0" : "=r"(status));
  asm volatile("movq %0, %%dr6" : : "r"(nothing));
  return (status & step) != 0;
}

}  // namespace

SignalFrame::SignalFrame(const TrapFrame& frame, const kernel::SignalDelivery& delivery,
                         const void* user_state) {
  const bool is_extended = user_state_mask() != 0;
  const size_t plain_size = user_state_size();
  state_size_ = plain_size + (is_extended ? sizeof(magic2_value) : 0);
  BASE_CHECK(state_size_ <= max_signal_state, "vector state too large for a signal frame");
  state_address_ = align_down(delivery.top - state_size_, 64);
  context_address_ = align_down(state_address_ - sizeof(SignalContext), 16) - 8;

  memcpy(state_, user_state, plain_size);
  SoftwareBytes software{};
  if (is_extended) {
    software = {SoftwareBytes::magic1_value,
                uint32_t(state_size_),
                user_state_mask(),
                uint32_t(plain_size),
                {}};
    auto header = read_at<Header>(state_ + header_offset);
    header.components |= legacy_components;
    memcpy(state_ + header_offset, &header, sizeof(header));
    memcpy(state_ + plain_size, &magic2_value, sizeof(magic2_value));
  }
  memcpy(state_ + software_offset, &software, sizeof(software));

  context_ = {};
  context_.restorer = delivery.restorer;
  context_.flags =
      (is_extended ? has_extended_state : 0) | has_stack_segment | strict_stack_segment;
  context_.stack = delivery.stack;
  context_.mask = delivery.mask;
  context_.registers = {
      .r8 = frame.r8,
      .r9 = frame.r9,
      .r10 = frame.r10,
      .r11 = frame.r11,
      .r12 = frame.r12,
      .r13 = frame.r13,
      .r14 = frame.r14,
      .r15 = frame.r15,
      .rdi = frame.rdi,
      .rsi = frame.rsi,
      .rbp = frame.rbp,
      .rbx = frame.rbx,
      .rdx = frame.rdx,
      .rax = frame.rax,
      .rcx = frame.rcx,
      .rsp = frame.rsp,
      .rip = frame.rip,
      .rflags = frame.rflags,
      .cs = uint16_t(frame.cs),
      .gs = 0,
      .fs = 0,
      .ss = uint16_t(frame.ss),
      .error = delivery.fault_code,
      .vector = delivery.fault_vector,
      .old_mask = delivery.mask,
      .cr2 = delivery.fault_address,
      .state = state_address_,
      .reserved = {},
  };
  if (delivery.wants_info) {
    memcpy(context_.info, delivery.info, delivery.info_size);
  }
}

kernel::SignalFramePart SignalFrame::part(size_t index) const {
  return index == 0 ? kernel::SignalFramePart{context_address_, &context_, sizeof(context_)}
                    : kernel::SignalFramePart{state_address_, state_, state_size_};
}

void SignalFrame::enter(TrapFrame& frame, const kernel::SignalDelivery& delivery) const {
  frame.rdi = delivery.number;
  frame.rsi = context_address_ + offsetof(SignalContext, info);
  frame.rdx = context_address_ + offsetof(SignalContext, flags);
  frame.rax = 0;
  frame.rsp = context_address_;
  frame.rip = delivery.handler;
  frame.rflags &= ~(flag_direction | flag_resume | flag_trap);
  reset_vector_state();
  frame.forget_syscall();
}

SignalStateArea signal_state_area(const SignalContext& context) {
  if (context.registers.state == 0) {
    return {0, 0, 0};
  }
  const size_t size =
      user_state_mask() != 0 ? user_state_size() + sizeof(magic2_value) : legacy_size;
  return {context.registers.state, size, legacy_size};
}

bool restore_signal_context(TrapFrame& frame, const SignalContext& context, uint8_t* state,
                            size_t size) {
  const SignalRegisters& from = context.registers;
  if ((from.cs | 3) != user_code_selector) {
    return false;
  }
  if ((context.flags & strict_stack_segment) != 0 && (from.ss | 3) != user_data_selector) {
    return false;
  }
  if (size != 0 && !make_loadable(state, size)) {
    return false;
  }
  frame.r8 = from.r8;
  frame.r9 = from.r9;
  frame.r10 = from.r10;
  frame.r11 = from.r11;
  frame.r12 = from.r12;
  frame.r13 = from.r13;
  frame.r14 = from.r14;
  frame.r15 = from.r15;
  frame.rdi = from.rdi;
  frame.rsi = from.rsi;
  frame.rbp = from.rbp;
  frame.rbx = from.rbx;
  frame.rdx = from.rdx;
  frame.rax = from.rax;
  frame.rcx = from.rcx;
  frame.rsp = from.rsp;
  frame.rip = from.rip;  // a non-canonical one is found on the way out (trap_entry.S)
  frame.rflags = (frame.rflags & ~program_flags) | (from.rflags & program_flags);
  frame.cs = user_code_selector;
  frame.ss = user_data_selector;
  frame.forget_syscall();
  if (size != 0) {
    load_user_state(state);
  } else {
    reset_vector_state();
  }
  return true;
}

ProgramRegisters program_registers(const TrapFrame& frame) {
  return {frame.rip,
          frame.rsp,
          frame.rflags,
          {frame.rax, frame.rdx, frame.rcx, frame.rbx, frame.rsi, frame.rdi, frame.rbp, frame.rsp,
           frame.r8, frame.r9, frame.r10, frame.r11, frame.r12, frame.r13, frame.r14, frame.r15}};
}

void set_program_registers(TrapFrame& frame, const ProgramRegisters& registers) {
  const uint64_t* from = registers.general;
  uint64_t* const to[16] = {&frame.rax, &frame.rdx, &frame.rcx, &frame.rbx, &frame.rsi, &frame.rdi,
                            &frame.rbp, nullptr,    &frame.r8,  &frame.r9,  &frame.r10, &frame.r11,
                            &frame.r12, &frame.r13, &frame.r14, &frame.r15};
  for (size_t i = 0; i < 16; ++i) {
    if (to[i] != nullptr) {
      *to[i] = from[i];
    }
  }
  frame.rip = registers.pc;  // a non-canonical one is found on the way out (trap_entry.S)
  frame.rsp = registers.sp;
  frame.rflags = (frame.rflags & ~program_flags) | (registers.flags & program_flags);
  frame.forget_syscall();
}

kernel::ExceptionSignal exception_signal(const TrapFrame& frame,
                                         const kernel::ExceptionInfo& info) {
  enum : uint8_t { sigill = 4, sigtrap = 5, sigbus = 7, sigfpe = 8, sigsegv = 11 };
  constexpr int32_t from_kernel = 0x80;
  enum : unsigned {
    divide = 0,
    debug = 1,
    breakpoint = 3,
    invalid_opcode = 6,
    no_device = 7,
    segment_absent = 11,
    stack_segment = 12,
    x87 = 16,
    alignment = 17,
    machine_check = 18,
    vectors = 19
  };
  if (info.kind == kernel::ExceptionKind::protection && frame.vector > vectors) {
    return {sigsegv, from_kernel, 0};  // the way out refused the pc
  }
  switch (frame.vector) {
    case divide: return {sigfpe, 1, frame.rip};
    case debug: return {sigtrap, was_step() ? 2 : 1, frame.rip};
    case breakpoint: return {sigtrap, from_kernel, 0};
    case invalid_opcode:
    case no_device: return {sigill, 2, frame.rip};
    case segment_absent:
    case stack_segment:
    case machine_check: return {sigbus, from_kernel, 0};
    case x87: return float_signal(frame.rip, x87_errors());
    case alignment: return {sigbus, 1, 0};
    case vectors: return float_signal(frame.rip, vector_errors());
    default: return {sigsegv, from_kernel, 0};
  }
}

}  // namespace cpu
