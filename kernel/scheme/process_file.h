// process_file.h: descriptors of processes and what they give by name
// (kernel/include/space_descriptors.h).
#pragma once

#include "kernel/fd/file.h"
#include "kernel/process/process_handle.h"

namespace kernel {

// A descriptor of a new process that has not started. ENOMEM.
[[nodiscard]] Outcome<Ref<File>> make_new_process();

// What `name` gives of a process. EINVAL: no such name; ESRCH: it has ended; ENOMEM.
[[nodiscard]] Outcome<Ref<File>> derive_from_process(const Ref<ProcessHandle>& handle, Text name);

}  // namespace kernel
