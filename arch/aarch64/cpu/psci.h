// psci.h: the firmware's power interface (aarch64 only).
//
// The conduit is the FADT's (ARM boot flags). Source: PSCI 5; SMCCC 2.5 (registers: x0 to x3
// carry function and arguments, x0 to x17 may be clobbered); ACPI 5.2.9.4.
#pragma once

#include <cstdint>

namespace cpu {

enum class PsciConduit : uint8_t { hvc, smc };

inline constexpr uint64_t psci_system_off = 0x8400'0008;
inline constexpr uint64_t psci_system_reset = 0x8400'0009;
inline constexpr uint64_t psci_cpu_on = 0xc400'0003;  // MPIDR affinity, physical entry, context

// 0 or positive: done. Negative: a PSCI error (-1: not supported).
[[nodiscard]] int64_t psci_call(PsciConduit conduit, uint64_t function, uint64_t a, uint64_t b,
                                uint64_t c);

}  // namespace cpu
