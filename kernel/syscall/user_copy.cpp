#include "kernel/syscall/user_copy.h"

#include "cpu/probe.h"
#include "kernel/memory/user_space.h"

namespace kernel {

namespace {

bool in_user_half(base::UserAddr address, size_t size) {
  return address.raw() <= UserSpace::end() && size <= UserSpace::end() - address.raw();
}

base::Status copy(void* to, const void* from, size_t size) {
  cpu::open_user_access();
  const uint64_t left = cpu::cpu_copy_bytes(to, from, size);
  cpu::close_user_access();
  return left == 0 ? base::Status() : base::Status(base::Error::fault);
}

}  // namespace

base::Status copy_from_user(void* to, base::UserAddr from, size_t size) {
  if (!in_user_half(from, size)) {
    return base::Error::fault;
  }
  return copy(to, reinterpret_cast<const void*>(from.raw()), size);
}

base::Status copy_to_user(base::UserAddr to, const void* from, size_t size) {
  if (!in_user_half(to, size)) {
    return base::Error::fault;
  }
  return copy(reinterpret_cast<void*>(to.raw()), from, size);
}

base::Result<Text> copy_string_from_user(std::span<char> buffer, base::UserAddr from) {
  size_t size = 0;
  while (size < buffer.size()) {
    // Page by page, so that bytes past the terminator are never asked for across a boundary.
    const uint64_t at = from.raw() + size;
    const uint64_t to_boundary = base::page_size - at % base::page_size;
    const size_t count = base::min<size_t>(to_boundary, buffer.size() - size);
    BASE_TRY(copy_from_user(buffer.data() + size, base::UserAddr(at), count));
    const size_t length = bounded_length(buffer.data() + size, count);
    size += length;
    if (length < count) {
      return Text(buffer.data(), size);
    }
  }
  return base::Error::limit_exceeded;
}

}  // namespace kernel
