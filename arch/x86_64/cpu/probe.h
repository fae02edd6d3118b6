// probe.h: accesses that may fault, for the self-tests; and the table that recovers them.
//
// A fault at a pc named in the fixup table (section `kernel_fixups`, kept in kernel.ld) resumes at
// the pc beside it. probe_execute() faults at its target, so it announces that pc instead.
#pragma once

#include <cstdint>

namespace cpu {

struct Fixup {
  uint64_t fault_pc;
  uint64_t resume_pc;
};
extern "C" const Fixup kernel_fixups_start[];
extern "C" const Fixup kernel_fixups_end[];

// Each returns whether the access completed. Interrupts may be on. User access stays closed
// unless the caller opened it.
extern "C" bool cpu_probe_read(uint64_t address);
extern "C" bool cpu_probe_write(uint64_t address);  // writes back the byte it reads; needs both
// Calls the function at `address`, which must return at once. The kernel's fault handler treats
// a kernel instruction fault at exactly this pc as `set_pc(cpu_probe_execute_resume)`.
extern "C" bool cpu_probe_execute(uint64_t address);
extern "C" const char cpu_probe_execute_resume[];

// Opens and closes kernel access to user pages (STAC/CLAC; PAN). Self-tests only: everything else
// goes through libusercopy, which opens its own window.
void open_user_access();
void close_user_access();

// Whether kernel accesses to user pages fault. True where the processor cannot tell.
[[nodiscard]] bool user_access_is_closed();

}  // namespace cpu
