#include "cpu/features.h"

#include "cpu/io.h"
#include "cpu/probe.h"
#include "cpu/user_state.h"
#include "describe/format.h"
#include "kernel/seam/memory.h"

// Addresses of three-byte no-ops that become CLAC (trap_entry.S).
extern "C" const uint64_t cpu_clac_sites_start[];
extern "C" const uint64_t cpu_clac_sites_end[];

namespace cpu {

namespace {

constexpr uint64_t cr0_monitor = 1u << 1;
constexpr uint64_t cr0_emulate = 1u << 2;
constexpr uint64_t cr0_task_switched = 1u << 3;
constexpr uint64_t cr0_numeric_error = 1u << 5;
constexpr uint64_t cr0_write_protect = 1u << 16;
constexpr uint64_t cr0_alignment = 1u << 18;

constexpr uint64_t cr4_global = 1u << 7;
constexpr uint64_t cr4_fxsave = 1u << 9;
constexpr uint64_t cr4_simd_exceptions = 1u << 10;
constexpr uint64_t cr4_umip = 1u << 11;
constexpr uint64_t cr4_fsgsbase = 1u << 16;
constexpr uint64_t cr4_pcid = 1u << 17;
constexpr uint64_t cr4_xsave = 1u << 18;
constexpr uint64_t cr4_smep = 1u << 20;
constexpr uint64_t cr4_smap = 1u << 21;

constexpr uint64_t efer_no_execute = 1u << 11;

struct Found {
  bool smep, smap, umip, nx, la57, xsave, avx, gib_pages, pcid;
  uint8_t physical_bits;
  // What programs may see.
  uint32_t basic[2];
  uint32_t structured[3];
  bool operator==(const Found&) const = default;
};
Found found;
const char* names[16];
size_t name_count = 0;
bool recorded = false;

bool has_bit(uint32_t word, unsigned bit) {
  return (word >> bit) & 1;
}

Found detect() {
  Found f{};
  const uint32_t max_basic = cpuid(0).eax;
  const CpuidResult basic = cpuid(1);
  f.xsave = has_bit(basic.ecx, 26);
  f.avx = has_bit(basic.ecx, 28);
  f.physical_bits = 36;
  constexpr uint32_t xsave_enabled = 1u << 27;  // says what CR4 holds
  f.basic[0] = basic.ecx & ~xsave_enabled;
  f.basic[1] = basic.edx;
  if (max_basic >= 7) {
    const CpuidResult structured = cpuid(7);
    // Tags are of use only with INVPCID, which reaches those that are not current.
    f.pcid = has_bit(basic.ecx, 17) && has_bit(structured.ebx, 10);
    f.smep = has_bit(structured.ebx, 7);
    f.smap = has_bit(structured.ebx, 20);
    f.umip = has_bit(structured.ecx, 2);
    f.la57 = has_bit(structured.ecx, 16);
    constexpr uint32_t keys_enabled = 1u << 4;  // says what CR4 holds
    f.structured[0] = structured.ebx;
    f.structured[1] = structured.ecx & ~keys_enabled;
    f.structured[2] = structured.edx;
  }
  if (cpuid(0x8000'0000).eax >= 0x8000'0001) {
    const CpuidResult extended = cpuid(0x8000'0001);
    f.nx = has_bit(extended.edx, 20);
    f.gib_pages = has_bit(extended.edx, 26);
  }
  if (cpuid(0x8000'0000).eax >= 0x8000'0008) {
    f.physical_bits = uint8_t(cpuid(0x8000'0008).eax);
  }
  return f;
}

void record(bool present, const char* name) {
  if (present) {
    names[name_count++] = name;
  }
}

// Writes CLAC over the no-ops. Text is read-only where it runs; the direct map is writable.
void patch_clac_sites() {
  constexpr uint8_t clac[3] = {0x0f, 0x01, 0xca};
  for (const uint64_t* site = cpu_clac_sites_start; site != cpu_clac_sites_end; ++site) {
    auto* code = static_cast<volatile uint8_t*>(kernel::writable_alias(*site));
    for (unsigned i = 0; i < sizeof(clac); ++i) {
      code[i] = clac[i];
    }
  }
  (void)cpuid(0);  // serialises, so that no stale copy runs
}

void enable_vectors() {
  constexpr uint64_t x87_and_sse = 3;
  constexpr uint64_t avx = 4;
  uint64_t mask = 0;
  uint64_t size = 512;
  if (found.xsave) {
    mask = x87_and_sse | (found.avx ? avx : 0);
    asm volatile("xsetbv" : : "c"(0), "a"(uint32_t(mask)), "d"(0));
    size = cpuid(0xd, 0).ebx;
  }
  if (!recorded) {
    configure_user_state(mask, size);
  }
}

}  // namespace

bool enable_features() {
  const Found mine = detect();
  if (recorded && mine != found) {
    return false;
  }
  if (!recorded) {
    found = mine;
  }
  write_cr0((read_cr0() & ~(cr0_emulate | cr0_task_switched | cr0_alignment)) | cr0_monitor |
            cr0_numeric_error | cr0_write_protect);
  uint64_t cr4 = read_cr4() & ~cr4_fsgsbase;
  cr4 |= cr4_global | cr4_fxsave | cr4_simd_exceptions;
  cr4 |= (found.smep ? cr4_smep : 0) | (found.smap ? cr4_smap : 0);
  cr4 |= (found.umip ? cr4_umip : 0) | (found.xsave ? cr4_xsave : 0);
  write_cr4(cr4);
  if (found.pcid) {
    // Allowed only while CR3 names tag 0 (SDM vol. 3A 4.10.1): its low bits may hold cache hints.
    write_cr3(read_cr3() & ~0xfffULL);
    write_cr4(cr4 | cr4_pcid);
  }
  if (found.nx) {
    write_msr(Msr::efer, read_msr(Msr::efer) | efer_no_execute);
  }
  // What the page-table entries of describe/format.h mean by their memory types. No page uses a
  // type that changes here: the loader maps write-back, the kernel's device pages keep index 3.
  write_msr(Msr::page_attributes, x86_64::pat);
  enable_vectors();
  if (!recorded) {
    recorded = true;
    if (found.smap) {
      patch_clac_sites();
    }
    record(true, "wp");
    record(found.nx, "nx");
    record(found.smep, "smep");
    record(found.smap, "smap");
    record(found.umip, "umip");
    record(found.gib_pages, "1gib-pages");
    record(found.la57, "la57");
    record(found.pcid, "pcid");
    record(found.xsave, "xsave");
    record(found.avx, "avx");
  }
  return true;
}

ProtectionState protection(Protection which) {
  switch (which) {
    case Protection::kernel_executes_user: return {"SMEP", found.smep};
    case Protection::kernel_reads_user: return {"SMAP", found.smap};
    case Protection::user_reads_tables: return {"UMIP", found.umip};
    case Protection::executes_data: return {"NX", found.nx};
    case Protection::writes_read_only: return {"WP", true};
  }
  return {"unknown", false};
}

std::span<const char* const> feature_names() {
  return {names, name_count};
}

vm::Features mmu_features(unsigned levels) {
  vm::Features features;
  features.levels = uint8_t(levels);
  features.physical_bits = found.physical_bits;
  features.tag_bits = found.pcid ? 12 : 0;
  features.gigabyte_leaves = found.gib_pages;
  features.no_execute = found.nx;
  features.tagged_invalidate = found.pcid;
  return features;
}

unsigned max_levels() {
  return found.la57 ? 5 : 4;
}

uint64_t user_hwcap() {
  return cpuid(1).edx;
}
uint64_t user_hwcap2() {
  return 0;
}

[[gnu::noinline]] void open_user_access() {
  if (found.smap) {
    asm volatile("stac" : : : "memory", "cc");
  }
}

[[gnu::noinline]] void close_user_access() {
  if (found.smap) {
    asm volatile("clac" : : : "memory", "cc");
  }
}

bool user_access_is_closed() {
  constexpr uint64_t alignment_check = 1u << 18;
  uint64_t flags;
  asm volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
  return !found.smap || (flags & alignment_check) == 0;
}

}  // namespace cpu
