// tty_ioctl.cpp: what ioctl() does with a terminal.
#include <cstring>

#include "kernel/fd/tty.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_send.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {

enum : uint32_t {
  get_settings_1 = 0x5401,    // TCGETS
  set_now = 0x5402,           // TCSETS
  set_after_output = 0x5403,  // TCSETSW
  set_and_flush = 0x5404,     // TCSETSF
  send_break = 0x5409,
  flow_control = 0x540a,
  flush_queues = 0x540b,
  set_exclusive = 0x540c,
  clear_exclusive = 0x540d,
  take_control_request = 0x540e,
  get_foreground = 0x540f,
  set_foreground_request = 0x5410,
  get_output_size = 0x5411,
  simulate_input = 0x5412,
  get_window_size = 0x5413,
  set_window_size_request = 0x5414,
  get_input_size = 0x541b,
  give_up_control = 0x5422,
  set_discipline = 0x5423,
  get_discipline = 0x5424,
  send_break_posix = 0x5425,
  get_session = 0x5429,
  get_settings_2 = 0x802c'542a,  // TCGETS2
  set_now_2 = 0x402c'542b,
  set_after_output_2 = 0x402c'542c,
  set_and_flush_2 = 0x402c'542d,
};

// struct termios2: struct termios and two speeds.
struct Settings2 {
  TerminalSettings settings;
  uint32_t input_speed, output_speed;
};
constexpr uint32_t speed = 38400;

}  // namespace

CallResult Tty::get_settings(uint64_t to, size_t size) {
  Settings2 result{};
  {
    const base::Guard guard(lock_);
    result.settings = discipline_.settings();
  }
  result.input_speed = result.output_speed = speed;
  return copy_to_user(base::UserAddr(to), &result, size);
}

CallResult Tty::set_settings(uint64_t from, size_t size, uint32_t how) {
  BASE_TRY(check_foreground(Signal::terminal_output));
  Settings2 wanted{};
  BASE_TRY(copy_from_user(&wanted, base::UserAddr(from), size));
  {
    const base::Guard guard(lock_);
    if (how == set_and_flush || how == set_and_flush_2) {
      discipline_.flush_input();
    }
    discipline_.set_settings(wanted.settings);
  }
  // What was no line may be readable now.
  readable_.wake_all();
  return uint64_t(0);
}

CallResult Tty::flush(uint64_t which) {
  constexpr uint64_t input = 0;
  constexpr uint64_t both = 2;  // between them: output, of which none is held back
  BASE_TRY(check_foreground(Signal::terminal_output));
  if (which > both) {
    return Errno::invalid;
  }
  if (which == input || which == both) {
    const base::Guard guard(lock_);
    discipline_.flush_input();
  }
  return uint64_t(0);
}

CallResult Tty::flow(uint64_t action) {
  constexpr uint64_t stop_output = 0;
  constexpr uint64_t resume_output = 1;
  constexpr uint64_t resume_input = 3;
  BASE_TRY(check_foreground(Signal::terminal_output));
  if (action > resume_input) {
    return Errno::invalid;
  }
  if (action == stop_output || action == resume_output) {
    {
      const base::Guard guard(lock_);
      discipline_.set_stopped(action == stop_output);
    }
    writable_.wake_all();
  }
  return uint64_t(0);
}

CallResult Tty::set_foreground(uint64_t from) {
  const Caller who = caller();
  const Outcome<> checked = check_foreground(Signal::terminal_output);
  if (!checked.ok()) {
    return checked.error() == Errno::io ? Errno::not_terminal : checked.error();
  }
  BASE_TRY_ASSIGN(const uint32_t group, read_user<uint32_t>(base::UserAddr(from)));
  {
    const base::Guard guard(lock_);
    if (session_ == 0 || session_ != who.session) {
      return Errno::not_terminal;
    }
  }
  if (int32_t(group) < 0) {
    return Errno::invalid;
  }
  uint32_t session = 0;
  {
    const base::Guard guard(process_lock);
    for (Process* at = next_process_locked(0); at != nullptr; at = next_process_locked(at->id())) {
      if (at->group == group) {
        session = at->session;
        break;
      }
    }
  }
  if (session != who.session) {
    return session == 0 ? Errno::no_process : Errno::not_permitted;
  }
  const base::Guard guard(lock_);
  foreground_ = group;
  return uint64_t(0);
}

// TIOCSCTTY: for the leader of a session without a terminal; 1: also if another one has this.
CallResult Tty::take_control(uint64_t force) {
  const Caller who = caller();
  const base::Guard guard(lock_);
  if (session_ == who.session && who.id == who.session) {
    return uint64_t(0);
  }
  if (who.id != who.session || (session_ != 0 && force != 1)) {
    return Errno::not_permitted;
  }
  session_ = who.session;
  foreground_ = who.group;
  return uint64_t(0);
}

CallResult Tty::job_control(uint32_t request, uint64_t argument) {
  const Caller who = caller();
  uint32_t session = 0;
  uint32_t group = 0;
  {
    const base::Guard guard(lock_);
    session = session_;
    group = foreground_;
  }
  if (session == 0 || session != who.session) {
    return Errno::not_terminal;
  }
  switch (request) {
    case get_foreground: return write_user(base::UserAddr(argument), group);
    case get_session: return write_user(base::UserAddr(argument), session);
    default: break;  // give_up_control
  }
  if (who.id == session) {
    session_ended(session);
  }
  return uint64_t(0);
}

CallResult Tty::ioctl(uint32_t request, uint64_t argument) {
  const base::UserAddr at(argument);
  switch (request) {
    case get_settings_1: return get_settings(argument, sizeof(TerminalSettings));
    case get_settings_2: return get_settings(argument, sizeof(Settings2));
    case set_now:
    case set_after_output:
    case set_and_flush: return set_settings(argument, sizeof(TerminalSettings), request);
    case set_now_2:
    case set_after_output_2:
    case set_and_flush_2: return set_settings(argument, sizeof(Settings2), request);
    case send_break:
    case send_break_posix:
    case set_exclusive:
    case clear_exclusive: return uint64_t(0);
    case flow_control: return flow(argument);
    case flush_queues: return flush(argument);
    case take_control_request: return take_control(argument);
    case set_foreground_request: return set_foreground(argument);
    case get_foreground:
    case get_session:
    case give_up_control: return job_control(request, argument);
    case get_output_size:
    case get_discipline: return write_user(at, uint32_t(0));
    case set_discipline: {
      BASE_TRY_ASSIGN(const uint32_t wanted, read_user<uint32_t>(at));
      return wanted == 0 ? CallResult(uint64_t(0)) : CallResult(Errno::invalid);
    }
    case get_input_size: {
      uint32_t size = 0;
      {
        const base::Guard guard(lock_);
        size = uint32_t(discipline_.available());
      }
      return write_user(at, size);
    }
    case simulate_input: {
      BASE_TRY_ASSIGN(const uint8_t byte, read_user<uint8_t>(at));
      receive(byte);
      return uint64_t(0);
    }
    case get_window_size: {
      const WindowSize size = window_size();
      return copy_to_user(at, &size, sizeof(size));
    }
    case set_window_size_request: {
      WindowSize size{};
      BASE_TRY(copy_from_user(&size, at, sizeof(size)));
      set_window_size(size);
      return uint64_t(0);
    }
    default: return Errno::not_terminal;
  }
}

}  // namespace kernel
