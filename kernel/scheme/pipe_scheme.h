// pipe_scheme.h: the files at the ends of pipes, for pipe2().
#pragma once

#include "kernel/fd/file.h"

namespace kernel {

struct PipeEnds {
  Ref<File> read;
  Ref<File> write;
};

// A new pipe, both ends open; `flags` are status flags. ENOMEM.
[[nodiscard]] Outcome<PipeEnds> make_pipe(uint32_t flags);

}  // namespace kernel
