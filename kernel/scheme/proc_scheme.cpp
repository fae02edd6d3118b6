// proc_scheme.cpp: `proc:` (/proc): the names, and what is behind each.
#include "kernel/fd/directory_file.h"
#include "kernel/host/clock.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/scheme/proc_files.h"
#include "kernel/scheme/process_file.h"

namespace kernel {

namespace {

using proc::ProcessFile;
using proc::Subject;
using proc::SystemFile;

// What a name under /proc is.
enum class Kind : uint8_t {
  root,
  system_file,
  kernel_folder,  // sys and sys/kernel
  sys_folder,
  self,         // links: to the process that looks,
  thread_self,  // its thread,
  mounts,       // self/mounts
  fresh,        // a new process
  process,      // folders: PID
  threads,      // PID/task
  thread,       // PID/task/TID
  descriptors,  // PID/fd
  process_file,
  descriptor,  // links: PID/fd/N
  directory,   // PID/cwd
  top,         // PID/root
  executable,  // PID/exe
};

struct Node {
  Kind kind = Kind::root;
  Subject subject;
  const SystemFile* system = nullptr;
  const ProcessFile* file = nullptr;
  uint32_t descriptor = 0;
};

struct LinkName {
  Text name;
  Kind kind;
};
constexpr LinkName process_links[] = {
    {"cwd", Kind::directory}, {"exe", Kind::executable}, {"root", Kind::top}};
constexpr LinkName root_links[] = {
    {"mounts", Kind::mounts}, {"self", Kind::self}, {"thread-self", Kind::thread_self}};
constexpr LinkName process_folders[] = {{"fd", Kind::descriptors}, {"task", Kind::threads}};

bool is_link(Kind kind) {
  return kind == Kind::self || kind == Kind::thread_self || kind == Kind::mounts ||
         kind >= Kind::descriptor;
}
bool is_file(Kind kind) {
  return kind == Kind::system_file || kind == Kind::process_file;
}

template <typename Entries>
auto find_named(const Entries& entries, Text name) -> decltype(&*std::begin(entries)) {
  for (const auto& entry : entries) {
    if (entry.name == name) {
      return &entry;
    }
  }
  return nullptr;
}

// Cuts the next part off `rest`.
Text next_part(Text& rest) {
  const size_t slash = rest.find('/');
  const Text part = rest.substr(0, slash);
  rest.remove_prefix(slash == Text::npos ? rest.size() : slash + 1);
  return part;
}

std::optional<uint32_t> number_of(Text part) {
  const bool decimal = !part.empty() && part.find_first_not_of("0123456789") == Text::npos &&
                       (part.size() == 1 || part[0] != '0');
  const auto number = decimal ? parse_number(part) : std::nullopt;
  return number && *number <= 0xffff'ffff ? std::optional(uint32_t(*number)) : std::nullopt;
}

Outcome<Node> below_process(Node node, Text rest);

// What may stand in PID/task/TID, and in PID.
Outcome<Node> in_process(Node node, Text part, Text rest) {
  if (const ProcessFile* file = find_named(proc::process_files(), part);
      file != nullptr && (node.subject.thread == 0 || file->of_threads)) {
    node.kind = Kind::process_file;
    node.file = file;
  } else if (const LinkName* link = find_named(process_links, part)) {
    node.kind = link->kind;
  } else if (part == "fd") {
    node.kind = Kind::descriptors;
    return below_process(base::move(node), rest);
  } else if (part == "task" && node.subject.thread == 0) {
    node.kind = Kind::threads;
    return below_process(base::move(node), rest);
  } else {
    return Errno::no_entry;
  }
  return rest.empty() ? Outcome<Node>(base::move(node)) : Outcome<Node>(Errno::not_directory);
}

Outcome<Node> below_process(Node node, Text rest) {
  if (rest.empty()) {
    return node;
  }
  const Text part = next_part(rest);
  if (node.kind == Kind::process || node.kind == Kind::thread) {
    return in_process(base::move(node), part, rest);
  }
  const auto number = number_of(part);
  if (!number) {
    return Errno::no_entry;
  }
  if (node.kind == Kind::threads) {
    node.kind = Kind::thread;
    node.subject.thread = *number;
    if (*number == 0 || !proc::look(node.subject).ok()) {
      return Errno::no_entry;
    }
    return below_process(base::move(node), rest);
  }
  BASE_TRY_ASSIGN(const proc::Snapshot process, proc::look(node.subject));
  if (!process.files || !process.files->find(*number)) {
    return Errno::no_entry;
  }
  node.kind = Kind::descriptor;
  node.descriptor = *number;
  return rest.empty() ? Outcome<Node>(base::move(node)) : Outcome<Node>(Errno::not_directory);
}

Outcome<Node> parse(Text rest) {
  Node node;
  if (rest.empty()) {
    return node;
  }
  const Text part = next_part(rest);
  if (const auto id = number_of(part)) {
    node.kind = Kind::process;
    node.subject.process = *id == 0 ? Ref<Process>() : find_process(*id);
    return node.subject.process ? below_process(base::move(node), rest)
                                : Outcome<Node>(Errno::no_entry);
  }
  if (part == "new") {
    node.kind = Kind::fresh;
    return rest.empty() ? Outcome<Node>(base::move(node)) : Outcome<Node>(Errno::no_entry);
  }
  if (part == "sys") {
    node.kind = Kind::sys_folder;
    if (rest.empty()) {
      return node;
    }
    if (next_part(rest) != "kernel") {
      return Errno::no_entry;
    }
    node.kind = Kind::kernel_folder;
    if (rest.empty()) {
      return node;
    }
    node.system = find_named(proc::kernel_files(), next_part(rest));
  } else if (const LinkName* link = find_named(root_links, part)) {
    node.kind = link->kind;
    return rest.empty() ? Outcome<Node>(base::move(node)) : Outcome<Node>(Errno::not_directory);
  } else {
    node.system = find_named(proc::system_files(), part);
  }
  if (node.system == nullptr) {
    return Errno::no_entry;
  }
  node.kind = Kind::system_file;
  return rest.empty() ? Outcome<Node>(base::move(node)) : Outcome<Node>(Errno::not_directory);
}

FileStatus status_of(const Node& node, uint64_t device) {
  FileStatus status;
  status.device = device;
  // Distinct for as long as the thing is there.
  const uint64_t owner = node.subject.thread != 0 ? node.subject.thread
                         : node.subject.process   ? node.subject.process->id()
                                                  : 0;
  const auto which =
      reinterpret_cast<uint64_t>(node.system != nullptr ? static_cast<const void*>(node.system)
                                                        : static_cast<const void*>(node.file));
  status.inode = 1 + (owner << 32) + (uint64_t(node.subject.thread != 0) << 63) +
                 (uint64_t(node.kind) << 24) + (which >> 3 & 0xfffff) + node.descriptor;
  if (is_link(node.kind)) {
    status.mode = mode_link | 0777;
  } else if (is_file(node.kind)) {
    status.mode = mode_regular | (node.file != nullptr ? node.file->permissions : 0444u);
  } else {
    status.mode = mode_directory | (node.kind == Kind::descriptors ? 0500u : 0555u);
    status.links = 2;
  }
  status.accessed_ns = status.modified_ns = status.changed_ns = wall_clock_ns();
  return status;
}

class ProcTextFile final : public TextFile {
 public:
  ProcTextFile(Node node, const FileStatus& status, uint32_t flags)
      : TextFile(status, flags), node_(base::move(node)) {}

 protected:
  Outcome<> make(TextBuilder& text) override {
    return node_.system != nullptr ? node_.system->write(text)
                                   : node_.file->write(node_.subject, text);
  }

 private:
  Node node_;
};

class ProcDirectory final : public DirectoryFile {
 public:
  ProcDirectory(Node node, const FileStatus& status, uint32_t flags)
      : DirectoryFile(flags), node_(base::move(node)), status_(status) {}

  Outcome<FileStatus> status() override { return status_; }
  Outcome<Ref<File>> dup_named(Text name, uint32_t) override {
    if (node_.kind != Kind::process) {
      return Errno::invalid;
    }
    BASE_TRY_ASSIGN(const Ref<ProcessHandle> handle, ProcessHandle::of(node_.subject.process));
    return derive_from_process(handle, name);
  }

 protected:
  // Named things first, then numbers: at position `numbers` + the last number.
  Outcome<bool> next_child(uint64_t& position, DirectoryEntry& entry) override {
    if (position < numbers) {
      if (next_name(position, entry)) {
        ++position;
        return true;
      }
      position = numbers;
    }
    const auto number = next_number(position - numbers);
    if (!number) {
      return false;
    }
    char name[16];
    const size_t size = format_number(*number, name);
    const bool is_link = node_.kind == Kind::descriptors;
    entry.set({name, size}, status_.inode + *number + 1, is_link ? mode_link : mode_directory);
    position = numbers + *number + (node_.kind == Kind::descriptors ? 1 : 0);
    return true;
  }

 private:
  static constexpr uint64_t numbers = 256;

  static size_t format_number(uint32_t number, char (&to)[16]) {
    size_t size = 0;
    for (uint32_t scale = 1'000'000'000; scale != 0; scale /= 10) {
      if (number >= scale || scale == 1) {
        to[size++] = char('0' + number / scale % 10);
      }
    }
    return size;
  }

  template <typename Entries>
  static bool take(const Entries& entries, uint64_t& index, uint32_t type, DirectoryEntry& entry) {
    if (index < std::size(entries)) {
      entry.set(entries[index].name, 1 + index + type, type);
      return true;
    }
    index -= std::size(entries);
    return false;
  }

  bool next_name(uint64_t index, DirectoryEntry& entry) const {
    constexpr LinkName sys[] = {{"sys", Kind::sys_folder}};
    constexpr LinkName kernel_folder[] = {{"kernel", Kind::kernel_folder}};
    switch (node_.kind) {
      case Kind::root:
        return take(proc::system_files(), index, mode_regular, entry) ||
               take(root_links, index, mode_link, entry) || take(sys, index, mode_directory, entry);
      case Kind::sys_folder: return take(kernel_folder, index, mode_directory, entry);
      case Kind::kernel_folder: return take(proc::kernel_files(), index, mode_regular, entry);
      case Kind::process:
        return take(proc::process_files(), index, mode_regular, entry) ||
               take(process_links, index, mode_link, entry) ||
               take(process_folders, index, mode_directory, entry);
      case Kind::thread: return next_thread_file(index, entry);
      default: return false;
    }
  }
  static bool next_thread_file(uint64_t index, DirectoryEntry& entry) {
    for (const ProcessFile& file : proc::process_files()) {
      if (file.of_threads && index-- == 0) {
        entry.set(file.name, 1 + uint64_t(&file - proc::process_files().data()), mode_regular);
        return true;
      }
    }
    return take(process_links, index, mode_link, entry) ||
           take(std::span(process_folders).first(1), index, mode_directory, entry);
  }

  // The lowest above `after`; of descriptors from `after` on.
  std::optional<uint32_t> next_number(uint64_t after) const {
    if (node_.kind == Kind::descriptors) {
      const auto process = proc::look(node_.subject);
      const uint32_t found = process.ok() && process.value().files
                                 ? process.value().files->next_open(uint32_t(after))
                                 : FileTable::max_files;
      return found < FileTable::max_files ? std::optional(found) : std::nullopt;
    }
    const base::Guard guard(process_lock);
    if (node_.kind == Kind::root) {
      const Process* process = next_process_locked(uint32_t(after));
      return process == nullptr ? std::nullopt : std::optional(process->id());
    }
    std::optional<uint32_t> best;
    if (node_.kind == Kind::threads) {
      const auto& threads = node_.subject.process->threads;
      for (Thread* thread = threads.front(); thread != nullptr; thread = threads.next(*thread)) {
        const uint32_t id = thread->id();
        best = id > after && (!best || id < *best) ? id : best;
      }
    }
    return best;
  }

  Node node_;
  FileStatus status_;
};

class ProcScheme final : public Scheme {
 public:
  ProcScheme() : Scheme("proc") {}

  Outcome<Usage> usage() override { return Usage{0x9fa0, 0, 0}; }

  Outcome<FileStatus> status(Text rest) override {
    BASE_TRY_ASSIGN(const Node node, parse(rest));
    return status_of(node, device());
  }

  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(Node node, parse(rest));
    if (node.kind == Kind::fresh) {
      return make_new_process();
    }
    const FileStatus found = status_of(node, device());
    if (is_file(node.kind)) {
      if ((request.flags & open_flag::access_mode) != open_flag::read_only) {
        return Errno::access;
      }
      return make_ref<ProcTextFile>(base::move(node), found, request.flags);
    }
    return make_ref<ProcDirectory>(base::move(node), found, request.flags);
  }

  Outcome<size_t> read_link(Text rest, char* target, size_t capacity) override {
    BASE_TRY_ASSIGN(const Node node, parse(rest));
    TextBuilder text;
    BASE_TRY(write_target(node, text));
    return text.failed() ? Outcome<size_t>(Errno::no_memory) : text.text().copy(target, capacity);
  }

  Outcome<Ref<File>> linked_file(Text rest) override {
    BASE_TRY_ASSIGN(const Node node, parse(rest));
    if (node.kind != Kind::descriptor) {
      return Errno::invalid;
    }
    BASE_TRY_ASSIGN(const proc::Snapshot process, proc::look(node.subject));
    Ref<File> file = process.files ? process.files->find(node.descriptor) : Ref<File>();
    return file ? Outcome<Ref<File>>(base::move(file)) : Outcome<Ref<File>>(Errno::no_entry);
  }

 private:
  static Outcome<> write_target(const Node& node, TextBuilder& text) {
    const Thread& reader = current_thread();
    switch (node.kind) {
      case Kind::self: text.print("%u", reader.process().id()); return {};
      case Kind::thread_self:
        text.print("%u/task/%u", reader.process().id(), reader.id());
        return {};
      case Kind::mounts: text.put("self/mounts"); return {};
      case Kind::top: text.put("/"); return {};
      case Kind::descriptor:
      case Kind::directory:
      case Kind::executable: break;
      default: return Errno::invalid;
    }
    BASE_TRY_ASSIGN(const proc::Snapshot process, proc::look(node.subject));
    if (node.kind == Kind::descriptor) {
      const Ref<File> file = process.files ? process.files->find(node.descriptor) : Ref<File>();
      if (!file) {
        return Errno::no_entry;
      }
      char name[256];
      text.put({name, file->describe(name, sizeof(name))});
      return {};
    }
    const Ref<PathText> path = node.kind == Kind::executable ? process.executable
                               : process.paths               ? process.paths->directory()
                                                             : Ref<PathText>();
    if (!path) {
      return Errno::no_entry;
    }
    text.put(path->text());
    return {};
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_proc_scheme() {
  return make_scheme<ProcScheme>();
}

}  // namespace kernel
