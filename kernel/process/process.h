// process.h: a running program and everything that is its: memory, files, identity, exit status.
#pragma once

#include <cstdint>
#include <span>

#include "base/bits.h"
#include "kernel/fd/simple_files.h"
#include "kernel/host/text.h"
#include "kernel/memory/user_space.h"
#include "kernel/process/thread.h"

namespace kernel {

class Process {
 public:
  static constexpr size_t max_name = 32;

  [[nodiscard]] static base::Result<Owned<Process>> create(Text name);
  Process(Text name, Owned<UserSpace> space);

  [[nodiscard]] uint32_t id() const { return id_; }
  [[nodiscard]] const char* name() const { return name_; }
  [[nodiscard]] UserSpace& space() { return *space_; }
  [[nodiscard]] const UserSpace& space() const { return *space_; }
  [[nodiscard]] SimpleFileTable& files() { return files_; }

  // The data segment's end (brk): where it starts and where it is now.
  [[nodiscard]] uint64_t break_start() const { return break_start_; }
  [[nodiscard]] uint64_t break_end() const { return break_end_; }
  void set_break_start(uint64_t address) { break_start_ = break_end_ = address; }
  void set_break_end(uint64_t address) { break_end_ = address; }

  // Blocked signals and the file creation mask: kept for the program, which asks for them back.
  [[nodiscard]] uint64_t signal_mask() const { return signal_mask_; }
  void set_signal_mask(uint64_t mask) { signal_mask_ = mask; }
  uint32_t exchange_file_mask(uint32_t mask) { return base::exchange(file_mask_, mask); }

  // True the first time for each system call number below 1024: unknown calls are logged once.
  [[nodiscard]] bool first_time_unknown(uint64_t number);

  void record_exit(ExitCause cause, uint8_t value);
  // As a shell reports it: the status, or 128 + signal.
  [[nodiscard]] uint8_t status() const { return status_; }

 private:
  uint32_t id_;
  char name_[max_name]{};
  Owned<UserSpace> space_;
  SimpleFileTable files_;
  uint64_t break_start_ = 0;
  uint64_t break_end_ = 0;
  uint64_t signal_mask_ = 0;
  uint32_t file_mask_ = 022;
  uint64_t unknown_calls_[16]{};
  uint8_t status_ = 0;
};

}  // namespace kernel
