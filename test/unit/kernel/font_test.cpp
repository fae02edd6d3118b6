// font_test.cpp: PSF fonts of both versions, and files that are none.
#include "kernel/driver/font.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using kernel::Font;

namespace {

using Bytes = std::vector<uint8_t>;

std::vector<uint16_t> map(0x3000);

void put_word(Bytes& file, uint32_t word) {
  for (unsigned shift = 0; shift < 32; shift += 8) {
    file.push_back(uint8_t(word >> shift));
  }
}

// Glyph n is 12 by 2 pixels: its number in the upper row, its complement's low bits in the lower.
Bytes version_2(unsigned glyphs, const std::string& table) {
  Bytes file{0x72, 0xb5, 0x4a, 0x86};
  for (const uint32_t word : {0u, 32u, table.empty() ? 0u : 1u, glyphs, 4u, 2u, 12u}) {
    put_word(file, word);
  }
  for (unsigned i = 0; i < glyphs; ++i) {
    for (const unsigned row : {i, 0xfffu - i}) {
      file.push_back(uint8_t(row >> 4));
      file.push_back(uint8_t(row << 4));
    }
  }
  file.insert(file.end(), table.begin(), table.end());
  return file;
}

Bytes version_1(uint8_t mode, const Bytes& table) {
  Bytes file{0x36, 0x04, mode, 3};
  for (unsigned i = 0; i < ((mode & 1) != 0 ? 512u : 256u) * 3; ++i) {
    file.push_back(uint8_t(i));
  }
  file.insert(file.end(), table.begin(), table.end());
  return file;
}

TEST_CASE("version 2: glyphs are found by the table's characters") {
  const Bytes file = version_2(3, "A\xff\xc3\xa4Z\xfexy\xff?");
  const auto font = Font::parse(file, map);
  REQUIRE(font.has_value());
  REQUIRE((font->width() == 12 && font->height() == 2 && font->glyph_count() == 3));
  REQUIRE(font->glyph('A') == 0);
  REQUIRE(font->glyph(0xe4) == 1);
  REQUIRE(font->glyph('Z') == 1);
  REQUIRE(font->glyph('x') == 2);  // part of a sequence: shown as the replacement, `?`
  REQUIRE(font->glyph(0x10ffff) == 2);
  REQUIRE(font->row(2, 0) == 2);
  REQUIRE(font->row(2, 1) == 0xffd);
  REQUIRE(font->row(2, 2) == 0);
  REQUIRE(font->row(3, 0) == 0);
}

TEST_CASE("version 1: with and without a table") {
  const Bytes plain = version_1(0, {});
  const auto font = Font::parse(plain, map);
  REQUIRE(font.has_value());
  REQUIRE((font->width() == 8 && font->height() == 3 && font->glyph_count() == 256));
  REQUIRE(font->glyph('A') == 'A');
  REQUIRE(font->row(1, 2) == 5);
  const Bytes tabled = version_1(3, {'B', 0, 0xfe, 0xff, 'C', 0, 0xff, 0xff, 'D', 0, 0xff});
  const auto other = Font::parse(tabled, map);
  REQUIRE(other.has_value());
  REQUIRE(other->glyph_count() == 512);
  REQUIRE(other->glyph('B') == 0);
  REQUIRE(other->glyph('D') == 1);
}

TEST_CASE("what is no font is refused") {
  const Bytes good = version_2(2,
                               "A\xff"
                               "B\xff");
  for (size_t size = 0; size < 32 + 8; ++size) {
    const Bytes cut(good.begin(), good.begin() + long(size));
    REQUIRE_FALSE(Font::parse(cut, map).has_value());
  }
  for (size_t word = 4; word < 32; word += 4) {
    Bytes changed = good;
    for (size_t i = 0; i < 4; ++i) {
      changed[word + i] = 0xff;
    }
    REQUIRE(Font::parse(changed, map).has_value() == (word == 12));
  }
  REQUIRE_FALSE(Font::parse(Bytes(100, 0), map).has_value());
}

TEST_CASE("damaged fonts are read within their bounds") {
  std::mt19937 random(11);
  const Bytes good = version_2(5,
                               "A\xff\xe2\x94\x80\xff\xc3\xa4\xfe"
                               "ab\xff\xff!\xff");
  for (unsigned round = 0; round < 20000; ++round) {
    Bytes file = good;
    for (unsigned i = random() % 4; i > 0; --i) {
      file[random() % file.size()] = uint8_t(random());
    }
    file.resize(random() % 3 == 0 ? random() % file.size() : file.size());
    file.shrink_to_fit();
    if (const auto font = Font::parse(file, map)) {
      for (const uint32_t code : {0x41u, 0x2500u, 0xe4u, 0x2fffu, 0x3000u}) {
        REQUIRE(font->glyph(code) < font->glyph_count());
        (void)font->row(font->glyph(code), font->height() - 1);
      }
    }
  }
}

}  // namespace
