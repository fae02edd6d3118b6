#include "kernel/fd/standard_files.h"

#include "kernel/scheme/path_walk.h"

namespace kernel {

Outcome<> open_standard_files(FileTable& files) {
  constexpr uint32_t count = 3;
  BASE_TRY_ASSIGN(const Ref<File> console,
                  open_path("/", "/dev/console", {open_flag::read_write, 0}));
  for (uint32_t i = 0; i < count; ++i) {
    BASE_TRY(files.add(console, CloseOnExec::no, FileTable::default_files));
  }
  return {};
}

}  // namespace kernel
