// font.h: console fonts in PC Screen Font format, versions 1 and 2: glyphs of one size, and which
// characters they show.
//
// Nothing in the file is trusted: every offset is checked before it is used, a table of characters
// that ends early or names glyphs that are not there loses those entries only. The file's bytes are
// not copied; they must outlive the font.
// Source: the Linux kbd project's description of PSF (docs/citations.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace kernel {

class Font {
 public:
  static constexpr unsigned max_width = 64;
  static constexpr unsigned max_height = 128;

  // A font without glyphs: every row is blank.
  Font() = default;
  // Or why the file is none. `map` gets the characters below its size; it must outlive the font.
  static std::expected<Font, const char*> parse(std::span<const uint8_t> file,
                                                std::span<uint16_t> map);

  [[nodiscard]] unsigned width() const { return width_; }
  [[nodiscard]] unsigned height() const { return height_; }
  [[nodiscard]] unsigned glyph_count() const { return glyph_count_; }

  // The glyph of a character; the replacement's (U+FFFD, else `?`) when it has none.
  [[nodiscard]] unsigned glyph(uint32_t code) const;
  // Pixels of one row, the leftmost in the highest of `width` bits. 0 outside the glyph.
  [[nodiscard]] uint64_t row(unsigned glyph, unsigned y) const;

 private:
  static constexpr uint16_t none = 0xffff;

  const char* read_header(std::span<const uint8_t> file);
  void read_table_1(std::span<const uint8_t> table);
  void read_table_2(std::span<const uint8_t> table);
  void enter(uint32_t code, unsigned glyph);
  [[nodiscard]] uint16_t find(uint32_t code) const;

  std::span<const uint8_t> glyphs_;
  std::span<uint16_t> map_;
  unsigned width_ = 0;
  unsigned height_ = 0;
  unsigned row_bytes_ = 0;
  unsigned glyph_count_ = 0;
  size_t table_at_ = 0;  // in the file, 0: no table
  bool version_1_ = false;
  uint16_t replacement_ = 0;
};

}  // namespace kernel
