// Pipe: bytes from writers to readers, in order: 64 KiB in frames that are taken when bytes come
// and given back when they have been read. Two stay for the next bytes: most pipes are empty
// between one message and the next.
//
// User memory is copied with no spin lock held: a reader takes the readers' turn (a flag, waited
// for as for data), copies what lies in the ring, then moves the head on; writers likewise at the
// tail. So one end never waits for the other's page faults, and any wait ends with a signal. Locks:
// a spin lock for counts and positions, leaf but for the frames'.
#pragma once

#include "base/address.h"
#include "kernel/fd/poll_table.h"
#include "kernel/fd/transfer.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/ref.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

enum class Blocking : uint8_t { no, yes };

class Pipe : public RefCounted<Pipe> {
 public:
  static constexpr uint64_t capacity = 65536;
  // Writes of up to this size are never mixed with others' (PIPE_BUF).
  static constexpr uint64_t atomic_size = 4096;

  Pipe();
  ~Pipe();

  // Ends that are open. The last to go wakes the other side.
  void add_reader();
  void drop_reader();
  void add_writer();
  void drop_writer();
  // Marks that a write end was derived from the read end. EEXIST: it has been.
  [[nodiscard]] Outcome<> claim_writer();

  // Waits for bytes; 0: nothing is left and no writer either. EAGAIN, EFAULT, restart.
  [[nodiscard]] Outcome<uint64_t> read(Sink& sink, Blocking blocking);
  // Writes everything, waiting for room, or less if a signal comes. EPIPE: no reader is left (the
  // caller sends SIGPIPE); EAGAIN; EFAULT; ENOMEM; restart.
  [[nodiscard]] Outcome<uint64_t> write(Source& source, Blocking blocking);

  // Poll events of each side.
  [[nodiscard]] uint32_t poll_reader(PollTable* table);
  [[nodiscard]] uint32_t poll_writer(PollTable* table);
  // Bytes to be read.
  [[nodiscard]] uint64_t available() const;

  // A number of its own, for names.
  [[nodiscard]] uint64_t number() const { return number_; }
  [[nodiscard]] uint64_t created_ns() const { return created_ns_; }

 private:
  static constexpr size_t page_count = capacity / base::page_size;

  // What a side may do now: bytes and the position they begin at; with `turn` taken if any.
  struct Grant {
    uint64_t size = 0;
    uint64_t position = 0;
    bool closed = false;  // the other side is gone
  };
  [[nodiscard]] Grant begin_read(uint64_t wanted);
  void end_read(uint64_t done);
  // `least`: how much room makes it worth while.
  [[nodiscard]] Grant begin_write(uint64_t wanted, uint64_t least);
  void end_write(uint64_t done);
  [[nodiscard]] uint64_t room_locked() const BASE_REQUIRES(lock_) {
    return capacity - (reserved_ - head_);
  }
  // Frames for the granted bytes; fewer bytes if memory runs out.
  [[nodiscard]] uint64_t back_with_frames(const Grant& grant);
  [[nodiscard]] base::Result<base::Pfn> take_frame();
  [[nodiscard]] uint64_t copy_out(const Grant& grant, Sink& sink);
  [[nodiscard]] uint64_t copy_in(uint64_t position, uint64_t size, Source& source);

  [[nodiscard]] static size_t page_of(uint64_t position) {
    return (position / base::page_size) % page_count;
  }
  // The bytes from `position` to the end of their page, at most `size`.
  [[nodiscard]] std::span<uint8_t> bytes_at(uint64_t position, uint64_t size) const;

  mutable SpinLock lock_{LockRank::pipe};
  WaitQueue readable_;  // bytes came, the readers' turn is free, or the last writer went
  WaitQueue writable_;  // the same for writers
  uint64_t head_ BASE_GUARDED_BY(lock_) = 0;      // bytes read since the beginning
  uint64_t tail_ BASE_GUARDED_BY(lock_) = 0;      // bytes written
  uint64_t reserved_ BASE_GUARDED_BY(lock_) = 0;  // >= tail_: being written
  uint32_t readers_ BASE_GUARDED_BY(lock_) = 0;
  uint32_t writers_ BASE_GUARDED_BY(lock_) = 0;
  bool reading_ BASE_GUARDED_BY(lock_) = false;  // the turns
  bool writing_ BASE_GUARDED_BY(lock_) = false;
  bool writer_claimed_ BASE_GUARDED_BY(lock_) = false;
  // Entries of bytes in [head_, reserved_) belong to whoever has the turn for them.
  base::Pfn pages_[page_count]{};           // 0: no frame
  base::Pfn spare_ BASE_GUARDED_BY(lock_);  // 0: none
  uint64_t number_;
  uint64_t created_ns_;
};

}  // namespace kernel
