// standard_files.h: what a program finds open that nobody gave files.
#pragma once

#include "kernel/fd/file_table.h"

namespace kernel {

// Opens the console for reading and writing at 0, 1 and 2 of an empty table. ENOMEM.
[[nodiscard]] Outcome<> open_standard_files(FileTable& files);

}  // namespace kernel
