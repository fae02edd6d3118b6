// The loader: reads and checks kernel, initial file system and command line, builds the first
// translation tables and BootInfo, leaves boot services and starts the kernel.
//
// Until boot services end every failure is one line "loader: error: ..." on the console, the memory
// is given back and the firmware gets control again. docs/boot.md tells the whole story.
#include "command_line.h"
#include "elf_image.h"
#include "firmware.h"
#include "initrd_check.h"
#include "loaded_kernel.h"
#include "machine.h"
#include "memory_map.h"
#include "page_tables.h"

namespace boot {
namespace {

constexpr uint64_t stack_size = 64 * 1024;

// Everything the loader has in hand while it works.
struct Load {
  Firmware& firmware;
  Machine machine = {};
  CommandLine command_line = {};
  Bytes command_line_bytes = {};
  Bytes kernel_file = {};
  Bytes initrd = {};
  ElfImage image = {};
  uint64_t image_base = 0;  // physical
  BootInfo* info = nullptr;
  uint64_t stack = 0;
  BootMemoryRange* ranges = nullptr;
  size_t ranges_capacity = 0;
  uint64_t table_pages = 0;  // what is left of the chunk that tables are taken from
  uint64_t table_next = 0;
  uint64_t table_chunk = 16;
};

// Tables come in growing chunks, so that few blocks have to be remembered.
uint64_t take_table_page(void* context) {
  Load& load = *static_cast<Load*>(context);
  if (load.table_pages == 0) {
    load.table_next =
        load.firmware.allocate_pages(load.table_chunk, PageUse::data, Machine::tables_below);
    if (load.table_next == 0) return 0;
    __builtin_memset(reinterpret_cast<void*>(load.table_next), 0, load.table_chunk * page_size);
    load.table_pages = load.table_chunk;
    load.table_chunk *= 2;
  }
  const uint64_t page = load.table_next;
  load.table_next += page_size;
  --load.table_pages;
  return page;
}

Text read_inputs(Load& load) {
  const auto line = load.firmware.read_file("cmdline.txt");
  if (!line) return line.problem().text;
  const auto parsed = parse_command_line(*line);
  if (!parsed) return parsed.problem().text;
  load.command_line = *parsed;
  load.command_line_bytes = *line;

  const auto kernel = load.firmware.read_file("kernel.elf");
  if (!kernel) return kernel.problem().text;
  const auto image = parse_elf(*kernel, Machine::elf_machine);
  if (!image) return image.problem().text;
  load.kernel_file = *kernel;
  load.image = *image;

  const auto initrd = load.firmware.read_file("initrd.cpio");
  if (!initrd) return initrd.problem().text;
  load.initrd = *initrd;
  return check_initrd(load.initrd);
}

Text allocate(Load& load) {
  load.image_base = load.firmware.allocate_pages(load.image.virtual_size / page_size);
  if (load.image_base == 0) {
    return Text("kernel.elf: no memory for ").add_decimal(load.image.virtual_size).add(" bytes");
  }
  copy_segments(load.kernel_file, load.image, load.image_base);

  const Text no_map = load.firmware.prepare_memory_map();
  if (!no_map.empty()) return no_map;
  // Setting a range splits at most one other, so twice the descriptors and a few are enough.
  load.ranges_capacity = 2 * load.firmware.memory_map_capacity() + 8;
  const uint64_t ranges_pages =
      (load.ranges_capacity * sizeof(BootMemoryRange) + page_size - 1) / page_size;
  const uint64_t ranges = load.firmware.allocate_pages(ranges_pages);
  const uint64_t info = load.firmware.allocate_pages(1);
  load.stack = load.firmware.allocate_pages(stack_size / page_size);
  if (ranges == 0 || info == 0 || load.stack == 0) return Text("no memory for the boot data");
  load.ranges = reinterpret_cast<BootMemoryRange*>(ranges);
  __builtin_memset(reinterpret_cast<void*>(info), 0, page_size);
  load.info = reinterpret_cast<BootInfo*>(info);
  return Text();
}

// All of BootInfo that is known before the final memory map.
void fill_info(Load& load) {
  BootInfo& info = *load.info;
  info.magic = boot_info_magic;
  info.version = boot_info_version;
  info.size = sizeof(BootInfo);
  info.memory_map = reinterpret_cast<uint64_t>(load.ranges);
  info.direct_map_base = TableFormat::direct_map_base;
  info.kernel_physical_base = load.image_base;
  info.kernel_virtual_base = load.image.virtual_base;
  info.kernel_size = load.image.virtual_size;
  info.kernel_elf = reinterpret_cast<uint64_t>(load.kernel_file.data);
  info.kernel_elf_size = load.kernel_file.size;
  info.initrd = reinterpret_cast<uint64_t>(load.initrd.data);
  info.initrd_size = load.initrd.size;
  const_cast<uint8_t*>(load.command_line_bytes.data)[load.command_line.size] = 0;
  info.command_line = reinterpret_cast<uint64_t>(load.command_line_bytes.data);
  info.command_line_size = load.command_line.size;
  info.acpi_rsdp = load.firmware.acpi_rsdp();
  info.efi_system_table = reinterpret_cast<uint64_t>(load.firmware.table());
  info.boot_stack_base = load.stack;
  info.boot_stack_size = stack_size;
  info.wall_clock_seconds = load.firmware.wall_clock_seconds();
  info.framebuffer = load.firmware.framebuffer();
  info.random_seed_valid = load.firmware.random_bytes(info.random_seed, sizeof info.random_seed);
  if (info.random_seed_valid == 0) {
    info.random_seed_valid = load.machine.random_bytes(info.random_seed, sizeof info.random_seed);
  }
}

Text build_tables(Load& load) {
  Firmware& firmware = load.firmware;
  const auto view = firmware.memory_map();
  if (!view) return view.problem().text;
  MemoryMap map(load.ranges, load.ranges_capacity);
  if (!convert_memory_map(*view, load.image_base, load.image.virtual_size, map)) {
    return Text("memory map: too many ranges");
  }

  const unsigned levels = load.machine.choose_levels(load.command_line.levels);
  if (levels < load.command_line.levels) {
    firmware.print(
        "loader: note: this processor has no 5-level tables of 4 KiB pages, using 4 levels");
  }
  const TablePool pool{&load, take_table_page};
  PageTables tables(pool, load.machine.table_format(levels), levels, load.machine.largest_leaf());
  const auto direct_map_size = map_direct(map, tables);
  if (!direct_map_size) return direct_map_size.problem().text;
  for (unsigned i = 0; i < load.image.segment_count; ++i) {
    const Segment& segment = load.image.segments[i];
    const uint64_t physical = load.image_base + (segment.virtual_base - load.image.virtual_base);
    if (!tables.map_small(segment.virtual_base, physical, segment.virtual_size, segment.rights)) {
      return Text("no memory for translation tables");
    }
  }
  load.info->direct_map_size = *direct_map_size;
  load.info->levels = levels;
  load.info->root_table = tables.root();
  return load.machine.prepare(firmware, pool, tables, levels);
}

Text prepare(Load& load) {
  Text problem = load.machine.check();
  if (problem.empty()) problem = load.firmware.open_volume();
  if (problem.empty()) problem = read_inputs(load);
  if (problem.empty()) problem = allocate(load);
  if (!problem.empty()) return problem;
  fill_info(load);
  return build_tables(load);
}

[[noreturn]] void leave(Load& load) {
  const auto view = load.firmware.exit_boot_services();
  if (!view) load.firmware.reset();
  MemoryMap map(load.ranges, load.ranges_capacity);
  if (!convert_memory_map(*view, load.image_base, load.image.virtual_size, map)) {
    load.firmware.reset();
  }
  load.info->memory_map_count = map.count();

  constexpr uint64_t window = TableFormat::direct_map_base;
  load.machine.start(KernelStart{
      .entry = load.image.entry,
      .stack_top = window + load.stack + stack_size,
      .boot_info = window + reinterpret_cast<uint64_t>(load.info),
      .image_base = load.image_base,
      .image_size = load.image.virtual_size,
  });
}

}  // namespace
}  // namespace boot

extern "C" EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE* table) {
  boot::Firmware firmware(image, table);
  boot::Load load{firmware};
  const boot::Text problem = boot::prepare(load);
  if (problem.empty()) boot::leave(load);
  firmware.print(boot::Text("loader: error: ").add(problem.c_str()).c_str());
  firmware.release_all();
  return EFI_LOAD_ERROR;
}
