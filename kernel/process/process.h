// process.h: a group of threads and what they share: memory, files, identity, how they ended.
//
// The tree of processes, their groups and sessions, thread lists and states are guarded by
// process_lock (process_table.h). Lives by reference: the table holds one until the process has
// been waited for, each thread one.
//
// Memory, files and paths are handles that only the process's own threads change (execve with one
// thread left, exit by the last); others who look at them share the handle under process_lock.
#pragma once

#include <cstdint>
#include <span>

#include "base/bits.h"
#include "base/list.h"
#include "kernel/fd/file_table.h"
#include "kernel/host/text.h"
#include "kernel/memory/ref.h"
#include "kernel/memory/user_space.h"
#include "kernel/process/credentials.h"
#include "kernel/process/interval_timer.h"
#include "kernel/process/limits.h"
#include "kernel/process/process_table.h"
#include "kernel/process/thread.h"
#include "kernel/process/usage.h"
#include "kernel/process/wait_queue.h"
#include "kernel/scheme/path_context.h"

namespace kernel {

inline constexpr uint32_t default_exit_signal = 17;  // SIGCHLD

enum class ProcessState : uint8_t {
  running,
  zombie,  // every thread has ended; its parent has not asked yet
  reaped,  // gone from the tree
};

// How a process ended or changed, as wait4 tells it.
class WaitStatus {
 public:
  constexpr WaitStatus() = default;
  [[nodiscard]] static constexpr WaitStatus exited(uint8_t code) {
    return WaitStatus(uint32_t(code) << 8);
  }
  [[nodiscard]] static constexpr WaitStatus killed(unsigned signal, bool dumped = false) {
    return WaitStatus((signal & 0x7f) | (dumped ? 0x80 : 0));
  }
  [[nodiscard]] static constexpr WaitStatus stopped(unsigned signal) {
    return WaitStatus(0x7f | signal << 8);
  }
  [[nodiscard]] static constexpr WaitStatus continued() { return WaitStatus(0xffff); }

  [[nodiscard]] constexpr uint32_t raw() const { return raw_; }
  [[nodiscard]] constexpr bool was_killed() const { return (raw_ & 0x7f) != 0; }
  [[nodiscard]] constexpr unsigned signal() const { return raw_ & 0x7f; }
  [[nodiscard]] constexpr bool dumped() const { return (raw_ & 0x80) != 0; }
  [[nodiscard]] constexpr uint8_t code() const { return uint8_t(raw_ >> 8); }
  // As a shell reports it: the exit status, or 128 + signal.
  [[nodiscard]] constexpr uint8_t shell_status() const {
    return was_killed() ? uint8_t(128 + signal()) : code();
  }

 private:
  explicit constexpr WaitStatus(uint32_t raw) : raw_(raw) {}
  uint32_t raw_ = 0;
};

// An address space that a process takes on its way to user mode, and where it goes on there.
struct GivenSpace {
  Ref<UserSpace> space;
  uint64_t pc = 0;
  uint64_t sp = 0;
};

class Process : public RefCounted<Process> {
 public:
  static constexpr size_t max_name = 16;  // with its NUL, as Linux's comm

  // A child of `parent` without threads, not yet in the table.
  explicit Process(Text name) : timers(*this) { set_name(name); }
  ~Process();

  // ---- Identity: process_lock, or the process's own
  [[nodiscard]] uint32_t id() const { return id_; }
  [[nodiscard]] const char* name() const { return name_; }
  // The last part of a path, cut to what fits.
  void set_name(Text path);
  // The whole of `name`, cut to what fits. With process_lock, once others can see the process.
  void rename(Text name);

  // ---- Memory and files
  [[nodiscard]] UserSpace& space() const { return *space_; }
  // nullptr for kernel processes, and when it has ended.
  [[nodiscard]] UserSpace* space_or_null() const { return space_.get(); }
  [[nodiscard]] const Ref<UserSpace>& space_ref() const { return space_; }
  // Does not change what the CPU runs. What it had: UserQueue::space_left() is called for that, if
  // its programs may have served schemes.
  Ref<UserSpace> exchange_space(Ref<UserSpace> space);
  // There are none in kernel processes, and when it has ended.
  [[nodiscard]] FileTable& files() const { return *files_; }
  [[nodiscard]] PathContext& paths() const { return *paths_; }
  [[nodiscard]] const Ref<FileTable>& files_ref() const { return files_; }
  [[nodiscard]] const Ref<PathContext>& paths_ref() const { return paths_; }
  Ref<FileTable> exchange_files(Ref<FileTable> files);
  Ref<PathContext> exchange_paths(Ref<PathContext> paths);
  // Files of its own, if it shares them with another process. Error::out_of_memory.
  [[nodiscard]] base::Status unshare_files();
  // A copy of `maker` in all that is not memory, files, identity or state.
  void inherit(const Process& maker);

  // What handlers return to that name nothing; 0: there is nothing.
  [[nodiscard]] uint64_t signal_trampoline() const { return signal_trampoline_; }
  void set_signal_trampoline(uint64_t address) { signal_trampoline_ = address; }

  // Where the program's words are in its memory (/proc/PID/cmdline, environ).
  struct Words {
    uint64_t arguments = 0, arguments_end = 0;
    uint64_t environment = 0, environment_end = 0;
  };
  [[nodiscard]] const Words& words() const { return words_; }
  void set_words(const Words& words) { words_ = words; }

  // The program's path; none in kernel processes.
  [[nodiscard]] const Ref<PathText>& executable() const { return executable_; }
  // Returns the one before. Others look under process_lock.
  Ref<PathText> exchange_executable(Ref<PathText> path);

  // True the first time for each system call number below 1024: unknown calls are logged once.
  [[nodiscard]] bool first_time_unknown(uint64_t number);

  // Processor time of its threads, ended ones included; of its children that were waited for.
  [[nodiscard]] CpuTimes times() const BASE_REQUIRES(process_lock);
  // Of its threads and its memory, now and before; no lock held.
  [[nodiscard]] ResourceUsage usage() const;
  // Its memory is about to be given up: what was used of it is kept.
  void keep_usage(UserSpace& space);
  [[nodiscard]] uint64_t start_ns() const { return start_ns_; }
  // Without a lock. 0: nobody's child.
  [[nodiscard]] uint32_t parent_id() const { return parent_id_.load<base::Order::relaxed>(); }
  void set_parent(Process* of) BASE_REQUIRES(process_lock) {
    parent = of;
    parent_id_.store<base::Order::relaxed>(of == nullptr ? 0 : of->id());
  }

  // A child changed state: its parent waits here.
  WaitQueue child_events;
  // Of vfork: the child has let go of the memory that it borrows.
  WaitQueue vfork_done;

  // ---- process_lock
  Process* parent BASE_GUARDED_BY(process_lock) = nullptr;  // by set_parent()
  uint32_t group BASE_GUARDED_BY(process_lock) = 0;
  uint32_t session BASE_GUARDED_BY(process_lock) = 0;
  ProcessState state BASE_GUARDED_BY(process_lock) = ProcessState::running;
  WaitStatus status BASE_GUARDED_BY(process_lock);
  // An exit or an execve is under way: threads other than the one that does it must end.
  Thread* sole_survivor BASE_GUARDED_BY(process_lock) = nullptr;
  bool is_exiting BASE_GUARDED_BY(process_lock) = false;
  // Becomes the first of a session and group of its own when it enters the table.
  bool leads_session BASE_GUARDED_BY(process_lock) = false;
  bool has_executed BASE_GUARDED_BY(process_lock) = false;  // since it was forked
  bool vfork_pending BASE_GUARDED_BY(process_lock) = false;
  // Scheme daemons (scheme/scheme_waits.h): it has been one; a mark and a list for looking at them.
  bool serves_schemes BASE_GUARDED_BY(process_lock) = false;
  uint64_t scheme_mark BASE_GUARDED_BY(process_lock) = 0;
  Process* scheme_next BASE_GUARDED_BY(process_lock) = nullptr;
  // What the parent hears when it ends (SIGCHLD, or as clone said); 0: nothing.
  uint32_t exit_signal BASE_GUARDED_BY(process_lock) = default_exit_signal;
  // Job control: a stop or a continuation that wait4 has not reported.
  uint32_t stop_signal BASE_GUARDED_BY(process_lock) = 0;
  bool stop_unreported BASE_GUARDED_BY(process_lock) = false;
  bool continue_unreported BASE_GUARDED_BY(process_lock) = false;
  ProcessSignals signals;  // guards: there
  IntervalTimers timers;
  CpuTimes ended_threads BASE_GUARDED_BY(process_lock);
  CpuTimes waited_children BASE_GUARDED_BY(process_lock);
  // The same beside time: of threads and spaces that it has left behind, of its children.
  ResourceUsage past_usage BASE_GUARDED_BY(process_lock);
  ResourceUsage waited_usage BASE_GUARDED_BY(process_lock);
  Limits limits BASE_GUARDED_BY(process_lock);
  Credentials credentials BASE_GUARDED_BY(process_lock);
  Traits traits BASE_GUARDED_BY(process_lock);
  GivenSpace given_space BASE_GUARDED_BY(process_lock);

  base::List<Thread, &Thread::process_node> threads BASE_GUARDED_BY(process_lock);
  uint32_t thread_count BASE_GUARDED_BY(process_lock) = 0;
  uint32_t staying_threads BASE_GUARDED_BY(process_lock) = 0;  // have not begun to leave
  // Threads leave one by one; execve waits here to be the last.
  WaitQueue thread_events;

  base::ListNode sibling_node;
  base::List<Process, &Process::sibling_node> children BASE_GUARDED_BY(process_lock);
  base::ListNode table_node;

 private:
  friend class ProcessTable;

  uint32_t id_ = 0;
  char name_[max_name]{};
  Ref<UserSpace> space_;
  base::Atomic<uint32_t> parent_id_{0};
  Ref<FileTable> files_;
  Ref<PathContext> paths_;
  Words words_;
  Ref<PathText> executable_;
  uint64_t signal_trampoline_ = 0;
  uint64_t start_ns_ = 0;
  uint64_t unknown_calls_[16]{};
};

}  // namespace kernel
