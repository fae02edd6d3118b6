#include "kernel/fd/pipe.h"

#include "kernel/host/clock.h"
#include "kernel/memory/frames.h"
#include "kernel/process/signal_send.h"

namespace kernel {

namespace {
base::Atomic<uint64_t> last_number{0};

void give_back(base::Pfn page) {
  if (page.raw() != 0) {
    free_frames(page, 0);
  }
}
}  // namespace

Pipe::Pipe()
    : number_(last_number.fetch_add<base::Order::relaxed>(1) + 1), created_ns_(wall_clock_ns()) {}

Pipe::~Pipe() {
  {
    const base::Guard guard(lock_);
    give_back(spare_);
  }
  for (const base::Pfn page : pages_) {
    give_back(page);
  }
}

void Pipe::add_reader() {
  const base::Guard guard(lock_);
  ++readers_;
}

void Pipe::drop_reader() {
  {
    const base::Guard guard(lock_);
    --readers_;
  }
  writable_.wake_all();
}

void Pipe::add_writer() {
  const base::Guard guard(lock_);
  writer_claimed_ = true;
  ++writers_;
}

void Pipe::drop_writer() {
  {
    const base::Guard guard(lock_);
    --writers_;
  }
  readable_.wake_all();
}

Outcome<> Pipe::claim_writer() {
  const base::Guard guard(lock_);
  return base::exchange(writer_claimed_, true) ? Outcome<>(Errno::exists) : Outcome<>();
}

std::span<uint8_t> Pipe::bytes_at(uint64_t position, uint64_t size) const {
  const uint64_t offset = position % base::page_size;
  auto* window = static_cast<uint8_t*>(frame_window(pages_[page_of(position)]));
  return {window + offset, size_t(base::min(size, base::page_size - offset))};
}

Pipe::Grant Pipe::begin_read(uint64_t wanted) {
  const base::Guard guard(lock_);
  if (head_ == tail_ || reading_) {
    return {0, 0, head_ == tail_ && writers_ == 0};
  }
  reading_ = true;
  return {base::min(wanted, tail_ - head_), head_, false};
}

void Pipe::end_read(uint64_t done) {
  base::Pfn finished[page_count];
  size_t count = 0;
  {
    const base::Guard guard(lock_);
    const uint64_t first = head_ / base::page_size;
    head_ += done;
    reading_ = false;
    for (uint64_t page = first; page < head_ / base::page_size; ++page) {
      // The next round's bytes may be in the same frame already.
      if (reserved_ <= page * base::page_size + capacity) {
        const base::Pfn read = base::exchange(pages_[page % page_count], base::Pfn());
        if (spare_.raw() == 0) {
          spare_ = read;
        } else {
          finished[count++] = read;
        }
      }
    }
  }
  for (size_t i = 0; i < count; ++i) {
    free_frames(finished[i], 0);
  }
  writable_.wake_all();
  readable_.wake_all();
}

Pipe::Grant Pipe::begin_write(uint64_t wanted, uint64_t least) {
  const base::Guard guard(lock_);
  if (readers_ == 0 || writing_ || room_locked() < least) {
    return {0, 0, readers_ == 0};
  }
  writing_ = true;
  const Grant grant{base::min(wanted, room_locked()), tail_, false};
  reserved_ = tail_ + grant.size;
  return grant;
}

void Pipe::end_write(uint64_t done) {
  {
    const base::Guard guard(lock_);
    tail_ += done;
    reserved_ = tail_;
    writing_ = false;
  }
  readable_.wake_all();
  writable_.wake_all();
}

base::Result<base::Pfn> Pipe::take_frame() {
  {
    const base::Guard guard(lock_);
    if (const base::Pfn kept = base::exchange(spare_, base::Pfn()); kept.raw() != 0) {
      return kept;
    }
  }
  return allocate_frames(0);
}

uint64_t Pipe::back_with_frames(const Grant& grant) {
  uint64_t backed = 0;
  while (backed < grant.size) {
    const uint64_t position = grant.position + backed;
    base::Pfn& page = pages_[page_of(position)];
    if (page.raw() == 0) {
      const auto frame = take_frame();
      if (!frame.ok()) {
        break;
      }
      page = frame.value();
    }
    backed += base::page_size - position % base::page_size;
  }
  return base::min(backed, grant.size);
}

uint64_t Pipe::copy_out(const Grant& grant, Sink& sink) {
  uint64_t done = 0;
  while (done < grant.size) {
    const auto bytes = bytes_at(grant.position + done, grant.size - done);
    const size_t now = sink.put(bytes);
    done += now;
    if (now < bytes.size()) {
      break;
    }
  }
  return done;
}

uint64_t Pipe::copy_in(uint64_t position, uint64_t size, Source& source) {
  uint64_t done = 0;
  while (done < size) {
    const auto bytes = bytes_at(position + done, size - done);
    const size_t now = source.get(bytes);
    done += now;
    if (now < bytes.size()) {
      break;
    }
  }
  return done;
}

Outcome<uint64_t> Pipe::read(Sink& sink, Blocking blocking) {
  if (sink.remaining() == 0) {
    return uint64_t(0);
  }
  for (;;) {
    const Grant grant = begin_read(sink.remaining());
    if (grant.size != 0) {
      const uint64_t done = copy_out(grant, sink);
      end_read(done);
      return done != 0 ? Outcome<uint64_t>(done) : Outcome<uint64_t>(Errno::bad_address);
    }
    if (grant.closed) {
      return uint64_t(0);
    }
    if (blocking == Blocking::no) {
      return Errno::again;
    }
    const WaitResult waited =
        wait_until(readable_, WaitKind::interruptible, Deadline::never(), [this] {
          const base::Guard guard(lock_);
          return head_ == tail_ ? writers_ == 0 : !reading_;
        });
    if (waited != WaitResult::ready) {
      return Errno::restart;
    }
  }
}

Outcome<uint64_t> Pipe::write(Source& source, Blocking blocking) {
  const bool whole = source.remaining() <= atomic_size;
  const uint64_t least = whole ? source.remaining() : 1;
  const auto moved_or = [&source](Errno error) {
    return source.moved() != 0 ? Outcome<uint64_t>(source.moved()) : Outcome<uint64_t>(error);
  };
  while (source.remaining() != 0) {
    const Grant grant = begin_write(source.remaining(), least);
    if (grant.closed) {
      send_signal_to_current(Signal::pipe);
      return moved_or(Errno::broken_pipe);
    }
    if (grant.size != 0) {
      const uint64_t backed = back_with_frames(grant);
      const uint64_t done = backed < least ? 0 : copy_in(grant.position, backed, source);
      // A write that is whole or nothing is nothing when a part of it is not there.
      const bool torn = whole && source.faulted();
      end_write(torn ? 0 : done);
      if (torn) {
        return Errno::bad_address;
      }
      if (backed < least) {
        return moved_or(Errno::no_memory);
      }
      if (source.faulted()) {
        return moved_or(Errno::bad_address);
      }
      continue;
    }
    if (blocking == Blocking::no) {
      return moved_or(Errno::again);
    }
    const WaitResult waited =
        wait_until(writable_, WaitKind::interruptible, Deadline::never(), [this, least] {
          const base::Guard guard(lock_);
          return readers_ == 0 || (!writing_ && room_locked() >= least);
        });
    if (waited != WaitResult::ready) {
      return moved_or(Errno::restart);
    }
  }
  return source.moved();
}

uint32_t Pipe::poll_reader(PollTable* table) {
  if (table != nullptr) {
    table->add(readable_);
  }
  const base::Guard guard(lock_);
  return (head_ != tail_ ? poll_event::readable : 0) | (writers_ == 0 ? poll_event::hang_up : 0);
}

uint32_t Pipe::poll_writer(PollTable* table) {
  if (table != nullptr) {
    table->add(writable_);
  }
  const base::Guard guard(lock_);
  return (room_locked() >= atomic_size ? poll_event::writable : 0) |
         (readers_ == 0 ? poll_event::error : 0);
}

uint64_t Pipe::available() const {
  const base::Guard guard(lock_);
  return tail_ - head_;
}

}  // namespace kernel
