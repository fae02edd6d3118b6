// Features: what the MMU of the running machine can do. Found out once at boot, the same on every
// CPU, passed by value or const reference to every MmuFormat function. A field that an
// architecture does not have is left at its default.
#pragma once

#include <stdint.h>

namespace vm {

struct Features {
  uint8_t levels = 4;              // of tables, root included: 4, or 5 (x86_64 LA57, aarch64 LPA2)
  uint8_t physical_bits = 48;      // width of a physical address
  uint8_t tag_bits = 0;            // width of an address-space tag: PCID 12, ASID 8 or 16, none 0
  bool gigabyte_leaves = false;    // 1 GiB leaves
  bool no_execute = true;          // x86_64: EFER.NXE is on
  bool hardware_accessed = true;   // the CPU sets `accessed`; else it faults on a leaf without it
  bool hardware_dirty = true;      // the CPU sets `dirty`; else it faults on the first write
  bool protection_keys = false;    // x86_64: CR4.PKE
  bool size_change_plain = false;  // aarch64 FEAT_BBM level 2: leaf <-> table without a break
  bool ranged_invalidate = false;  // aarch64 FEAT_TLBIRANGE
  bool tagged_invalidate = false;  // x86_64 INVPCID
};

}  // namespace vm
