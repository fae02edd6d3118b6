#include "kernel/driver/font.h"

#include "kernel/driver/utf8.h"

namespace kernel {

namespace {

// Version 1: magic (2), mode, bytes a glyph.
constexpr size_t header_1 = 4;
constexpr uint8_t magic_1[] = {0x36, 0x04};
constexpr uint8_t mode_512_glyphs = 1;
constexpr uint8_t mode_has_table = 2 | 4;
constexpr uint16_t separator_1 = 0xffff;
constexpr uint16_t sequence_1 = 0xfffe;

// Version 2: magic (4), then seven little-endian words.
constexpr size_t header_2 = 32;
constexpr uint8_t magic_2[] = {0x72, 0xb5, 0x4a, 0x86};
constexpr uint8_t separator_2 = 0xff;
constexpr uint8_t sequence_2 = 0xfe;

// A table's size bounds how many entries it has; a glyph count is bounded by what 16 bits name.
constexpr uint32_t max_glyphs = 4096;

uint32_t word(std::span<const uint8_t> file, size_t at) {
  return uint32_t(file[at]) | uint32_t(file[at + 1]) << 8 | uint32_t(file[at + 2]) << 16 |
         uint32_t(file[at + 3]) << 24;
}

template <size_t count>
bool starts_with(std::span<const uint8_t> file, const uint8_t (&magic)[count]) {
  for (size_t i = 0; i < count; ++i) {
    if (file[i] != magic[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::expected<Font, const char*> Font::parse(std::span<const uint8_t> file,
                                             std::span<uint16_t> map) {
  Font font;
  font.map_ = map;
  for (uint16_t& entry : map) {
    entry = none;
  }
  if (const char* problem = font.read_header(file)) {
    return std::unexpected(problem);
  }
  if (font.table_at_ == 0) {
    for (unsigned glyph = 0; glyph < font.glyph_count_; ++glyph) {
      font.enter(glyph, glyph);
    }
  } else if (font.version_1_) {
    font.read_table_1(file.subspan(font.table_at_));
  } else {
    font.read_table_2(file.subspan(font.table_at_));
  }
  for (const uint32_t code : {uint32_t{' '}, uint32_t{'?'}, replacement_character}) {
    if (font.find(code) != none) {
      font.replacement_ = font.find(code);
    }
  }
  return font;
}

const char* Font::read_header(std::span<const uint8_t> file) {
  uint64_t glyphs_at = header_1;
  uint64_t glyph_bytes = 0;
  bool has_table = false;
  if (file.size() >= header_2 && starts_with(file, magic_2)) {
    glyphs_at = word(file, 8);
    has_table = (word(file, 12) & 1) != 0;
    glyph_count_ = word(file, 16);
    glyph_bytes = word(file, 20);
    height_ = word(file, 24);
    width_ = word(file, 28);
    if (word(file, 4) != 0 || glyphs_at < header_2) {
      return "font: an unknown version of PSF 2";
    }
  } else if (file.size() >= header_1 && starts_with(file, magic_1)) {
    version_1_ = true;
    has_table = (file[2] & mode_has_table) != 0;
    glyph_count_ = (file[2] & mode_512_glyphs) != 0 ? 512 : 256;
    glyph_bytes = height_ = file[3];
    width_ = 8;
  } else {
    return "font: not a PSF file";
  }
  if (width_ == 0 || width_ > max_width || height_ == 0 || height_ > max_height ||
      glyph_count_ == 0 || glyph_count_ > max_glyphs) {
    return "font: no glyphs, too many, or of an impossible size";
  }
  row_bytes_ = (width_ + 7) / 8;
  if (glyph_bytes != uint64_t(row_bytes_) * height_) {
    return "font: a glyph's bytes do not match its size";
  }
  const uint64_t size = glyph_bytes * glyph_count_;
  if (glyphs_at > file.size() || size > file.size() - glyphs_at) {
    return "font: truncated";
  }
  glyphs_ = file.subspan(glyphs_at, size);
  table_at_ = has_table ? glyphs_at + size : 0;
  return nullptr;
}

void Font::enter(uint32_t code, unsigned glyph) {
  if (code < map_.size() && map_[code] == none) {
    map_[code] = uint16_t(glyph);
  }
}

// For each glyph its characters, 16 bits each, then sequences of them (which are passed over).
void Font::read_table_1(std::span<const uint8_t> table) {
  bool in_sequence = false;
  unsigned glyph = 0;
  for (size_t at = 0; at + 2 <= table.size() && glyph < glyph_count_; at += 2) {
    const uint16_t code = uint16_t(table[at] | table[at + 1] << 8);
    if (code == separator_1) {
      ++glyph;
      in_sequence = false;
    } else if (code == sequence_1) {
      in_sequence = true;
    } else if (!in_sequence) {
      enter(code, glyph);
    }
  }
}

// The same in UTF-8, with bytes that UTF-8 never has between them.
void Font::read_table_2(std::span<const uint8_t> table) {
  bool in_sequence = false;
  unsigned glyph = 0;
  Utf8Decoder decoder;
  for (size_t at = 0; at < table.size() && glyph < glyph_count_; ++at) {
    const uint8_t byte = table[at];
    if (byte == separator_2 || byte == sequence_2) {
      glyph += byte == separator_2;
      in_sequence = byte == sequence_2;
      decoder = {};
      continue;
    }
    const auto step = decoder.feed(byte);
    if (step.complete && !in_sequence) {
      enter(step.code, glyph);
    }
  }
}

uint16_t Font::find(uint32_t code) const {
  return code < map_.size() ? map_[code] : none;
}

unsigned Font::glyph(uint32_t code) const {
  const uint16_t found = find(code);
  return found == none ? replacement_ : found;
}

uint64_t Font::row(unsigned glyph, unsigned y) const {
  if (glyph >= glyph_count_ || y >= height_) {
    return 0;
  }
  const size_t at = (size_t(glyph) * height_ + y) * row_bytes_;
  uint64_t bits = 0;
  for (unsigned i = 0; i < row_bytes_; ++i) {
    bits = bits << 8 | glyphs_[at + i];
  }
  return bits >> (row_bytes_ * 8 - width_);
}

}  // namespace kernel
