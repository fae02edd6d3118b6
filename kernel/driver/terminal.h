// terminal.h: a terminal as the Linux console and the VT102 are, made of bytes in and cells out:
// what busybox's line editor, vi, less and top write to TERM=linux, and what xterm adds for full
// screens (the alternate screen, 256 colours). UTF-8.
//
// It allocates nothing and keeps nothing of what it is given but a bounded state, so any bytes from
// anyone are safe, at a cost proportional to their number times one screen at most. It answers no
// questions (DSR, DA): it mirrors a terminal that does. Not locked.
// Source: ECMA-48, the Linux console_codes(4), the VT102 user guide (docs/citations.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/driver/terminal_grid.h"
#include "kernel/driver/utf8.h"

namespace kernel {

class Terminal {
 public:
  static constexpr unsigned max_columns = 512;
  static constexpr unsigned max_rows = TerminalGrid::max_rows;

  // Cells of both screens: the ordinary one and the alternate.
  [[nodiscard]] static constexpr size_t cells_needed(unsigned columns, unsigned rows) {
    return size_t(2) * columns * rows;
  }

  Terminal() = default;
  // 1 <= columns <= max_columns, 1 <= rows <= max_rows; `cells` outlives the terminal.
  Terminal(std::span<Cell> cells, unsigned columns, unsigned rows);

  void write(std::string_view bytes);

  [[nodiscard]] unsigned columns() const { return grid().columns(); }
  [[nodiscard]] unsigned rows() const { return grid().rows(); }
  [[nodiscard]] const Cell& at(unsigned row, unsigned column) const {
    return grid().at(row, column);
  }
  [[nodiscard]] unsigned row() const { return cursor_.row; }
  [[nodiscard]] unsigned column() const { return cursor_.column; }
  // The last column is written and the next character goes to the next line.
  [[nodiscard]] bool wraps_next() const { return wrap_next_; }
  [[nodiscard]] bool cursor_visible() const { return cursor_visible_; }
  [[nodiscard]] bool reverse_video() const { return reverse_video_; }

 private:
  enum class State : uint8_t {
    ground,
    escape,     // ESC
    designate,  // ESC ( and its kin: one byte names a set
    hash,       // ESC #
    ignore,     // ESC % and other two-byte sequences: the next byte ends it
    control,    // ESC [
    string,     // ESC ] P X ^ _: to BEL or ESC backslash
  };
  struct Cursor {
    unsigned row = 0;
    unsigned column = 0;
    CellStyle style{};
    bool origin = false;
    uint8_t active_set = 0;                 // G0 or G1
    bool line_drawing[2] = {false, false};  // what G0 and G1 hold: else ASCII
  };
  static constexpr unsigned max_parameters = 16;
  static constexpr unsigned max_parameter = 9999;

  [[nodiscard]] TerminalGrid& grid() { return grids_[alternate_]; }
  [[nodiscard]] const TerminalGrid& grid() const { return grids_[alternate_]; }
  [[nodiscard]] Cell blank() const {
    return {' ', {cursor_.style.foreground, cursor_.style.background}};
  }

  void feed(uint8_t byte);
  void control_byte(uint8_t byte);
  void escape_byte(uint8_t byte);
  void control_sequence_byte(uint8_t byte);
  void character(uint32_t code);
  void place(uint32_t code);

  // terminal_control.cpp: ESC [ parameters letter.
  void run_control(uint8_t letter);
  void set_modes(bool on);
  void set_private_mode(unsigned mode, bool on);
  void set_style();
  bool extended_colour(unsigned& index, uint8_t& colour);
  void erase_display(unsigned what);
  void erase_line(unsigned what);
  void set_margins();
  void clear_tabs(unsigned what);

  // Parameter `index`, or `missing` where none was given (or 0, which means the same for counts).
  [[nodiscard]] unsigned parameter(unsigned index) const {
    return index < parameter_count_ ? parameters_[index] : 0;
  }
  [[nodiscard]] unsigned count(unsigned index) const {
    return parameter(index) == 0 ? 1 : parameter(index);
  }

  void move_to(unsigned row, unsigned column);  // clamped to the grid, or to the margins (origin)
  void move_by(int rows, int columns);
  void line_feed();
  void reverse_line_feed();
  void tab(unsigned times);
  void back_tab(unsigned times);
  void save_cursor() { saved_[alternate_] = cursor_; }
  void restore_cursor();
  void switch_screen(bool alternate);
  void reset();
  [[nodiscard]] bool inside_margins() const { return cursor_.row >= top_ && cursor_.row < bottom_; }

  TerminalGrid grids_[2];
  Cursor cursor_;
  Cursor saved_[2];
  unsigned top_ = 0;  // margins: rows [top_, bottom_)
  unsigned bottom_ = 0;
  uint64_t tabs_[max_columns / 64]{};

  State state_ = State::ground;
  uint8_t designated_ = 0;
  bool private_ = false;  // ESC [ ?
  bool unknown_ = false;  // another mark, or an intermediate byte: nothing is done
  bool string_escape_ = false;

  unsigned parameters_[max_parameters]{};
  unsigned parameter_count_ = 0;
  Utf8Decoder decoder_;
  uint32_t last_character_ = ' ';

  bool alternate_ = false;
  bool wrap_next_ = false;
  bool auto_wrap_ = true;
  bool insert_ = false;
  bool new_line_ = false;  // line feed includes carriage return
  bool cursor_visible_ = true;
  bool reverse_video_ = false;
};

}  // namespace kernel
