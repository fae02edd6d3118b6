#include "kernel/process/elf_loader.h"

#include <cstring>

#include "base/bits.h"
#include "cpu/features.h"
#include "kernel/host/elf_format.h"

namespace kernel {

namespace {

template <typename T>
std::span<uint8_t> bytes_of(T& value) {
  return {reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

constexpr unsigned max_segments = 32;
constexpr const char* no_memory = "too large for the memory left";

LoadedProgram refuse(const char* why) {
  LoadedProgram result;
  result.problem = why;
  return result;
}

const char* check_header(const ProgramFile& file, elf::Header& header) {
  if (!file.read(0, bytes_of(header))) {
    return "shorter than an ELF header";
  }
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

// One program segment on its way into memory: pages of the file, then zeroes.
class Segment {
 public:
  Segment(UserSpace& space, const elf::ProgramHeader& header, uint64_t start)
      : space_(space),
        header_(header),
        first_(base::align_down(start, base::page_size)),
        file_end_(start + header.file_size),
        end_(start + header.memory_size) {}

  // Error::already_mapped: something is there.
  [[nodiscard]] base::Status map(vm::MemoryObject& file) {
    uint64_t zeroes = first_;
    if (header_.file_size != 0) {
      zeroes = base::align_up(file_end_, base::page_size);
      BASE_TRY(map_pages(first_, zeroes, &file));
    }
    const uint64_t end = base::align_up(end_, base::page_size);
    if (zeroes < end) {
      BASE_TRY(map_pages(zeroes, end, nullptr));
    }
    return clear_tail(base::min(zeroes, end_));
  }

 private:
  [[nodiscard]] base::Status map_pages(uint64_t from, uint64_t to, vm::MemoryObject* file) {
    vm::MapRequest request;
    request.count = base::PageCount((to - from) >> base::page_shift);
    request.access = access();
    request.placement = vm::Placement::fixed_no_replace_at(base::UserAddr(from).page());
    request.object = file;
    request.object_page = vm::ObjectPage(header_.offset >> base::page_shift);
    request.tag = uint32_t(tag());
    const auto mapped = space_.vm().map(request);
    return mapped.ok() ? base::Status() : base::Status(mapped.error());
  }

  // What of the last page of the file's part belongs to the zeroes.
  [[nodiscard]] base::Status clear_tail(uint64_t end) {
    constexpr uint8_t none[256] = {};
    for (uint64_t at = file_end_; header_.file_size != 0 && at < end;) {
      const uint64_t count = base::min<uint64_t>(sizeof(none), end - at);
      BASE_TRY(space_.write_initial(base::UserAddr(at), {none, count}));
      at += count;
    }
    return {};
  }

  [[nodiscard]] base::Access access() const {
    base::Access access;
    if (header_.flags & elf::flag_read) access = access.with(base::Right::read);
    if (header_.flags & elf::flag_write) {
      access = access.with(base::Right::read | base::Right::write);
    }
    if (header_.flags & elf::flag_execute) {
      access = access.with(base::Right::read | base::Right::execute);
    }
    return access;
  }
  [[nodiscard]] MemoryTag tag() const {
    return (header_.flags & elf::flag_execute) ? MemoryTag::text
           : (header_.flags & elf::flag_write) ? MemoryTag::data
                                               : MemoryTag::rodata;
  }

  UserSpace& space_;
  const elf::ProgramHeader& header_;
  uint64_t first_;
  uint64_t file_end_;
  uint64_t end_;
};

const char* map_segment(UserSpace& space, const ProgramFile& file, vm::MemoryObject& object,
                        const elf::ProgramHeader& segment, uint64_t bias) {
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
  const auto mapped = Segment(space, segment, start.value).map(object);
  if (mapped.ok()) {
    return nullptr;
  }
  switch (mapped.error()) {
    case base::Error::already_mapped: return "segments that overlap";
    case base::Error::out_of_memory:
    case base::Error::fault: return no_memory;
    default: return "a segment where none may be";
  }
}

}  // namespace

LoadedProgram load_elf(UserSpace& space, const ProgramFile& file, uint64_t bias) {
  elf::Header header;
  if (const char* problem = check_header(file, header)) {
    return refuse(problem);
  }
  auto object = file.pages();
  if (!object) {
    LoadedProgram refused = refuse("the file cannot be mapped");
    refused.out_of_memory = object.error() == Errno::no_memory;
    return refused;
  }
  const uint64_t offset = header.type == elf::type_shared ? bias : 0;
  LoadedProgram result;
  result.header_count = header.program_count;
  for (unsigned i = 0; i < header.program_count; ++i) {
    elf::ProgramHeader segment;
    if (!file.read(header.program_offset + i * sizeof(segment), bytes_of(segment))) {
      return refuse("a program header table that cannot be read");
    }
    if (segment.type == elf::segment_interpreter) {
      return refuse("dynamically linked; only static programs run");
    }
    if (segment.type != elf::segment_load || segment.memory_size == 0) {
      continue;
    }
    if (const char* problem = map_segment(space, file, *object.value().get(), segment, offset)) {
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
