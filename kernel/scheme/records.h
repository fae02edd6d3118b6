// records.h: structures of kernel/include/ on their way between a program and the kernel. Each
// begins with its version and its size.
#pragma once

#include <type_traits>

#include "kernel/fd/transfer.h"
#include "kernel/include/space_descriptors.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

template <typename T>
concept Record = std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0 &&
                 requires(T record) { record.version, record.size; };

template <Record T>
[[nodiscard]] T make_record() {
  T record{};
  record.version = SPACE_VERSION;
  record.size = sizeof(T);
  return record;
}

// The next one. EINVAL: not a whole one, or another version's; EFAULT.
template <Record T>
[[nodiscard]] Outcome<T> fetch_record(Source& source) {
  if (source.remaining() < sizeof(T)) {
    return Errno::invalid;
  }
  T record{};
  if (source.get({reinterpret_cast<uint8_t*>(&record), sizeof(T)}) != sizeof(T)) {
    return Errno::bad_address;
  }
  return record.version == SPACE_VERSION && record.size == sizeof(T) ? Outcome<T>(record)
                                                                     : Outcome<T>(Errno::invalid);
}
// The same, and nothing may follow.
template <Record T>
[[nodiscard]] Outcome<T> fetch_only_record(Source& source) {
  return source.remaining() == sizeof(T) ? fetch_record<T>(source) : Outcome<T>(Errno::invalid);
}

// EINVAL: there is no room; EFAULT.
template <Record T>
[[nodiscard]] Outcome<> put_record(Sink& sink, const T& record) {
  if (sink.remaining() < sizeof(T)) {
    return Errno::invalid;
  }
  return sink.put({reinterpret_cast<const uint8_t*>(&record), sizeof(T)}) == sizeof(T)
             ? Outcome<>()
             : Outcome<>(Errno::bad_address);
}

}  // namespace kernel
