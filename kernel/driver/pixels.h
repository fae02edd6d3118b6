// pixels.h: glyphs into a framebuffer of 32-bit pixels.
//
// Nothing is ever read from it, and nothing outside it is written: a cell that does not fit is not
// drawn. Not locked.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/driver/font.h"
#include "kernel/driver/terminal_grid.h"

namespace kernel {

class PixelArea {
 public:
  PixelArea() = default;
  // `stride` in pixels; `red_first`: the lowest byte of a pixel is red, otherwise blue.
  PixelArea(uint32_t* pixels, unsigned width, unsigned height, unsigned stride, bool red_first)
      : pixels_(pixels), width_(width), height_(height), stride_(stride), red_first_(red_first) {}

  [[nodiscard]] unsigned width() const { return width_; }

  // Every pixel of the font's glyphs becomes scale by scale.
  void set_cell(const Font& font, unsigned scale);
  // Cells that fit.
  [[nodiscard]] unsigned columns() const { return width_ / cell_width_; }
  [[nodiscard]] unsigned rows() const { return height_ / cell_height_; }

  void clear();
  // Shows the character in the style's two colours, underlined or not; nothing else of the style
  // counts.
  void draw(const Font& font, unsigned row, unsigned column, const Cell& cell);

 private:
  [[nodiscard]] uint32_t pixel(uint8_t colour) const;

  uint32_t* pixels_ = nullptr;
  unsigned width_ = 0;
  unsigned height_ = 0;
  unsigned stride_ = 0;
  bool red_first_ = false;
  unsigned scale_ = 1;
  unsigned cell_width_ = 1;
  unsigned cell_height_ = 1;
};

}  // namespace kernel
