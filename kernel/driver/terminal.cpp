// terminal.cpp: bytes into characters, controls and escape sequences; what characters do.
#include "kernel/driver/terminal.h"

#include <algorithm>

namespace kernel {

namespace {

constexpr uint8_t bell = 0x07;
constexpr uint8_t backspace = 0x08;
constexpr uint8_t horizontal_tab = 0x09;
constexpr uint8_t line_feed_byte = 0x0a;
constexpr uint8_t form_feed = 0x0c;
constexpr uint8_t carriage_return = 0x0d;
constexpr uint8_t shift_out = 0x0e;
constexpr uint8_t shift_in = 0x0f;
constexpr uint8_t cancel = 0x18;
constexpr uint8_t substitute = 0x1a;
constexpr uint8_t escape = 0x1b;
constexpr uint8_t delete_byte = 0x7f;

// DEC's special graphics, 0x60 to 0x7e.
constexpr uint16_t line_drawing[] = {0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1,
                                     0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba,
                                     0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c,
                                     0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7};

struct Range {
  uint32_t first;
  uint32_t last;
};

// Marks that join the character before them, and marks that show nothing.
constexpr Range no_width[] = {{0x300, 0x36f},   {0x200b, 0x200f}, {0x202a, 0x202e},
                              {0x2060, 0x2064}, {0x20d0, 0x20f0}, {0xfe00, 0xfe0f},
                              {0xfeff, 0xfeff}};
// East Asian wide and emoji, coarsely (Unicode's EastAsianWidth, W and F).
constexpr Range double_width[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},  {0x3041, 0xa4cf},
                                  {0xac00, 0xd7a3},   {0xf900, 0xfaff},  {0xfe30, 0xfe6f},
                                  {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                                  {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <size_t size>
bool in_any(uint32_t code, const Range (&ranges)[size]) {
  return std::any_of(ranges, ranges + size,
                     [&](Range range) { return code >= range.first && code <= range.last; });
}

}  // namespace

Terminal::Terminal(std::span<Cell> cells, unsigned columns, unsigned rows) {
  const size_t one = size_t(columns) * rows;
  grids_[0] = TerminalGrid(cells.first(one), columns, rows);
  grids_[1] = TerminalGrid(cells.subspan(one, one), columns, rows);
  reset();
}

void Terminal::reset() {
  alternate_ = false;
  cursor_ = {};
  saved_[0] = saved_[1] = {};
  top_ = 0;
  bottom_ = rows();
  wrap_next_ = insert_ = new_line_ = reverse_video_ = false;
  auto_wrap_ = cursor_visible_ = true;
  for (uint64_t& word : tabs_) {
    word = 0x0101'0101'0101'0101;
  }
  for (TerminalGrid& each : grids_) {
    each.fill_rows(0, each.rows(), Cell{});
  }
}

void Terminal::write(std::string_view bytes) {
  for (const char byte : bytes) {
    feed(uint8_t(byte));
  }
}

void Terminal::feed(uint8_t byte) {
  if (state_ == State::string) {
    const bool ends =
        byte == bell || byte == cancel || byte == substitute || (string_escape_ && byte == '\\');
    string_escape_ = byte == escape;
    if (ends) {
      state_ = State::ground;
    }
    return;
  }
  if (state_ == State::ground) {
    auto step = decoder_.feed(byte);
    if (step.complete && step.feed_again) {
      character(step.code);
      step = decoder_.feed(byte);
    }
    if (step.complete) {
      character(step.code);
    }
    return;
  }
  if (byte < 0x20) {
    control_byte(byte);
    return;
  }
  switch (state_) {
    case State::escape: escape_byte(byte); break;
    case State::designate:
      cursor_.line_drawing[designated_] = byte == '0';
      state_ = State::ground;
      break;
    case State::hash:
      state_ = State::ground;
      if (byte == '8') {  // the alignment picture
        grid().fill_rows(0, rows(), Cell{'E', {}});
        top_ = 0;
        bottom_ = rows();
        move_to(0, 0);
      }
      break;
    case State::control: control_sequence_byte(byte); break;
    case State::ignore:
    case State::ground:
    case State::string: state_ = State::ground; break;
  }
}

void Terminal::control_byte(uint8_t byte) {
  switch (byte) {
    case backspace: move_by(0, -1); break;
    case horizontal_tab: tab(1); break;
    case line_feed_byte:
    case line_feed_byte + 1:
    case form_feed:
      line_feed();
      if (new_line_) {
        cursor_.column = 0;
        wrap_next_ = false;
      }
      break;
    case carriage_return:
      cursor_.column = 0;
      wrap_next_ = false;
      break;
    case shift_out: cursor_.active_set = 1; break;
    case shift_in: cursor_.active_set = 0; break;
    case cancel:
    case substitute: state_ = State::ground; break;
    case escape: state_ = State::escape; break;
    default: break;
  }
}

void Terminal::escape_byte(uint8_t byte) {
  state_ = State::ground;
  switch (byte) {
    case '[':
      state_ = State::control;
      private_ = unknown_ = false;
      parameter_count_ = 0;
      parameters_[0] = 0;
      break;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
      state_ = State::string;
      string_escape_ = false;
      break;
    case '(':
    case ')':
      state_ = State::designate;
      designated_ = byte == ')';
      break;
    case '#': state_ = State::hash; break;
    case '%':
    case ' ':
    case '*':
    case '+': state_ = State::ignore; break;
    case '7': save_cursor(); break;
    case '8': restore_cursor(); break;
    case 'D': line_feed(); break;
    case 'E':
      line_feed();
      cursor_.column = 0;
      wrap_next_ = false;
      break;
    case 'H': tabs_[cursor_.column / 64] |= 1ULL << (cursor_.column % 64); break;
    case 'M': reverse_line_feed(); break;
    case 'c': reset(); break;
    default: break;
  }
}

void Terminal::character(uint32_t code) {
  if (code < 0x20) {
    control_byte(uint8_t(code));
  } else if ((code >= delete_byte && code < 0xa0) || in_any(code, no_width)) {
    // DEL and C1 show nothing; a mark is dropped, the character before it stays.
  } else if (in_any(code, double_width)) {
    if (cursor_.column + 2 > columns() && auto_wrap_ && columns() > 1) {
      wrap_next_ = true;
    }
    place(code);
    place(' ');
  } else {
    const bool drawn = cursor_.line_drawing[cursor_.active_set] && code >= 0x60 && code < 0x7f;
    place(drawn ? line_drawing[code - 0x60] : code);
  }
}

void Terminal::place(uint32_t code) {
  if (wrap_next_) {
    line_feed();
    cursor_.column = 0;
    wrap_next_ = false;
  }
  last_character_ = code;
  if (insert_) {
    grid().insert_cells(cursor_.row, cursor_.column, 1, blank());
  }
  grid().at(cursor_.row, cursor_.column) = {code, cursor_.style};
  if (cursor_.column + 1 < columns()) {
    ++cursor_.column;
  } else {
    wrap_next_ = auto_wrap_;
  }
}

void Terminal::move_to(unsigned row, unsigned column) {
  const unsigned first = cursor_.origin ? top_ : 0;
  const unsigned last = (cursor_.origin ? bottom_ : rows()) - 1;
  cursor_.row = std::clamp(row, first, last);
  cursor_.column = std::min(column, columns() - 1);
  wrap_next_ = false;
}

void Terminal::move_by(int rows, int columns) {
  move_to(unsigned(std::max(int(cursor_.row) + rows, 0)),
          unsigned(std::max(int(cursor_.column) + columns, 0)));
}

void Terminal::line_feed() {
  if (cursor_.row + 1 == bottom_) {
    grid().scroll_up(top_, bottom_, 1, blank());
  } else if (cursor_.row + 1 < rows()) {
    ++cursor_.row;
  }
}

void Terminal::reverse_line_feed() {
  if (cursor_.row == top_) {
    grid().scroll_down(top_, bottom_, 1, blank());
  } else if (cursor_.row > 0) {
    --cursor_.row;
  }
}

void Terminal::tab(unsigned times) {
  while (times-- > 0 && cursor_.column + 1 < columns()) {
    do {
      ++cursor_.column;
    } while (cursor_.column + 1 < columns() &&
             !(tabs_[cursor_.column / 64] >> (cursor_.column % 64) & 1));
  }
}

void Terminal::back_tab(unsigned times) {
  while (times-- > 0 && cursor_.column > 0) {
    do {
      --cursor_.column;
    } while (cursor_.column > 0 && !(tabs_[cursor_.column / 64] >> (cursor_.column % 64) & 1));
  }
  wrap_next_ = false;
}

void Terminal::restore_cursor() {
  cursor_ = saved_[alternate_];
  cursor_.row = std::min(cursor_.row, rows() - 1);
  cursor_.column = std::min(cursor_.column, columns() - 1);
  wrap_next_ = false;
}

void Terminal::switch_screen(bool alternate) {
  alternate_ = alternate;
  wrap_next_ = false;
}

}  // namespace kernel
