#include "kernel/host/options.h"

#include "cpu/debug_channel.h"
#include "kernel/log/log.h"

namespace kernel {

namespace {

Options parsed;

enum class Outcome : uint8_t { good, malformed, unknown };

template <typename T, size_t count>
struct Choices {
  struct Choice {
    Text name;
    T value;
  } list[count];
};

template <typename T, size_t count>
Outcome choose(Text value, T& target, const Choices<T, count>& choices) {
  for (const auto& choice : choices.list) {
    if (choice.name == value) {
      target = choice.value;
      return Outcome::good;
    }
  }
  return Outcome::malformed;
}

template <size_t capacity>
Outcome copy_text(Text value, char (&target)[capacity]) {
  if (value.size() >= capacity) {
    return Outcome::malformed;
  }
  value.copy(target, value.size());
  target[value.size()] = '\0';
  return Outcome::good;
}

Outcome set_run(Text value) {
  const Outcome outcome = copy_text(value, parsed.run);
  parsed.has_run = parsed.has_run || outcome == Outcome::good;
  return outcome;
}

Outcome set_cpus(Text value) {
  const auto number = parse_number(value);
  if (!number || *number == 0 || *number > 64) {
    return Outcome::malformed;
  }
  parsed.cpus = *number;
  return Outcome::good;
}

// "80x24"
Outcome set_console_size(Text value) {
  const size_t cross = value.find('x');
  if (cross == Text::npos) {
    return Outcome::malformed;
  }
  const auto columns = parse_number(value.substr(0, cross));
  const auto rows = parse_number(value.substr(cross + 1));
  constexpr uint64_t most = 4096;
  if (!columns || !rows || *columns == 0 || *rows == 0 || *columns > most || *rows > most) {
    return Outcome::malformed;
  }
  parsed.columns = unsigned(*columns);
  parsed.rows = unsigned(*rows);
  return Outcome::good;
}

// Keys that the loader reads and checks.
Outcome elsewhere(Text) {
  return Outcome::good;
}

struct Key {
  Text name;
  Outcome (*set)(Text value);
};

constexpr Key keys[] = {
    {"log",
     [](Text v) {
       return choose(v, parsed.log,
                     Choices<LogTarget, 2>{{{"console", LogTarget::console},
                                            {cpu::debug_channel_name, LogTarget::debug}}});
     }},
    {"exit",
     [](Text v) {
       return choose(v, parsed.exit_to_emulator,
                     Choices<bool, 2>{{{"debug", true}, {"platform", false}}});
     }},
    {"loglevel",
     [](Text v) {
       return choose(v, parsed.debug_messages,
                     Choices<bool, 2>{{{"debug", true}, {"info", false}}});
     }},
    {"console",
     [](Text v) {
       return choose(
           v, parsed.console,
           Choices<ConsoleMode, 2>{{{"tty", ConsoleMode::tty}, {"pipe", ConsoleMode::pipe}}});
     }},
    {"paging",
     [](Text v) {
       return choose(
           v, parsed.paging,
           Choices<PagingMode, 2>{{{"lazy", PagingMode::lazy}, {"eager", PagingMode::eager}}});
     }},
    {"panictest",
     [](Text v) {
       return choose(v, parsed.panic_test,
                     Choices<PanicTest, 16>{{{"null", PanicTest::null_pointer},
                                             {"stack", PanicTest::stack_overflow},
                                             {"assert", PanicTest::assertion},
                                             {"locks", PanicTest::lock_order},
                                             {"reset", PanicTest::reset},
                                             {"signed-overflow", PanicTest::signed_overflow},
                                             {"wide-shift", PanicTest::wide_shift},
                                             {"array-index", PanicTest::array_index},
                                             {"misaligned", PanicTest::misaligned},
                                             {"bad-bool", PanicTest::bad_bool},
                                             {"heap-overflow", PanicTest::heap_overflow},
                                             {"heap-after-free", PanicTest::heap_use_after_free},
                                             {"heap-double-free", PanicTest::heap_double_free},
                                             {"frame-after-free", PanicTest::frame_use_after_free},
                                             {"stack-array", PanicTest::stack_array},
                                             {"global-array", PanicTest::global_array}}});
     }},
    {"selftest",
     [](Text v) {
       return choose(
           v, parsed.self_test,
           Choices<SelfTest, 2>{{{"all", SelfTest::all}, {"usercopy", SelfTest::usercopy}}});
     }},
    {"aslr",
     [](Text v) {
       return choose(v, parsed.randomise, Choices<bool, 2>{{{"on", true}, {"off", false}}});
     }},
    {"screen",
     [](Text v) {
       return choose(v, parsed.screen, Choices<bool, 2>{{{"on", true}, {"off", false}}});
     }},
    {"console_size", set_console_size},
    {"smp", set_cpus},
    {"run", set_run},
    {"console_mark", [](Text v) { return copy_text(v, parsed.console_mark); }},
    {"levels", elsewhere},
    {"root", [](Text v) { return copy_text(v, parsed.root); }},
    {"usercopy", [](Text v) { return copy_text(v, parsed.usercopy); }},
};

Outcome set_key(Text key, Text value) {
  for (const Key& known : keys) {
    if (known.name == key) {
      return known.set(value);
    }
  }
  return Outcome::unknown;
}

// Cuts the next word off `line` into `word`, quotes removed. Returns its length; SIZE_MAX when a
// quote is not closed or the word is too long.
size_t next_word(Text& line, char* word, size_t capacity) {
  size_t used = 0;
  bool quoted = false;
  size_t at = 0;
  for (; at < line.size(); ++at) {
    char c = line[at];
    if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      break;
    }
    if (c == '"') {
      quoted = !quoted;
      continue;
    }
    if (quoted && c == '\\' && at + 1 < line.size() &&
        (line[at + 1] == '"' || line[at + 1] == '\\')) {
      c = line[++at];
    }
    if (used == capacity) {
      return SIZE_MAX;
    }
    word[used++] = c;
  }
  line.remove_prefix(at);
  return quoted ? SIZE_MAX : used;
}

void skip_blanks(Text& line) {
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t' || line.front() == '\n' ||
                           line.front() == '\r')) {
    line.remove_prefix(1);
  }
}

}  // namespace

void parse_command_line(Text line) {
  static char buffer[max_run_line + 16];
  for (skip_blanks(line); !line.empty(); skip_blanks(line)) {
    const size_t size = next_word(line, buffer, sizeof(buffer));
    if (size == SIZE_MAX) {
      LOG_ERROR("command line: a quote is not closed, or a word is too long; the rest is ignored");
      return;
    }
    const Text word(buffer, size);
    const size_t equals = word.find('=');
    const Text key = word.substr(0, equals);
    const Text value = equals == Text::npos ? Text() : word.substr(equals + 1);
    switch (set_key(key, value)) {
      case Outcome::good: break;
      case Outcome::malformed:
        LOG_ERROR("command line: `%.*s` is not a value for `%.*s`", int(value.size()), value.data(),
                  int(key.size()), key.data());
        break;
      case Outcome::unknown:
        LOG_WARNING("command line: unknown key `%.*s`", int(key.size()), key.data());
        break;
    }
  }
}

const Options& options() {
  return parsed;
}

}  // namespace kernel
