#include "kernel/process/process_table.h"

#include "kernel/log/panic.h"
#include "kernel/process/process.h"

namespace kernel {

SpinLock process_lock{LockRank::processes};

class ProcessTable {
 public:
  using Bucket = base::List<Process, &Process::table_node>;
  static constexpr uint32_t bucket_count = 1024;

  Process* find(uint32_t id) BASE_REQUIRES(process_lock) {
    for (Process* at = bucket(id).front(); at != nullptr; at = bucket(id).next(*at)) {
      if (at->id_ == id) {
        return at;
      }
    }
    return nullptr;
  }

  template <typename Visit>  // returns whether to go on
  void visit(Visit&& visit) BASE_REQUIRES(process_lock) {
    for (Bucket& bucket : buckets_) {
      for (Process* at = bucket.front(); at != nullptr; at = bucket.next(*at)) {
        if (!visit(*at)) {
          return;
        }
      }
    }
  }

  Process* next(const Process* after) BASE_REQUIRES(process_lock) {
    if (after != nullptr) {
      if (Process* at = bucket(after->id_).next(*after)) {
        return at;
      }
    }
    for (uint32_t i = after == nullptr ? 0 : after->id_ % bucket_count + 1; i < bucket_count; ++i) {
      if (Process* at = buckets_[i].front()) {
        return at;
      }
    }
    return nullptr;
  }

  void insert(Process& process, uint32_t id) BASE_REQUIRES(process_lock) {
    process.id_ = id;
    bucket(id).push_back(process);
    ++processes;
    ++started;
  }
  void remove(Process& process) BASE_REQUIRES(process_lock) {
    bucket(process.id_).remove(process);
    --processes;
  }

  uint32_t processes BASE_GUARDED_BY(process_lock) = 0;
  uint64_t started BASE_GUARDED_BY(process_lock) = 0;
  uint32_t threads BASE_GUARDED_BY(process_lock) = 0;
  // The last number given, and the end of the run of free ones after it: those are only given here.
  uint32_t last_id BASE_GUARDED_BY(process_lock) = 1;
  uint32_t free_until BASE_GUARDED_BY(process_lock) = 2;

 private:
  Bucket& bucket(uint32_t id) { return buckets_[id % bucket_count]; }

  Bucket buckets_[bucket_count];
};

namespace {

[[clang::no_destroy]] constinit ProcessTable table;
Process* kernel_process_ = nullptr;
Process* init_process_ = nullptr;

// The lowest number from `id` on that somebody has; max_ids: nobody.
uint32_t taken_from(uint32_t id) BASE_REQUIRES(process_lock) {
  uint32_t lowest = max_ids;
  const auto note = [&](uint32_t taken) {
    if (taken >= id && taken < lowest) {
      lowest = taken;
    }
  };
  table.visit([&](Process& process) BASE_NO_THREAD_SAFETY_ANALYSIS {
    note(process.id());
    note(process.group);
    note(process.session);
    for (Thread* thread = process.threads.front(); thread != nullptr;
         thread = process.threads.next(*thread)) {
      note(thread->id());
    }
    return lowest != id;
  });
  return lowest;
}

}  // namespace

Process& kernel_process() {
  return *kernel_process_;
}
Process& init_process() {
  return *init_process_;
}

void create_first_processes() {
  auto first = make_ref<Process>("kernel");
  auto second = make_ref<Process>("init");
  if (!first || !second) {
    panic("no memory for the first processes");
  }
  kernel_process_ = first.value().take();
  init_process_ = second.value().take();
  const base::Guard guard(process_lock);
  table.insert(*kernel_process_, 0);
  table.insert(*init_process_, 1);
  init_process_->set_parent(kernel_process_);
  init_process_->group = init_process_->session = 1;
  kernel_process_->children.push_back(*init_process_);
}

// Numbers go round, so that one that was just given up is not soon somebody else's.
base::Result<uint32_t> take_id() {
  uint32_t next = table.last_id + 1;
  for (uint32_t tries = 0; next >= table.free_until; ++tries) {
    if (tries == max_ids) {
      return base::Error::would_block;
    }
    next = next < max_ids ? next : 2;
    table.free_until = taken_from(next);
    next += next == table.free_until ? 1 : 0;
  }
  table.last_id = next;
  return next;
}

base::Status add_process(Ref<Process> process, Process& parent, uint32_t id) {
  if (table.processes >= max_processes) {
    return base::Error::would_block;
  }
  if (id == 0) {
    BASE_TRY_ASSIGN(id, take_id());
  }
  Process& added = *process.take();
  table.insert(added, id);
  added.set_parent(&parent);
  added.group = added.leads_session ? id : parent.group;
  added.session = added.leads_session ? id : parent.session;
  parent.children.push_back(added);
  return {};
}

Ref<Process> remove_process(Process& process) {
  BASE_CHECK(process.state == ProcessState::zombie, "a process that has not ended is reaped");
  process.state = ProcessState::reaped;
  process.parent->children.remove(process);
  process.set_parent(nullptr);
  table.remove(process);
  return Ref<Process>::adopt(process);
}

Process* find_process_locked(uint32_t id) {
  return table.find(id);
}

Ref<Process> find_process(uint32_t id) {
  const base::Guard guard(process_lock);
  Process* found = table.find(id);
  return found == nullptr ? Ref<Process>() : Ref<Process>::share(*found);
}

Thread* find_thread_locked(uint32_t id) {
  Thread* found = nullptr;
  table.visit([&](Process& process) BASE_NO_THREAD_SAFETY_ANALYSIS {
    for (Thread* thread = process.threads.front(); thread != nullptr;
         thread = process.threads.next(*thread)) {
      if (thread->id() == id) {
        found = thread;
        return false;
      }
    }
    return true;
  });
  return found;
}

Process* next_process_locked(uint32_t after) {
  Process* next = nullptr;
  table.visit([&](Process& process) {
    if (process.id() > after && (next == nullptr || process.id() < next->id())) {
      next = &process;
    }
    return true;
  });
  return next;
}

Process* next_in_table(const Process* after) {
  return table.next(after);
}

uint32_t process_count() {
  return table.processes;
}
uint64_t processes_started() {
  return table.started;
}
uint32_t thread_count() {
  return table.threads;
}

base::Status add_thread(Thread& thread, uint32_t id) {
  Process& process = thread.process();
  if (process.is_exiting || process.sole_survivor != nullptr) {
    return base::Error::interrupted;
  }
  // One user: the limit is of all threads there are.
  if (table.threads >=
      base::min<uint64_t>(max_threads, process.limits.get(Limit::processes).soft)) {
    return base::Error::would_block;
  }
  if (id == 0) {
    BASE_TRY_ASSIGN(id, take_id());
  }
  thread.set_id(id);
  process.threads.push_back(thread);
  ++process.thread_count;
  ++process.staying_threads;
  ++table.threads;
  return {};
}

bool remove_thread(Thread& thread) {
  Process& process = thread.process();
  const CpuTimes times = thread.times();
  process.ended_threads.user += times.user;
  process.ended_threads.system += times.system;
  process.past_usage.add(thread.switches());
  process.threads.remove(thread);
  --table.threads;
  return --process.thread_count == 0;
}

}  // namespace kernel
