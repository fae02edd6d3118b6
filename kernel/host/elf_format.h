// elf_format.h: the 64-bit ELF structures the kernel reads (System V ABI, "Object Files"), little
// endian, exactly as in the file.
#pragma once

#include <cstdint>

namespace kernel::elf {

struct Header {
  uint8_t identification[16];
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
static_assert(sizeof(Header) == 64);

inline constexpr uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
inline constexpr uint8_t class_64 = 2;
inline constexpr uint8_t little_endian = 1;
inline constexpr uint16_t type_executable = 2;
inline constexpr uint16_t type_shared = 3;  // static-pie

struct ProgramHeader {
  uint32_t type;
  uint32_t flags;
  uint64_t offset;
  uint64_t address;
  uint64_t physical;
  uint64_t file_size;
  uint64_t memory_size;
  uint64_t alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

inline constexpr uint32_t segment_load = 1;
inline constexpr uint32_t segment_interpreter = 3;
inline constexpr uint32_t flag_execute = 1;
inline constexpr uint32_t flag_write = 2;
inline constexpr uint32_t flag_read = 4;

struct SectionHeader {
  uint32_t name;
  uint32_t type;
  uint64_t flags;
  uint64_t address;
  uint64_t offset;
  uint64_t size;
  uint32_t link;
  uint32_t info;
  uint64_t alignment;
  uint64_t entry_size;
};
static_assert(sizeof(SectionHeader) == 64);
inline constexpr uint32_t section_symbols = 2;

struct Symbol {
  uint32_t name;
  uint8_t info;  // low four bits: type
  uint8_t other;
  uint16_t section;
  uint64_t value;
  uint64_t size;
};
static_assert(sizeof(Symbol) == 24);
inline constexpr unsigned symbol_function = 2;

}  // namespace kernel::elf
