// terminal_control.cpp: control sequences, ESC [ parameters letter.
#include <algorithm>

#include "kernel/driver/terminal.h"

namespace kernel {

namespace {

// The nearest of the 6 levels of the palette's colour cube.
unsigned cube_level(unsigned value) {
  return value < 48 ? 0 : value < 115 ? 1 : std::min((value - 35) / 40, 5u);
}

}  // namespace

void Terminal::control_sequence_byte(uint8_t byte) {
  if (byte >= '0' && byte <= '9') {
    if (parameter_count_ == 0) {
      parameter_count_ = 1;
    }
    unsigned& value = parameters_[parameter_count_ - 1];
    value = std::min(value * 10 + (byte - '0'), max_parameter);
  } else if (byte == ';' || byte == ':') {
    if (parameter_count_ == 0) {
      parameter_count_ = 1;
    }
    if (parameter_count_ < max_parameters) {
      parameters_[parameter_count_++] = 0;
    } else {
      unknown_ = true;
    }
  } else if (byte == '?') {
    private_ = true;
  } else if (byte < 0x40) {
    unknown_ = true;  // another private mark, or an intermediate byte
  } else {
    state_ = State::ground;
    if (byte < 0x7f && !unknown_) {
      run_control(byte);
    }
  }
}

void Terminal::run_control(uint8_t letter) {
  const int times = int(count(0));
  if (private_) {
    if (letter == 'h' || letter == 'l') {
      set_modes(letter == 'h');
    }
    return;
  }
  switch (letter) {
    case '@':
      grid().insert_cells(cursor_.row, cursor_.column, count(0), blank());
      wrap_next_ = false;
      break;
    case 'A': move_by(-times, 0); break;
    case 'B':
    case 'e': move_by(times, 0); break;
    case 'C':
    case 'a': move_by(0, times); break;
    case 'D': move_by(0, -times); break;
    case 'E': move_by(times, -int(cursor_.column)); break;
    case 'F': move_by(-times, -int(cursor_.column)); break;
    case 'G':
    case '`': move_to(cursor_.row, count(0) - 1); break;
    case 'H':
    case 'f': move_to(count(0) - 1 + (cursor_.origin ? top_ : 0), count(1) - 1); break;
    case 'd': move_to(count(0) - 1 + (cursor_.origin ? top_ : 0), cursor_.column); break;
    case 'I': tab(count(0)); break;
    case 'Z': back_tab(count(0)); break;
    case 'J': erase_display(parameter(0)); break;
    case 'K': erase_line(parameter(0)); break;
    case 'L':
    case 'M':
      if (inside_margins()) {
        letter == 'L' ? grid().scroll_down(cursor_.row, bottom_, count(0), blank())
                      : grid().scroll_up(cursor_.row, bottom_, count(0), blank());
        wrap_next_ = false;
      }
      break;
    case 'P':
      grid().delete_cells(cursor_.row, cursor_.column, count(0), blank());
      wrap_next_ = false;
      break;
    case 'S': grid().scroll_up(top_, bottom_, count(0), blank()); break;
    case 'T': grid().scroll_down(top_, bottom_, count(0), blank()); break;
    case 'X':
      grid().fill_cells(cursor_.row, cursor_.column, cursor_.column + count(0), blank());
      wrap_next_ = false;
      break;
    case 'b':
      for (unsigned i = std::min(count(0), columns()); i > 0; --i) {
        place(last_character_);
      }
      break;
    case 'g': clear_tabs(parameter(0)); break;
    case 'h':
    case 'l': set_modes(letter == 'h'); break;
    case 'm': set_style(); break;
    case 'r': set_margins(); break;
    case 's': save_cursor(); break;
    case 'u': restore_cursor(); break;
    default: break;
  }
}

void Terminal::erase_display(unsigned what) {
  wrap_next_ = false;
  if (what == 0) {
    grid().fill_cells(cursor_.row, cursor_.column, columns(), blank());
    grid().fill_rows(cursor_.row + 1, rows(), blank());
  } else if (what == 1) {
    grid().fill_rows(0, cursor_.row, blank());
    grid().fill_cells(cursor_.row, 0, cursor_.column + 1, blank());
  } else if (what == 2) {
    grid().fill_rows(0, rows(), blank());
  }
}

void Terminal::erase_line(unsigned what) {
  wrap_next_ = false;
  const unsigned from = what == 0 ? cursor_.column : 0;
  const unsigned to = what == 1 ? cursor_.column + 1 : columns();
  if (what <= 2) {
    grid().fill_cells(cursor_.row, from, to, blank());
  }
}

void Terminal::set_margins() {
  const unsigned top = count(0) - 1;
  const unsigned bottom = parameter(1) == 0 ? rows() : std::min(parameter(1), rows());
  if (top + 1 < bottom) {
    top_ = top;
    bottom_ = bottom;
    move_to(cursor_.origin ? top_ : 0, 0);
  }
}

void Terminal::clear_tabs(unsigned what) {
  if (what == 0) {
    tabs_[cursor_.column / 64] &= ~(1ULL << (cursor_.column % 64));
  } else if (what == 3) {
    for (uint64_t& word : tabs_) {
      word = 0;
    }
  }
}

void Terminal::set_modes(bool on) {
  for (unsigned i = 0; i < std::max(parameter_count_, 1u); ++i) {
    if (private_) {
      set_private_mode(parameter(i), on);
    } else if (parameter(i) == 4) {
      insert_ = on;
    } else if (parameter(i) == 20) {
      new_line_ = on;
    }
  }
}

void Terminal::set_private_mode(unsigned mode, bool on) {
  switch (mode) {
    case 5: reverse_video_ = on; break;
    case 6:
      cursor_.origin = on;
      move_to(on ? top_ : 0, 0);
      break;
    case 7:
      auto_wrap_ = on;
      wrap_next_ = wrap_next_ && on;
      break;
    case 25: cursor_visible_ = on; break;
    case 47:
    case 1047: switch_screen(on); break;
    case 1049:
      if (on) {
        save_cursor();
        switch_screen(true);
        grid().fill_rows(0, rows(), blank());
      } else if (alternate_) {
        switch_screen(false);
        restore_cursor();
      }
      break;
    default: break;
  }
}

// 5;N or 2;R;G;B after 38 or 48. Returns false when it is neither.
bool Terminal::extended_colour(unsigned& index, uint8_t& colour) {
  const unsigned kind = parameter(index + 1);
  if (kind == 5) {
    colour = uint8_t(std::min(parameter(index + 2), 255u));
    index += 2;
    return true;
  }
  if (kind == 2) {
    colour = uint8_t(16 + 36 * cube_level(parameter(index + 2)) +
                     6 * cube_level(parameter(index + 3)) + cube_level(parameter(index + 4)));
    index += 4;
    return true;
  }
  return false;
}

void Terminal::set_style() {
  CellStyle& style = cursor_.style;
  for (unsigned i = 0; i < std::max(parameter_count_, 1u); ++i) {
    const unsigned code = parameter(i);
    switch (code) {
      case 0: style = {}; break;
      case 1: style.bold = true; break;
      case 4: style.underline = true; break;
      case 7: style.reverse = true; break;
      case 21:
      case 22: style.bold = false; break;
      case 24: style.underline = false; break;
      case 27: style.reverse = false; break;
      case 38:
        if (!extended_colour(i, style.foreground)) {
          return;
        }
        break;
      case 39: style.foreground = CellStyle{}.foreground; break;
      case 48:
        if (!extended_colour(i, style.background)) {
          return;
        }
        break;
      case 49: style.background = CellStyle{}.background; break;
      default:
        if (code >= 30 && code < 38) {
          style.foreground = uint8_t(code - 30);
        } else if (code >= 40 && code < 48) {
          style.background = uint8_t(code - 40);
        } else if (code >= 90 && code < 98) {
          style.foreground = uint8_t(code - 90 + 8);
        } else if (code >= 100 && code < 108) {
          style.background = uint8_t(code - 100 + 8);
        }
    }
  }
}

}  // namespace kernel
