#include "cpu/signal_frame.h"

#include <cstring>

#include "cpu/context.h"
#include "cpu/user_state.h"

namespace cpu {

namespace {

// What programs may set: N, Z, C, V, TCO, DIT, SSBS, BTYPE.
constexpr uint64_t program_flags = 0xf300'1c00;
constexpr uint64_t tag_check_override = 1u << 25;
constexpr uint64_t branch_type = 3u << 10;
// Linux refuses these; what it has no meaning for it forgets.
constexpr uint64_t privileged_flags = 0x3df;  // D, A, I, F, 32-bit state, mode

// struct fpsimd_context
struct VectorRecord {
  static constexpr uint32_t magic = 0x4650'8001;
  SignalRecord head;
  uint32_t fpsr;
  uint32_t fpcr;
  uint64_t q[32][2];
};
static_assert(sizeof(VectorRecord) == 528);

// struct esr_context
struct SyndromeRecord {
  static constexpr uint32_t magic = 0x4553'5201;
  SignalRecord head;
  uint64_t esr;
};

// Appends records to the context's.
class RecordWriter {
 public:
  explicit RecordWriter(SignalContext& context) : context_(context) {}

  template <typename Record>
  void add(Record record) {
    record.head = {Record::magic, sizeof(Record)};
    memcpy(context_.records + size_, &record, sizeof(record));
    size_ += sizeof(record);
  }
  // Bytes of the context that say anything, the end mark included.
  [[nodiscard]] size_t finish() const {
    return offsetof(SignalContext, records) + size_ + 2 * sizeof(SignalRecord);
  }

 private:
  SignalContext& context_;
  size_t size_ = 0;
};

// The one record of vector state; nullopt: the records are no list, or lack it.
std::optional<VectorRecord> find_vectors(const SignalContext& context) {
  std::optional<VectorRecord> found;
  for (size_t at = 0; at + sizeof(SignalRecord) <= SignalContext::known_size;) {
    SignalRecord head;
    memcpy(&head, context.records + at, sizeof(head));
    const size_t room = SignalContext::known_size - at;
    if (head.magic == 0) {
      return head.size == 0 ? found : std::nullopt;
    }
    if (head.size < sizeof(head) || head.size > room || head.size % 16 != 0) {
      return std::nullopt;
    }
    if (head.magic == VectorRecord::magic) {
      if (found || head.size != sizeof(VectorRecord)) {
        return std::nullopt;
      }
      VectorRecord record;
      memcpy(&record, context.records + at, sizeof(record));
      found = record;
    } else if (head.magic != SyndromeRecord::magic) {
      return std::nullopt;
    }
    at += head.size;
  }
  return std::nullopt;
}

}  // namespace

SignalFrame::SignalFrame(const TrapFrame& frame, const kernel::SignalDelivery& delivery,
                         const void* user_state)
    : record_address_((delivery.top & ~15ULL) - sizeof(frame_record_)),
      frame_record_{frame.x[29], frame.x[30]} {
  context_address_ =
      record_address_ - (offsetof(SignalContext, records) + SignalContext::reserved_size);
  context_ = {};
  if (delivery.wants_info) {
    memcpy(context_.info, delivery.info, delivery.info_size);
  }
  context_.stack = delivery.stack;
  context_.mask = delivery.mask;
  context_.fault_address = delivery.fault_address;
  memcpy(context_.x, frame.x, sizeof(context_.x));
  context_.sp = frame.stack_pointer;
  context_.pc = frame.elr;
  context_.pstate = frame.spsr;

  UserState state;
  memcpy(&state, user_state, sizeof(state));
  VectorRecord vectors{};
  vectors.fpsr = uint32_t(state.fpsr);
  vectors.fpcr = uint32_t(state.fpcr);
  memcpy(vectors.q, state.q, sizeof(vectors.q));
  RecordWriter records(context_);
  records.add(vectors);
  if (delivery.fault_code != 0) {
    records.add(SyndromeRecord{{}, delivery.fault_code});
  }
  context_size_ = records.finish();
}

kernel::SignalFramePart SignalFrame::part(size_t index) const {
  return index == 0
             ? kernel::SignalFramePart{context_address_, &context_, context_size_}
             : kernel::SignalFramePart{record_address_, frame_record_, sizeof(frame_record_)};
}

void SignalFrame::enter(TrapFrame& frame, const kernel::SignalDelivery& delivery) const {
  frame.x[0] = delivery.number;
  if (delivery.wants_info) {
    frame.x[1] = context_address_ + offsetof(SignalContext, info);
    frame.x[2] = context_address_ + offsetof(SignalContext, flags);
  }
  frame.x[29] = record_address_;
  frame.x[30] = delivery.restorer;
  frame.stack_pointer = context_address_;
  frame.elr = delivery.handler;
  frame.spsr &= ~(tag_check_override | branch_type);
  frame.forget_syscall();
}

bool restore_signal_context(TrapFrame& frame, const SignalContext& context, uint8_t*, size_t) {
  const std::optional<VectorRecord> vectors = find_vectors(context);
  if (!vectors || (context.pstate & privileged_flags) != 0) {
    return false;
  }
  memcpy(frame.x, context.x, sizeof(frame.x));
  frame.stack_pointer = context.sp;
  frame.elr = context.pc;
  frame.spsr = (context.pstate & program_flags) | pstate::mode_el0;
  frame.forget_syscall();
  UserState state{};
  state.fpsr = vectors->fpsr;
  state.fpcr = vectors->fpcr;
  memcpy(state.q, vectors->q, sizeof(state.q));
  load_user_state(&state);
  return true;
}

ProgramRegisters program_registers(const TrapFrame& frame) {
  ProgramRegisters registers{frame.elr, frame.stack_pointer, frame.spsr, {}};
  memcpy(registers.general, frame.x, sizeof(frame.x));
  return registers;
}

void set_program_registers(TrapFrame& frame, const ProgramRegisters& registers) {
  memcpy(frame.x, registers.general, sizeof(frame.x));
  frame.elr = registers.pc;
  frame.stack_pointer = registers.sp;
  frame.spsr = (registers.flags & program_flags) | pstate::mode_el0;
  frame.forget_syscall();
}

kernel::ExceptionSignal exception_signal(const TrapFrame& frame,
                                         const kernel::ExceptionInfo& info) {
  enum : uint8_t { sigill = 4, sigtrap = 5, sigbus = 7, sigfpe = 8, sigsegv = 11 };
  constexpr unsigned class_data_abort = 0x24;
  switch (info.kind) {
    case kernel::ExceptionKind::illegal_instruction: return {sigill, 1, frame.elr};
    case kernel::ExceptionKind::arithmetic: return {sigfpe, 0, frame.elr};
    case kernel::ExceptionKind::breakpoint: return {sigtrap, 1, frame.elr};
    case kernel::ExceptionKind::single_step: return {sigtrap, 2, frame.elr};
    case kernel::ExceptionKind::alignment: {
      const bool is_access = (frame.esr >> 26 & 0x3f) == class_data_abort;
      return {sigbus, 1, is_access ? frame.far : frame.elr};
    }
    case kernel::ExceptionKind::hardware: return {sigbus, 3, frame.far};
    case kernel::ExceptionKind::memory_copy:
    case kernel::ExceptionKind::protection:
    case kernel::ExceptionKind::other: break;
  }
  return {sigsegv, 0x80, 0};
}

}  // namespace cpu
