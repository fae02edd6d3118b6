// dispatch.cpp: from a trap to the function behind the call.
#include <iterator>

#include "cpu/cpu.h"
#include "cpu/syscall_numbers.h"
#include "kernel/log/log.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/seam/traps.h"
#include "kernel/syscall/calls.h"
#include "kernel/trap/return.h"

namespace kernel {

namespace {

constexpr uint64_t max_number = 512;
// The kernel's own calls, which Linux lacks.
constexpr uint64_t own_start = 0x1000;
constexpr uint64_t max_own = 16;

CallResult call_unknown(const CallArguments& arguments) {
  Process& process = arguments.process;
  if (process.first_time_unknown(arguments.thread.call.number)) {
    LOG_INFO("%s[%u]: system call %lu is not implemented", process.name(), process.id(),
             arguments.thread.call.number);
  }
  return Errno::not_implemented;
}

CallResult call_absent(const CallArguments&) {
  return Errno::not_implemented;
}

consteval CallFunction function_of(Call call) {
  switch (call) {
#define KERNEL_CALL_FUNCTION(name) \
  case Call::name: return calls::name;
    KERNEL_CALLS(KERNEL_CALL_FUNCTION)
#undef KERNEL_CALL_FUNCTION
    case Call::absent: return call_absent;
    case Call::unknown: break;
  }
  return call_unknown;
}

struct Table {
  CallFunction functions[max_number + max_own];

  [[nodiscard]] constexpr CallFunction find(uint64_t number) const {
    const bool known = number < max_number || number - own_start < max_own;
    return known ? functions[slot(number)] : call_unknown;
  }
  [[nodiscard]] static constexpr uint64_t slot(uint64_t number) {
    return number < max_number ? number : number - own_start + max_number;
  }
};

consteval Table make_table() {
  Table table{};
  for (CallFunction& function : table.functions) {
    function = call_unknown;
  }
  for (const CallNumber& entry : cpu::syscall_numbers) {
    table.functions[Table::slot(entry.number)] = function_of(entry.call);
  }
  return table;
}
constexpr Table table = make_table();

}  // namespace

void trap_syscall(cpu::TrapFrame& frame) {
  cpu::unmask_interrupts();
  Thread& thread = current_thread();
  const uint64_t number = frame.syscall_number();
  CallArguments arguments{thread, thread.process(), frame, {}};
  for (unsigned i = 0; i < std::size(arguments.value); ++i) {
    arguments.value[i] = frame.syscall_argument(i);
  }
  thread.call = {number, arguments.value[0]};
  thread.user_frame = &frame;
  const CallFunction function = table.find(number);
  const uint64_t result = function(arguments).raw();
  frame.set_syscall_result(result);
  if (is_restart(result)) {
    thread.call_attention(Attention::signal);  // whatever interrupted it
  }
  (void)cpu::mask_interrupts();
  return_to_user(frame);
}

}  // namespace kernel
