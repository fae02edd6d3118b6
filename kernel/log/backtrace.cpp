#include "kernel/log/backtrace.h"

#include "kernel/log/log.h"
#include "kernel/log/symbols.h"
#include "kernel/memory/kernel_map.h"

namespace kernel {

namespace {

constexpr unsigned max_frames = 1024;
constexpr unsigned max_lines = 40;

// Prints frames by number; runs of one address become a line that counts them.
class Printer {
 public:
  // `lookup` is inside the instruction meant: a return address belongs to the call before it.
  void add(uint64_t address, uint64_t lookup) {
    if (address == last_ && number_ != 0) {
      ++repeats_;
    } else {
      finish();
      print(address, lookup);
    }
    last_ = address;
    ++number_;
  }
  void finish() {
    if (repeats_ != 0) {
      log_plain("  ... repeated %u times", repeats_);
    }
    repeats_ = 0;
  }
  [[nodiscard]] bool full() const { return number_ >= max_frames || lines_ >= max_lines; }

 private:
  void print(uint64_t address, uint64_t lookup) {
    ++lines_;
    const auto symbol = find_symbol(lookup);
    if (!symbol) {
      log_plain("  #%u %016lx", number_, address);
      return;
    }
    char name[160];
    readable_name(symbol->name, name, sizeof(name));
    log_plain("  #%u %016lx %s+0x%lx", number_, address, name, address - symbol->start);
  }

  uint64_t last_ = 0;
  unsigned number_ = 0;
  unsigned lines_ = 0;
  unsigned repeats_ = 0;
};

// A link register that points into the function itself is left from a call that came back; the
// function has its frame then.
bool is_missing_caller(uint64_t pc, uint64_t frame_pointer, uint64_t link) {
  if (link == 0) {
    return false;
  }
  const auto caller = find_symbol(link - 1);
  const auto callee = find_symbol(pc);
  if (!caller || (callee && callee->start == caller->start)) {
    return false;
  }
  return !is_kernel_readable(frame_pointer, 16) ||
         reinterpret_cast<const uint64_t*>(frame_pointer)[1] != link;
}

}  // namespace

void print_backtrace(uint64_t pc, uint64_t frame_pointer, uint64_t link) {
  log_plain("backtrace:");
  Printer printer;
  if (pc != 0) {
    printer.add(pc, pc);
  }
  if (is_missing_caller(pc, frame_pointer, link)) {
    printer.add(link, link - 1);
  }
  while (frame_pointer != 0 && frame_pointer % 8 == 0 && !printer.full() &&
         is_kernel_readable(frame_pointer, 16)) {
    const auto* frame = reinterpret_cast<const uint64_t*>(frame_pointer);
    if (frame[1] == 0) {
      break;
    }
    printer.add(frame[1], frame[1] - 1);
    if (frame[0] <= frame_pointer) {
      break;
    }
    frame_pointer = frame[0];
  }
  printer.finish();
}

}  // namespace kernel
