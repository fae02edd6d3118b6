#include "cpu/features.h"

#include "cpu/probe.h"
#include "cpu/sysreg.h"

namespace cpu {

namespace {

// SCTLR_EL1 (Arm ARM D19.2.120). What is not named is off: alignment checks, WXN, SPAN (so that
// every exception sets PAN), big-endian, pointer authentication, memory tagging.
constexpr uint64_t sctlr_mmu = 1ULL << 0;
constexpr uint64_t sctlr_data_cache = 1ULL << 2;
constexpr uint64_t sctlr_stack_alignment = 1ULL << 3;
constexpr uint64_t sctlr_user_stack_alignment = 1ULL << 4;
constexpr uint64_t sctlr_aarch32_reserved = 1ULL << 7 | 1ULL << 8;  // ITD, SED: 1 without AArch32
constexpr uint64_t sctlr_exit_synchronises = 1ULL << 11;
constexpr uint64_t sctlr_instruction_cache = 1ULL << 12;
constexpr uint64_t sctlr_user_zero_block = 1ULL << 14;      // DZE
constexpr uint64_t sctlr_user_cache_type = 1ULL << 15;      // UCT: CTR_EL0
constexpr uint64_t sctlr_user_wfi = 1ULL << 16;             // nTWI
constexpr uint64_t sctlr_user_wfe = 1ULL << 18;             // nTWE
constexpr uint64_t sctlr_user_context_number = 1ULL << 20;  // TSCXT: trapped; 1 where it is not
constexpr uint64_t sctlr_entry_synchronises = 1ULL << 22;
constexpr uint64_t sctlr_user_cache_maintenance = 1ULL << 26;     // UCI
constexpr uint64_t sctlr_ldm_reserved = 1ULL << 28 | 1ULL << 29;  // nTLSMD, LSMAOE
constexpr uint64_t sctlr_enhanced_pan = 1ULL << 57;  // EPAN: execute-only pages count as user's

constexpr uint64_t sctlr_always =
    sctlr_mmu | sctlr_data_cache | sctlr_stack_alignment | sctlr_user_stack_alignment |
    sctlr_aarch32_reserved | sctlr_exit_synchronises | sctlr_instruction_cache |
    sctlr_user_zero_block | sctlr_user_cache_type | sctlr_user_wfi | sctlr_user_wfe |
    sctlr_user_context_number | sctlr_entry_synchronises | sctlr_user_cache_maintenance |
    sctlr_ldm_reserved;

constexpr uint64_t tcr_asid16 = 1ULL << 36;
constexpr uint64_t tcr_hardware_accessed = 1ULL << 39;  // HA
constexpr uint64_t tcr_hardware_dirty = 1ULL << 40;     // HD
constexpr uint64_t tcr_e0pd1 = 1ULL << 56;
// Index 0: normal write-back, 1: Device-nGnRnE, 2 and 3: normal non-cacheable (describe/format.h).
constexpr uint64_t mair = 0xff | 0x00ULL << 8 | 0x44ULL << 16 | 0x44ULL << 24;

constexpr uint64_t cpacr_fp_everywhere = 3ULL << 20;  // no SVE, no SME: their state is not kept
constexpr uint64_t cntkctl_user_virtual_counter = 1ULL << 1;

// One four-bit field of an identification register.
struct IdField {
  uint64_t value;
  [[nodiscard]] unsigned at(unsigned shift) const {
    return static_cast<unsigned>(value >> shift & 0xf);
  }
};

struct Found {
  bool pan, enhanced_pan, e0pd, asid16, random, lpa2, access_flag, dirty_bit, atomics, ranged_tlbi;
  uint64_t identification[7];  // what programs and the kernel may rely on
  bool operator==(const Found&) const = default;
};
Found found;
uint64_t hwcap = 0;
uint64_t hwcap2 = 0;
const char* names[16];
size_t name_count = 0;
bool recorded = false;

Found detect() {
  const IdField isar0{SYSREG_READ("id_aa64isar0_el1")};
  const IdField mmfr0{SYSREG_READ("id_aa64mmfr0_el1")};
  const IdField mmfr1{SYSREG_READ("id_aa64mmfr1_el1")};
  const IdField mmfr2{SYSREG_READ("id_aa64mmfr2_el1")};
  Found f{};
  f.pan = mmfr1.at(20) >= 1;
  f.enhanced_pan = mmfr1.at(20) >= 3;
  f.access_flag = mmfr1.at(0) >= 1;
  f.dirty_bit = mmfr1.at(0) >= 2;
  f.asid16 = mmfr0.at(4) == 2;
  f.lpa2 = mmfr0.at(28) == 1;
  f.e0pd = mmfr2.at(60) >= 1;
  f.random = isar0.at(60) >= 1;
  f.atomics = isar0.at(20) >= 2;
  f.ranged_tlbi = isar0.at(56) >= 2;
  f.identification[0] = isar0.value;
  f.identification[1] = SYSREG_READ("id_aa64isar1_el1");
  f.identification[2] = SYSREG_READ("id_aa64pfr0_el1");
  f.identification[3] = mmfr0.value;
  f.identification[4] = mmfr1.value;
  f.identification[5] = mmfr2.value;
  f.identification[6] = SYSREG_READ("ctr_el0");
  return f;
}

// Linux's AT_HWCAP bits, for what needs no state beyond the vector registers.
void detect_hwcap() {
  const IdField isar0{SYSREG_READ("id_aa64isar0_el1")};
  const IdField isar1{SYSREG_READ("id_aa64isar1_el1")};
  const IdField pfr0{SYSREG_READ("id_aa64pfr0_el1")};
  constexpr unsigned not_implemented = 0xf;
  const auto add = [](bool present, unsigned bit) { hwcap |= present ? uint64_t{1} << bit : 0; };
  const unsigned fp = pfr0.at(16);
  const unsigned simd = pfr0.at(20);
  add(fp != not_implemented, 0);                       // FP
  add(simd != not_implemented, 1);                     // ASIMD
  add(isar0.at(4) >= 1, 3);                            // AES
  add(isar0.at(4) >= 2, 4);                            // PMULL
  add(isar0.at(8) >= 1, 5);                            // SHA1
  add(isar0.at(12) >= 1, 6);                           // SHA2
  add(isar0.at(16) >= 1, 7);                           // CRC32
  add(isar0.at(20) >= 2, 8);                           // ATOMICS
  add(fp >= 1 && fp != not_implemented, 9);            // FPHP
  add(simd >= 1 && simd != not_implemented, 10);       // ASIMDHP
  add(isar0.at(28) >= 1, 12);                          // ASIMDRDM
  add(isar1.at(12) >= 1, 13);                          // JSCVT
  add(isar1.at(16) >= 1, 14);                          // FCMA
  add(isar1.at(20) >= 1, 15);                          // LRCPC
  add(isar1.at(0) >= 1, 16);                           // DCPOP
  add(isar0.at(32) >= 1, 17);                          // SHA3
  add(isar0.at(36) >= 1, 18);                          // SM3
  add(isar0.at(40) >= 1, 19);                          // SM4
  add(isar0.at(44) >= 1, 20);                          // ASIMDDP
  add(isar0.at(12) >= 2, 21);                          // SHA512
  add(isar0.at(48) >= 1, 23);                          // ASIMDFHM
  add(isar1.at(20) >= 2, 26);                          // ILRCPC
  add(isar0.at(52) >= 1, 27);                          // FLAGM
  add(isar1.at(36) >= 1, 29);                          // SB
  hwcap2 = isar0.at(60) >= 1 ? uint64_t{1} << 16 : 0;  // RNG
}

void record(bool present, const char* name) {
  if (present) {
    names[name_count++] = name;
  }
}

}  // namespace

bool enable_features() {
  const Found mine = detect();
  if (!recorded) {
    found = mine;
  } else if (mine != found) {
    return false;
  }
  SYSREG_WRITE("mair_el1", mair);
  SYSREG_WRITE("tcr_el1", SYSREG_READ("tcr_el1") | (found.asid16 ? tcr_asid16 : 0) |
                              (found.e0pd ? tcr_e0pd1 : 0) |
                              (found.access_flag ? tcr_hardware_accessed : 0) |
                              (found.dirty_bit ? tcr_hardware_dirty : 0));
  SYSREG_WRITE("sctlr_el1", sctlr_always | (found.enhanced_pan ? sctlr_enhanced_pan : 0));
  SYSREG_WRITE("cpacr_el1", cpacr_fp_everywhere);
  SYSREG_WRITE("cntkctl_el1", cntkctl_user_virtual_counter);
  SYSREG_WRITE("pmuserenr_el0", 0);
  SYSREG_WRITE("mdscr_el1", 0);
  isb();
  asm volatile("tlbi vmalle1" : : : "memory");  // some of these bits live in cached translations
  dsb_nsh();
  isb();
  close_user_access();
  if (!recorded) {
    recorded = true;
    detect_hwcap();
    record(found.pan, "pan");
    record(found.enhanced_pan, "epan");
    record(true, "pxn");
    record(true, "uxn");
    record(found.e0pd, "e0pd");
    record(found.asid16, "asid16");
    record(found.access_flag, "haf");
    record(found.dirty_bit, "hdbs");
    record(found.atomics, "lse");
    record(found.ranged_tlbi, "tlbirange");
    record(found.random, "rng");
    record(found.lpa2, "lpa2");
  }
  return true;
}

ProtectionState protection(Protection which) {
  switch (which) {
    case Protection::kernel_executes_user: return {"PXN", true};
    case Protection::kernel_reads_user: return {"PAN", found.pan};
    case Protection::user_reads_tables: return {"none", false};
    case Protection::executes_data: return {"PXN", true};
    case Protection::writes_read_only: return {"AP[2]", true};
  }
  return {"unknown", false};
}

std::span<const char* const> feature_names() {
  return {names, name_count};
}

// FEAT_BBM is left alone: even at level 2 the architecture allows TLB conflict aborts.
vm::Features mmu_features(unsigned levels) {
  vm::Features features;
  features.levels = uint8_t(levels);
  features.physical_bits = levels == 5 ? 52 : 48;
  features.tag_bits = found.asid16 ? 16 : 8;
  features.gigabyte_leaves = true;
  features.hardware_accessed = found.access_flag;
  features.hardware_dirty = found.dirty_bit;
  features.ranged_invalidate = found.ranged_tlbi;
  return features;
}

unsigned max_levels() {
  return found.lpa2 ? 5 : 4;
}

uint64_t user_hwcap() {
  return hwcap;
}
uint64_t user_hwcap2() {
  return hwcap2;
}

[[gnu::noinline]] void open_user_access() {
  if (found.pan) {
    asm volatile(".arch_extension pan\n\tmsr pan, #0" : : : "memory");
  }
}

[[gnu::noinline]] void close_user_access() {
  if (found.pan) {
    asm volatile(".arch_extension pan\n\tmsr pan, #1" : : : "memory");
  }
}

bool user_access_is_closed() {
  constexpr uint64_t pan_set = 1u << 22;
  return !found.pan || (SYSREG_READ("s3_0_c4_c2_3") & pan_set) != 0;  // PAN
}

}  // namespace cpu
