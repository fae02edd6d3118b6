#include "kernel/process/program.h"

#include "cpu/cpu.h"
#include "kernel/fd/initfs.h"
#include "kernel/host/options.h"
#include "kernel/host/random.h"
#include "kernel/log/log.h"
#include "kernel/process/elf_loader.h"
#include "kernel/process/initial_stack.h"
#include "kernel/process/process.h"
#include "kernel/process/thread.h"
#include "kernel/process/words.h"

namespace kernel {

namespace {

constexpr uint64_t pie_base = 0x5555'5555'4000ULL & ~0xfffULL;
constexpr uint64_t pie_random_pages = 1u << 20;

constexpr char bin_prefix[] = "/bin/";

std::optional<InitfsEntry> find_program(Text name) {
  if (name.find('/') != Text::npos) {
    return find_in_initfs(name, LastLink::follow);
  }
  char path[256];
  constexpr size_t prefix = sizeof(bin_prefix) - 1;
  if (name.empty() || name.size() > sizeof(path) - prefix) {
    return std::nullopt;
  }
  Text(bin_prefix).copy(path, prefix);
  name.copy(path + prefix, name.size());
  return find_in_initfs(Text(path, prefix + name.size()), LastLink::follow);
}

void complain(Text program, const char* why) {
  LOG_ERROR("%.*s: %s", int(program.size()), program.data(), why);
}

uint64_t random_bias() {
  if (!options().randomise) {
    return pie_base;
  }
  return pie_base - (random_number() % pie_random_pages) * base::page_size;
}

// Brings every page in at once (`paging=eager`).
const char* touch_everything(Process& process) {
  return process.space().populate() ? nullptr : "no memory for all its pages";
}

uint8_t start_and_wait(Process& process, std::span<const Text> words,
                       std::span<const uint8_t> file) {
  UserSpace& space = process.space();
  const LoadedProgram program = load_elf(space, file, random_bias());
  if (program.problem != nullptr) {
    complain(words[0], program.problem);
    return status_not_executable;
  }
  process.set_break_start(program.end);
  const auto stack = build_initial_stack(space, words, program);
  if (!stack) {
    complain(words[0], "no memory for its stack and arguments");
    return status_not_executable;
  }
  if (options().paging == PagingMode::eager) {
    if (const char* problem = touch_everything(process)) {
      complain(words[0], problem);
      return status_not_executable;
    }
  }
  const auto frame = cpu::TrapFrame::for_user(program.entry, stack.value().raw());
  auto thread = Thread::create(process, frame);
  if (!thread) {
    complain(words[0], "no memory for its kernel stack");
    return status_not_executable;
  }
  thread.value()->run();
  space.check();
  return process.status();
}

}  // namespace

uint8_t run_program(std::span<const Text> words) {
  const auto entry = find_program(words[0]);
  if (!entry) {
    complain(words[0], "not found");
    return status_not_found;
  }
  if ((entry->mode & mode_type) != mode_regular || (entry->mode & 0111) == 0) {
    complain(words[0], "not an executable file");
    return status_not_executable;
  }
  auto process = Process::create(words[0]);
  if (!process) {
    complain(words[0], "no memory for a process");
    return status_not_executable;
  }
  return start_and_wait(*process.value(), words, entry->contents);
}

uint8_t run_line(std::span<char> line) {
  Text words[max_words];
  const auto count = split_words(line, words);
  if (!count) {
    LOG_ERROR("a quote is not closed, or there are more than %zu words", max_words);
    return status_not_executable;
  }
  return *count == 0 ? uint8_t(0) : run_program({words, *count});
}

}  // namespace kernel
