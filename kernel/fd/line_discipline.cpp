#include "kernel/fd/line_discipline.h"

namespace kernel {

namespace {

constexpr uint8_t bell = 0x07;
constexpr uint8_t backspace = 0x08;
constexpr uint8_t del = 0x7f;
constexpr unsigned tab_stop = 8;

bool is_control(uint8_t byte) {
  return byte < ' ' || byte == del;
}
bool is_continuation(uint8_t byte) {
  return (byte & 0xc0) == 0x80;
}
bool is_word(uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z') || byte == '_' || byte >= 0x80;
}

}  // namespace

void LineDiscipline::set_settings(const TerminalSettings& settings) {
  const bool was_line_mode = is_line_mode();
  settings_ = settings;
  if (was_line_mode == is_line_mode()) {
    return;
  }
  for (Ending& ending : endings_) {
    ending = Ending::none;
  }
  complete_ = read_;
  literal_ = false;
  if (is_line_mode() && typed_ != read_) {
    complete_ = typed_;
    mark(typed_ - 1, Ending::line);
  }
}

void LineDiscipline::flush_input() {
  read_ = complete_ = typed_;
  literal_ = false;
}

// ---- Output

void LineDiscipline::show(uint8_t byte) {
  const auto raw = char(byte);
  if (!(settings_.output & output_mode::process)) {
    send(&raw, 1);
    return;
  }
  switch (byte) {
    case '\n':
      if (settings_.output & (output_mode::nl_to_crnl | output_mode::nl_returns)) {
        column_ = 0;
      }
      if (settings_.output & output_mode::nl_to_crnl) {
        send("\r\n", 2);
        return;
      }
      break;
    case '\r':
      if ((settings_.output & output_mode::no_cr_at_0) && column_ == 0) {
        return;
      }
      if (settings_.output & output_mode::cr_to_nl) {
        send("\n", 1);
        return;
      }
      column_ = 0;
      break;
    case '\t': {
      const unsigned width = tab_stop - column_ % tab_stop;
      column_ += width;
      if ((settings_.output & output_mode::tabs) == output_mode::tabs) {
        send("        ", width);
        return;
      }
      break;
    }
    case backspace: column_ -= column_ != 0 ? 1 : 0; break;
    default: column_ += is_control(byte) || is_continuation(byte) ? 0 : 1; break;
  }
  send(&raw, 1);
}

size_t LineDiscipline::write(std::span<const uint8_t> bytes) {
  size_t done = 0;
  while (done < bytes.size() && !stopped_) {
    show(bytes[done++]);
  }
  return done;
}

void LineDiscipline::echo(uint8_t byte) {
  if (!has(local_mode::echo) && !(byte == '\n' && has(local_mode::echo_newline))) {
    return;
  }
  if (typed_ == complete_) {
    line_column_ = column_;
  }
  if (takes_two_columns(byte)) {
    show('^');
    show(byte ^ 0x40);
  } else {
    show(byte);
  }
}

bool LineDiscipline::takes_two_columns(uint8_t byte) const {
  return is_control(byte) && byte != '\t' && byte != '\n' && has(local_mode::echo_control);
}

// ---- Input

void LineDiscipline::put(uint8_t byte) {
  // One place is kept for the end of the line.
  if (typed_ - read_ >= capacity - 1) {
    if (settings_.input & input_mode::bell_when_full) {
      show(bell);
    }
    return;
  }
  echo(byte);
  bytes_[at(typed_)] = byte;
  mark(typed_, Ending::none);
  ++typed_;
}

void LineDiscipline::finish_line(uint8_t byte, Ending ending) {
  if (typed_ - read_ >= capacity) {
    return;
  }
  bytes_[at(typed_)] = byte;
  mark(typed_, ending);
  complete_ = ++typed_;
}

unsigned LineDiscipline::tab_width(uint64_t position) const {
  unsigned column = line_column_;
  for (uint64_t i = complete_; i < position; ++i) {
    const uint8_t byte = bytes_[at(i)];
    if (byte == '\t') {
      column += tab_stop - column % tab_stop;
    } else if (takes_two_columns(byte)) {
      column += 2;
    } else if (!is_control(byte) && !is_continuation(byte)) {
      ++column;
    }
  }
  return tab_stop - column % tab_stop;
}

// Takes the last character of the line being typed, which is not empty, away from it and from view.
void LineDiscipline::erase_last() {
  uint64_t position = typed_ - 1;
  while (position > complete_ && (settings_.input & input_mode::utf8) &&
         is_continuation(bytes_[at(position)])) {
    --position;
  }
  const uint8_t byte = bytes_[at(position)];
  typed_ = position;
  if (!has(local_mode::echo)) {
    return;
  }
  if (!has(local_mode::echo_erase)) {
    echo(settings_.character(Control::erase));
    return;
  }
  unsigned columns = is_control(byte) ? 0 : 1;
  if (byte == '\t') {
    for (unsigned i = tab_width(position); i > 0; --i) {
      show(backspace);
    }
    return;
  }
  columns = takes_two_columns(byte) ? 2 : columns;
  for (unsigned i = 0; i < columns; ++i) {
    show(backspace);
    show(' ');
    show(backspace);
  }
}

void LineDiscipline::erase(Erase what) {
  if (what == Erase::line) {
    const bool by_erasing = has(local_mode::echo_kill) && has(local_mode::echo_erase) &&
                            has(local_mode::echo_kill_by_erasing);
    if (has(local_mode::echo) && !by_erasing) {
      typed_ = complete_;
      echo(settings_.character(Control::kill));
      if (has(local_mode::echo_kill)) {
        show('\n');
      }
      return;
    }
  }
  bool seen_word = false;
  while (typed_ != complete_) {
    if (what == Erase::word) {
      const bool word = is_word(bytes_[at(typed_ - 1)]);
      if (seen_word && !word) {
        return;
      }
      seen_word = seen_word || word;
    }
    erase_last();
    if (what == Erase::character) {
      return;
    }
  }
}

void LineDiscipline::reprint() {
  echo(settings_.character(Control::reprint));
  show('\n');
  line_column_ = column_;
  for (uint64_t i = complete_; i < typed_; ++i) {
    const uint8_t byte = bytes_[at(i)];
    if (takes_two_columns(byte)) {
      show('^');
      show(byte ^ 0x40);
    } else {
      show(byte);
    }
  }
}

// In line mode, a byte that is no signal.
void LineDiscipline::receive_in_line(uint8_t byte) {
  const bool extended = has(local_mode::extended);
  if (settings_.is(byte, Control::erase)) {
    erase(Erase::character);
  } else if (settings_.is(byte, Control::kill)) {
    erase(Erase::line);
  } else if (extended && settings_.is(byte, Control::word_erase)) {
    erase(Erase::word);
  } else if (extended && settings_.is(byte, Control::literal_next)) {
    literal_ = true;
    if (has(local_mode::echo) && has(local_mode::echo_control)) {
      show('^');
      show(backspace);
    }
  } else if (extended && has(local_mode::echo) && settings_.is(byte, Control::reprint)) {
    reprint();
  } else if (byte == '\n') {
    echo(byte);
    finish_line(byte, Ending::line);
  } else if (settings_.is(byte, Control::end_of_file)) {
    finish_line(byte, Ending::file);
  } else if (settings_.is(byte, Control::end_of_line) ||
             (extended && settings_.is(byte, Control::end_of_line_2))) {
    echo(byte);
    finish_line(byte, Ending::line);
  } else {
    put(byte);
  }
}

void LineDiscipline::echo_signal(uint8_t byte) {
  if (!has(local_mode::keep_on_signal)) {
    flush_input();
  }
  stopped_ = false;
  echo(byte);
}

TypedSignal LineDiscipline::receive(uint8_t byte) {
  if (settings_.input & input_mode::strip) {
    byte &= 0x7f;
  }
  if (literal_) {
    literal_ = false;
    put(byte);
    return TypedSignal::none;
  }
  if (settings_.input & input_mode::flow) {
    if (settings_.is(byte, Control::start)) {
      stopped_ = false;
      return TypedSignal::none;
    }
    if (settings_.is(byte, Control::stop)) {
      stopped_ = true;
      return TypedSignal::none;
    }
    stopped_ = stopped_ && !(settings_.input & input_mode::any_resumes);
  }
  if (has(local_mode::signals)) {
    const TypedSignal signal = settings_.is(byte, Control::interrupt) ? TypedSignal::interrupt
                               : settings_.is(byte, Control::quit)    ? TypedSignal::quit
                               : settings_.is(byte, Control::suspend) ? TypedSignal::suspend
                                                                      : TypedSignal::none;
    if (signal != TypedSignal::none) {
      echo_signal(byte);
      return signal;
    }
  }
  if (byte == '\r') {
    if (settings_.input & input_mode::drop_cr) {
      return TypedSignal::none;
    }
    byte = settings_.input & input_mode::cr_to_nl ? '\n' : byte;
  } else if (byte == '\n' && (settings_.input & input_mode::nl_to_cr)) {
    byte = '\r';
  }
  if (is_line_mode()) {
    receive_in_line(byte);
  } else {
    put(byte);
  }
  return TypedSignal::none;
}

// ---- Reading

size_t LineDiscipline::available() const {
  return size_t((is_line_mode() ? complete_ : typed_) - read_);
}

bool LineDiscipline::is_readable(size_t wanted) const {
  if (is_line_mode()) {
    return complete_ != read_;
  }
  const size_t minimum = settings_.character(Control::minimum);
  const size_t least =
      settings_.character(Control::time) == 0 && minimum != 0 ? minimum : size_t(1);
  return available() >= (least < wanted ? least : wanted);
}

LineDiscipline::Taken LineDiscipline::read(std::span<uint8_t> to) {
  size_t size = 0;
  while (size < to.size() && available() != 0) {
    const uint64_t position = read_++;
    const Ending how = is_line_mode() ? ending(position) : Ending::none;
    if (how != Ending::file) {
      to[size++] = bytes_[at(position)];
    }
    if (how != Ending::none) {
      return {size, true};
    }
  }
  // An end of file right after what filled the reader belongs to it: the next read goes on.
  if (is_line_mode() && size != 0 && available() != 0 && ending(read_) == Ending::file) {
    ++read_;
    return {size, true};
  }
  return {size, false};
}

}  // namespace kernel
