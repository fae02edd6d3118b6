// DeviceScheme: a scheme that is one character device: no names below it.
// DeviceFile: such a device, open.
#pragma once

#include "kernel/scheme/scheme.h"

namespace kernel {

// What stat() shows of a device; its inode is its number.
[[nodiscard]] FileStatus device_status(const Scheme& scheme, uint64_t number, uint32_t permissions);

class DeviceScheme : public Scheme {
 public:
  // ENOTDIR below the device itself.
  Outcome<FileStatus> status(Text rest) override;

 protected:
  DeviceScheme(Text name, uint64_t number, uint32_t permissions)
      : Scheme(name), number_(number), permissions_(permissions) {}

 private:
  uint64_t number_;
  uint32_t permissions_;
};

class DeviceFile : public File {
 public:
  DeviceFile(const FileStatus& status, uint32_t flags) : File(flags), status_(status) {}

  Outcome<FileStatus> status() override { return status_; }
  // Positions mean nothing here: seeking succeeds and goes nowhere.
  Outcome<uint64_t> seek(int64_t, Whence) override { return uint64_t(0); }
  Outcome<uint64_t> read_at(Sink& sink, uint64_t) override { return read(sink); }
  Outcome<uint64_t> write_at(Source& source, uint64_t) override { return write(source); }

 private:
  FileStatus status_;
};

// What a transfer to `sink` gives: what was moved, or EFAULT when that is nothing.
[[nodiscard]] Outcome<uint64_t> moved_or_fault(const Transfer& transfer);

}  // namespace kernel
