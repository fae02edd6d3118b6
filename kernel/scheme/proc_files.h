// proc_files.h: what the files of /proc say: one function a file, in Linux's formats (proc(5)).
#pragma once

#include <span>

#include "kernel/process/process.h"
#include "kernel/scheme/text_file.h"

namespace kernel::proc {

// Whose file it is: a process, or one of its threads.
struct Subject {
  Ref<Process> process;
  uint32_t thread = 0;  // 0: the process as a whole
};

// What others may know of a process, taken in one moment. Memory, files and paths are none where
// it has ended or never had any.
struct Snapshot {
  char name[Process::max_name];
  uint32_t id, parent, group, session, threads;
  char state;  // Linux's letter
  CpuTimes times, children;
  uint64_t start_ns, switches;
  uint32_t exit_signal, exit_status;
  uint64_t pending, shared_pending, blocked, ignored, caught;
  Process::Words words;
  Ref<UserSpace> space;
  Ref<FileTable> files;
  Ref<PathContext> paths;
  Ref<PathText> executable;
};
// ESRCH: the thread has ended.
[[nodiscard]] Outcome<Snapshot> look(const Subject& subject);

// ESRCH, ENOMEM.
using WriteSystem = Outcome<> (*)(TextBuilder& text);
using WriteProcess = Outcome<> (*)(const Subject& subject, TextBuilder& text);

struct SystemFile {
  Text name;
  WriteSystem write;
};
struct ProcessFile {
  Text name;
  WriteProcess write;
  uint32_t permissions;
  bool of_threads;  // also in task/TID
};

// Files in /proc itself, of a process, and of /proc/sys/kernel.
[[nodiscard]] std::span<const SystemFile> system_files();
[[nodiscard]] std::span<const ProcessFile> process_files();
[[nodiscard]] std::span<const SystemFile> kernel_files();

// The mounts as seen by everyone.
Outcome<> write_mounts(TextBuilder& text);

// proc_memory.cpp
Outcome<> write_maps(const Subject& subject, TextBuilder& text);
Outcome<> write_statm(const Subject& subject, TextBuilder& text);
Outcome<> write_arguments(const Subject& subject, TextBuilder& text);
Outcome<> write_environment(const Subject& subject, TextBuilder& text);
// Bytes of a process's memory that are in RAM; what is not is left out.
void copy_memory(UserSpace& space, uint64_t from, uint64_t end, TextBuilder& text);

// proc_limits.cpp
Outcome<> write_limits(const Subject& subject, TextBuilder& text);

// What happens in ticks of 1/100 s, as the formats have it.
inline constexpr uint64_t tick_ns = 10'000'000;

}  // namespace kernel::proc
