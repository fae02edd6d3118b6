#include "loaded_kernel.h"

namespace boot {
namespace {

// The loader's own code and data count as boot data: its image is small, and what it leaves
// behind must survive until the kernel has looked at it.
BootMemoryKind kind_of(const EFI_MEMORY_DESCRIPTOR& descriptor) {
  switch (descriptor.Type) {
    case EfiConventionalMemory:
    case EfiBootServicesCode:
    case EfiBootServicesData:
      return (descriptor.Attribute & EFI_MEMORY_WB) != 0 ? BootMemoryKind::usable
                                                         : BootMemoryKind::reserved;
    case EfiLoaderCode:
    case EfiLoaderData: return BootMemoryKind::boot_data;
    case EfiACPIReclaimMemory: return BootMemoryKind::acpi_tables;
    case EfiACPIMemoryNVS: return BootMemoryKind::acpi_nvs;
    case EfiRuntimeServicesCode:
    case EfiRuntimeServicesData: return BootMemoryKind::runtime;
    case EfiMemoryMappedIO:
    case EfiMemoryMappedIOPortSpace: return BootMemoryKind::device;
    default: return BootMemoryKind::reserved;
  }
}

// Least restrictive first: a later one overrides.
constexpr BootMemoryKind order[] = {
    BootMemoryKind::usable,   BootMemoryKind::boot_data, BootMemoryKind::acpi_tables,
    BootMemoryKind::acpi_nvs, BootMemoryKind::runtime,   BootMemoryKind::device,
    BootMemoryKind::reserved,
};

}  // namespace

void copy_segments(Bytes file, const ElfImage& image, uint64_t physical) {
  __builtin_memset(reinterpret_cast<void*>(physical), 0, image.virtual_size);
  for (unsigned i = 0; i < image.segment_count; ++i) {
    const Segment& segment = image.segments[i];
    const uint64_t to = physical + (segment.virtual_base - image.virtual_base) + segment.lead;
    __builtin_memcpy(reinterpret_cast<void*>(to), file.data + segment.file_offset,
                     segment.file_size);
  }
}

bool convert_memory_map(const Firmware::MapView& view, uint64_t image_base, uint64_t image_size,
                        MemoryMap& map) {
  for (const BootMemoryKind kind : order) {
    for (size_t i = 0; i < view.count; ++i) {
      const auto& descriptor =
          *reinterpret_cast<const EFI_MEMORY_DESCRIPTOR*>(view.descriptors + i * view.stride);
      if (kind_of(descriptor) != kind) continue;
      const uint64_t size = descriptor.NumberOfPages * page_size;
      if (!map.set(descriptor.PhysicalStart, size, kind)) return false;
    }
  }
  if (!map.set(image_base, image_size, BootMemoryKind::kernel_image)) return false;
  map.merge();
  return true;
}

Outcome<uint64_t> map_direct(const MemoryMap& map, PageTables& tables) {
  uint64_t end = 0;
  const BootMemoryRange* range = map.begin();
  while (range != map.end()) {
    if (!is_ram(range->kind)) {
      ++range;
      continue;
    }
    // Neighbouring RAM of different kinds is one stretch, so that large pages fit.
    const uint64_t base = range->base;
    while (range != map.end() && is_ram(range->kind) && (end < base || range->base == end)) {
      end = range->base + range->size;
      ++range;
    }
    if (end > TableFormat::direct_map_limit) {
      return Problem{Text("memory map: memory above ").add_hex(TableFormat::direct_map_limit)};
    }
    if (!tables.map(TableFormat::direct_map_base + base, base, end - base, Rights::read_write)) {
      return Problem{Text("no memory for translation tables")};
    }
  }
  return end;
}

}  // namespace boot
