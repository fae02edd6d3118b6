#include "walk.h"

namespace loader_test {
namespace {

struct Walk {
  const boot::BootInfo& info;
  Visit visit;
  void* context;
  cpu::Half half;
};

void walk_table(const Walk& walk, uint64_t table, unsigned level, uint64_t base, unsigned first,
                unsigned last) {
  const auto* entries = reinterpret_cast<const cpu::Entry*>(walk.info.direct_map_base + table);
  const unsigned shift = 12 + 9 * (level - 1);
  for (unsigned i = first; i <= last; ++i) {
    const cpu::Entry entry = entries[i];
    if (!entry.present()) continue;
    const uint64_t address = base + (uint64_t{i} << shift);
    if (!entry.is_leaf(level)) {
      walk_table(walk, entry.address(), level - 1, address, 0, 511);
      continue;
    }
    walk.visit(walk.context, Leaf{cpu::address_of(address, walk.half, walk.info.levels),
                                  entry.address(), uint64_t{1} << shift, level, entry.writable(),
                                  entry.executable(), entry.user()});
  }
}

template <typename T>
T read(const uint8_t* bytes, uint64_t offset) {
  T value;
  __builtin_memcpy(&value, bytes + offset, sizeof value);
  return value;
}

}  // namespace

void walk(const boot::BootInfo& info, cpu::Half half, Visit visit, void* context) {
  const cpu::RootPart part = cpu::root_part(half);
  walk_table(Walk{info, visit, context, half}, part.root, info.levels, 0, part.first, part.last);
}

SegmentRights segment_rights(const uint8_t* elf, uint64_t address) {
  const auto headers = read<uint64_t>(elf, 32);
  const auto count = read<uint16_t>(elf, 56);
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t header = headers + 56 * i;
    if (read<uint32_t>(elf, header) != 1) continue;
    const auto flags = read<uint32_t>(elf, header + 4);
    const auto base = read<uint64_t>(elf, header + 16);
    const auto size = read<uint64_t>(elf, header + 40);
    if (address + 4096 <= (base & ~uint64_t{4095}) || address >= base + size) continue;
    return SegmentRights{true, (flags & 2) != 0, (flags & 1) != 0};
  }
  return SegmentRights{};
}

}  // namespace loader_test
