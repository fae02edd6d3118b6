#include "kernel/process/image.h"

#include <cstring>

#include "cpu/cpu.h"
#include "kernel/fd/standard_files.h"
#include "kernel/host/cpu_local.h"
#include "kernel/host/options.h"
#include "kernel/host/random.h"
#include "kernel/log/log.h"
#include "kernel/process/elf_loader.h"
#include "kernel/process/initial_stack.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_trampoline.h"
#include "kernel/scheme/path_walk.h"

namespace kernel {

namespace {

constexpr uint64_t pie_base = 0x5555'5555'4000ULL & ~0xfffULL;
constexpr uint64_t pie_random_pages = 1u << 20;
constexpr unsigned max_script_depth = 4;
constexpr size_t max_script_line = 256;
constexpr Text blanks = " \t";

uint64_t random_bias() {
  if (!options().randomise) {
    return pie_base;
  }
  return pie_base - (random_number() % pie_random_pages) * base::page_size;
}

// A file that may be executed, as `process` sees files.
Outcome<Ref<File>> open_program(const Process& process, Text path) {
  const Ref<PathText> from = process.paths_ref() ? process.paths().directory() : Ref<PathText>();
  BASE_TRY_ASSIGN(Ref<File> file,
                  open_path(from ? from->text() : Text("/"), path, {open_flag::read_only, 0}));
  BASE_TRY_ASSIGN(const FileStatus status, file->status());
  if (!status.is(mode_regular) || (status.mode & 0111) == 0) {
    return Errno::access;
  }
  return file;
}

// The words of a script's first line.
struct ScriptLine {
  Text interpreter;
  Text argument;  // the rest of the line in one piece, may be empty
};

std::optional<ScriptLine> parse_script(std::span<const uint8_t> file) {
  Text line(reinterpret_cast<const char*>(file.data()), base::min(file.size(), max_script_line));
  if (!line.starts_with("#!")) {
    return std::nullopt;
  }
  const size_t end = line.find('\n');
  if (end == Text::npos && file.size() > max_script_line) {
    return std::nullopt;  // cut off: it could name anything
  }
  line = line.substr(2, end == Text::npos ? Text::npos : end - 2);
  const auto trim = [](Text text) {
    const size_t first = text.find_first_not_of(blanks);
    return first == Text::npos ? Text()
                               : text.substr(first, text.find_last_not_of(blanks) - first + 1);
  };
  line = trim(line);
  const size_t blank = line.find_first_of(blanks);
  ScriptLine script{line.substr(0, blank), {}};
  if (blank != Text::npos) {
    script.argument = trim(line.substr(blank));
  }
  return script.interpreter.empty() ? std::nullopt : std::optional(script);
}

// INTERPRETER [ARGUMENT] PATH and the script's own arguments.
Outcome<StringList> script_arguments(const ScriptLine& script, Text path,
                                     const StringList& arguments) {
  StringList list;
  BASE_TRY(list.add(script.interpreter));
  if (!script.argument.empty()) {
    BASE_TRY(list.add(script.argument));
  }
  BASE_TRY(list.add(path));
  BASE_TRY(list.add_all(arguments, 1));
  return list;
}

Outcome<Image> load_elf_image(Text path, const ProgramFile& file, const StringList& arguments,
                              const StringList& environment) {
  Image image;
  BASE_TRY_ASSIGN(image.space, UserSpace::create());
  const LoadedProgram program = load_elf(*image.space, file, random_bias());
  if (program.problem != nullptr) {
    LOG_INFO("%.*s: %s", int(path.size()), path.data(), program.problem);
    return program.out_of_memory ? Errno::no_memory : Errno::not_executable;
  }
  BASE_TRY_ASSIGN(const InitialStack stack,
                  build_initial_stack(*image.space, arguments, environment, path, program));
  BASE_TRY_ASSIGN(image.signal_trampoline, map_signal_trampoline(*image.space));
  if (options().paging == PagingMode::eager) {
    BASE_TRY(image.space->populate());
  }
  image.start = cpu::TrapFrame::for_user(program.entry, stack.pointer.raw());
  image.space->start_break(program.end);
  image.words = stack.words;
  return image;
}

// What building an image met, as execve tells it.
Errno errno_of_load(Errno error) {
  return error == Errno::too_many_files ? Errno::argument_list  // limit_exceeded
         : error == Errno::bad_address  ? Errno::no_memory      // a page could not be filled
                                        : error;
}

}  // namespace

Outcome<Image> load_image(Process& process, Text path, StringList arguments,
                          const StringList& environment) {
  Text name = path;
  StringList words = base::move(arguments);
  char interpreter[max_script_line];
  for (unsigned depth = 0; depth <= max_script_depth; ++depth) {
    BASE_TRY_ASSIGN(const Ref<File> file, open_program(process, path));
    BASE_TRY_ASSIGN(const FileStatus status, file->status());
    const ProgramFile program(*file, status.size);
    uint8_t start[max_script_line + 1];
    const auto line = std::span(start).first(base::min<uint64_t>(program.size(), sizeof(start)));
    if (!program.read(0, line)) {
      return Errno::io;
    }
    const auto script = parse_script(line);
    if (!script) {
      auto image = load_elf_image(path, program, words, environment);
      if (!image) {
        return errno_of_load(image.error());
      }
      const size_t slash = name.rfind('/');
      name.remove_prefix(slash == Text::npos ? 0 : slash + 1);
      name.copy(image.value().name, Process::max_name - 1);
      image.value().executable = file->path();
      return image;
    }
    auto list = script_arguments(*script, path, words);
    if (!list) {
      return errno_of_load(list.error());
    }
    words = base::move(list.value());
    path = Text(interpreter, script->interpreter.copy(interpreter, sizeof(interpreter)));
  }
  return Errno::too_many_links;
}

Ref<UserSpace> adopt_image(Process& process, Image& image) {
  process.set_name(image.name);
  process.set_words(image.words);
  image.executable = process.exchange_executable(base::move(image.executable));
  process.set_signal_trampoline(image.signal_trampoline);
  return process.exchange_space(base::move(image.space));
}

base::Result<uint32_t> enlist(const Ref<Process>& process, Thread& first, Process& parent) {
  const base::Guard guard(process_lock);
  BASE_TRY(add_process(process, parent, 0));
  const uint32_t id = process->id();
  if (const base::Status added = add_thread(first, id); !added.ok()) {
    process->state = ProcessState::zombie;
    remove_process(*process).take()->release();  // not the last
    return added.error();
  }
  return id;
}

namespace {

// What a program finds that nobody gave anything: the console, the root directory.
Outcome<> give_files(Process& process) {
  BASE_TRY_ASSIGN(Ref<FileTable> files, FileTable::create());
  BASE_TRY(open_standard_files(*files));
  BASE_TRY_ASSIGN(Ref<PathContext> paths, PathContext::create());
  (void)process.exchange_files(base::move(files));
  (void)process.exchange_paths(base::move(paths));
  return {};
}

}  // namespace

Outcome<uint32_t> spawn(Process& parent, Text path, StringList arguments,
                        const StringList& environment) {
  auto image = load_image(parent, path, base::move(arguments), environment);
  if (!image) {
    return image.error();
  }
  BASE_TRY_ASSIGN(Ref<Process> process, make_ref<Process>(Text(image.value().name)));
  BASE_TRY(give_files(*process));
  BASE_TRY_ASSIGN(process->signals.actions, make_ref<SignalActions>());
  (void)adopt_image(*process, image.value());
  auto thread = Thread::create_user(*process, image.value().start);
  if (!thread) {
    process->exchange_space({}).reset();
    return thread.error();
  }
  {
    const base::Guard guard(process_lock);
    process->leads_session = true;
  }
  const auto id = enlist(process, *thread.value(), parent);
  if (!id) {
    thread.value().reset();
    process->exchange_space({}).reset();
    return id.error();
  }
  start_thread(base::move(thread.value()));
  return id.value();
}

}  // namespace kernel
