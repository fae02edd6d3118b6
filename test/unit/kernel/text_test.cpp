// text_test.cpp: formatting, numbers, symbol names.
#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "kernel/host/elf_format.h"
#include "kernel/host/text.h"
#include "kernel/log/format.h"
#include "kernel/log/symbols.h"
#include "test/unit/kernel/fakes.h"

using namespace kernel;

TEST_CASE("formats_agree_with_the_library") {
  char ours[128];
  char theirs[128];
#define SAME(...)                                                      \
  do {                                                                 \
    const size_t size = format_into(ours, sizeof(ours), __VA_ARGS__);  \
    CHECK(int(size) == snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
    CHECK(std::string(ours) == theirs);                                \
  } while (false)
  SAME("plain");
  SAME("%d %i %u", -5, 7, 4000000000U);
  SAME("%ld %lu %zu", -5L, ~0UL, size_t(12));
  SAME("%x %lx %016lx %08x", 0xabU, 0xdeadbeefUL, 0x1234UL, 7U);
  SAME("[%5d] [%-5d] [%05d] [%05d]", 42, 42, 42, -42);
  SAME("[%s] [%6s] [%-6s] [%.2s]", "abc", "abc", "abc", "abc");
  SAME("%c%c %%", 'x', 'y');
  SAME("[%*d] [%.*s]", 6, 1, 2, "xyz");
  SAME("%ld", INT64_MIN);
#undef SAME
}

TEST_CASE("formatting_never_writes_past_the_buffer") {
  char small[4];
  CHECK(format_into(small, sizeof(small), "%s", "abcdefgh") == 3);
  CHECK(std::string(small) == "abc");
}

TEST_CASE("numbers_are_parsed_whole_or_not_at_all") {
  CHECK(parse_number("0") == 0);
  CHECK(parse_number("18446744073709551615") == ~0ULL);
  CHECK(parse_number("0xFfff") == 0xffff);
  for (const char* bad : {"", "0x", "-1", "1 ", "18446744073709551616", "0xg", "abc"}) {
    CHECK_FALSE(parse_number(bad));
  }
}

TEST_CASE("mangled_names_become_readable") {
  const auto readable = [](const char* mangled) {
    char buffer[64];
    readable_name(mangled, buffer, sizeof(buffer));
    return std::string(buffer);
  };
  CHECK(readable("_ZN6kernel9run_panicEv") == "kernel::run_panic");
  CHECK(readable("_ZN6kernel12_GLOBAL__N_14mainEPv") == "kernel::(anonymous)::main");
  CHECK(readable("_ZNK4base5thing3getEv") == "base::thing::get");
  CHECK(readable("_Z5plaini") == "plain");
  CHECK(readable("kernel_entry") == "kernel_entry");
  CHECK(readable("_ZN9999999999xE") == "_ZN9999999999xE");
  CHECK(readable("_Z") == "_Z");
  CHECK(readable(std::string(200, 'a').c_str()).size() == 63);
}

namespace {

// A file with one function symbol, "f" at [100, 110).
std::vector<uint8_t> symbol_file() {
  struct File {
    elf::Header header{};
    elf::SectionHeader sections[2]{};
    elf::Symbol symbols[2]{};
    char names[8] = "\0f\0";
  } file;
  file.header.section_offset = offsetof(File, sections);
  file.header.section_count = 2;
  file.sections[0].type = elf::section_symbols;
  file.sections[0].link = 1;
  file.sections[0].offset = offsetof(File, symbols);
  file.sections[0].size = sizeof(file.symbols);
  file.sections[1].offset = offsetof(File, names);
  file.sections[1].size = sizeof(file.names);
  file.symbols[1].name = 1;
  file.symbols[1].info = elf::symbol_function;
  file.symbols[1].value = 100;
  file.symbols[1].size = 10;
  std::vector<uint8_t> bytes(sizeof(file));
  memcpy(bytes.data(), &file, sizeof(file));
  return bytes;
}

}  // namespace

TEST_CASE("functions_are_found_by_address") {
  fake::kernel_file = symbol_file();
  REQUIRE(find_symbol(105));
  CHECK(find_symbol(105)->name == "f");
  CHECK(find_symbol(105)->start == 100);
  CHECK_FALSE(find_symbol(99));
  CHECK_FALSE(find_symbol(110));
}

TEST_CASE("damaged_kernel_files_have_no_names") {
  const std::vector<uint8_t> good = symbol_file();
  for (size_t size = 0; size < good.size(); ++size) {
    fake::kernel_file.assign(good.begin(), good.begin() + long(size));
    fake::kernel_file.shrink_to_fit();
    (void)find_symbol(105);
  }
  for (size_t at = 0; at < good.size(); ++at) {
    fake::kernel_file = good;
    fake::kernel_file[at] = 0xff;
    (void)find_symbol(105);
  }
}
