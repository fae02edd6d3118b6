#include "kernel/driver/console.h"

#include <optional>

#include "base/utility.h"
#include "cpu/console_uart.h"
#include "kernel/driver/screen.h"
#include "kernel/host/options.h"
#include "kernel/host/spin_lock.h"
#include "kernel/process/timer.h"

namespace kernel {

namespace {

SpinLock output_lock{LockRank::console_output};
SpinLock input_lock{LockRank::console_input};
ConsoleReceiver* receiver BASE_GUARDED_BY(input_lock) = nullptr;
bool is_paused BASE_GUARDED_BY(input_lock) = true;
std::optional<uint32_t> input_line;  // set at boot

// A console without an interrupt is asked now and then.
constexpr uint64_t poll_ns = 10'000'000;
void poll_console(void*, Timer& timer) {
  console_drain();
  timer.start(Deadline::after_ns(poll_ns));
}
constinit Timer* poll_timer = nullptr;

// Interrupts are masked by the lock.
void drain_locked() BASE_REQUIRES(input_lock) {
  while (receiver != nullptr && receiver->has_room()) {
    const auto byte = cpu::uart_read();
    if (!byte) {
      if (is_paused) {
        is_paused = false;
        cpu::resume_uart_interrupt();
        continue;  // a byte may have come before that
      }
      return;
    }
    receiver->receive(uint8_t(*byte));
  }
  is_paused = true;
  cpu::pause_uart_interrupt();
}

}  // namespace

void init_console() {
  input_line = cpu::enable_uart_interrupt();
  cpu::pause_uart_interrupt();
  if (!input_line) {
    alignas(Timer) static unsigned char storage[sizeof(Timer)];
    poll_timer = base::construct_at<Timer>(storage, poll_console, nullptr);
    poll_timer->start(Deadline::after_ns(poll_ns));
  }
}

void set_console_receiver(ConsoleReceiver& to) {
  const base::Guard guard(input_lock);
  receiver = &to;
  drain_locked();
}

void console_write(Text bytes) {
  const base::Guard guard(output_lock);
  for (const char byte : bytes) {
    cpu::uart_write(byte);
  }
  // A pipe's newlines have not become carriage return and newline; the screen needs both.
  options().console == ConsoleMode::pipe ? screen_write_lines(bytes) : screen_write(bytes);
}

void console_drain() {
  const base::Guard guard(input_lock);
  drain_locked();
}

bool console_interrupt(uint32_t line) {
  if (!input_line || *input_line != line) {
    return false;
  }
  console_drain();
  return true;
}

}  // namespace kernel
