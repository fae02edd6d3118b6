// thread.h: one flow of control: a kernel stack, a place in a process, registers in user mode.
//
// Lives by reference: the scheduler holds one from start_thread() until the thread has ended and
// left its stack. Fields below "the thread's own" belong to the thread itself while it runs and to
// its maker before; the rest says which lock guards it.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/list.h"
#include "cpu/context.h"
#include "cpu/trap_frame.h"
#include "kernel/host/cpu_mask.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/ref.h"
#include "kernel/process/signal_state.h"
#include "kernel/process/usage.h"

namespace kernel {

class CallResult;
class Process;
class SchemeWait;
struct CallArguments;

enum class ThreadState : uint8_t { fresh, ready, running, waiting, ended };

// Why a thread should look up before it returns to user mode or goes on waiting.
enum class Attention : uint32_t {
  none = 0,
  kill = 1,    // it has to end
  signal = 2,  // a signal may be deliverable
  kill_or_signal = 3,
  memory = 4,  // its process was given another address space
};

// Processor time, in nanoseconds.
struct CpuTimes {
  uint64_t user = 0;
  uint64_t system = 0;
};

// Where a system call started, for restarting it.
struct CurrentCall {
  uint64_t number = 0;
  uint64_t first_argument = 0;
};

// What restart_syscall() goes on with, after a call has returned Errno::restart_rest: for calls
// that have waited for a part of their time and must not wait for all of it again.
struct RestartCall {
  CallResult (*go_on)(const CallArguments& arguments) = nullptr;
  uint64_t values[4]{};  // what it needs to know
};

class Thread : public RefCounted<Thread> {
 public:
  // A thread of `process` that will enter user mode with the registers of `start` (and, for a copy
  // of the current thread, its vector state). Not yet in the process's list, not running.
  [[nodiscard]] static base::Result<Ref<Thread>> create_user(Process& process,
                                                             const cpu::TrapFrame& start);
  // A thread that runs entry(argument) in the kernel; entry must not return.
  [[nodiscard]] static base::Result<Ref<Thread>> create_kernel(Process& process,
                                                               cpu::ThreadEntry entry,
                                                               void* argument);
  // The idle thread of the boot CPU: on the stack that is running.
  explicit Thread(Process& process);
  Thread(Process& process, KernelStack stack, uint8_t* user_state);
  ~Thread();

  [[nodiscard]] uint32_t id() const { return id_; }
  void set_id(uint32_t id) { id_ = id; }
  [[nodiscard]] Process& process() const { return *process_; }
  [[nodiscard]] bool is_user() const { return user_state_ != nullptr; }

  // ---- Attention: any context
  void call_attention(Attention why) { attention_.fetch_or<base::Order::release>(uint32_t(why)); }
  void clear_attention(Attention why) {
    attention_.fetch_and<base::Order::acquire_release>(~uint32_t(why));
  }
  [[nodiscard]] bool has_attention() const {
    return attention_.load<base::Order::acquire>() != uint32_t(Attention::none);
  }
  [[nodiscard]] bool has_attention(Attention which) const {
    return (attention_.load<base::Order::acquire>() & uint32_t(which)) != 0;
  }

  // ---- The thread's own
  // Keeps registers that the kernel does not use: before another thread runs, before a copy of the
  // thread is made. Interrupts masked.
  void save_user_registers();
  void load_user_registers() const;
  void set_start_tls(uint64_t tls) { tls_ = tls; }
  // The vector state saved last; user_state_size() bytes.
  [[nodiscard]] uint8_t* user_state() const { return user_state_; }
  // Before it starts: the registers of a program that nobody started, or those that `from`, which
  // does not run, was left with.
  void clear_user_registers();
  void copy_user_registers(const Thread& from);
  [[nodiscard]] uint64_t saved_tls() const { return tls_; }
  // What it will enter user mode with.
  [[nodiscard]] cpu::TrapFrame& start_frame() { return start_; }
  // What a copy of `maker` has of it besides registers.
  void inherit(const Thread& maker);
  // What is said of memory that it no longer has.
  void forget_memory();
  // What the program that ran until now left (execve): registers included.
  void forget_program();

  CurrentCall call;
  // Its registers in user mode, while it makes a system call or is parked.
  cpu::TrapFrame* user_frame = nullptr;
  uint64_t fail_nth = 0;  // memory/fail_nth.h
  RestartCall restart;
  // CLONE_CHILD_CLEARTID: zeroed, and a futex there woken, when the thread ends; 0: none.
  uint64_t clear_child_tid = 0;
  // CLONE_CHILD_SETTID: where the thread writes its id when it starts; 0: nowhere.
  uint64_t set_child_tid = 0;
  uint64_t robust_list = 0;

  // ---- process_lock
  base::ListNode process_node;
  // What it waits for, as scheme/scheme_waits.h looks at it: a daemon; a child of vfork. nullptr:
  // neither.
  SchemeWait* scheme_wait = nullptr;
  Process* vfork_child = nullptr;
  ThreadSignals signals;

  // ---- The scheduler's
  [[nodiscard]] CpuTimes times() const {
    return {user_ns_.load<base::Order::relaxed>(), system_ns_.load<base::Order::relaxed>()};
  }
  [[nodiscard]] ThreadState state() const { return state_.load<base::Order::relaxed>(); }
  // The CPUs that it may run on (scheduler.h: set_affinity).
  [[nodiscard]] CpuMask affinity() const { return CpuMask(affinity_.load<base::Order::relaxed>()); }
  // A copy runs where its maker may.
  void inherit_affinity(const Thread& maker) {
    affinity_.store<base::Order::relaxed>(maker.affinity().bits());
  }
  [[nodiscard]] uint64_t context_switches() const { return switches_; }
  [[nodiscard]] ResourceUsage switches() const {
    ResourceUsage usage;
    usage.voluntary_switches = blocked_;
    usage.involuntary_switches = preempted_;
    return usage;
  }

 private:
  friend class RunQueue;
  friend class Scheduler;
  static void enter_user(void* self);

  uint32_t id_ = 0;
  Ref<Process> process_;
  KernelStack stack_;
  cpu::TrapFrame start_{};
  uint8_t* user_storage_ = nullptr;  // heap
  uint8_t* user_state_ = nullptr;    // aligned inside it
  uint64_t tls_ = 0;
  base::Atomic<uint32_t> attention_{0};

  cpu::Context context_{};
  // Guards state and place; held from before the thread leaves a CPU until it has left its stack.
  SpinLock run_lock_{LockRank::thread};
  base::ListNode run_node_;
  // Written with run_lock_ held, or by whoever has taken a ready thread out of its queue.
  base::Atomic<ThreadState> state_{ThreadState::fresh};
  base::Atomic<bool> on_cpu_{false};  // its stack and registers are in use
  base::Atomic<uint32_t> cpu_{0};     // where it runs, waits in the queue, or ran last
  base::Atomic<uint64_t> affinity_{CpuMask::all().bits()};
  uint64_t switches_ = 0;
  uint64_t blocked_ = 0;         // times it has stopped running because it had to wait
  uint64_t preempted_ = 0;       // and though it could have gone on
  bool end_expected_ = false;    // counted by settle_threads()
  bool sampled_in_user_ = true;  // what the last tick found it doing
  base::Atomic<uint64_t> user_ns_{0};
  base::Atomic<uint64_t> system_ns_{0};
};

}  // namespace kernel
