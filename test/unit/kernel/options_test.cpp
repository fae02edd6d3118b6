// options_test.cpp: the kernel command line. One Options exists, so each case sets what it checks.
#include <catch2/catch.hpp>

#include "kernel/host/options.h"
#include "test/unit/kernel/fakes.h"

using namespace kernel;

namespace {

void parse(Text line) {
  fake::log.clear();
  parse_command_line(line);
}

}  // namespace

TEST_CASE("known_keys_set_their_option") {
  parse("log=debugcon exit=debug console=pipe paging=eager smp=4 aslr=off console_mark=abc");
  CHECK(fake::log.empty());
  CHECK(options().log == LogTarget::debug);
  CHECK(options().exit_to_emulator);
  CHECK(options().console == ConsoleMode::pipe);
  CHECK(options().paging == PagingMode::eager);
  CHECK(options().cpus == 4);
  CHECK_FALSE(options().randomise);
  CHECK(Text(options().console_mark) == "abc");
}

TEST_CASE("run_keeps_blanks_and_escaped_quotes") {
  parse(R"(run="echo \"a b\" c\\d" smp=2)");
  CHECK(fake::log.empty());
  CHECK(options().has_run);
  CHECK(Text(options().run) == R"(echo "a b" c\d)");
  CHECK(options().cpus == 2);
}

TEST_CASE("unknown_keys_are_warned_about_and_ignored") {
  parse("smp=3 colour=blue quiet smp=5");
  CHECK(fake::logged("unknown key `colour`"));
  CHECK(fake::logged("unknown key `quiet`"));
  CHECK(options().cpus == 5);
}

TEST_CASE("malformed_values_are_errors_and_change_nothing") {
  parse("smp=2");
  for (const char* line : {"smp=0", "smp=65", "smp=", "smp=x", "smp=99999999999999999999", "smp=0x",
                           "smp=2x", "smp"}) {
    parse(line);
    CHECK(fake::logged("is not a value for `smp`"));
    CHECK(options().cpus == 2);
  }
  parse("console=screen");
  CHECK(fake::logged("`screen` is not a value for `console`"));
}

TEST_CASE("an_open_quote_ends_the_line") {
  parse("smp=2 run=\"never closed smp=7");
  CHECK(fake::logged("quote is not closed"));
  CHECK(options().cpus == 2);
}

TEST_CASE("words_longer_than_the_buffer_are_refused") {
  parse("console_mark=" + std::string(100, 'm'));
  CHECK(fake::logged("console_mark"));
  parse("run=" + std::string(10000, 'r'));
  CHECK(fake::logged("too long"));
}
