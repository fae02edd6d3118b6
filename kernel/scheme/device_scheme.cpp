#include "kernel/scheme/device_scheme.h"

namespace kernel {

FileStatus device_status(const Scheme& scheme, uint64_t number, uint32_t permissions) {
  FileStatus status;
  status.device = scheme.device();
  status.inode = number;
  status.mode = mode_character | permissions;
  status.special_device = number;
  return status;
}

Outcome<FileStatus> DeviceScheme::status(Text rest) {
  if (!rest.empty()) {
    return Errno::not_directory;
  }
  return device_status(*this, number_, permissions_);
}

Outcome<uint64_t> moved_or_fault(const Transfer& transfer) {
  if (transfer.moved() == 0 && transfer.faulted()) {
    return Errno::bad_address;
  }
  return transfer.moved();
}

}  // namespace kernel
