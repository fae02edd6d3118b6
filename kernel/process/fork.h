// fork.h: making threads and processes out of the one that runs (clone and its relatives).
#pragma once

#include "cpu/trap_frame.h"
#include "kernel/process/process.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

// Linux's CLONE_ flags that mean something here.
namespace clone_flag {
inline constexpr uint64_t exit_signal = 0xff;  // the lowest byte
inline constexpr uint64_t vm = 0x100;
inline constexpr uint64_t fs = 0x200;
inline constexpr uint64_t files = 0x400;
inline constexpr uint64_t signal_actions = 0x800;
inline constexpr uint64_t vfork = 0x4000;
inline constexpr uint64_t parent = 0x8000;
inline constexpr uint64_t thread = 0x10000;
inline constexpr uint64_t semaphores = 0x40000;
inline constexpr uint64_t set_tls = 0x80000;
inline constexpr uint64_t parent_set_tid = 0x100000;
inline constexpr uint64_t child_clear_tid = 0x200000;
inline constexpr uint64_t detached = 0x400000;
inline constexpr uint64_t child_set_tid = 0x1000000;
inline constexpr uint64_t io = 0x8000'0000;
inline constexpr uint64_t clear_handlers = 0x1'0000'0000;  // clone3 only
inline constexpr uint64_t known = exit_signal | vm | fs | files | signal_actions | vfork | parent |
                                  thread | semaphores | set_tls | parent_set_tid | child_clear_tid |
                                  detached | child_set_tid | io | clear_handlers;
}  // namespace clone_flag

struct CloneRequest {
  uint64_t flags = 0;
  uint64_t stack = 0;  // the new thread's stack pointer; 0: the caller's
  uint64_t parent_tid = 0;
  uint64_t child_tid = 0;
  uint64_t tls = 0;
};

// ---- The steps, for those who take them one by one

// A process with its share of what `parent` has, or copies; without threads, not in the table.
// ESRCH: the parent has ended; ENOMEM.
[[nodiscard]] Outcome<Ref<Process>> make_child(Process& parent, const CloneRequest& request);
// Its first thread (or another of the parent's), which returns 0 from the system call of `frame`;
// the rest of its registers are the current thread's. ENOMEM.
[[nodiscard]] Outcome<Ref<Thread>> make_thread(Process& process, const cpu::TrapFrame& frame,
                                               const CloneRequest& request);
// Gives up a process that never was in the table. It has no thread.
void discard(Ref<Process> process);

// ---- All of them

// A new thread that returns 0 from the current system call, whose frame is `frame`: in a process of
// its own, or with CLONE_THREAD in this one. Returns its number; after CLONE_VFORK only when the
// child has let go of the memory. Errors: EINVAL (flags), EAGAIN, ENOMEM.
[[nodiscard]] Outcome<uint32_t> clone_current(const cpu::TrapFrame& frame,
                                              const CloneRequest& request);

}  // namespace kernel
