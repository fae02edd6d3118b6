// ConsoleDevice: what /dev/console is: a terminal (tty.h) or, when no person sits there, a pipe
// from and to the outside (console_pipe.h).
#pragma once

#include "kernel/fd/poll_table.h"
#include "kernel/fd/transfer.h"
#include "kernel/process/process.h"
#include "kernel/syscall/call.h"

namespace kernel {

enum class Waiting : uint8_t { no, yes };

class ConsoleDevice {
 public:
  // As File's operations of these names.
  [[nodiscard]] virtual Outcome<uint64_t> read(Sink& sink, Waiting waiting) = 0;
  [[nodiscard]] virtual Outcome<uint64_t> write(Source& source, Waiting waiting) = 0;
  [[nodiscard]] virtual uint32_t poll(PollTable* table) = 0;
  [[nodiscard]] virtual CallResult ioctl(uint32_t request, uint64_t argument) = 0;

  // The session that it belongs to and the group in its foreground; 0: none.
  struct Owner {
    uint32_t session = 0;
    uint32_t foreground = 0;
  };
  [[nodiscard]] virtual Owner owner() const { return {}; }
  // Whether it is the controlling terminal of `process`.
  [[nodiscard]] virtual bool controls(const Process& process) = 0;
  // Makes it that of a session, whose leader's group becomes the foreground.
  virtual void adopt_session(uint32_t session) = 0;
  // The session's leader has ended: its foreground is told, and nobody has the terminal then.
  virtual void session_ended(uint32_t session) = 0;

 protected:
  ~ConsoleDevice() = default;
};

// The one there is, as the command line chose (console=).
[[nodiscard]] ConsoleDevice& console_device();
// After init_console(). Panics without memory.
void init_console_device();

}  // namespace kernel
