#include "elf_image.h"

namespace boot {
namespace {

struct FileHeader {
  uint8_t ident[16];
  uint16_t type;
  uint16_t machine;
  uint32_t version;
  uint64_t entry;
  uint64_t program_offset;
  uint64_t section_offset;
  uint32_t flags;
  uint16_t header_size;
  uint16_t program_entry_size;
  uint16_t program_count;
  uint16_t section_entry_size;
  uint16_t section_count;
  uint16_t section_names;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
  uint32_t type;
  uint32_t flags;
  uint64_t offset;
  uint64_t virtual_address;
  uint64_t physical_address;
  uint64_t file_size;
  uint64_t memory_size;
  uint64_t alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

constexpr uint32_t type_load = 1, type_interpreter = 3;
constexpr uint32_t flag_execute = 1, flag_write = 2;

Problem problem(const char* words) {
  return Problem{Text("kernel.elf: ").add(words)};
}

Problem segment_problem(unsigned index, const char* words) {
  return Problem{Text("kernel.elf: segment ").add_decimal(index).add(" ").add(words)};
}

template <typename T>
T read_at(Bytes file, uint64_t offset) {
  T value;
  __builtin_memcpy(&value, file.data + offset, sizeof value);
  return value;
}

constexpr uint64_t page_down(uint64_t value) {
  return value & ~(page_size - 1);
}

Text check_header(Bytes file, const FileHeader& header, uint16_t machine) {
  if (header.ident[4] != 2) return Text("not a 64-bit ELF file");
  if (header.ident[5] != 1) return Text("not a little-endian ELF file");
  if (header.ident[6] != 1 || header.version != 1) return Text("unknown ELF version");
  if (header.machine != machine) {
    return Text("wrong machine ")
        .add_decimal(header.machine)
        .add(", this loader starts machine ")
        .add_decimal(machine);
  }
  if (header.type != 2) return Text("not an executable (ELF type must be EXEC)");
  if (header.program_count == 0) return Text("no program headers");
  if (header.program_entry_size != sizeof(ProgramHeader)) {
    return Text("program headers of an unknown size");
  }
  const uint64_t table_size = uint64_t{header.program_count} * sizeof(ProgramHeader);
  if (header.program_offset > file.size || file.size - header.program_offset < table_size) {
    return Text("truncated: program headers end past the file");
  }
  return Text();
}

// The checks of one segment alone; overlap and count are the caller's.
Outcome<Segment> check_segment(Bytes file, const ProgramHeader& header, unsigned index) {
  if (header.file_size > header.memory_size) {
    return segment_problem(index, "is larger in the file than in memory");
  }
  if (header.offset > file.size || file.size - header.offset < header.file_size) {
    return segment_problem(index, "ends past the file (truncated)");
  }
  if (header.virtual_address < kernel_window_base || header.virtual_address >= kernel_window_end ||
      kernel_window_end - header.virtual_address < header.memory_size) {
    return segment_problem(index, "lies outside the kernel half");
  }
  const bool writable = (header.flags & flag_write) != 0;
  const bool executable = (header.flags & flag_execute) != 0;
  if (writable && executable) return segment_problem(index, "is writable and executable");
  const uint64_t base = page_down(header.virtual_address);
  const uint64_t end = page_down(header.virtual_address + header.memory_size + page_size - 1);
  Segment segment;
  segment.virtual_base = base;
  segment.virtual_size = end - base;
  segment.file_offset = header.offset;
  segment.file_size = header.file_size;
  segment.lead = header.virtual_address - base;
  segment.rights =
      executable ? Rights::read_execute : (writable ? Rights::read_write : Rights::read);
  return segment;
}

// Keeps `image.segments` sorted; answers whether the pages were still free.
bool insert_sorted(ElfImage& image, const Segment& segment) {
  unsigned at = image.segment_count;
  while (at > 0 && image.segments[at - 1].virtual_base > segment.virtual_base) --at;
  if (at > 0) {
    const Segment& before = image.segments[at - 1];
    if (before.virtual_base + before.virtual_size > segment.virtual_base) return false;
  }
  if (at < image.segment_count &&
      segment.virtual_base + segment.virtual_size > image.segments[at].virtual_base) {
    return false;
  }
  for (unsigned i = image.segment_count; i > at; --i) image.segments[i] = image.segments[i - 1];
  image.segments[at] = segment;
  ++image.segment_count;
  return true;
}

bool entry_is_loaded_text(const ElfImage& image) {
  for (unsigned i = 0; i < image.segment_count; ++i) {
    const Segment& segment = image.segments[i];
    const uint64_t first = segment.virtual_base + segment.lead;
    if (segment.rights == Rights::read_execute && image.entry >= first &&
        image.entry - first < segment.file_size) {
      return true;
    }
  }
  return false;
}

}  // namespace

Outcome<ElfImage> parse_elf(Bytes file, uint16_t machine) {
  if (file.size < 4 || __builtin_memcmp(file.data, "\177ELF", 4) != 0) {
    return problem("not an ELF file");
  }
  if (file.size < sizeof(FileHeader)) return problem("truncated: shorter than an ELF header");
  const auto header = read_at<FileHeader>(file, 0);
  const Text wrong = check_header(file, header, machine);
  if (!wrong.empty()) return problem(wrong.c_str());

  ElfImage image;
  image.entry = header.entry;
  for (unsigned i = 0; i < header.program_count; ++i) {
    const auto entry =
        read_at<ProgramHeader>(file, header.program_offset + i * sizeof(ProgramHeader));
    if (entry.type == type_interpreter) return problem("dynamically linked");
    if (entry.type != type_load || entry.memory_size == 0) continue;
    if (image.segment_count == ElfImage::max_segments) return problem("too many segments");
    const auto segment = check_segment(file, entry, i);
    if (!segment) return segment.problem();
    if (!insert_sorted(image, *segment)) {
      return segment_problem(i, "overlaps a page of another segment");
    }
  }
  if (image.segment_count == 0) return problem("no segment to load");
  if (!entry_is_loaded_text(image)) return problem("entry point outside the executable segments");

  const Segment& last = image.segments[image.segment_count - 1];
  image.virtual_base = image.segments[0].virtual_base;
  image.virtual_size = last.virtual_base + last.virtual_size - image.virtual_base;
  return image;
}

}  // namespace boot
