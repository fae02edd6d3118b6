// FileTable: a process's open files by number: shared by CLONE_FILES, copied by fork().
//
// Grows as numbers are used. A file that leaves is handed to the caller or released after the lock:
// no file dies under it. Lock: a spin lock, leaf but for the heap's.
#pragma once

#include <cstdint>

#include "kernel/fd/file.h"
#include "kernel/host/spin_lock.h"

namespace kernel {

enum class CloseOnExec : uint8_t { no, yes };

class FileTable : public RefCounted<FileTable> {
 public:
  // Above any RLIMIT_NOFILE.
  static constexpr uint32_t max_files = 4096;
  static constexpr uint32_t default_files = 1024;

  [[nodiscard]] static base::Result<Ref<FileTable>> create();
  FileTable() = default;
  ~FileTable();

  // The same files at the same numbers. Error::out_of_memory.
  [[nodiscard]] base::Result<Ref<FileTable>> copy() const;

  // No reference: there is no such open file.
  [[nodiscard]] Ref<File> find(uint64_t number) const;

  // Puts `file` at the lowest free number from `least` on and below `limit` (RLIMIT_NOFILE).
  // EMFILE; ENOMEM.
  [[nodiscard]] Outcome<uint32_t> add(Ref<File> file, CloseOnExec close_on_exec, uint32_t limit,
                                      uint32_t least = 0);
  // Two steps of add(), for calls that can fail in between: a reserved number is neither free nor
  // open until install() or cancel().
  [[nodiscard]] Outcome<uint32_t> reserve(uint32_t limit, uint32_t least = 0);
  void install(uint32_t number, Ref<File> file, CloseOnExec close_on_exec);
  void cancel(uint32_t number);

  // Puts `file` at `number` and releases what was open there. EBADF: not below `limit`; EBUSY: the
  // number is reserved; ENOMEM.
  [[nodiscard]] Outcome<> replace(uint32_t number, Ref<File> file, CloseOnExec close_on_exec,
                                  uint32_t limit);
  // Takes the file out; no reference: there was none.
  [[nodiscard]] Ref<File> remove(uint64_t number);
  // Closes what is open in [first, last].
  void close_range(uint32_t first, uint32_t last);
  // Marks what is open in [first, last].
  void mark_close_on_exec(uint32_t first, uint32_t last);
  // What execve() closes.
  void close_marked();

  // EBADF.
  [[nodiscard]] Outcome<CloseOnExec> close_on_exec(uint64_t number) const;
  [[nodiscard]] Outcome<> set_close_on_exec(uint64_t number, CloseOnExec value);

  // The first open number >= `from`, or max_files: to list them.
  [[nodiscard]] uint32_t next_open(uint32_t from) const;

 private:
  struct Slot {
    Ref<File> file;
    bool reserved = false;
    CloseOnExec close_on_exec = CloseOnExec::no;

    [[nodiscard]] bool is_free() const { return !file && !reserved; }
  };

  // Makes room for `count` slots.
  [[nodiscard]] base::Status grow(uint32_t count);
  [[nodiscard]] Slot* open_slot(uint64_t number) const BASE_REQUIRES(lock_);

  bool copy_slots_locked(FileTable& fresh) const BASE_REQUIRES(lock_);

  mutable SpinLock lock_{LockRank::file_table};
  Slot* slots_ BASE_GUARDED_BY(lock_) = nullptr;
  uint32_t capacity_ BASE_GUARDED_BY(lock_) = 0;
  uint32_t lowest_free_ BASE_GUARDED_BY(lock_) = 0;  // no number below is free
};

}  // namespace kernel
