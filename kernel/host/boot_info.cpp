#include "kernel/host/boot_info.h"

#include "base/bits.h"
#include "kernel/seam/memory.h"

namespace kernel {

namespace {

const boot::BootInfo* info = nullptr;

bool is_mapped_kind(boot::BootMemoryKind kind) {
  using enum boot::BootMemoryKind;
  return kind != device && kind != reserved;
}

bool inside(uint64_t physical, uint64_t size) {
  const auto end = base::checked_add<uint64_t>(physical, size);
  return end.ok && end.value <= info->direct_map_size;
}

const char* check_pointers() {
  if (info->memory_map_count == 0 || info->memory_map_count > 65536 ||
      !inside(info->memory_map, info->memory_map_count * sizeof(boot::BootMemoryRange))) {
    return "BootInfo: bad memory map";
  }
  if (!inside(info->initrd, info->initrd_size)) {
    return "BootInfo: bad initial file system";
  }
  if (!inside(info->kernel_elf, info->kernel_elf_size)) {
    return "BootInfo: bad kernel file";
  }
  if (info->command_line_size > 65536 || !inside(info->command_line, info->command_line_size + 1)) {
    return "BootInfo: bad command line";
  }
  if (info->levels != 4 && info->levels != 5) {
    return "BootInfo: unknown number of page-table levels";
  }
  return nullptr;
}

}  // namespace

const char* adopt_boot_info(const void* candidate) {
  if (candidate == nullptr || reinterpret_cast<uint64_t>(candidate) % alignof(boot::BootInfo)) {
    return "BootInfo: bad pointer";
  }
  info = static_cast<const boot::BootInfo*>(candidate);
  if (info->magic != boot::boot_info_magic) {
    return "BootInfo: wrong magic";
  }
  if (info->version != boot::boot_info_version) {
    return "BootInfo: unknown version";
  }
  if (info->size != sizeof(boot::BootInfo)) {
    return "BootInfo: wrong size";
  }
  return check_pointers();
}

const boot::BootInfo& boot_info() {
  return *info;
}

std::span<const boot::BootMemoryRange> boot_memory_map() {
  return {static_cast<const boot::BootMemoryRange*>(direct_map(info->memory_map)),
          info->memory_map_count};
}

Text boot_command_line() {
  return {static_cast<const char*>(direct_map(info->command_line)), info->command_line_size};
}

std::span<const uint8_t> boot_initrd() {
  return {static_cast<const uint8_t*>(direct_map(info->initrd)), info->initrd_size};
}

std::span<const uint8_t> boot_kernel_elf() {
  return {static_cast<const uint8_t*>(direct_map(info->kernel_elf)), info->kernel_elf_size};
}

bool in_direct_map(base::PhysAddr physical, uint64_t size) {
  const auto end = base::checked_add<uint64_t>(physical.raw(), size);
  if (!end.ok) {
    return false;
  }
  uint64_t at = physical.raw();
  for (const boot::BootMemoryRange& range : boot_memory_map()) {
    if (at >= range.base && at - range.base < range.size && is_mapped_kind(range.kind)) {
      at = range.base + range.size;  // sorted by base: neighbours continue
      if (at >= end.value) {
        return true;
      }
    }
  }
  return size == 0;
}

void* direct_map(uint64_t physical) {
  return reinterpret_cast<void*>(info->direct_map_base + physical);
}

void* writable_alias(uint64_t image_address) {
  return direct_map(info->kernel_physical_base + (image_address - info->kernel_virtual_base));
}

}  // namespace kernel
