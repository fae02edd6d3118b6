#include "kernel/fd/console_pipe.h"

#include "kernel/scheme/device_scheme.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

namespace {
constexpr uint8_t escape = 0x10;
constexpr uint8_t escaped_end = 0x04;
constexpr size_t chunk_size = 512;  // bytes moved through the kernel stack at a time
}  // namespace

bool ConsolePipe::has_room() {
  const base::Guard guard(lock_);
  return tail_ - head_ < capacity;
}

void ConsolePipe::receive(uint8_t byte) {
  {
    const base::Guard guard(lock_);
    if (ended_) {
      return;
    }
    if (!escaped_ && byte == escape) {
      escaped_ = true;
      return;
    }
    if (base::exchange(escaped_, false) && byte != escape) {
      ended_ = byte == escaped_end;
    } else if (tail_ - head_ < capacity) {
      ring_[tail_++ % capacity] = byte;
    }
  }
  readable_.wake_all();
}

size_t ConsolePipe::take(std::span<uint8_t> to) {
  const base::Guard guard(lock_);
  size_t size = 0;
  while (size < to.size() && head_ != tail_) {
    to[size++] = ring_[head_++ % capacity];
  }
  return size;
}

Outcome<uint64_t> ConsolePipe::read(Sink& sink, Waiting waiting) {
  if (sink.remaining() == 0) {
    return uint64_t(0);
  }
  const auto something = [this] {
    const base::Guard guard(lock_);
    return head_ != tail_ || ended_;
  };
  if (!something()) {
    if (waiting == Waiting::no) {
      return Errno::again;
    }
    if (wait_until(readable_, WaitKind::interruptible, Deadline::never(), something) !=
        WaitResult::ready) {
      return Errno::restart;
    }
  }
  uint8_t chunk[chunk_size];
  while (!sink.faulted()) {
    const size_t size =
        take(std::span(chunk).first(base::min<uint64_t>(sink.remaining(), chunk_size)));
    if (size == 0) {
      break;
    }
    (void)sink.put({chunk, size});
  }
  console_drain();
  return moved_or_fault(sink);
}

Outcome<uint64_t> ConsolePipe::write(Source& source, Waiting) {
  uint8_t chunk[chunk_size];
  while (source.remaining() != 0 && !source.faulted()) {
    const size_t size = source.get(chunk);
    console_write({reinterpret_cast<const char*>(chunk), size});
  }
  return moved_or_fault(source);
}

uint32_t ConsolePipe::poll(PollTable* table) {
  if (table != nullptr) {
    table->add(readable_);
  }
  const base::Guard guard(lock_);
  return poll_event::writable | (head_ != tail_ || ended_ ? poll_event::readable : 0);
}

CallResult ConsolePipe::ioctl(uint32_t request, uint64_t argument) {
  constexpr uint32_t get_available = 0x541b;
  if (request != get_available) {
    return Errno::not_terminal;
  }
  uint32_t size = 0;
  {
    const base::Guard guard(lock_);
    size = uint32_t(tail_ - head_);
  }
  return write_user(base::UserAddr(argument), size);
}

}  // namespace kernel
