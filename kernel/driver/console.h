// console.h: the serial line and the screen beside it as a byte channel: output to both, input to
// whoever registered for it (a terminal, or a pipe: kernel/fd/tty.h, kernel/fd/console_pipe.h).
//
// Locks: one spin lock for output, one for input, which is held while the receiver is called; the
// receiver's own locks rank below. Any context but NMI.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/host/text.h"

namespace kernel {

class ConsoleReceiver {
 public:
  // Whether it would take a byte. False: what is typed waits in the device, and who types waits,
  // until console_drain().
  [[nodiscard]] virtual bool has_room() = 0;
  // A byte was typed. Interrupts are masked.
  virtual void receive(uint8_t byte) = 0;

 protected:
  ~ConsoleReceiver() = default;
};

// After init_console_uart(), init_interrupt_controller() and init_timer(). Input waits for a
// receiver.
void init_console();
// Once. The receiver stays for ever.
void set_console_receiver(ConsoleReceiver& receiver);

// Sends bytes as they are.
void console_write(Text bytes);

// The receiver has room again. Not with its locks held.
void console_drain();

// From the interrupt of `line`: true if it was the console's.
bool console_interrupt(uint32_t line);

}  // namespace kernel
