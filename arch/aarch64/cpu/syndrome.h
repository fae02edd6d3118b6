// syndrome.h: what ESR_EL1 says, in the kernel's words (aarch64 only).
//
// Source: Arm ARM D19.2.37 (ESR_EL1), D8.14 (fault status codes).
#pragma once

#include "cpu/trap_frame.h"
#include "kernel/seam/traps.h"

#include <cstdint>

namespace cpu {

struct Syndrome {
  uint64_t esr;

  [[nodiscard]] unsigned exception_class() const { return esr >> 26 & 0x3f; }
  [[nodiscard]] bool is_system_call() const;
  // A data or instruction abort whose cause is the translation or its rights. Other aborts
  // (external, alignment, TLB conflict) are exceptions.
  [[nodiscard]] bool is_page_fault() const;
  // Only if is_page_fault().
  [[nodiscard]] kernel::FaultInfo page_fault(const TrapFrame& frame) const;
  // Only if not.
  [[nodiscard]] kernel::ExceptionInfo exception() const;
};

}  // namespace cpu
