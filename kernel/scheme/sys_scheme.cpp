// sys_scheme.cpp: `sys:` (/scheme/sys): counters that Linux's formats have no place for. Text, a
// name and a value a line.
#include "cpu/interrupt_controller.h"
#include "cpu/timer.h"
#include "kernel/fd/directory_file.h"
#include "kernel/host/cpus.h"
#include "kernel/log/format.h"
#include "kernel/log/log.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/shootdown.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/scheme/proc_files.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

namespace {

Outcome<> write_uptime(TextBuilder& text) {
  text.print("nanoseconds %lu\n", cpu::monotonic_ns());
  return {};
}

Outcome<> write_memory(TextBuilder& text) {
  text.print("frames_usable %lu\nframes_free %lu\nheap_blocks %lu\n", usable_frame_count(),
             free_frame_count(), heap_block_count());
  return {};
}

// After giving back all that is only waiting to be given back: equal before and after means that
// nothing was lost. The heap's frames count as free: its blocks are counted.
Outcome<> write_audit(TextBuilder& text) {
  settle_threads();
  UserObject::sweep();
  settle_memory();
  (void)heap_trim();
  uint32_t processes = 0;
  uint32_t threads = 0;
  {
    const base::Guard guard(process_lock);
    processes = process_count();
    threads = thread_count();
  }
  text.print("frames_free %lu\nheap_blocks %lu\nprocesses %u\nthreads %u\n",
             free_frame_count() + heap_frame_count(), heap_block_count(), processes, threads);
  return {};
}

Outcome<> write_interrupts(TextBuilder& text) {
  uint64_t ticks = 0;
  uint64_t devices = 0;
  uint64_t switches = 0;
  uint64_t reschedules = 0;
  MmuCounts mmu;
  online_cpus().for_each([&](uint32_t cpu) {
    const CpuLocal& local = cpu_local_of(cpu);
    ticks += local.ticks;
    devices += local.device_interrupts;
    switches += local.switches;
    reschedules += local.ipis_sent[unsigned(cpu::Ipi::reschedule)];
    mmu.ranges += local.mmu.ranges;
    mmu.pages += local.mmu.pages;
    mmu.tags += local.mmu.tags;
    mmu.everything += local.mmu.everything;
  });
  const ShootdownCounts shootdowns = shootdown_counts();
  text.print("timer %lu\ndevices %lu\ncontext_switches %lu\ncpus %u\nreschedule_ipis %lu\n", ticks,
             devices, switches, online_cpus().count(), reschedules);
  text.print("shootdown_rounds %lu\nshootdown_ipis %lu\n", shootdowns.rounds,
             shootdowns.interrupts);
  text.print("tlb_ranges %lu\ntlb_pages %lu\ntlb_tags %lu\ntlb_everything %lu\n", mmu.ranges,
             mmu.pages, mmu.tags, mmu.everything);
  text.print("controller %s\n", cpu::interrupt_controller_name());
  return {};
}

Outcome<> write_log(TextBuilder& text) {
  const LogExtent extent = kept_log();
  char chunk[512];
  for (uint64_t at = extent.start; at < extent.end;) {
    const size_t size = read_log(at, chunk);
    if (size == 0) {
      break;
    }
    text.put({chunk, size});
    at += size;
  }
  return {};
}

constexpr proc::SystemFile files[] = {{"audit", write_audit},
                                      {"interrupts", write_interrupts},
                                      {"log", write_log},
                                      {"memory", write_memory},
                                      {"uptime", write_uptime}};

Outcome<> write_process(Process& process, TextBuilder& text) {
  BASE_TRY_ASSIGN(const proc::Snapshot found, proc::look({Ref<Process>::share(process)}));
  text.print("name %s\n", found.name);
  if (!found.space) {
    return {};
  }
  const vm::SpaceStatistics memory = found.space->vm().statistics();
  const vm::FaultCounters& faults = memory.faults;
  text.print(
      "mappings %lu\npages_mapped %lu\npages_resident %lu\npages_committed %lu\n"
      "pages_locked %lu\n",
      memory.mappings, memory.mapped.raw(), memory.resident.raw(), memory.committed.raw(),
      memory.locked.raw());
  text.print(
      "faults_zero %lu\nfaults_fresh %lu\nfaults_copied %lu\nfaults_reused %lu\n"
      "faults_object %lu\nfaults_waited %lu\nfaults_huge %lu\n",
      faults.zero, faults.fresh, faults.copied, faults.reused, faults.object, faults.waited,
      faults.huge);
  text.print(
      "faults_spurious %lu\nfaults_refused %lu\npages_around %lu\ntables_shared %lu\n"
      "tables_made_private %lu\n",
      faults.spurious, faults.refused, faults.around, faults.tables_shared,
      faults.tables_made_private);
  return {};
}

// Names: "" is the root, "process" the folder, "process/PID" a file.
constexpr Text folder = "process";

struct Node {
  const proc::SystemFile* file = nullptr;
  Ref<Process> process;
  bool in_folder = false;

  [[nodiscard]] bool is_directory() const { return file == nullptr && !process; }
};

Outcome<Node> parse(Text rest) {
  Node node;
  if (rest.empty()) {
    return node;
  }
  const Text first = rest.substr(0, rest.find('/'));
  if (first == folder) {
    node.in_folder = true;
    if (rest.size() <= first.size() + 1) {
      return node;
    }
    const Text name = rest.substr(first.size() + 1);
    const auto id =
        name.find_first_not_of("0123456789") == Text::npos ? parse_number(name) : std::nullopt;
    node.process = id && *id > 0 && *id < max_ids ? find_process(uint32_t(*id)) : Ref<Process>();
    return node.process ? Outcome<Node>(base::move(node)) : Outcome<Node>(Errno::no_entry);
  }
  for (const proc::SystemFile& file : files) {
    if (file.name == first) {
      node.file = &file;
      return first.size() == rest.size() ? Outcome<Node>(base::move(node))
                                         : Outcome<Node>(Errno::not_directory);
    }
  }
  return Errno::no_entry;
}

FileStatus status_of(const Node& node, uint64_t device) {
  FileStatus status;
  status.device = device;
  constexpr uint64_t first_process = 1000;
  status.inode = node.process           ? first_process + node.process->id()
                 : node.file != nullptr ? 10 + uint64_t(node.file - files)
                                        : 1 + uint64_t(node.in_folder);
  status.mode = node.is_directory() ? mode_directory | 0555 : mode_regular | 0444;
  status.links = node.is_directory() ? 2 : 1;
  return status;
}

class SysTextFile final : public TextFile {
 public:
  SysTextFile(Node node, const FileStatus& status, uint32_t flags)
      : TextFile(status, flags), node_(base::move(node)) {}

 protected:
  Outcome<> make(TextBuilder& text) override {
    return node_.file != nullptr ? node_.file->write(text) : write_process(*node_.process, text);
  }

 private:
  Node node_;
};

class SysDirectory final : public DirectoryFile {
 public:
  SysDirectory(const FileStatus& status, uint32_t flags, bool of_processes)
      : DirectoryFile(flags), status_(status), of_processes_(of_processes) {}

  Outcome<FileStatus> status() override { return status_; }

 protected:
  Outcome<bool> next_child(uint64_t& position, DirectoryEntry& entry) override {
    if (of_processes_) {
      return next_process(position, entry);
    }
    if (position > std::size(files)) {
      return false;
    }
    if (position == std::size(files)) {
      entry.set(folder, 2, mode_directory);
    } else {
      entry.set(files[position].name, 10 + position, mode_regular);
    }
    ++position;
    return true;
  }

 private:
  static bool next_process(uint64_t& position, DirectoryEntry& entry) {
    uint32_t id = 0;
    {
      const base::Guard guard(process_lock);
      const Process* process = next_process_locked(uint32_t(position));
      id = process == nullptr ? 0 : process->id();
    }
    if (id == 0) {
      return false;
    }
    char name[16];
    entry.set({name, format_into(name, sizeof(name), "%u", id)}, 1000 + id, mode_regular);
    position = id;
    return true;
  }

  FileStatus status_;
  bool of_processes_;
};

class SysScheme final : public Scheme {
 public:
  SysScheme() : Scheme("sys") {}

  Outcome<FileStatus> status(Text rest) override {
    BASE_TRY_ASSIGN(const Node node, parse(rest));
    return status_of(node, device());
  }
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(Node node, parse(rest));
    const FileStatus found = status_of(node, device());
    if (node.is_directory()) {
      return make_ref<SysDirectory>(found, request.flags, node.in_folder);
    }
    if ((request.flags & open_flag::access_mode) != open_flag::read_only) {
      return Errno::access;
    }
    return make_ref<SysTextFile>(base::move(node), found, request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_sys_scheme() {
  return make_scheme<SysScheme>();
}

}  // namespace kernel
