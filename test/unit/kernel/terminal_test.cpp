// terminal_test.cpp: the screen's terminal emulator: what sequences do, by hand, and against
// libvterm (the terminal of well-known editors) for random streams of them.
#include "kernel/driver/terminal.h"

#include <vterm.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using kernel::Cell;
using kernel::Terminal;

namespace {

class Screen {
 public:
  Screen(unsigned columns, unsigned rows)
      : cells_(Terminal::cells_needed(columns, rows)), terminal(cells_, columns, rows) {}

  Screen& write(std::string_view bytes) {
    terminal.write(bytes);
    return *this;
  }
  // A row's characters, without the blanks at its end; other than ASCII as `#`.
  std::string row(unsigned number) const {
    std::string text;
    for (unsigned i = 0; i < terminal.columns(); ++i) {
      const uint32_t code = terminal.at(number, i).code;
      text += code < 0x7f ? char(code) : '#';
    }
    return text.substr(0, text.find_last_not_of(' ') + 1);
  }
  std::string rows() const {
    std::string text;
    for (unsigned i = 0; i < terminal.rows(); ++i) {
      text += row(i) + "|";
    }
    return text;
  }
  std::pair<unsigned, unsigned> cursor() const { return {terminal.row(), terminal.column()}; }

 private:
  std::vector<Cell> cells_;

 public:
  Terminal terminal;
};

using Place = std::pair<unsigned, unsigned>;

TEST_CASE("text wraps at the last column and scrolls at the last row") {
  Screen screen(5, 3);
  REQUIRE(screen.write("abcde").cursor() == Place(0, 4));
  REQUIRE(screen.terminal.wraps_next());
  REQUIRE(screen.write("f").rows() == "abcde|f||");
  REQUIRE(screen.write("\r\n2\r\n3\r\n4").rows() == "2|3|4|");
  REQUIRE(screen.write("\b\x7f!").rows() == "2|3|!|");
}

TEST_CASE("a shell edits its line") {
  Screen screen(20, 2);
  // Insert in the middle as busybox does: rewrite the tail, step back.
  screen.write("$ echo hi").write("\b\b").write("\033[J").write("XhiY\b\b\b");
  REQUIRE(screen.row(0) == "$ echo XhiY");
  REQUIRE(screen.cursor() == Place(0, 8));
}

TEST_CASE("less and vi use margins, insertion, deletion and the other screen") {
  Screen screen(6, 4);
  screen.write("one\r\ntwo\r\nthree\r\nfour\033[H");
  screen.write("\033[?1049h\033[H\033[Jvi\033[2;3r\033[2;1Ha\r\nb\r\nc\r\nd");
  REQUIRE(screen.rows() == "vi|c|d||");
  screen.write("\033[r\033[?1049l");
  REQUIRE(screen.rows() == "one|two|three|four|");
  REQUIRE(screen.write("\033[2;1H\033[L").rows() == "one||two|three|");
  REQUIRE(screen.write("\033[M").rows() == "one|two|three||");
  REQUIRE(screen.write("\033[3;2H\033[2P\033[@").rows() == "one|two|t ee||");
  REQUIRE(screen.write("\033[1;1H\033M").rows() == "|one|two|t ee|");
  REQUIRE(screen.write("\033[2;2H\033[X").row(1) == "o e");
}

TEST_CASE("styles are kept with the cells") {
  Screen screen(8, 1);
  screen.write("\033[1;31;44ma\033[7mb\033[0;38;5;200mc\033[38;2;255;0;0md\033[94;4me\033[mf");
  const auto style = [&](unsigned column) { return screen.terminal.at(0, column).style; };
  REQUIRE(style(0).bold);
  REQUIRE((style(0).foreground == 1 && style(0).background == 4));
  REQUIRE((style(1).reverse && style(1).bold));
  REQUIRE((style(2).foreground == 200 && !style(2).bold));
  REQUIRE(style(3).foreground == 196);
  REQUIRE((style(4).foreground == 12 && style(4).underline));
  REQUIRE(style(5) == kernel::CellStyle{});
}

TEST_CASE("UTF-8, line drawing and widths") {
  Screen screen(8, 1);
  screen.write("\xc3\xa4\033(0q\033(Bq\xe4\xbd\xa0!");
  REQUIRE(screen.terminal.at(0, 0).code == 0xe4);
  REQUIRE(screen.terminal.at(0, 1).code == 0x2500);
  REQUIRE(screen.terminal.at(0, 2).code == 'q');
  REQUIRE(screen.terminal.at(0, 3).code == 0x4f60);
  REQUIRE(screen.terminal.at(0, 5).code == '!');
  Screen malformed(8, 1);
  malformed.write("\xff\xc3(\xed\xa0\x80\xf8!");
  REQUIRE(malformed.terminal.at(0, 0).code == 0xfffd);
  REQUIRE(malformed.terminal.at(0, 1).code == 0xfffd);
  REQUIRE(malformed.terminal.at(0, 2).code == '(');
}

TEST_CASE("strings and unknown sequences show nothing") {
  Screen screen(10, 1);
  screen.write("\033]0;title\007a\033P+q\033\\b\033[>0c\033[1 qc\033[?2004hd\033%Ge\033=f");
  REQUIRE(screen.row(0) == "abcdef");
}

TEST_CASE("the cursor can be hidden") {
  Screen screen(3, 1);
  REQUIRE_FALSE(screen.write("\033[?25l").terminal.cursor_visible());
  REQUIRE(screen.write("\033[?25h").terminal.cursor_visible());
  REQUIRE(screen.write("\033[?5h").terminal.reverse_video());
}

TEST_CASE("any bytes are safe") {
  std::mt19937 random(7);
  const char alphabet[] =
      "\033\033\033[[[??;;::0123456789ABCDEFGHJKLMPSTXZbdfghlmnrsu(c78#\n\r\t\b";
  for (unsigned round = 0; round < 400; ++round) {
    Screen screen(1 + random() % 9, 1 + random() % 5);
    std::string bytes;
    for (unsigned i = 0; i < 400; ++i) {
      bytes += random() % 4 == 0 ? char(random()) : alphabet[random() % (sizeof(alphabet) - 1)];
    }
    screen.write(bytes);
    REQUIRE(screen.terminal.row() < screen.terminal.rows());
    REQUIRE(screen.terminal.column() < screen.terminal.columns());
  }
}

// ---- against libvterm -----------------------------------------------------------------------

class Reference {
 public:
  Reference(unsigned columns, unsigned rows) : vterm_(vterm_new(int(rows), int(columns))) {
    vterm_set_utf8(vterm_, 1);
    screen_ = vterm_obtain_screen(vterm_);
    vterm_screen_enable_altscreen(screen_, 1);
    vterm_screen_reset(screen_, 1);
  }
  ~Reference() { vterm_free(vterm_); }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  void write(const std::string& bytes) { vterm_input_write(vterm_, bytes.data(), bytes.size()); }
  Place cursor() const {
    VTermPos place;
    vterm_state_get_cursorpos(vterm_obtain_state(vterm_), &place);
    return {unsigned(place.row), unsigned(place.col)};
  }
  VTermScreenCell at(unsigned row, unsigned column) const {
    VTermScreenCell cell;
    vterm_screen_get_cell(screen_, {.row = int(row), .col = int(column)}, &cell);
    return cell;
  }

 private:
  VTerm* vterm_;
  VTermScreen* screen_;
};

// One thing that a program writes. Where terminals are known to differ (what a pending wrap
// survives), the cursor is first put where they do not.
constexpr unsigned plain_styles[] = {0, 1, 4, 7, 22, 24, 27, 39, 49};

std::string random_piece(std::mt19937& random, const Terminal& terminal) {
  const auto number = [&](unsigned below) { return std::to_string(random() % below); };
  const unsigned rows = terminal.rows();
  const unsigned columns = terminal.columns();
  std::string settle = terminal.wraps_next() ? "\r" : "";
  switch (random() % 23) {
    case 0:
    case 1:
    case 2: {
      std::string text;
      for (unsigned i = random() % (columns + 3); i > 0; --i) {
        text += char('!' + random() % 90);
      }
      return text;
    }
    case 3: return "\r\n";
    case 4: return settle + "\n";
    case 5: return settle + "\t";
    case 6: return settle + "\b";
    case 7: return "\033[" + number(rows + 2) + ";" + number(columns + 2) + "H";
    case 8: return settle + "\033[" + number(4) + "ABCD"[random() % 4];
    case 9: return settle + "\033[" + number(3) + "J";
    case 10: return settle + "\033[" + number(3) + "K";
    case 11: {
      const char letter = "LM@PX"[random() % 5];
      // libvterm moves cells of a row only between the margins, the Linux console anywhere.
      settle = letter == '@' || letter == 'P' ? "\033[r" : settle;
      return settle + "\033[" + number(4) + letter;
    }
    case 12: return settle + "\033[" + number(4) + "ST"[random() % 2];
    case 13: return settle + "\033" + "DEM"[random() % 3];
    case 14: {
      const unsigned top = 1 + random() % rows;
      const unsigned bottom = top + 1 + random() % rows;
      return bottom <= rows ? "\033[" + std::to_string(top) + ";" + std::to_string(bottom) + "r"
                            : "\033[r";
    }
    case 15:
      return "\033[" + std::to_string(random() % 2 ? 30 + random() % 8 : 40 + random() % 8) + "m";
    case 16: return "\033[" + std::to_string(plain_styles[random() % 9]) + "m";
    case 17: return "\033[38;5;" + number(256) + "m";
    case 18: return settle + "\0337";
    case 19: return settle + (random() % 2 ? "\033[4h" : "\033[4l");
    case 20: return settle + "\033[" + number(columns + 2) + "G";
    case 21: return settle + "\033[" + number(rows + 2) + "d";
    default: return "\xc3\xa4\xe2\x94\x80";
  }
}

std::string printable(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += byte == '\033' ? std::string("<ESC>")
            : byte == '\n' ? std::string("<LF>")
            : byte == '\r' ? std::string("<CR>")
                           : std::string(1, byte);
  }
  return text;
}

// Where the first difference is; empty when there is none.
std::string difference(const Screen& screen, const Reference& reference) {
  if (screen.cursor() != reference.cursor()) {
    return "the cursor";
  }
  for (unsigned row = 0; row < screen.terminal.rows(); ++row) {
    for (unsigned column = 0; column < screen.terminal.columns(); ++column) {
      const VTermScreenCell theirs = reference.at(row, column);
      const Cell& ours = screen.terminal.at(row, column);
      const bool blank = ours.code == ' ';
      const bool same_style = ours.style.bold == bool(theirs.attrs.bold) &&
                              ours.style.underline == bool(theirs.attrs.underline) &&
                              ours.style.reverse == bool(theirs.attrs.reverse);
      const bool same_code =
          blank ? theirs.chars[0] == ' ' || theirs.chars[0] == 0 : ours.code == theirs.chars[0];
      if (!same_code || (!blank && !same_style)) {
        return "row " + std::to_string(row) + ", column " + std::to_string(column);
      }
    }
  }
  return "";
}

TEST_CASE("random sequences give the same picture as libvterm") {
  const unsigned seed = Catch::rngSeed();
  std::mt19937 random(seed);
  for (unsigned round = 0; round < 1000; ++round) {
    const unsigned columns = 4 + random() % 30;
    const unsigned rows = 3 + random() % 8;
    Screen screen(columns, rows);
    Reference reference(columns, rows);
    std::string all;
    for (unsigned i = 0; i < 60; ++i) {
      const std::string piece = random_piece(random, screen.terminal);
      all += piece;
      screen.write(piece);
      reference.write(piece);
      const std::string where = difference(screen, reference);
      INFO("seed " << seed << ", round " << round << ", " << columns << " by " << rows << "\n"
                   << printable(all) << "\nours: " << screen.rows());
      REQUIRE(where.empty());
    }
  }
}

}  // namespace
