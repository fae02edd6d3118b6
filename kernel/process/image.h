// image.h: a program made ready to run: its memory, where it starts, what it is called.
#pragma once

#include "cpu/trap_frame.h"
#include "kernel/process/process.h"
#include "kernel/process/string_list.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

struct Image {
  Ref<UserSpace> space;
  cpu::TrapFrame start{};
  Process::Words words;
  Ref<PathText> executable;
  uint64_t signal_trampoline = 0;
  char name[Process::max_name]{};
};

// Loads the program at `path`, as `process` sees files, into a space of its own; `path` and
// `arguments` change when the file is a script (#!). Errors as execve's: ENOENT, EACCES, ENOEXEC,
// E2BIG, ENOMEM, ELOOP (scripts upon scripts), ...; what is wrong with the file is logged.
[[nodiscard]] Outcome<Image> load_image(Process& process, Text path, StringList arguments,
                                        const StringList& environment);

// Gives `process`, whose only thread is the caller's or which has none yet, the memory and the name
// of `image`. Returns the memory that it had.
[[nodiscard]] Ref<UserSpace> adopt_image(Process& process, Image& image);

// Makes a process that runs the program and starts it as a child of `parent`, in a session of its
// own. Returns its number. Errors: load_image()'s, EAGAIN.
[[nodiscard]] Outcome<uint32_t> spawn(Process& parent, Text path, StringList arguments,
                                      const StringList& environment);

// Puts `process` and its first thread into the table as a child of `parent`; returns its number.
// Error::would_block: too many; it is not in the table.
[[nodiscard]] base::Result<uint32_t> enlist(const Ref<Process>& process, Thread& first,
                                            Process& parent);

}  // namespace kernel
