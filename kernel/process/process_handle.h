// ProcessHandle: a process as its descriptors have it: one that exists, or one that is being built
// and has not started.
//
// A process that has not started is in no table: nobody finds it, and it goes with its last handle.
// Its files, memory and registers are set through the handle; start() puts it into the tree.
// Lock: a mutex; process_lock is taken under it.
#pragma once

#include "cpu/signal_frame.h"
#include "kernel/process/mutex.h"
#include "kernel/process/process.h"

namespace kernel {

class ProcessHandle : public RefCounted<ProcessHandle> {
 public:
  // Not for others.
  ProcessHandle(Ref<Process> process, Ref<Thread> unstarted)
      : process_(base::move(process)), unstarted_(base::move(unstarted)) {}
  ~ProcessHandle();

  // Of a process that exists. Error::out_of_memory.
  [[nodiscard]] static Outcome<Ref<ProcessHandle>> of(Ref<Process> process);
  // Of a new process: an empty space, no files, registers zero; paths, limits, identity and blocked
  // signals are the caller's. ENOMEM.
  [[nodiscard]] static Outcome<Ref<ProcessHandle>> create();
  // Of a new process that is a copy, as fork makes it: of the caller, of one that is stopped, or of
  // one that has not started. EBUSY: it runs; ESRCH: it has ended; ENOMEM.
  [[nodiscard]] Outcome<Ref<ProcessHandle>> copy();

  [[nodiscard]] Process& process() const { return *process_; }
  // Whether it has not started.
  [[nodiscard]] bool is_new();

  // Starts it as a child of the current process. EBUSY: it has started; EAGAIN: too many processes;
  // ENOMEM: it can be tried again.
  [[nodiscard]] Outcome<> start();

  // The first thread's, if the process is stopped or has not started; else EBUSY. ESRCH.
  struct Registers {
    cpu::ProgramRegisters program;
    uint64_t thread_pointer;
  };
  [[nodiscard]] Outcome<Registers> registers();
  [[nodiscard]] Outcome<> set_registers(const Registers& registers);

  // Memory, files and program, until the start; EBUSY afterwards. What it had before is given up.
  [[nodiscard]] Outcome<> set_files(Ref<FileTable> files);
  [[nodiscard]] Outcome<> set_program(const Process::Words& words, Ref<PathText> executable);

  // Whether it may be given another space: it has not started, is the caller with one thread, or
  // is stopped with one thread. EBUSY, ESRCH.
  [[nodiscard]] Outcome<> check_switch();
  // Gives it `space`, where it goes on at pc with sp: at once if it has not started, else when it
  // returns to user mode. Nothing happens if it has changed so that check_switch() fails.
  void switch_space(Ref<UserSpace> space, uint64_t pc, uint64_t sp);

 private:
  [[nodiscard]] Thread* settled_thread_locked() BASE_REQUIRES(process_lock);
  [[nodiscard]] Outcome<> check_switch_locked() BASE_REQUIRES(process_lock);

  const Ref<Process> process_;
  Mutex lock_;
  Ref<Thread> unstarted_ BASE_GUARDED_BY(lock_);
};

}  // namespace kernel
