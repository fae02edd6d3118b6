#include "kernel/fd/memory_file.h"

#include <cstring>

#include "base/bits.h"
#include "kernel/host/clock.h"
#include "kernel/log/format.h"
#include "kernel/memory/shared_memory.h"

namespace kernel {

namespace {

base::Atomic<uint64_t> last_number{0};

// Offsets of pages are page counts; the largest that an object takes is below this many bytes.
constexpr uint64_t max_size = uint64_t(1) << 46;

vm::ObjectPage page_at(uint64_t position) {
  return vm::ObjectPage(position >> base::page_shift);
}
size_t rest_of_page(uint64_t position) {
  return size_t(base::page_size - position % base::page_size);
}

}  // namespace

MemoryFile::MemoryFile(uint64_t number, vm::ObjectRef memory, Text name, uint32_t flags)
    : SeekableFile(flags),
      number_(number),
      memory_(base::move(memory)),
      created_ns_(wall_clock_ns()),
      name_size_(name.copy(name_, sizeof(name_))) {}

size_t MemoryFile::describe(char* text, size_t capacity) const {
  char line[max_name + 32];
  const size_t size =
      format_into(line, sizeof(line), "/memfd:%.*s (deleted)", int(name_size_), name_);
  return Text(line, size).copy(text, capacity);
}

Outcome<FileStatus> MemoryFile::status() {
  FileStatus status;
  status.inode = number_;
  status.mode = mode_regular | 0777;
  status.links = 0;
  status.size = size();
  status.blocks = base::align_up(status.size, base::page_size) / 512;
  status.accessed_ns = status.modified_ns = status.changed_ns = created_ns_;
  return status;
}

Outcome<uint64_t> MemoryFile::read_at(Sink& sink, uint64_t position) {
  const base::Guard guard(lock_);
  while (position < size() && sink.remaining() != 0 && !sink.faulted()) {
    const size_t count = base::min<uint64_t>(rest_of_page(position), size() - position);
    BASE_TRY_ASSIGN(const auto page, hold_page(*memory_.get(), page_at(position)));
    position += page ? sink.put({page->bytes() + position % base::page_size, count})
                     : sink.put_zeroes(count);
  }
  return sink.moved() == 0 && sink.faulted() ? Outcome<uint64_t>(Errno::bad_address)
                                             : Outcome<uint64_t>(sink.moved());
}

Outcome<> MemoryFile::copy_in_locked(Source& source, uint64_t position) {
  while (source.remaining() != 0) {
    BASE_TRY_ASSIGN(const auto page, hold_or_make_page(*memory_.get(), page_at(position)));
    position += source.get({page.bytes() + position % base::page_size, rest_of_page(position)});
    if (source.faulted()) {
      return Errno::bad_address;
    }
  }
  return {};
}

Outcome<uint64_t> MemoryFile::write_at(Source& source, uint64_t position) {
  const base::Guard guard(lock_);
  if (source.remaining() == 0) {
    return uint64_t(0);
  }
  if (position >= max_size || max_size - position < source.remaining()) {
    return Errno::file_too_large;
  }
  const uint64_t before = size();
  if (position + source.remaining() > before) {
    BASE_TRY(resize_locked(position + source.remaining()));
  }
  const Outcome<> copied = copy_in_locked(source, position);
  const uint64_t end = source.moved() == 0 ? before : base::max(before, position + source.moved());
  if (end < size()) {
    (void)resize_locked(end);  // smaller: it succeeds
  }
  return source.moved() == 0 ? Outcome<uint64_t>(copied.error())
                             : Outcome<uint64_t>(source.moved());
}

Outcome<FileMapping> MemoryFile::map(const MapRequest& request) {
  return FileMapping{vm::ObjectRef::share(*memory_.get()), page_at(request.offset)};
}

Outcome<> MemoryFile::set_size(uint64_t size) {
  const base::Guard guard(lock_);
  return size > max_size ? Outcome<>(Errno::file_too_large) : resize_locked(size);
}

Outcome<> MemoryFile::resize_locked(uint64_t wanted) {
  const uint64_t pages = base::align_up(wanted, base::page_size) >> base::page_shift;
  if (wanted < size() && wanted % base::page_size != 0) {
    BASE_TRY_ASSIGN(const auto page, hold_page(*memory_.get(), page_at(wanted)));
    if (page) {
      memset(page->bytes() + wanted % base::page_size, 0, rest_of_page(wanted));
    }
  }
  BASE_TRY(resize_shared_memory(*memory_.get(), base::PageCount(pages)));
  size_.store<base::Order::relaxed>(wanted);
  return {};
}

Outcome<Ref<File>> make_memory_file(Text name, uint32_t flags) {
  if (name.size() > MemoryFile::max_name) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(vm::ObjectRef memory, make_shared_memory(base::PageCount(0)));
  const uint64_t number = last_number.fetch_add<base::Order::relaxed>(1) + 1;
  return make_ref<MemoryFile>(number, base::move(memory), name, flags);
}

}  // namespace kernel
