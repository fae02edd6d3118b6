#include "kernel/driver/terminal_grid.h"

#include <algorithm>

namespace kernel {

TerminalGrid::TerminalGrid(std::span<Cell> cells, unsigned columns, unsigned rows)
    : cells_(cells.data()), columns_(columns), rows_(rows) {
  for (unsigned row = 0; row < rows; ++row) {
    lines_[row] = uint16_t(row);
  }
}

void TerminalGrid::fill_cells(unsigned row, unsigned from, unsigned to, const Cell& blank) {
  to = std::min(to, columns_);
  if (row < rows_ && from < to) {
    std::fill(&at(row, 0) + from, &at(row, 0) + to, blank);
  }
}

void TerminalGrid::fill_rows(unsigned from, unsigned to, const Cell& blank) {
  for (unsigned row = from; row < std::min(to, rows_); ++row) {
    fill_cells(row, 0, columns_, blank);
  }
}

void TerminalGrid::scroll_up(unsigned top, unsigned bottom, unsigned count, const Cell& blank) {
  bottom = std::min(bottom, rows_);
  if (top >= bottom) {
    return;
  }
  count = std::min(count, bottom - top);
  std::rotate(lines_ + top, lines_ + top + count, lines_ + bottom);
  fill_rows(bottom - count, bottom, blank);
}

void TerminalGrid::scroll_down(unsigned top, unsigned bottom, unsigned count, const Cell& blank) {
  bottom = std::min(bottom, rows_);
  if (top >= bottom) {
    return;
  }
  count = std::min(count, bottom - top);
  std::rotate(lines_ + top, lines_ + bottom - count, lines_ + bottom);
  fill_rows(top, top + count, blank);
}

void TerminalGrid::insert_cells(unsigned row, unsigned column, unsigned count, const Cell& blank) {
  if (row >= rows_ || column >= columns_) {
    return;
  }
  count = std::min(count, columns_ - column);
  Cell* line = &at(row, 0);
  std::copy_backward(line + column, line + columns_ - count, line + columns_);
  fill_cells(row, column, column + count, blank);
}

void TerminalGrid::delete_cells(unsigned row, unsigned column, unsigned count, const Cell& blank) {
  if (row >= rows_ || column >= columns_) {
    return;
  }
  count = std::min(count, columns_ - column);
  Cell* line = &at(row, 0);
  std::copy(line + column + count, line + columns_, line + column);
  fill_cells(row, columns_ - count, columns_, blank);
}

}  // namespace kernel
