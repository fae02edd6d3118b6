#include "kernel/scheme/process_files.h"

#include "kernel/process/scheduler.h"
#include "kernel/scheme/records.h"
#include "kernel/scheme/registry.h"

namespace kernel {

Outcome<FileStatus> HandleFile::status() {
  FileStatus status;
  const Ref<Scheme> scheme = find_scheme("proc");
  status.device = scheme ? scheme->device() : 0;
  status.inode = 1 + (uint64_t(handle_->process().id()) << 32);
  status.mode = mode_regular | 0600;
  return status;
}

namespace {

class FilesFile final : public HandleFile {
 public:
  using HandleFile::HandleFile;

  Outcome<uint64_t> read(Sink& sink) override;
  Outcome<uint64_t> write(Source& source) override;
  // The position is a number.
  Outcome<uint64_t> seek(int64_t offset, Whence whence) override {
    const base::Guard guard(lock_);
    if (whence != Whence::start || offset < 0 || offset > FileTable::max_files) {
      return Errno::invalid;
    }
    next_ = uint32_t(offset);
    return uint64_t(next_);
  }

 private:
  [[nodiscard]] Outcome<Ref<FileTable>> table() const {
    const base::Guard guard(process_lock);
    Ref<FileTable> files = handle().process().files_ref();
    return files ? Outcome<Ref<FileTable>>(base::move(files))
                 : Outcome<Ref<FileTable>>(Errno::no_process);
  }

  Mutex lock_;
  uint32_t next_ BASE_GUARDED_BY(lock_) = 0;
};

Outcome<uint64_t> FilesFile::read(Sink& sink) {
  const base::Guard guard(lock_);
  BASE_TRY_ASSIGN(const Ref<FileTable> files, table());
  if (sink.remaining() < sizeof(process_file)) {
    return Errno::invalid;
  }
  while (sink.remaining() >= sizeof(process_file)) {
    const uint32_t number = files->next_open(next_);
    if (number >= FileTable::max_files) {
      break;
    }
    const auto marked = files->close_on_exec(number);
    auto file = make_record<process_file>();
    file.file = -1;
    file.number = int32_t(number);
    file.flags = marked && marked.value() == CloseOnExec::yes ? PROCESS_FILE_MARKED : 0;
    const auto put = put_record(sink, file);
    if (!put) {
      return sink.moved() < sizeof(file) ? Outcome<uint64_t>(put.error())
                                         : Outcome<uint64_t>(sink.moved());
    }
    next_ = number + 1;
  }
  return sink.moved();
}

// One change, to a table that nobody else has.
Outcome<> change(Ref<FileTable>& files, const process_file& request) {
  const FileTable& own = current_thread().process().files();
  const CloseOnExec marked =
      request.flags & PROCESS_FILE_MARKED ? CloseOnExec::yes : CloseOnExec::no;
  if (request.reserved != 0 || (request.flags & ~uint32_t{PROCESS_FILE_MARKED}) != 0) {
    return Errno::invalid;
  }
  switch (request.operation) {
    case PROCESS_FILE_PUT: {
      Ref<File> file = request.file < 0 ? Ref<File>() : own.find(uint32_t(request.file));
      if (!file || request.number < 0) {
        return Errno::bad_descriptor;
      }
      return files->replace(uint32_t(request.number), base::move(file), marked,
                            FileTable::max_files);
    }
    case PROCESS_FILE_CLOSE:
      return request.number >= 0 && files->remove(uint32_t(request.number))
                 ? Outcome<>()
                 : Outcome<>(Errno::bad_descriptor);
    case PROCESS_FILES_COPY: {
      BASE_TRY_ASSIGN(files, own.copy());
      files->close_marked();
      return {};
    }
    default: return Errno::invalid;
  }
}

// All changes are made to a copy, which then takes the table's place.
Outcome<uint64_t> FilesFile::write(Source& source) {
  const uint64_t count = source.remaining() / sizeof(process_file);
  if (count == 0 || count > PROCESS_FILES_MAX || source.remaining() % sizeof(process_file) != 0) {
    return Errno::invalid;
  }
  const base::Guard guard(lock_);
  if (!handle().is_new()) {
    return Errno::busy;
  }
  BASE_TRY_ASSIGN(const Ref<FileTable> before, table());
  BASE_TRY_ASSIGN(Ref<FileTable> files, before->copy());
  for (uint64_t i = 0; i < count; ++i) {
    BASE_TRY_ASSIGN(const process_file request, fetch_record<process_file>(source));
    BASE_TRY(change(files, request));
  }
  BASE_TRY(handle().set_files(base::move(files)));
  return source.moved();
}

}  // namespace

Outcome<Ref<File>> make_files_file(const Ref<ProcessHandle>& handle) {
  return make_ref<FilesFile>(handle, open_flag::read_write);
}

}  // namespace kernel
