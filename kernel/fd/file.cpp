#include "kernel/fd/file.h"

#include <cstring>

#include "kernel/memory/user_space.h"

namespace kernel {

void DirectoryEntry::set(Text text, uint64_t number, uint32_t type) {
  size = text.copy(name, max_name);
  name[size] = '\0';
  inode = number;
  mode = type;
}

void File::set_status_flags(uint32_t flags) {
  uint32_t now = flags_.load<base::Order::relaxed>();
  while (
      !flags_.compare_exchange(now, (now & ~open_flag::settable) | (flags & open_flag::settable))) {
  }
}

size_t File::describe(char* text, size_t capacity) const {
  return path_ ? path_->text().copy(text, capacity) : 0;
}

Outcome<uint64_t> File::read(Sink&) {
  return Errno::invalid;
}
Outcome<uint64_t> File::write(Source&) {
  return Errno::invalid;
}
Outcome<uint64_t> File::read_at(Sink&, uint64_t) {
  return Errno::illegal_seek;
}
Outcome<uint64_t> File::write_at(Source&, uint64_t) {
  return Errno::illegal_seek;
}
Outcome<uint64_t> File::seek(int64_t, Whence) {
  return Errno::illegal_seek;
}
Outcome<bool> File::next_entry(uint64_t&, DirectoryEntry&) {
  return Errno::not_directory;
}
Outcome<uint64_t> File::list_position() {
  return Errno::not_directory;
}
uint32_t File::poll(PollTable*) {
  return poll_event::readable | poll_event::writable;
}
CallResult File::ioctl(uint32_t, uint64_t) {
  return Errno::not_terminal;
}
CallResult File::control(int32_t, uint64_t) {
  return Errno::invalid;
}
Outcome<FileMapping> File::map(const MapRequest&) {
  return Errno::no_device;
}
Outcome<Ref<File>> File::dup_named(Text, uint32_t) {
  return Errno::invalid;
}
Ref<UserSpace> File::address_space() const {
  return {};
}
Outcome<> File::set_size(uint64_t) {
  return Errno::invalid;
}
Outcome<> File::sync() {
  return Errno::invalid;
}
Outcome<> File::set_attributes(const AttributeChange&) {
  return Errno::read_only;
}

}  // namespace kernel
