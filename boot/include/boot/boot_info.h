// BootInfo: the one structure that the loader hands to the kernel.
//
// Versioned: the kernel refuses a `magic`, `version` or `size` that it does not know.
// All addresses are physical unless the name says `virtual`. The structure and everything it
// points to lies in memory of kind `BootMemoryKind::boot_data`, readable through the direct map
// (`direct_map_base + physical`), and stays valid until the kernel reclaims that kind.
//
// Entry state, both architectures: called as `kernel_entry(const BootInfo*)` (System V / AAPCS64
// first argument, the pointer being a direct-map virtual address) with interrupts off, on the
// loader's boot stack (boot_stack_size bytes, memory kind boot_data, mapped in the direct map),
// with translation on, using the tables at `root_table` (x86_64: one root for both halves;
// aarch64: TTBR1_EL1, EL1). aarch64: the loader drops from EL2 to EL1 if it was started there.
// The tables hold: the kernel image at its linked addresses with each segment's own rights
// (text read-only + executable, data no-execute), and the direct map of all memory the map
// names as RAM or ACPI, in the largest pages that fit, writable and no-execute; device ranges
// needed for the console are the kernel's to map. The lower half (x86_64: of the same root;
// aarch64: of a tree of its own in TTBR0_EL1) maps the trampoline page alone, at its own address,
// read-only + executable, until the kernel drops it. docs/boot.md says the rest.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace boot {

inline constexpr uint64_t boot_info_magic = 0x4f464e49'4d56424cULL;  // "LBVMINFO", little endian
inline constexpr uint32_t boot_info_version = 1;

// aarch64: MAIR_EL1 as the loader sets it, and its leaves use index 0. 0: Normal write-back,
// 1: Device-nGnRE, 2: Normal non-cacheable, 3: Device-nGnRnE.
inline constexpr uint64_t boot_mair = 0x00000000'004404ffULL;

enum class BootMemoryKind : uint32_t {
  usable = 1,        // free RAM
  boot_data = 2,     // loader's tables, this structure, initrd copy, boot stack: RAM, reclaimable
  kernel_image = 3,  // the loaded kernel segments: RAM, never freed
  acpi_tables = 4,   // ACPI reclaim memory: RAM
  acpi_nvs = 5,      // RAM the firmware keeps
  runtime = 6,       // UEFI runtime services code or data: RAM the firmware keeps
  device = 7,        // memory-mapped I/O
  reserved = 8,      // do not touch
};

// Sorted by base, not overlapping, page aligned (4 KiB), neighbours of equal kind merged.
struct BootMemoryRange {
  uint64_t base;
  uint64_t size;  // bytes, never 0
  BootMemoryKind kind;
  uint32_t reserved;
};

enum class BootPixelFormat : uint32_t { none = 0, rgbx8888 = 1, bgrx8888 = 2 };

struct BootFramebuffer {
  uint64_t base;  // 0: no framebuffer
  uint64_t size;  // bytes
  uint32_t width;
  uint32_t height;
  uint32_t stride;  // bytes per line
  BootPixelFormat format;
};

struct BootInfo {
  uint64_t magic;
  uint32_t version;
  uint32_t size;  // sizeof(BootInfo)

  uint64_t memory_map;  // BootMemoryRange[memory_map_count]
  uint64_t memory_map_count;

  uint64_t direct_map_base;  // virtual
  uint64_t direct_map_size;  // bytes covered
  uint64_t root_table;       // top-level translation table of the kernel half
  uint32_t levels;           // 4 or 5
  uint32_t reserved0;

  uint64_t kernel_physical_base;  // of the lowest loaded segment
  uint64_t kernel_virtual_base;
  uint64_t kernel_size;  // bytes, page rounded
  uint64_t kernel_elf;   // the whole ELF file as read (symbols for backtraces)
  uint64_t kernel_elf_size;

  uint64_t initrd;  // cpio newc archive
  uint64_t initrd_size;

  uint64_t command_line;       // NUL terminated
  uint64_t command_line_size;  // bytes without the NUL

  uint64_t acpi_rsdp;  // 0: none
  uint64_t efi_system_table;

  uint64_t boot_stack_base;
  uint64_t boot_stack_size;

  int64_t wall_clock_seconds;  // since 1970-01-01 UTC when read from the firmware; 0: unknown

  BootFramebuffer framebuffer;

  uint64_t random_seed_valid;  // bytes filled by the firmware's or the processor's generator
  uint8_t random_seed[64];
};

}  // namespace boot
