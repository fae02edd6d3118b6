// format_tests.cpp: malformed programs and archives are refused, with the space as it was.
#include <cstring>

#include "cpu/features.h"
#include "kernel/fd/cpio.h"
#include "kernel/host/elf_format.h"
#include "kernel/process/elf_loader.h"
#include "test/ktest/ktest.h"

namespace kernel::test {

namespace {

// A valid one-segment program that the tests below damage.
struct Image {
  elf::Header header{};
  elf::ProgramHeader segment{};
  uint8_t code[64]{};

  Image() {
    memcpy(header.identification, elf::magic, sizeof(elf::magic));
    header.identification[4] = elf::class_64;
    header.identification[5] = elf::little_endian;
    header.type = elf::type_executable;
    header.machine = cpu::elf_machine;
    header.entry = 0x400000;
    header.program_offset = sizeof(header);
    header.program_entry_size = sizeof(segment);
    header.program_count = 1;
    segment.type = elf::segment_load;
    segment.flags = elf::flag_read | elf::flag_execute;
    segment.address = 0x400000;
    segment.file_size = segment.memory_size = sizeof(Image);
  }
  [[nodiscard]] std::span<const uint8_t> bytes() const {
    return {reinterpret_cast<const uint8_t*>(this), sizeof(*this)};
  }
};

// The loader's answer to `bytes` in a fresh space: nullptr, or its complaint.
const char* load(std::span<const uint8_t> bytes) {
  auto space = UserSpace::create();
  if (!space) {
    return "no memory";
  }
  const LoadedProgram program = load_elf(*space.value(), bytes, 0x10000000);
  space.value()->check();
  return program.problem;
}

template <typename Damage>
bool refused(Damage damage) {
  Image image;
  damage(image);
  return load(image.bytes()) != nullptr;
}

Verdict damaged_programs_are_refused() {
  KTEST_CHECK(load(Image().bytes()) == nullptr, "a good program was refused");
  for (size_t size = 0; size < sizeof(elf::Header) + sizeof(elf::ProgramHeader); ++size) {
    KTEST_CHECK(load(Image().bytes().first(size)) != nullptr, "a cut-off program was accepted");
  }
  KTEST_CHECK(refused([](Image& i) { i.header.identification[0] = 0; }), "bad magic");
  KTEST_CHECK(refused([](Image& i) { i.header.machine = 3; }), "foreign machine");
  KTEST_CHECK(refused([](Image& i) { i.header.type = 1; }), "a relocatable file");
  KTEST_CHECK(refused([](Image& i) { i.header.program_count = 0; }), "no segments");
  KTEST_CHECK(refused([](Image& i) { i.header.program_count = 0xffff; }), "65535 segments");
  KTEST_CHECK(refused([](Image& i) { i.header.program_offset = ~0ULL; }), "headers nowhere");
  KTEST_CHECK(refused([](Image& i) { i.segment.file_size = ~0ULL; }), "endless segment");
  KTEST_CHECK(refused([](Image& i) { i.segment.memory_size = ~0ULL; }), "endless memory");
  KTEST_CHECK(refused([](Image& i) { i.segment.offset = 1u << 20; }), "segment past the file");
  KTEST_CHECK(refused([](Image& i) { i.segment.address = 0xffff800000000000; }), "kernel address");
  KTEST_CHECK(refused([](Image& i) { i.segment.address = 0; }), "null page");
  KTEST_CHECK(refused([](Image& i) { i.segment.address += 8; }), "misaligned segment");
  KTEST_CHECK(refused([](Image& i) { i.segment.flags |= elf::flag_write; }), "writable text");
  KTEST_CHECK(refused([](Image& i) { i.header.entry = ~0ULL; }), "entry in the kernel");
  KTEST_CHECK(refused([](Image& i) { i.segment.type = elf::segment_interpreter; }), "dynamic");
  return passed;
}

constexpr char archive_text[] =
    "070701"
    "00000001000081ed0000000000000000000000010000000000000005000000000000000000000000"
    "000000000000000600000000"
    "hello\0"
    "world\0\0\0"
    "070701"
    "00000000000000000000000000000000000000010000000000000000000000000000000000000000"
    "000000000000000b00000000"
    "TRAILER!!!\0";

Verdict damaged_archives_are_refused() {
  uint8_t bytes[sizeof(archive_text)];
  memcpy(bytes, archive_text, sizeof(bytes));
  const std::span<const uint8_t> whole(bytes, sizeof(bytes));
  CpioReader good(whole);
  const auto entry = good.next();
  KTEST_CHECK(entry && entry->name == "hello" && entry->contents.size() == 5, "not read");
  KTEST_CHECK(!good.next() && good.problem() == nullptr, "the trailer was not the end");
  const auto problem_of = [](std::span<const uint8_t> archive) {
    CpioReader reader(archive);
    while (reader.next()) {
    }
    return reader.problem();
  };
  for (size_t size = 0; size + 12 < sizeof(bytes); ++size) {
    KTEST_CHECK(problem_of(whole.first(size)) != nullptr, "a cut-off archive was accepted");
  }
  for (size_t at = 0; at < 110; ++at) {
    const uint8_t old = bytes[at];
    bytes[at] = 'x';
    KTEST_CHECK(problem_of(whole) != nullptr, "a damaged header was accepted");
    bytes[at] = old;
  }
  return passed;
}

constexpr Test tests[] = {
    {"damaged_programs_are_refused", damaged_programs_are_refused},
    {"damaged_archives_are_refused", damaged_archives_are_refused},
};

}  // namespace

constinit const std::span<const Test> format_tests = tests;

}  // namespace kernel::test
