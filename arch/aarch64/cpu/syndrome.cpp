#include "cpu/syndrome.h"

namespace cpu {

namespace {

// Exception classes.
constexpr unsigned class_unknown = 0x00;
constexpr unsigned class_wait = 0x01;
constexpr unsigned class_fp_access = 0x07;
constexpr unsigned class_branch_target = 0x0d;
constexpr unsigned class_illegal_state = 0x0e;
constexpr unsigned class_svc = 0x15;
constexpr unsigned class_system_register = 0x18;
constexpr unsigned class_sve_access = 0x19;
constexpr unsigned class_pointer_authentication = 0x1c;
constexpr unsigned class_sme_access = 0x1d;
constexpr unsigned class_instruction_abort_user = 0x20;
constexpr unsigned class_instruction_abort_kernel = 0x21;
constexpr unsigned class_pc_alignment = 0x22;
constexpr unsigned class_data_abort_user = 0x24;
constexpr unsigned class_data_abort_kernel = 0x25;
constexpr unsigned class_sp_alignment = 0x26;
constexpr unsigned class_memory_copy = 0x27;
constexpr unsigned class_fp_exception = 0x2c;
constexpr unsigned class_breakpoint_user = 0x30;
constexpr unsigned class_breakpoint_kernel = 0x31;
constexpr unsigned class_step_user = 0x32;
constexpr unsigned class_step_kernel = 0x33;
constexpr unsigned class_watchpoint_user = 0x34;
constexpr unsigned class_watchpoint_kernel = 0x35;
constexpr unsigned class_brk = 0x3c;

// Fault status codes: the low two bits of the first four are the level.
constexpr unsigned status_address_size = 0x00;
constexpr unsigned status_translation = 0x04;
constexpr unsigned status_access_flag = 0x08;
constexpr unsigned status_permission = 0x0c;
constexpr unsigned status_alignment = 0x21;
constexpr unsigned status_address_size_level_minus_1 = 0x29;
constexpr unsigned status_translation_level_minus_1 = 0x2b;
constexpr unsigned status_tlb_conflict = 0x30;

constexpr uint64_t write_not_read = 1u << 6;
constexpr uint64_t cache_maintenance = 1u << 8;

unsigned status_of(uint64_t esr) {
  return esr & 0x3f;
}

bool is_translation(unsigned status) {
  return (status & 0x3c) == status_translation || (status & 0x3c) == status_address_size ||
         status == status_translation_level_minus_1 || status == status_address_size_level_minus_1;
}

bool is_rights(unsigned status) {
  return (status & 0x3c) == status_permission || (status & 0x3c) == status_access_flag;
}

kernel::ExceptionInfo abort(uint64_t esr) {
  using kernel::ExceptionKind;
  switch (status_of(esr)) {
    case status_alignment: return {"unaligned access", ExceptionKind::alignment, esr};
    case status_tlb_conflict: return {"TLB conflict", ExceptionKind::hardware, esr};
    default: return {"external abort", ExceptionKind::hardware, esr};
  }
}

}  // namespace

bool Syndrome::is_system_call() const {
  return exception_class() == class_svc;
}

bool Syndrome::is_page_fault() const {
  switch (exception_class()) {
    case class_instruction_abort_user:
    case class_instruction_abort_kernel:
    case class_data_abort_user:
    case class_data_abort_kernel:
      return is_translation(status_of(esr)) || is_rights(status_of(esr));
    default: return false;
  }
}

kernel::FaultInfo Syndrome::page_fault(const TrapFrame& frame) const {
  const unsigned kind = exception_class();
  kernel::FaultAccess access = kernel::FaultAccess::read;
  if (kind == class_instruction_abort_user || kind == class_instruction_abort_kernel) {
    access = kernel::FaultAccess::execute;
  } else if ((esr & write_not_read) != 0 && (esr & cache_maintenance) == 0) {
    access = kernel::FaultAccess::write;  // maintenance sets the bit, but needs only to read
  }
  const bool user = kind == class_instruction_abort_user || kind == class_data_abort_user;
  return {frame.far, access, user, is_rights(status_of(esr)), esr};
}

kernel::ExceptionInfo Syndrome::exception() const {
  using kernel::ExceptionKind;
  switch (exception_class()) {
    case class_unknown: return {"undefined instruction", ExceptionKind::illegal_instruction, esr};
    case class_wait: return {"trapped wait", ExceptionKind::illegal_instruction, esr};
    case class_fp_access: return {"trapped SIMD", ExceptionKind::illegal_instruction, esr};
    case class_sve_access: return {"trapped SVE", ExceptionKind::illegal_instruction, esr};
    case class_sme_access: return {"trapped SME", ExceptionKind::illegal_instruction, esr};
    case class_branch_target: return {"branch target", ExceptionKind::illegal_instruction, esr};
    case class_illegal_state: return {"illegal state", ExceptionKind::illegal_instruction, esr};
    case class_svc: return {"system call in the kernel", ExceptionKind::other, esr};
    case class_system_register:
      return {"system register access", ExceptionKind::illegal_instruction, esr};
    case class_pointer_authentication:
      return {"pointer authentication", ExceptionKind::illegal_instruction, esr};
    case class_instruction_abort_user:
    case class_instruction_abort_kernel:
    case class_data_abort_user:
    case class_data_abort_kernel: return abort(esr);
    case class_pc_alignment: return {"unaligned pc", ExceptionKind::alignment, esr};
    case class_sp_alignment: return {"unaligned sp", ExceptionKind::alignment, esr};
    case class_memory_copy: return {"memory copy", ExceptionKind::memory_copy, esr};
    case class_fp_exception: return {"floating point", ExceptionKind::arithmetic, esr};
    case class_breakpoint_user:
    case class_breakpoint_kernel:
    case class_watchpoint_user:
    case class_watchpoint_kernel:
    case class_brk: return {"breakpoint", ExceptionKind::breakpoint, esr};
    case class_step_user:
    case class_step_kernel: return {"single step", ExceptionKind::single_step, esr};
    default: return {"unclassified exception", ExceptionKind::other, esr};
  }
}

}  // namespace cpu
