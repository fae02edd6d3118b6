// signal.h: signals by number, sets of them, and what is told with one.
#pragma once

#include <cstdint>

namespace kernel {

// Linux's numbers; real-time signals are those from first_realtime_signal to last_signal.
enum class Signal : uint8_t {
  none = 0,
  hangup = 1,
  interrupt = 2,
  quit = 3,
  illegal = 4,
  trap = 5,
  abort = 6,
  bus = 7,
  arithmetic = 8,
  kill = 9,
  user1 = 10,
  segment = 11,
  user2 = 12,
  pipe = 13,
  alarm = 14,
  terminate = 15,
  stack_fault = 16,
  child = 17,
  resume = 18,         // SIGCONT
  stop = 19,           // SIGSTOP
  terminal_stop = 20,  // SIGTSTP
  terminal_input = 21,
  terminal_output = 22,
  urgent = 23,
  cpu_limit = 24,
  file_size_limit = 25,
  virtual_alarm = 26,
  profile = 27,
  window_change = 28,
  io = 29,
  power = 30,
  bad_call = 31,
};
inline constexpr unsigned first_realtime_signal = 32;
inline constexpr unsigned last_signal = 64;

class SignalSet {
 public:
  constexpr SignalSet() = default;
  constexpr explicit SignalSet(uint64_t bits) : bits_(bits) {}
  template <typename... Signals>
  [[nodiscard]] static constexpr SignalSet of(Signals... signals) {
    return SignalSet((bit(unsigned(signals)) | ...));
  }

  // Linux's representation: bit n - 1 for signal n.
  [[nodiscard]] constexpr uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr bool has(Signal signal) const {
    return (bits_ & bit(unsigned(signal))) != 0;
  }
  constexpr void add(Signal signal) { bits_ |= bit(unsigned(signal)); }
  constexpr void remove(Signal signal) { bits_ &= ~bit(unsigned(signal)); }
  // The lowest number; the set is not empty.
  [[nodiscard]] constexpr Signal first() const { return Signal(__builtin_ctzll(bits_) + 1); }

  [[nodiscard]] constexpr SignalSet operator|(SignalSet other) const {
    return SignalSet(bits_ | other.bits_);
  }
  [[nodiscard]] constexpr SignalSet operator&(SignalSet other) const {
    return SignalSet(bits_ & other.bits_);
  }
  // What is in this set and not in the other.
  [[nodiscard]] constexpr SignalSet operator-(SignalSet other) const {
    return SignalSet(bits_ & ~other.bits_);
  }
  constexpr bool operator==(const SignalSet&) const = default;

 private:
  [[nodiscard]] static constexpr uint64_t bit(unsigned number) { return 1ULL << (number - 1); }
  uint64_t bits_ = 0;
};

// Can be neither caught nor blocked nor ignored.
inline constexpr SignalSet unstoppable_signals = SignalSet::of(Signal::kill, Signal::stop);
// Whose default is to stop the process.
inline constexpr SignalSet stop_signals = SignalSet::of(
    Signal::stop, Signal::terminal_stop, Signal::terminal_input, Signal::terminal_output);
// Whose default is to do nothing.
inline constexpr SignalSet harmless_signals =
    SignalSet::of(Signal::resume, Signal::child, Signal::window_change, Signal::urgent);
// Whose default leaves a core dump on a system that writes them.
inline constexpr SignalSet core_signals = SignalSet::of(
    Signal::quit, Signal::illegal, Signal::trap, Signal::abort, Signal::arithmetic, Signal::segment,
    Signal::bus, Signal::bad_call, Signal::cpu_limit, Signal::file_size_limit);
// What a thread does to itself by the instruction that it runs: delivered first.
inline constexpr SignalSet fault_signals =
    SignalSet::of(Signal::segment, Signal::bus, Signal::illegal, Signal::trap, Signal::arithmetic,
                  Signal::bad_call);

// Why a signal was sent (si_code).
namespace signal_code {
inline constexpr int32_t user = 0;       // kill()
inline constexpr int32_t kernel = 0x80;  // for no particular reason
inline constexpr int32_t queue = -1;     // sigqueue()
inline constexpr int32_t timer = -2;
inline constexpr int32_t thread = -6;  // tkill()
// SIGCHLD
inline constexpr int32_t child_exited = 1, child_killed = 2, child_dumped = 3, child_stopped = 5,
                         child_continued = 6;
// SIGSEGV
inline constexpr int32_t not_mapped = 1, access_refused = 2;
// SIGBUS
inline constexpr int32_t bad_alignment = 1, bad_address = 2, object_error = 3;
// SIGILL
inline constexpr int32_t bad_opcode = 1, bad_operand = 2;
// SIGFPE
inline constexpr int32_t integer_division = 1, float_division = 3, float_overflow = 4,
                         float_underflow = 5, float_inexact = 6, float_invalid = 7;
// SIGTRAP
inline constexpr int32_t breakpoint = 1, single_step = 2;
}  // namespace signal_code

// siginfo as far as it says anything: the rest of its 128 bytes are zeroes. What `words` mean
// depends on signal and code.
struct SignalInfo {
  int32_t number = 0;
  int32_t error = 0;
  int32_t code = 0;
  int32_t padding = 0;
  uint64_t words[4]{};

  // Sent by process `id` of user 0, or by the kernel for it.
  [[nodiscard]] static constexpr SignalInfo from(Signal signal, int32_t code, uint32_t id) {
    SignalInfo info;
    info.number = int32_t(signal);
    info.code = code;
    info.words[0] = id;
    return info;
  }
  // Sent by the kernel, about an address.
  [[nodiscard]] static constexpr SignalInfo fault(Signal signal, int32_t code, uint64_t address) {
    SignalInfo info;
    info.number = int32_t(signal);
    info.code = code;
    info.words[0] = address;
    return info;
  }
  [[nodiscard]] constexpr Signal signal() const { return Signal(number); }
};
static_assert(sizeof(SignalInfo) == 48);

}  // namespace kernel
