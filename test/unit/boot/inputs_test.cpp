// The loader's parsers against damaged files: under the sanitizers, no byte outside the file is
// read, and whatever is accepted keeps the promises that later steps rely on.
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "boot/uefi/command_line.h"
#include "boot/uefi/elf_image.h"
#include "boot/uefi/initrd_check.h"

using namespace boot;

namespace {

// A heap block of exactly the file's size, so that a sanitizer sees the first byte past it.
struct File {
  explicit File(const std::vector<uint8_t>& content)
      : size(content.size()), bytes(new uint8_t[content.size()]) {
    if (size != 0) std::memcpy(bytes.get(), content.data(), size);
  }
  operator Bytes() const { return Bytes{bytes.get(), size}; }

  size_t size;
  std::unique_ptr<uint8_t[]> bytes;
};

template <typename T>
void put(std::vector<uint8_t>& to, size_t at, T value) {
  std::memcpy(to.data() + at, &value, sizeof value);
}

std::vector<uint8_t> good_elf() {
  std::vector<uint8_t> file(3 * page_size, 0xcc);
  std::memset(file.data(), 0, page_size);
  std::memcpy(file.data(), "\177ELF\2\1\1", 7);
  put<uint16_t>(file, 16, 2);
  put<uint16_t>(file, 18, elf_machine_x86_64);
  put<uint32_t>(file, 20, 1);
  put<uint64_t>(file, 24, kernel_window_base);
  put<uint64_t>(file, 32, 64);
  put<uint16_t>(file, 54, 56);
  put<uint16_t>(file, 56, 2);
  for (size_t i = 0; i < 2; ++i) {
    const size_t at = 64 + 56 * i;
    put<uint32_t>(file, at, 1);
    put<uint32_t>(file, at + 4, i == 0 ? 5 : 6);
    put<uint64_t>(file, at + 8, (i + 1) * page_size);
    put<uint64_t>(file, at + 16, kernel_window_base + 4 * i * page_size);
    put<uint64_t>(file, at + 32, page_size);
    put<uint64_t>(file, at + 40, (2 * i + 1) * page_size);
  }
  return file;
}

void check_promises(const ElfImage& image, size_t file_size) {
  REQUIRE(image.segment_count > 0);
  REQUIRE(image.segment_count <= ElfImage::max_segments);
  REQUIRE(image.virtual_base >= kernel_window_base);
  REQUIRE(image.virtual_size <= kernel_window_end - image.virtual_base);
  uint64_t end = image.virtual_base;
  for (unsigned i = 0; i < image.segment_count; ++i) {
    const Segment& segment = image.segments[i];
    REQUIRE((segment.virtual_base | segment.virtual_size) % page_size == 0);
    REQUIRE(segment.virtual_base >= end);
    REQUIRE(segment.lead < page_size);
    REQUIRE(segment.lead <= segment.virtual_size);
    REQUIRE(segment.file_size <= segment.virtual_size - segment.lead);
    REQUIRE(segment.file_offset <= file_size);
    REQUIRE(segment.file_size <= file_size - segment.file_offset);
    end = segment.virtual_base + segment.virtual_size;
  }
  REQUIRE(end == image.virtual_base + image.virtual_size);
}

std::vector<uint8_t> archive() {
  std::string text;
  const auto add = [&](const std::string& name, const std::string& content) {
    char header[111];
    std::snprintf(header, sizeof header,
                  "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0100644, 0, 0, 1,
                  0, unsigned(content.size()), 0, 0, 0, 0, unsigned(name.size() + 1), 0);
    text += header + name + '\0';
    text.resize((text.size() + 3) / 4 * 4);
    text += content;
    text.resize((text.size() + 3) / 4 * 4);
  };
  add("bin/sh", std::string(77, 'x'));
  add("empty", "");
  add("TRAILER!!!", "");
  return {text.begin(), text.end()};
}

// One to four damaged places; values that make overflows likely.
void damage(std::vector<uint8_t>& file, size_t within, std::mt19937_64& random) {
  for (size_t i = 0; i <= random() % 4; ++i) {
    const size_t at = random() % within;
    switch (random() % 4) {
      case 0: file[at] = static_cast<uint8_t>(random()); break;
      case 1: file[at] ^= static_cast<uint8_t>(1u << random() % 8); break;
      case 2: file[at] = 0xff; break;
      default:
        for (size_t k = at & ~size_t{7}; k < (at | 7) && k < file.size(); ++k) file[k] = 0xff;
    }
  }
  if (random() % 8 == 0) file.resize(random() % file.size());
}

}  // namespace

TEST_CASE("undamaged_kernel_is_understood") {
  const File file(good_elf());
  const auto image = parse_elf(file, elf_machine_x86_64);
  REQUIRE(image);
  REQUIRE(image->segment_count == 2);
  REQUIRE(image->segments[0].rights == Rights::read_execute);
  REQUIRE(image->segments[1].rights == Rights::read_write);
  REQUIRE(image->virtual_size == 7 * page_size);
  check_promises(*image, file.size);
}

TEST_CASE("damaged_kernels_are_refused_or_keep_every_promise") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  unsigned accepted = 0, refused = 0;
  for (int round = 0; round < 100000; ++round) {
    std::vector<uint8_t> content = good_elf();
    damage(content, 64 + 2 * 56, random);
    const File file(content);
    const auto image = parse_elf(file, elf_machine_x86_64);
    if (image) {
      ++accepted;
      check_promises(*image, file.size);
    } else {
      ++refused;
    }
  }
  REQUIRE(accepted > 1000);
  REQUIRE(refused > 1000);
}

TEST_CASE("damaged_archives_are_read_inside_their_bytes") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  REQUIRE(check_initrd(File(archive())).empty());
  unsigned refused = 0;
  for (int round = 0; round < 100000; ++round) {
    std::vector<uint8_t> content = archive();
    damage(content, content.size(), random);
    refused += check_initrd(File(content)).empty() ? 0 : 1;
  }
  REQUIRE(refused > 1000);
}

TEST_CASE("every_prefix_of_an_archive_but_the_whole_is_refused") {
  const std::vector<uint8_t> whole = archive();
  for (size_t size = 0; size + 1 < whole.size() - 3; ++size) {
    const File file(std::vector<uint8_t>(whole.begin(), whole.begin() + static_cast<long>(size)));
    REQUIRE_FALSE(check_initrd(file).empty());
  }
}

TEST_CASE("command_lines") {
  const auto parse = [](const std::string& text) {
    const File file(std::vector<uint8_t>(text.begin(), text.end()));
    return parse_command_line(file);
  };
  REQUIRE(parse("")->size == 0);
  REQUIRE(parse("a b\r\n\n")->size == 3);
  REQUIRE(parse("levels=5")->levels == 5);
  REQUIRE(parse("levels=5 x levels=4")->levels == 4);
  REQUIRE(parse("xlevels=5 \"levels=5\" run=\"a levels=5 b\"")->levels == 4);
  REQUIRE(parse(R"(run="\" levels=5 \\" levels=5)")->levels == 5);
  REQUIRE(parse(std::string(4095, 'a') + "\n")->size == 4095);
  REQUIRE_FALSE(parse(std::string(4096, 'a')));
  REQUIRE_FALSE(parse("levels=55"));
  REQUIRE_FALSE(parse("levels="));
  REQUIRE_FALSE(parse("a\nb"));
  REQUIRE_FALSE(parse(R"(run="\")"));
  REQUIRE_FALSE(parse("\x7f"));
}
