#include "kernel/log/backtrace.h"

#include "kernel/log/log.h"
#include "kernel/log/symbols.h"
#include "kernel/memory/kernel_map.h"

namespace kernel {

namespace {

constexpr unsigned max_frames = 32;

// `lookup` is inside the instruction meant: a return address belongs to the call before it.
void print_frame(unsigned number, uint64_t address, uint64_t lookup) {
  const auto symbol = find_symbol(lookup);
  if (!symbol) {
    log_plain("  #%u %016lx", number, address);
    return;
  }
  char name[160];
  readable_name(symbol->name, name, sizeof(name));
  log_plain("  #%u %016lx %s+0x%lx", number, address, name, address - symbol->start);
}

}  // namespace

void print_backtrace(uint64_t pc, uint64_t frame_pointer) {
  log_plain("backtrace:");
  unsigned number = 0;
  if (pc != 0) {
    print_frame(number++, pc, pc);
  }
  while (frame_pointer != 0 && frame_pointer % 8 == 0 && number < max_frames &&
         is_kernel_readable(frame_pointer, 16)) {
    const auto* frame = reinterpret_cast<const uint64_t*>(frame_pointer);
    if (frame[1] == 0) {
      break;
    }
    print_frame(number++, frame[1], frame[1] - 1);
    if (frame[0] <= frame_pointer) {
      break;
    }
    frame_pointer = frame[0];
  }
}

}  // namespace kernel
