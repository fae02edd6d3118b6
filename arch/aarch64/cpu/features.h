// features.h: which protections this processor has; switching them on.
#pragma once

#include <cstdint>
#include <span>

#include "vm/seam/features.h"

namespace cpu {

// What the kernel wants proved at boot; each architecture says what it calls it.
enum class Protection : uint8_t {
  kernel_executes_user,  // SMEP; PXN
  kernel_reads_user,     // SMAP; PAN
  user_reads_tables,     // UMIP; absent on aarch64
  executes_data,         // NX; PXN/UXN
  writes_read_only,      // CR0.WP; AP[2]
};

struct ProtectionState {
  const char* name;  // "PAN"
  bool present;      // the processor has it, and it is on
};

[[nodiscard]] ProtectionState protection(Protection which);

// Detects and switches on every protection and what user programs need (FPU, vectors, user
// TLS registers) on this CPU. Idempotent; the boot CPU's answers are the ones remembered.
// False, on another CPU: it is not like the boot CPU; nothing was changed.
[[nodiscard]] bool enable_features();

// Names of what was found and enabled, for one log line ("pan pxn uxn e0pd ...").
[[nodiscard]] std::span<const char* const> feature_names();

// Page-table levels the hardware could walk (aarch64: 5 with LPA2). What is in use is BootInfo's.
[[nodiscard]] unsigned max_levels();

// What libvm is told about the MMU, with `levels` of tables in use. After enable_features().
[[nodiscard]] vm::Features mmu_features(unsigned levels);

// Values for the aux vector (AT_HWCAP, AT_HWCAP2) and uname -m.
[[nodiscard]] uint64_t user_hwcap();
[[nodiscard]] uint64_t user_hwcap2();
inline constexpr const char* machine_name = "aarch64";
// e_machine of the ELF files that run here.
inline constexpr uint16_t elf_machine = 183;

}  // namespace cpu
