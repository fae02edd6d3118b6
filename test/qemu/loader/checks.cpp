// The loader test kernel: believes nothing that the loader says. Started like any kernel, it checks
// BootInfo, every translation entry it runs on and the memory behind them, reports each check on
// the debug channel and ends the machine.
#include "boot/boot_info.h"
#include "report.h"
#include "walk.h"

namespace loader_test {
namespace {

using boot::BootInfo;
using boot::BootMemoryKind;
using boot::BootMemoryRange;

constexpr uint64_t page = 4096, four_gib = uint64_t{1} << 32;

volatile uint64_t zeroed[1024];                              // .bss
volatile uint64_t initialized[3] = {0x1234, 0, 0x5678};      // .data
const volatile uint64_t constant[2] = {0xabcdef, 0xfedcba};  // .rodata

Report report;

template <typename T>
T* at(const BootInfo& info, uint64_t physical) {
  return reinterpret_cast<T*>(info.direct_map_base + physical);
}

const BootMemoryRange* range_of(const BootInfo& info, uint64_t physical) {
  const auto* ranges = at<const BootMemoryRange>(info, info.memory_map);
  for (uint64_t i = 0; i < info.memory_map_count; ++i) {
    if (physical >= ranges[i].base && physical - ranges[i].base < ranges[i].size) return &ranges[i];
  }
  return nullptr;
}

bool is_ram(BootMemoryKind kind) {
  return kind != BootMemoryKind::device && kind != BootMemoryKind::reserved;
}

void expect_kind(const BootInfo& info, uint64_t base, uint64_t size, BootMemoryKind kind,
                 const char* what) {
  for (uint64_t address = base & ~(page - 1); address < base + size;) {
    const BootMemoryRange* range = range_of(info, address);
    report.expect(range != nullptr && range->kind == kind, what, address,
                  range == nullptr ? 0 : static_cast<uint64_t>(range->kind));
    if (range == nullptr) return;
    address = range->base + range->size;
  }
}

void check_header(const BootInfo& info) {
  report.begin("boot_info_has_the_known_version");
  report.expect(info.magic == boot::boot_info_magic, "magic", info.magic);
  report.expect(info.version == boot::boot_info_version, "version", info.version);
  report.expect(info.size == sizeof(BootInfo), "size", info.size);
  report.expect(info.direct_map_base == cpu::direct_map_base, "direct map", info.direct_map_base);
  report.end();
}

void check_memory_map(const BootInfo& info) {
  report.begin("memory_map_is_sorted_disjoint_and_merged");
  const auto* ranges = at<const BootMemoryRange>(info, info.memory_map);
  uint64_t usable = 0, usable_high = 0, end = 0, ram_end = 0;
  for (uint64_t i = 0; i < info.memory_map_count; ++i) {
    const BootMemoryRange& range = ranges[i];
    report.expect(((range.base | range.size) & (page - 1)) == 0, "alignment", range.base);
    report.expect(range.size != 0, "empty", range.base);
    report.expect(range.base >= end, "order", range.base, end);
    report.expect(i == 0 || range.base != end || range.kind != ranges[i - 1].kind, "not merged",
                  range.base);
    report.expect(range.kind >= BootMemoryKind::usable && range.kind <= BootMemoryKind::reserved,
                  "kind", static_cast<uint64_t>(range.kind));
    end = range.base + range.size;
    if (is_ram(range.kind)) ram_end = end;
    if (range.kind != BootMemoryKind::usable) continue;
    usable += range.size;
    const uint64_t low_end = range.base > four_gib ? range.base : four_gib;
    if (end > low_end) usable_high += end - low_end;
  }
  report.expect(info.memory_map_count > 1, "count", info.memory_map_count);
  report.expect(info.direct_map_size == ram_end, "direct map size", info.direct_map_size, ram_end);
  report.end();
  report.note("usable_mib", usable >> 20);
  report.note("usable_above_4gib_mib", usable_high >> 20);
  report.note("ranges", info.memory_map_count);
}

void check_places(const BootInfo& info) {
  report.begin("everything_handed_over_lies_in_boot_data");
  constexpr auto data = BootMemoryKind::boot_data;
  expect_kind(info, reinterpret_cast<uint64_t>(&info) - info.direct_map_base, sizeof info, data,
              "BootInfo");
  expect_kind(info, info.memory_map, info.memory_map_count * sizeof(BootMemoryRange), data, "map");
  expect_kind(info, info.kernel_elf, info.kernel_elf_size, data, "kernel ELF");
  expect_kind(info, info.initrd, info.initrd_size, data, "initrd");
  expect_kind(info, info.command_line, info.command_line_size + 1, data, "command line");
  expect_kind(info, info.boot_stack_base, info.boot_stack_size, data, "stack");
  report.end();

  report.begin("kernel_image_is_marked_exactly");
  const BootMemoryRange* image = range_of(info, info.kernel_physical_base);
  report.expect(image != nullptr && image->kind == BootMemoryKind::kernel_image &&
                    image->base == info.kernel_physical_base && image->size == info.kernel_size,
                "range", info.kernel_physical_base, info.kernel_size);
  report.end();
}

void check_contents(const BootInfo& info) {
  report.begin("initrd_and_command_line_arrived");
  const auto* initrd = at<const char>(info, info.initrd);
  report.expect(info.initrd_size > 110 && __builtin_memcmp(initrd, "070701", 6) == 0, "initrd");
  const auto* line = at<const char>(info, info.command_line);
  uint64_t length = 0;
  while (line[length] != '\0') ++length;
  report.expect(length == info.command_line_size, "length", length, info.command_line_size);
  report.end();
  report.line(line);

  report.begin("kernel_memory_is_what_the_file_says");
  uint64_t sum = 0;
  for (unsigned i = 0; i < 1024; ++i) sum |= zeroed[i];
  report.expect(sum == 0, "bss", sum);

  report.expect(initialized[0] == 0x1234 && initialized[1] == 0 && initialized[2] == 0x5678, "data",
                initialized[0]);

  report.expect(constant[0] == 0xabcdef && constant[1] == 0xfedcba, "rodata", constant[0]);
  report.end();

  report.begin("acpi_pointer_is_valid");
  const auto* rsdp = at<const uint8_t>(info, info.acpi_rsdp);
  report.expect(info.acpi_rsdp != 0 && __builtin_memcmp(rsdp, "RSD PTR ", 8) == 0, "signature",
                info.acpi_rsdp);
  uint8_t checksum = 0;
  for (unsigned i = 0; i < 20; ++i) checksum = static_cast<uint8_t>(checksum + rsdp[i]);
  report.expect(checksum == 0, "checksum", checksum);
  report.end();

  report.begin("clock_and_random_seed_are_set");
  report.expect(info.wall_clock_seconds > 1700000000, "clock",
                static_cast<uint64_t>(info.wall_clock_seconds));
  uint64_t seed = 0;
  for (unsigned i = 0; i < sizeof info.random_seed; i += 8) {
    uint64_t word;
    __builtin_memcpy(&word, info.random_seed + i, 8);
    report.expect(word != 0, "seed", i);
    seed ^= word;
  }
  report.end();
  report.note("seed_valid", info.random_seed_valid);
  report.note("seed", seed);
  report.note("wall_clock", static_cast<uint64_t>(info.wall_clock_seconds));

  report.begin("framebuffer_is_not_memory");
  if (info.framebuffer.base != 0) {
    const BootMemoryRange* range = range_of(info, info.framebuffer.base);
    report.expect(range == nullptr || range->kind != BootMemoryKind::usable, "usable",
                  info.framebuffer.base);
    report.expect(
        uint64_t{info.framebuffer.stride} * info.framebuffer.height <= info.framebuffer.size,
        "size", info.framebuffer.size);
  }
  report.end();
  report.note("framebuffer_width", info.framebuffer.width);
}

void check_processor(const BootInfo& info) {
  report.begin("processor_state_is_as_promised");
  report.expect(cpu::protection_is_on(), "protection");
  report.expect(cpu::interrupts_off(), "interrupts");
  const uint64_t stack = cpu::stack_pointer() - info.direct_map_base;
  report.expect(
      stack >= info.boot_stack_base && stack < info.boot_stack_base + info.boot_stack_size, "stack",
      stack);
  report.expect(cpu::active_levels() == info.levels, "levels", info.levels, cpu::active_levels());
  report.expect(cpu::kernel_root() == info.root_table, "root", info.root_table);
  report.end();
  report.note("levels", info.levels);
}

// First and last word of every range of RAM, read; those of usable ones also written.
void check_direct_map_works(const BootInfo& info) {
  report.begin("direct_map_reaches_every_edge_of_memory");
  const auto* ranges = at<const BootMemoryRange>(info, info.memory_map);
  for (uint64_t i = 0; i < info.memory_map_count; ++i) {
    if (!is_ram(ranges[i].kind)) continue;
    const uint64_t edges[2] = {ranges[i].base, ranges[i].base + ranges[i].size - 8};
    for (const uint64_t edge : edges) {
      auto* word = at<volatile uint64_t>(info, edge);
      const uint64_t old = *word;
      if (ranges[i].kind != BootMemoryKind::usable) continue;
      *word = ~edge;
      report.expect(*word == ~edge, "memory", edge);
      *word = old;
    }
  }
  report.end();
}

struct WalkState {
  const BootInfo& info;
  uint64_t direct_bytes = 0;
  uint64_t image_bytes = 0;
  uint64_t leaves[4] = {};  // by level
};

// Whether all of [base, base + size) is RAM.
bool all_ram(const BootInfo& info, uint64_t base, uint64_t size) {
  for (uint64_t address = base; address < base + size;) {
    const BootMemoryRange* range = range_of(info, address);
    if (range == nullptr || !is_ram(range->kind)) return false;
    address = range->base + range->size;
  }
  return true;
}

void check_leaf(WalkState& state, const Leaf& leaf) {
  const BootInfo& info = state.info;
  ++state.leaves[leaf.level];
  report.expect(!(leaf.writable && leaf.executable), "writable and executable", leaf.address);
  report.expect(!leaf.user, "open to user mode", leaf.address);
  if (leaf.address - info.direct_map_base < info.direct_map_size) {
    state.direct_bytes += leaf.size;
    report.expect(leaf.physical == leaf.address - info.direct_map_base, "direct map", leaf.address,
                  leaf.physical);
    report.expect(leaf.writable && !leaf.executable, "direct map rights", leaf.address);
    report.expect(all_ram(info, leaf.physical, leaf.size), "maps what is not RAM", leaf.address,
                  leaf.size);
    return;
  }
  if (leaf.address - info.kernel_virtual_base < info.kernel_size) {
    state.image_bytes += leaf.size;
    const uint64_t offset = leaf.address - info.kernel_virtual_base;
    report.expect(leaf.physical == info.kernel_physical_base + offset, "image", leaf.address,
                  leaf.physical);
    const SegmentRights rights =
        segment_rights(at<const uint8_t>(info, info.kernel_elf), leaf.address);
    report.expect(
        rights.present && rights.writable == leaf.writable && rights.executable == leaf.executable,
        "image rights", leaf.address);
    return;
  }
  report.expect(false, "mapping nobody asked for", leaf.address, leaf.size);
}

void check_tables(const BootInfo& info) {
  WalkState state{info};
  report.begin("kernel_half_maps_ram_and_image_with_their_rights");
  const auto visit = [](void* context, const Leaf& leaf) {
    check_leaf(*static_cast<WalkState*>(context), leaf);
  };
  walk(info, cpu::Half::upper, visit, &state);
  uint64_t ram = 0;
  const auto* ranges = at<const BootMemoryRange>(info, info.memory_map);
  for (uint64_t i = 0; i < info.memory_map_count; ++i) {
    if (is_ram(ranges[i].kind)) ram += ranges[i].size;
  }
  report.expect(state.direct_bytes == ram, "direct map bytes", state.direct_bytes, ram);
  report.expect(state.image_bytes > 0, "image bytes", state.image_bytes);
  report.end();
  report.note("leaves_4k", state.leaves[1]);
  report.note("leaves_2m", state.leaves[2]);
  report.note("leaves_1g", state.leaves[3]);

  struct Lower {
    uint64_t count;
    Leaf last;
  } lower = {};
  report.begin("lower_half_maps_the_trampoline_page_alone");
  walk(
      info, cpu::Half::lower,
      [](void* context, const Leaf& leaf) {
        auto& seen = *static_cast<Lower*>(context);
        ++seen.count;
        seen.last = leaf;
      },
      &lower);
  report.expect(lower.count == 1 && lower.last.size == page, "pages", lower.count);
  report.expect(lower.last.executable && !lower.last.writable, "rights", lower.last.address);
  report.expect(lower.last.address == lower.last.physical, "identity", lower.last.address);
  expect_kind(info, lower.last.physical, page, BootMemoryKind::boot_data, "kind");
  report.end();
}

}  // namespace
}  // namespace loader_test

extern "C" [[noreturn]] void kernel_entry(const boot::BootInfo* info) {
  using namespace loader_test;
  report.line("START");
  check_header(*info);
  check_processor(*info);
  check_memory_map(*info);
  check_places(*info);
  check_contents(*info);
  check_direct_map_works(*info);
  check_tables(*info);
  report.line(report.failures() == 0 ? "END passed" : "END failed");
  cpu::finish(report.failures() == 0);
}

extern "C" int memcmp(const void* left, const void* right, size_t size) {
  const auto* a = static_cast<const uint8_t*>(left);
  const auto* b = static_cast<const uint8_t*>(right);
  for (size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

extern "C" void* memset(void* to, int value, size_t size) {
  auto* bytes = static_cast<volatile uint8_t*>(to);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(value);
  return to;
}

extern "C" void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
  auto* target = static_cast<volatile uint8_t*>(to);
  const auto* source = static_cast<const uint8_t*>(from);
  for (size_t i = 0; i < size; ++i) target[i] = source[i];
  return to;
}
