#include "kernel/fd/tty.h"

#include "kernel/process/scheduler.h"
#include "kernel/process/signal_send.h"
#include "kernel/scheme/device_scheme.h"

namespace kernel {

namespace {

constexpr size_t chunk_size = 128;  // bytes moved under the lock at a time
constexpr uint64_t ns_per_tenth = 100'000'000;

Signal signal_of(TypedSignal typed) {
  switch (typed) {
    case TypedSignal::interrupt: return Signal::interrupt;
    case TypedSignal::quit: return Signal::quit;
    case TypedSignal::suspend: return Signal::terminal_stop;
    case TypedSignal::none: break;
  }
  return Signal::none;
}

}  // namespace

Tty::Tty() : discipline_({nullptr, [](void*, Text bytes) { console_write(bytes); }}) {}

Tty::Caller Tty::caller() {
  const Process& process = current_thread().process();
  const base::Guard guard(process_lock);
  return {process.id(), process.session, process.group};
}

void Tty::receive(uint8_t byte) {
  Signal signal = Signal::none;
  uint32_t group = 0;
  {
    const base::Guard guard(lock_);
    signal = signal_of(discipline_.receive(byte));
    group = foreground_;
  }
  if (signal != Signal::none && group != 0) {
    send_signal_to_group(group, signal);
  }
  readable_.wake_all();
  writable_.wake_all();
}

Outcome<> Tty::check_foreground(Signal signal) {
  const Caller who = caller();
  {
    const base::Guard guard(lock_);
    if (session_ == 0 || session_ != who.session || foreground_ == 0 || foreground_ == who.group) {
      return {};
    }
  }
  if (current_ignores_or_blocks(signal)) {
    return signal == Signal::terminal_input ? Outcome<>(Errno::io) : Outcome<>();
  }
  if (is_group_orphaned(who.group)) {
    return Errno::io;
  }
  send_signal_to_group(who.group, signal);
  return Errno::restart;
}

// Until a read may take something: a line, or as many bytes as VMIN and VTIME say. EAGAIN: nothing
// is there; restart. Returns also when the time is over.
Outcome<> Tty::wait_for_input(uint64_t wanted, uint64_t moved, Waiting waiting) {
  bool timed = false;
  uint64_t tenths = 0;
  {
    const base::Guard guard(lock_);
    if (discipline_.is_readable(wanted)) {
      return {};
    }
    const TerminalSettings& settings = discipline_.settings();
    if (!(settings.local & local_mode::lines)) {
      tenths = settings.character(Control::time);
      // VMIN 0: the time runs from the start, and may be none at all. Else from the first byte on.
      const bool at_once = settings.character(Control::minimum) == 0;
      timed = at_once || (tenths != 0 && moved != 0);
    }
  }
  if (waiting == Waiting::no) {
    return Errno::again;
  }
  const Deadline deadline = timed ? Deadline::after_ns(tenths * ns_per_tenth) : Deadline::never();
  const WaitResult result =
      wait_until(readable_, WaitKind::interruptible, deadline, [this, wanted] {
        const base::Guard guard(lock_);
        return discipline_.is_readable(wanted);
      });
  return result == WaitResult::interrupted ? Outcome<>(Errno::restart) : Outcome<>();
}

Outcome<uint64_t> Tty::read(Sink& sink, Waiting waiting) {
  BASE_TRY(check_foreground(Signal::terminal_input));
  if (sink.remaining() == 0) {
    return uint64_t(0);
  }
  for (;;) {
    if (const auto waited = wait_for_input(sink.remaining(), sink.moved(), waiting); !waited.ok()) {
      return sink.moved() != 0 ? Outcome<uint64_t>(sink.moved())
                               : Outcome<uint64_t>(waited.error());
    }
    LineDiscipline::Taken taken{};
    bool line_mode = false;
    size_t minimum = 0;
    do {
      uint8_t chunk[chunk_size];
      {
        const base::Guard guard(lock_);
        line_mode = discipline_.settings().local & local_mode::lines;
        minimum = discipline_.settings().character(Control::minimum);
        taken = discipline_.read(
            std::span(chunk).first(base::min<uint64_t>(sink.remaining(), chunk_size)));
      }
      (void)sink.put({chunk, taken.size});
    } while (taken.size == chunk_size && !taken.ended && sink.remaining() != 0 && !sink.faulted());
    if (line_mode || sink.faulted() || sink.remaining() == 0 || taken.size == 0 ||
        sink.moved() >= minimum) {
      return moved_or_fault(sink);
    }
  }
}

Outcome<uint64_t> Tty::write(Source& source, Waiting waiting) {
  bool stops_background = false;
  {
    const base::Guard guard(lock_);
    stops_background = discipline_.settings().local & local_mode::stop_background;
  }
  if (stops_background) {
    BASE_TRY(check_foreground(Signal::terminal_output));
  }
  uint8_t chunk[chunk_size];
  while (source.remaining() != 0 && !source.faulted()) {
    const std::span<const uint8_t> bytes(chunk, source.get(chunk));
    size_t shown = 0;
    for (;;) {
      {
        const base::Guard guard(lock_);
        shown += discipline_.write(bytes.subspan(shown));
      }
      if (shown == bytes.size()) {
        break;
      }
      // Stopped by the person who reads.
      const uint64_t before = source.moved() - (bytes.size() - shown);
      const auto give_up = [before](Errno error) {
        return before != 0 ? Outcome<uint64_t>(before) : Outcome<uint64_t>(error);
      };
      if (waiting == Waiting::no) {
        return give_up(Errno::again);
      }
      if (wait_until(writable_, WaitKind::interruptible, Deadline::never(), [this] {
            const base::Guard guard(lock_);
            return !discipline_.is_stopped();
          }) != WaitResult::ready) {
        return give_up(Errno::restart);
      }
    }
  }
  return moved_or_fault(source);
}

uint32_t Tty::poll(PollTable* table) {
  if (table != nullptr) {
    table->add(readable_);
    table->add(writable_);
  }
  const base::Guard guard(lock_);
  // As many as VMIN asks for; any read is ready for at least that.
  return (discipline_.is_readable(LineDiscipline::capacity) ? poll_event::readable : 0) |
         (discipline_.is_stopped() ? 0 : poll_event::writable);
}

bool Tty::controls(const Process& process) {
  uint32_t session = 0;
  {
    const base::Guard guard(process_lock);
    session = process.session;
  }
  const base::Guard guard(lock_);
  return session != 0 && session_ == session;
}

void Tty::adopt_session(uint32_t session) {
  const base::Guard guard(lock_);
  session_ = foreground_ = session;
}

void Tty::session_ended(uint32_t session) {
  uint32_t group = 0;
  {
    const base::Guard guard(lock_);
    if (session == 0 || session_ != session) {
      return;
    }
    group = base::exchange(foreground_, 0u);
    session_ = 0;
  }
  if (group != 0) {
    send_signal_to_group(group, Signal::hangup);
    send_signal_to_group(group, Signal::resume);
  }
  readable_.wake_all();
}

ConsoleDevice::Owner Tty::owner() const {
  const base::Guard guard(lock_);
  return {session_, foreground_};
}

WindowSize Tty::window_size() const {
  const base::Guard guard(lock_);
  return window_;
}

void Tty::set_window_size(const WindowSize& size) {
  uint32_t group = 0;
  {
    const base::Guard guard(lock_);
    if (size.rows == window_.rows && size.columns == window_.columns &&
        size.pixels_x == window_.pixels_x && size.pixels_y == window_.pixels_y) {
      return;
    }
    window_ = size;
    group = foreground_;
  }
  if (group != 0) {
    send_signal_to_group(group, Signal::window_change);
  }
}

}  // namespace kernel
