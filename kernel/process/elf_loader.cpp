#include "kernel/process/elf_loader.h"

#include <cstring>

#include "base/bits.h"
#include "cpu/features.h"
#include "kernel/host/elf_format.h"

namespace kernel {

namespace {

using File = std::span<const uint8_t>;

constexpr unsigned max_segments = 32;
constexpr const char* no_memory = "too large for the memory left";

LoadedProgram refuse(const char* why) {
  LoadedProgram result;
  result.problem = why;
  return result;
}

const char* check_header(File file, elf::Header& header) {
  if (file.size() < sizeof(header)) {
    return "shorter than an ELF header";
  }
  memcpy(&header, file.data(), sizeof(header));
  if (memcmp(header.identification, elf::magic, sizeof(elf::magic)) != 0) {
    return "not an ELF file";
  }
  if (header.identification[4] != elf::class_64 || header.identification[5] != elf::little_endian) {
    return "not a 64-bit little-endian ELF file";
  }
  if (header.machine != cpu::elf_machine) {
    return "made for another processor";
  }
  if (header.type != elf::type_executable && header.type != elf::type_shared) {
    return "not an executable";
  }
  if (header.program_entry_size != sizeof(elf::ProgramHeader) || header.program_count == 0 ||
      header.program_count > max_segments) {
    return "a bad program header table";
  }
  const uint64_t size = uint64_t(header.program_count) * sizeof(elf::ProgramHeader);
  if (header.program_offset > file.size() || file.size() - header.program_offset < size) {
    return "a program header table outside the file";
  }
  return nullptr;
}

base::Access segment_access(uint32_t flags) {
  base::Access access;
  access = (flags & elf::flag_read) ? access.with(base::Right::read) : access;
  access = (flags & elf::flag_write) ? access.with(base::Right::read | base::Right::write) : access;
  access =
      (flags & elf::flag_execute) ? access.with(base::Right::read | base::Right::execute) : access;
  return access;
}

const char* map_segment(UserSpace& space, File file, const elf::ProgramHeader& segment,
                        uint64_t bias) {
  if (segment.memory_size < segment.file_size || segment.offset > file.size() ||
      file.size() - segment.offset < segment.file_size) {
    return "a segment outside the file";
  }
  if (segment.address % base::page_size != segment.offset % base::page_size) {
    return "a segment whose file and memory offsets differ within a page";
  }
  const auto start = base::checked_add(segment.address, bias);
  const auto end = base::checked_add(start.value, segment.memory_size);
  if (!start.ok || !end.ok || end.value > UserSpace::end()) {
    return "a segment outside user memory";
  }
  if ((segment.flags & elf::flag_write) && (segment.flags & elf::flag_execute)) {
    return "a segment both writable and executable";
  }
  const uint64_t first = base::align_down(start.value, base::page_size);
  UserSpace::Request request{base::UserAddr(first), base::Bytes(end.value - first),
                             segment_access(segment.flags)};
  request.placement = Placement::fixed_no_replace;
  request.contents = {file.subspan(segment.offset, segment.file_size), start.value};
  request.name = (segment.flags & elf::flag_execute) ? "text"
                 : (segment.flags & elf::flag_write) ? "data"
                                                     : "rodata";
  const auto mapped = space.map(request);
  if (mapped.ok()) {
    return nullptr;
  }
  switch (mapped.error()) {
    case base::Error::already_mapped: return "segments that overlap";
    case base::Error::out_of_memory: return no_memory;
    default: return "a segment where none may be";
  }
}

}  // namespace

LoadedProgram load_elf(UserSpace& space, File file, uint64_t bias) {
  elf::Header header;
  if (const char* problem = check_header(file, header)) {
    return refuse(problem);
  }
  const uint64_t offset = header.type == elf::type_shared ? bias : 0;
  LoadedProgram result;
  result.header_count = header.program_count;
  for (unsigned i = 0; i < header.program_count; ++i) {
    elf::ProgramHeader segment;
    memcpy(&segment, file.data() + header.program_offset + i * sizeof(segment), sizeof(segment));
    if (segment.type == elf::segment_interpreter) {
      return refuse("dynamically linked; only static programs run");
    }
    if (segment.type != elf::segment_load || segment.memory_size == 0) {
      continue;
    }
    if (const char* problem = map_segment(space, file, segment, offset)) {
      result = refuse(problem);
      result.out_of_memory = problem == no_memory;
      return result;
    }
    result.end =
        base::max(result.end,
                  base::align_up(offset + segment.address + segment.memory_size, base::page_size));
    if (segment.offset <= header.program_offset &&
        header.program_offset - segment.offset < segment.file_size) {
      result.headers = offset + segment.address + (header.program_offset - segment.offset);
    }
  }
  const auto entry = base::checked_add(header.entry, offset);
  if (result.end == 0 || !entry.ok || entry.value >= UserSpace::end()) {
    return refuse("no segments, or an entry point outside user memory");
  }
  result.entry = entry.value;
  return result;
}

}  // namespace kernel
