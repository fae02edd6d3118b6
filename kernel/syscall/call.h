// call.h: what a system call's function gets and gives.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "base/result.h"
#include "cpu/trap_frame.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

class Process;
class Thread;

// A value for the program, or the error number it sees as -errno.
class CallResult {
 public:
  constexpr CallResult(uint64_t value) : raw_(value) {}                       // NOLINT: implicit
  constexpr CallResult(Errno error) : raw_(uint64_t(0) - uint64_t(error)) {}  // NOLINT: the same
  constexpr CallResult(base::Error error) : CallResult(errno_of(error)) {}    // NOLINT: the same
  constexpr CallResult(const base::Status& status)                            // NOLINT: the same
      : CallResult(status.ok() ? CallResult(uint64_t(0)) : CallResult(status.error())) {}

  template <class T>                     // a number, or nothing
  CallResult(const Outcome<T>& outcome)  // NOLINT: the same
      : raw_(outcome.ok() ? 0 : CallResult(outcome.error()).raw()) {
    if constexpr (!std::is_void_v<T>) {
      raw_ = outcome.ok() ? uint64_t(outcome.value()) : raw_;
    }
  }

  [[nodiscard]] constexpr uint64_t raw() const { return raw_; }

 private:
  uint64_t raw_;
};

struct CallArguments {
  Thread& thread;    // the caller
  Process& process;  // its process
  cpu::TrapFrame& frame;
  uint64_t value[6];

  [[nodiscard]] base::UserAddr address(unsigned index) const {
    return base::UserAddr(value[index]);
  }
  // An argument that the interface declares as int.
  [[nodiscard]] int32_t integer(unsigned index) const { return int32_t(value[index]); }
};

// Runs with interrupts on, on the calling thread's kernel stack.
using CallFunction = CallResult (*)(const CallArguments& arguments);

}  // namespace kernel
