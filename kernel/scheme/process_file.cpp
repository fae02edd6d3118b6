#include "kernel/scheme/process_file.h"

#include "kernel/process/scheduler.h"
#include "kernel/process/signal_send.h"
#include "kernel/scheme/process_files.h"
#include "kernel/scheme/records.h"
#include "kernel/scheme/space_file.h"

namespace kernel {

namespace {

class RegistersFile final : public HandleFile {
 public:
  using HandleFile::HandleFile;

  Outcome<uint64_t> read(Sink& sink) override {
    BASE_TRY_ASSIGN(const ProcessHandle::Registers from, handle().registers());
    auto to = make_record<process_registers>();
    to.instruction_pointer = from.program.pc;
    to.stack_pointer = from.program.sp;
    to.flags = from.program.flags;
    to.thread_pointer = from.thread_pointer;
    static_assert(sizeof(to.general) == sizeof(from.program.general));
    memcpy(to.general, from.program.general, sizeof(to.general));
    BASE_TRY(put_record(sink, to));
    return sink.moved();
  }
  Outcome<uint64_t> write(Source& source) override {
    BASE_TRY_ASSIGN(const auto from, fetch_only_record<process_registers>(source));
    if (from.reserved != 0 || from.instruction_pointer >= UserSpace::end() ||
        from.stack_pointer > UserSpace::end() || from.thread_pointer >= UserSpace::end()) {
      return Errno::invalid;
    }
    ProcessHandle::Registers to{{from.instruction_pointer, from.stack_pointer, from.flags, {}},
                                from.thread_pointer};
    memcpy(to.program.general, from.general, sizeof(from.general));
    BASE_TRY(handle().set_registers(to));
    return source.moved();
  }
};

class NameFile final : public HandleFile {
 public:
  using HandleFile::HandleFile;

  // The whole name each time.
  Outcome<uint64_t> read(Sink& sink) override {
    char name[Process::max_name];
    {
      const base::Guard guard(process_lock);
      memcpy(name, handle().process().name(), sizeof(name));
    }
    const size_t size = bounded_length(name, sizeof(name));
    return sink.put({reinterpret_cast<const uint8_t*>(name), size}) == size || !sink.faulted()
               ? Outcome<uint64_t>(sink.moved())
               : Outcome<uint64_t>(Errno::bad_address);
  }
  Outcome<uint64_t> write(Source& source) override {
    char name[Process::max_name] = {};
    const uint64_t size = source.remaining();
    (void)source.get({reinterpret_cast<uint8_t*>(name), sizeof(name) - 1});
    if (source.faulted()) {
      return Errno::bad_address;
    }
    const base::Guard guard(process_lock);
    handle().process().rename(Text(name, bounded_length(name, sizeof(name))));
    return size;
  }
};

class StatusFile final : public HandleFile {
 public:
  using HandleFile::HandleFile;

  Outcome<uint64_t> read(Sink& sink) override {
    auto to = make_record<process_status>();
    Process& process = handle().process();
    const bool is_new = handle().is_new();
    if (!is_new) {
      const base::Guard guard(process_lock);
      const bool ended = process.state != ProcessState::running;
      to.state = ended                        ? PROCESS_ENDED
                 : process.signals.is_stopped ? PROCESS_STOPPED
                                              : PROCESS_RUNNING;
      to.id = process.id();
      to.parent = process.parent == nullptr ? 0 : process.parent->id();
      to.group = process.group;
      to.session = process.session;
      to.threads = process.thread_count;
      to.exit_status = ended ? process.status.raw() : 0;
    }
    BASE_TRY(put_record(sink, to));
    return sink.moved();
  }
  Outcome<uint64_t> write(Source& source) override {
    BASE_TRY_ASSIGN(const auto from, fetch_only_record<process_status>(source));
    auto wanted = make_record<process_status>();
    wanted.state = from.state;
    if (memcmp(&from, &wanted, sizeof(from)) != 0 ||
        (from.state != PROCESS_RUNNING && from.state != PROCESS_STOPPED)) {
      return Errno::invalid;
    }
    if (handle().is_new()) {
      if (from.state != PROCESS_RUNNING) {
        return Errno::invalid;
      }
      BASE_TRY(handle().start());
      return source.moved();
    }
    const Signal signal = from.state == PROCESS_RUNNING ? Signal::resume : Signal::stop;
    const base::Guard guard(process_lock);
    if (handle().process().state != ProcessState::running) {
      return Errno::no_process;
    }
    const Process& sender = current_thread().process();
    (void)send_signal_locked(handle().process(),
                             SignalInfo::from(signal, signal_code::user, sender.id()));
    return source.moved();
  }
};

class ProgramFile final : public HandleFile {
 public:
  using HandleFile::HandleFile;

  Outcome<uint64_t> write(Source& source) override {
    BASE_TRY_ASSIGN(const auto from, fetch_only_record<process_program>(source));
    if (from.arguments > from.arguments_end || from.environment > from.environment_end ||
        from.arguments_end > UserSpace::end() || from.environment_end > UserSpace::end()) {
      return Errno::invalid;
    }
    Ref<PathText> path;
    if (from.file >= 0) {
      const Ref<File> file = current_thread().process().files().find(uint32_t(from.file));
      if (!file) {
        return Errno::bad_descriptor;
      }
      path = file->path();
    }
    BASE_TRY(handle().set_program(
        {from.arguments, from.arguments_end, from.environment, from.environment_end},
        base::move(path)));
    return source.moved();
  }
};

// The process gets what was written last when the descriptor is closed.
class SwitchFile final : public HandleFile {
 public:
  using HandleFile::HandleFile;
  ~SwitchFile() override {
    if (space_) {
      handle().switch_space(base::move(space_), pc_, sp_);
    }
  }

  Outcome<uint64_t> write(Source& source) override {
    BASE_TRY_ASSIGN(const auto from, fetch_only_record<process_switch>(source));
    const Ref<File> file = from.space < 0
                               ? Ref<File>()
                               : current_thread().process().files().find(uint32_t(from.space));
    if (!file) {
      return Errno::bad_descriptor;
    }
    Ref<UserSpace> space = file->address_space();
    if (!space || from.instruction_pointer >= UserSpace::end() ||
        from.stack_pointer > UserSpace::end()) {
      return Errno::invalid;
    }
    BASE_TRY(handle().check_switch());
    const base::Guard guard(lock_);
    space_ = base::move(space);
    pc_ = from.instruction_pointer;
    sp_ = from.stack_pointer;
    return source.moved();
  }

 private:
  Mutex lock_;
  Ref<UserSpace> space_ BASE_GUARDED_BY(lock_);
  uint64_t pc_ BASE_GUARDED_BY(lock_) = 0;
  uint64_t sp_ BASE_GUARDED_BY(lock_) = 0;
};

// The descriptor of a process that was made through descriptors.
class MadeProcess final : public HandleFile {
 public:
  using HandleFile::HandleFile;

  Outcome<Ref<File>> dup_named(Text name, uint32_t) override {
    return derive_from_process(handle_ref(), name);
  }
};

Outcome<Ref<File>> space_of(ProcessHandle& handle) {
  Ref<UserSpace> space;
  {
    const base::Guard guard(process_lock);
    space = handle.process().space_ref();
  }
  return space ? make_space_file(base::move(space), open_flag::read_write)
               : Outcome<Ref<File>>(Errno::no_process);
}

}  // namespace

Outcome<Ref<File>> make_new_process() {
  BASE_TRY_ASSIGN(Ref<ProcessHandle> handle, ProcessHandle::create());
  return make_ref<MadeProcess>(base::move(handle), open_flag::read_only);
}

Outcome<Ref<File>> derive_from_process(const Ref<ProcessHandle>& handle, Text name) {
  constexpr uint32_t both = open_flag::read_write;
  if (name == "addrspace") {
    return space_of(*handle);
  }
  if (name == "files") {
    return make_files_file(handle);
  }
  if (name == "regs") {
    return make_ref<RegistersFile>(handle, both);
  }
  if (name == "name") {
    return make_ref<NameFile>(handle, both);
  }
  if (name == "program") {
    return make_ref<ProgramFile>(handle, open_flag::write_only);
  }
  if (name == "status") {
    return make_ref<StatusFile>(handle, both);
  }
  if (name == "current-addrspace") {
    return make_ref<SwitchFile>(handle, open_flag::write_only);
  }
  if (name == "exclusive") {
    BASE_TRY_ASSIGN(Ref<ProcessHandle> copy, handle->copy());
    return make_ref<MadeProcess>(base::move(copy), open_flag::read_only);
  }
  return Errno::invalid;
}

}  // namespace kernel
