// line_discipline_test.cpp: what is typed, what is shown for it, and what a program reads.
#include "kernel/fd/line_discipline.h"

#include <catch2/catch.hpp>
#include <string>

using namespace kernel;

namespace {

struct Line {
  std::string shown;
  LineDiscipline discipline{
      {this, [](void* self, Text bytes) { static_cast<Line*>(self)->shown += bytes; }}};

  TypedSignal type(const std::string& bytes) {
    TypedSignal last = TypedSignal::none;
    for (const char byte : bytes) {
      last = discipline.receive(uint8_t(byte));
    }
    return last;
  }
  std::string read(size_t most = 100) {
    std::string text(most, '\0');
    const auto taken = discipline.read({reinterpret_cast<uint8_t*>(text.data()), most});
    text.resize(taken.size);
    return text;
  }
  void write(const std::string& bytes) {
    (void)discipline.write({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  }
  void change(auto&& how) {
    TerminalSettings settings = discipline.settings();
    how(settings);
    discipline.set_settings(settings);
  }
  void make_raw() {
    change([](TerminalSettings& settings) {
      settings.input = 0;
      settings.output = 0;
      settings.local = 0;
    });
  }
};

constexpr char ctrl(char letter) {
  return char(letter & 0x1f);
}

}  // namespace

TEST_CASE("a_line_is_read_when_it_is_complete_and_shown_while_it_is_typed") {
  Line line;
  line.type("ab");
  CHECK(line.shown == "ab");
  CHECK_FALSE(line.discipline.is_readable(1));
  line.type("c\r");
  CHECK(line.shown == "abc\r\n");
  CHECK(line.discipline.is_readable(1));
  CHECK(line.read() == "abc\n");
  CHECK_FALSE(line.discipline.is_readable(1));
}

TEST_CASE("a_read_takes_one_line_in_as_many_pieces_as_it_likes") {
  Line line;
  line.type("abcd\nef\n");
  CHECK(line.read(3) == "abc");
  CHECK(line.read(3) == "d\n");
  CHECK(line.read() == "ef\n");
}

TEST_CASE("characters_words_and_lines_are_erased_from_the_line_and_from_view") {
  Line line;
  line.type("ab\x7f");
  CHECK(line.shown == "ab\b \b");
  line.type(std::string("\x7f\x7f\x7f") + "one two_3" + ctrl('W') + "x\n");
  CHECK(line.read() == "one x\n");
  line.type(std::string("gone") + ctrl('U') + "here\n");
  CHECK(line.read() == "here\n");
}

TEST_CASE("erasing_goes_back_over_control_characters_and_tabs") {
  Line line;
  line.type(std::string("a") + ctrl('B') + "\x7f");
  CHECK(line.shown == "a^B\b \b\b \b");
  line.shown.clear();
  line.type("\t\x7f");
  CHECK(line.shown == "\t\b\b\b\b\b\b\b");
}

TEST_CASE("utf8_characters_are_erased_whole") {
  Line line;
  line.change([](TerminalSettings& settings) { settings.input |= input_mode::utf8; });
  line.type("a\xc3\xa4\x7f\n");
  CHECK(line.shown == "a\xc3\xa4\b \b\r\n");
  CHECK(line.read() == "a\n");
}

TEST_CASE("end_of_file_hands_over_what_was_typed_and_alone_is_an_empty_read") {
  Line line;
  line.type(std::string("ab") + ctrl('D'));
  CHECK(line.discipline.is_readable(1));
  CHECK(line.read() == "ab");
  CHECK_FALSE(line.discipline.is_readable(1));
  line.type(std::string(1, ctrl('D')));
  CHECK(line.discipline.is_readable(1));
  CHECK(line.read().empty());
  CHECK_FALSE(line.discipline.is_readable(1));
  // Behind what fills the reader exactly it is no end of file of its own.
  line.type(std::string("abc") + ctrl('D'));
  CHECK(line.read(3) == "abc");
  CHECK_FALSE(line.discipline.is_readable(1));
}

TEST_CASE("signals_drop_what_was_typed_and_are_shown") {
  Line line;
  CHECK(line.type(std::string("ab") + ctrl('C')) == TypedSignal::interrupt);
  CHECK(line.shown == "ab^C");
  line.type("\n");
  CHECK(line.read() == "\n");
  CHECK(line.type(std::string(1, ctrl('Z'))) == TypedSignal::suspend);
  CHECK(line.type("\x1c") == TypedSignal::quit);
  line.change([](TerminalSettings& settings) { settings.local &= ~local_mode::signals; });
  CHECK(line.type(std::string(1, ctrl('C'))) == TypedSignal::none);
}

TEST_CASE("a_quoted_character_means_itself") {
  Line line;
  line.type(std::string(1, ctrl('V')) + ctrl('C') + "\n");
  CHECK(line.read() == std::string(1, ctrl('C')) + "\n");
}

TEST_CASE("raw_bytes_pass_at_once_and_unseen") {
  Line line;
  line.make_raw();
  line.type(std::string("\r") + ctrl('C'));
  CHECK(line.shown.empty());
  CHECK(line.discipline.is_readable(1));
  CHECK(line.read() == std::string("\r") + ctrl('C'));
}

TEST_CASE("raw_readers_wait_for_as_many_bytes_as_they_said") {
  Line line;
  line.make_raw();
  line.change(
      [](TerminalSettings& settings) { settings.characters[uint8_t(Control::minimum)] = 3; });
  line.type("ab");
  CHECK_FALSE(line.discipline.is_readable(100));
  CHECK(line.discipline.is_readable(2));
  line.type("c");
  CHECK(line.discipline.is_readable(100));
}

TEST_CASE("what_was_typed_survives_a_change_of_mode") {
  Line line;
  line.type("ab");
  line.make_raw();
  CHECK(line.read(1) == "a");
  line.change([](TerminalSettings& settings) { settings.local = local_mode::lines; });
  CHECK(line.discipline.is_readable(1));
  CHECK(line.read() == "b");
}

TEST_CASE("line_ends_are_translated_as_asked") {
  Line line;
  line.write("a\nb");
  CHECK(line.shown == "a\r\nb");
  line.change([](TerminalSettings& settings) { settings.output = 0; });
  line.shown.clear();
  line.write("a\nb");
  CHECK(line.shown == "a\nb");
  line.change([](TerminalSettings& settings) { settings.input = input_mode::drop_cr; });
  line.type("x\r\n");
  CHECK(line.read() == "x\n");
}

TEST_CASE("tabs_become_blanks_where_the_terminal_has_none") {
  Line line;
  line.change([](TerminalSettings& settings) { settings.output |= output_mode::tabs; });
  line.write("abc\tx");
  CHECK(line.shown == "abc     x");
}

TEST_CASE("output_stops_and_goes_on") {
  Line line;
  line.type(std::string(1, ctrl('S')));
  line.write("a");
  CHECK(line.shown.empty());
  CHECK(line.discipline.is_stopped());
  line.type(std::string(1, ctrl('Q')));
  line.write("a");
  CHECK(line.shown == "a");
}

TEST_CASE("too_much_input_is_dropped_but_a_line_can_end") {
  Line line;
  line.type(std::string(10000, 'a') + "\n");
  CHECK(line.discipline.available() == LineDiscipline::capacity);
  const std::string got = line.read(10000);
  CHECK(got.size() == LineDiscipline::capacity);
  CHECK(got.back() == '\n');
  line.type("b\n");
  CHECK(line.read() == "b\n");
}

TEST_CASE("random_typing_keeps_the_queue_in_order") {
  Line line;
  uint32_t seed = 1;
  for (unsigned round = 0; round < 200000; ++round) {
    seed = seed * 1664525 + 1013904223;
    (void)line.discipline.receive(uint8_t(seed >> 24));
    if ((seed >> 8) % 64 == 0) {
      CHECK(line.read((seed >> 16) % 300).size() <= 300);
    }
    if ((seed >> 8) % 997 == 0) {
      line.change([seed](TerminalSettings& settings) { settings.local = (seed >> 4) & 0x8fff; });
    }
    REQUIRE(line.discipline.available() <= LineDiscipline::capacity);
    if (line.shown.size() > 100000) {
      line.shown.clear();
    }
  }
}
