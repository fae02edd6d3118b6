#include "kernel/fd/file_table.h"

namespace kernel {

namespace {
constexpr uint32_t first_capacity = 32;
}

base::Result<Ref<FileTable>> FileTable::create() {
  return make_ref<FileTable>();
}

FileTable::~FileTable() {
  // The last reference: nobody else looks.
  for (uint32_t i = 0; i < capacity_; ++i) {
    slots_[i].~Slot();
  }
  heap_free(slots_);
}

base::Status FileTable::grow(uint32_t count) {
  {
    const base::Guard guard(lock_);
    if (count <= capacity_) {
      return {};
    }
  }
  uint32_t wanted = first_capacity;
  while (wanted < count) {
    wanted *= 2;
  }
  BASE_TRY_ASSIGN(void* storage, heap_allocate(wanted * sizeof(Slot)));
  auto* fresh = static_cast<Slot*>(storage);
  for (uint32_t i = 0; i < wanted; ++i) {
    base::construct_at<Slot>(fresh + i);
  }
  void* unused = storage;
  {
    const base::Guard guard(lock_);
    if (capacity_ < wanted) {
      for (uint32_t i = 0; i < capacity_; ++i) {
        fresh[i] = base::move(slots_[i]);
        slots_[i].~Slot();
      }
      unused = slots_;
      slots_ = fresh;
      capacity_ = wanted;
    }
  }
  heap_free(unused);
  return {};
}

FileTable::Slot* FileTable::open_slot(uint64_t number) const {
  return number < capacity_ && slots_[number].file ? &slots_[number] : nullptr;
}

base::Result<Ref<FileTable>> FileTable::copy() const {
  BASE_TRY_ASSIGN(Ref<FileTable> other, create());
  for (;;) {
    uint32_t count = 0;
    {
      const base::Guard guard(lock_);
      count = capacity_;
    }
    if (count != 0) {
      BASE_TRY(other->grow(count));
    }
    const base::Guard guard(lock_);
    if (copy_slots_locked(*other)) {
      return other;
    }
  }
}

// `fresh` is known to nobody yet, so its lock need not be held. False: it has too few slots.
bool FileTable::copy_slots_locked(FileTable& fresh) const BASE_NO_THREAD_SAFETY_ANALYSIS {
  if (capacity_ > fresh.capacity_) {
    return false;
  }
  for (uint32_t i = 0; i < capacity_; ++i) {
    fresh.slots_[i].file = slots_[i].file;
    fresh.slots_[i].close_on_exec = slots_[i].close_on_exec;
  }
  return true;
}

Ref<File> FileTable::find(uint64_t number) const {
  const base::Guard guard(lock_);
  const Slot* slot = open_slot(number);
  return slot == nullptr ? Ref<File>() : slot->file;
}

Outcome<uint32_t> FileTable::reserve(uint32_t limit, uint32_t least) {
  limit = base::min(limit, max_files);
  for (;;) {
    uint32_t number = least;
    {
      const base::Guard guard(lock_);
      number = base::max(least, lowest_free_);
      while (number < capacity_ && !slots_[number].is_free()) {
        ++number;
      }
      if (number >= limit) {
        return Errno::too_many_files;
      }
      if (number < capacity_) {
        slots_[number].reserved = true;
        if (least <= lowest_free_) {
          lowest_free_ = number + 1;
        }
        return number;
      }
    }
    BASE_TRY(grow(number + 1));
  }
}

void FileTable::install(uint32_t number, Ref<File> file, CloseOnExec close_on_exec) {
  const base::Guard guard(lock_);
  BASE_CHECK(number < capacity_ && slots_[number].reserved, "installed at an unreserved number");
  slots_[number].reserved = false;
  slots_[number].file = base::move(file);
  slots_[number].close_on_exec = close_on_exec;
}

void FileTable::cancel(uint32_t number) {
  const base::Guard guard(lock_);
  BASE_CHECK(number < capacity_ && slots_[number].reserved, "cancelled an unreserved number");
  slots_[number].reserved = false;
  lowest_free_ = base::min(lowest_free_, number);
}

Outcome<uint32_t> FileTable::add(Ref<File> file, CloseOnExec close_on_exec, uint32_t limit,
                                 uint32_t least) {
  BASE_TRY_ASSIGN(const uint32_t number, reserve(limit, least));
  install(number, base::move(file), close_on_exec);
  return number;
}

Outcome<> FileTable::replace(uint32_t number, Ref<File> file, CloseOnExec close_on_exec,
                             uint32_t limit) {
  if (number >= base::min(limit, max_files)) {
    return Errno::bad_descriptor;
  }
  BASE_TRY(grow(number + 1));
  Ref<File> before;
  {
    const base::Guard guard(lock_);
    Slot& slot = slots_[number];
    if (slot.reserved) {
      return Errno::busy;
    }
    before = base::exchange(slot.file, base::move(file));
    slot.close_on_exec = close_on_exec;
  }
  return {};
}

Ref<File> FileTable::remove(uint64_t number) {
  const base::Guard guard(lock_);
  Slot* slot = open_slot(number);
  if (slot == nullptr) {
    return {};
  }
  lowest_free_ = base::min(lowest_free_, uint32_t(number));
  return base::move(slot->file);
}

void FileTable::close_range(uint32_t first, uint32_t last) {
  for (uint32_t at = next_open(first); at < max_files && at <= last; at = next_open(at + 1)) {
    (void)remove(at);
  }
}

void FileTable::mark_close_on_exec(uint32_t first, uint32_t last) {
  const base::Guard guard(lock_);
  for (uint32_t i = first; i < capacity_ && i <= last; ++i) {
    slots_[i].close_on_exec = CloseOnExec::yes;
  }
}

void FileTable::close_marked() {
  for (uint32_t at = next_open(0); at < max_files; at = next_open(at + 1)) {
    const auto marked = close_on_exec(at);
    if (marked.ok() && marked.value() == CloseOnExec::yes) {
      (void)remove(at);
    }
  }
}

Outcome<CloseOnExec> FileTable::close_on_exec(uint64_t number) const {
  const base::Guard guard(lock_);
  const Slot* slot = open_slot(number);
  if (slot == nullptr) {
    return Errno::bad_descriptor;
  }
  return slot->close_on_exec;
}

Outcome<> FileTable::set_close_on_exec(uint64_t number, CloseOnExec value) {
  const base::Guard guard(lock_);
  Slot* slot = open_slot(number);
  if (slot == nullptr) {
    return Errno::bad_descriptor;
  }
  slot->close_on_exec = value;
  return {};
}

uint32_t FileTable::next_open(uint32_t from) const {
  const base::Guard guard(lock_);
  for (uint32_t i = from; i < capacity_; ++i) {
    if (slots_[i].file) {
      return i;
    }
  }
  return max_files;
}

}  // namespace kernel
