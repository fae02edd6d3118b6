// terminal_grid.h: the cells of a terminal's picture, and the edits that move whole runs of them.
//
// Rows and columns count from 0. Every function clamps what it is given to the grid: none steps
// outside. Not locked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kernel {

struct CellStyle {
  uint8_t foreground = 7;  // in the palette of 256
  uint8_t background = 0;
  bool bold : 1 = false;
  bool underline : 1 = false;
  bool reverse : 1 = false;
  bool operator==(const CellStyle&) const = default;
};

struct Cell {
  uint32_t code = ' ';
  CellStyle style{};
  bool operator==(const Cell&) const = default;
};

class TerminalGrid {
 public:
  TerminalGrid() = default;
  static constexpr unsigned max_rows = 256;

  // `cells` has columns * rows elements or more and outlives the grid; 1 <= columns, 1 <= rows <=
  // max_rows.
  TerminalGrid(std::span<Cell> cells, unsigned columns, unsigned rows);

  [[nodiscard]] unsigned columns() const { return columns_; }
  [[nodiscard]] unsigned rows() const { return rows_; }

  [[nodiscard]] Cell& at(unsigned row, unsigned column) {
    return cells_[size_t(lines_[row]) * columns_ + column];
  }
  [[nodiscard]] const Cell& at(unsigned row, unsigned column) const {
    return cells_[size_t(lines_[row]) * columns_ + column];
  }

  // Rows [top, bottom) move by `count`, away from the bottom or away from the top; `blank` fills
  // what becomes free.
  void scroll_up(unsigned top, unsigned bottom, unsigned count, const Cell& blank);
  void scroll_down(unsigned top, unsigned bottom, unsigned count, const Cell& blank);

  // The cells of one row from `column` on move right, or left over `count` of them.
  void insert_cells(unsigned row, unsigned column, unsigned count, const Cell& blank);
  void delete_cells(unsigned row, unsigned column, unsigned count, const Cell& blank);

  // Cells [from, to) of one row, and whole rows [from, to).
  void fill_cells(unsigned row, unsigned from, unsigned to, const Cell& blank);
  void fill_rows(unsigned from, unsigned to, const Cell& blank);

 private:
  Cell* cells_ = nullptr;
  uint16_t lines_[max_rows]{};  // where in `cells_` a row is: rows scroll without being copied
  unsigned columns_ = 0;
  unsigned rows_ = 0;
};

}  // namespace kernel
