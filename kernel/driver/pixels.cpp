#include "kernel/driver/pixels.h"

#include <algorithm>

namespace kernel {

namespace {

// 0xRRGGBB: the PC's text colours.
constexpr uint32_t base_colours[16] = {0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa,
                                       0x00aaaa, 0xaaaaaa, 0x555555, 0xff5555, 0x55ff55, 0xffff55,
                                       0x5555ff, 0xff55ff, 0x55ffff, 0xffffff};

// The palette of 256: those, a cube of 6 levels each, 24 greys.
uint32_t colour_of(uint8_t index) {
  if (index < 16) {
    return base_colours[index];
  }
  if (index >= 232) {
    return (8u + 10u * (index - 232u)) * 0x010101;
  }
  const unsigned cube = index - 16u;
  const auto level = [](unsigned step) { return step == 0 ? 0 : 55 + 40 * step; };
  return level(cube / 36) << 16 | level(cube / 6 % 6) << 8 | level(cube % 6);
}

}  // namespace

uint32_t PixelArea::pixel(uint8_t colour) const {
  const uint32_t rgb = colour_of(colour);
  return red_first_ ? (rgb & 0xff00) | rgb >> 16 | (rgb & 0xff) << 16 : rgb;
}

void PixelArea::set_cell(const Font& font, unsigned scale) {
  scale_ = scale;
  cell_width_ = font.width() * scale;
  cell_height_ = font.height() * scale;
}

void PixelArea::clear() {
  for (unsigned y = 0; y < height_; ++y) {
    std::fill_n(pixels_ + size_t(y) * stride_, width_, pixel(0));
  }
}

void PixelArea::draw(const Font& font, unsigned row, unsigned column, const Cell& cell) {
  if (row >= rows() || column >= columns()) {
    return;
  }
  const unsigned glyph = font.glyph(cell.code);
  const uint32_t colours[2] = {pixel(cell.style.background), pixel(cell.style.foreground)};
  uint32_t* line = pixels_ + size_t(row) * cell_height_ * stride_ + size_t(column) * cell_width_;
  for (unsigned y = 0; y < font.height(); ++y) {
    const bool underline = cell.style.underline && y + 1 == font.height();
    const uint64_t bits = underline ? ~uint64_t{0} : font.row(glyph, y);
    for (unsigned repeat = 0; repeat < scale_; ++repeat, line += stride_) {
      uint32_t* to = line;
      for (unsigned x = font.width(); x-- > 0;) {
        const uint32_t colour = colours[bits >> x & 1];
        for (unsigned i = 0; i < scale_; ++i) {
          *to++ = colour;
        }
      }
    }
  }
}

}  // namespace kernel
