// CallBuffer: a long buffer of a caller on its way to a daemon: whole pages of the caller's memory
// themselves, and for its partial first and last page a page of the kernel's with only the buffer's
// bytes in it. In the daemon's memory they lie one after the other.
//
//   caller     |....HHHH|MMMMMMMM|MMMMMMMM|TT......|      H, T: copied    M: the same frames
//   daemon     |0000HHHH|MMMMMMMM|MMMMMMMM|TT000000|      0: zeroes
//
// What is itself on loan here (a daemon passes a buffer on to another daemon) is copied too, so
// that it can be taken back from here alone.
//
// prepare() and finish() run on the caller's thread with no lock held; map() and unmap() on the
// daemon's. The buffer may outlive its caller.
#pragma once

#include "base/optional.h"
#include "kernel/memory/lent_pages.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

class CallBuffer {
 public:
  enum class Direction : uint8_t { to_daemon, to_caller };

  // `size` bytes at `address` of `space`, the current one; at most 1 MiB. EFAULT; ENOMEM; EINTR:
  // the thread has to end.
  [[nodiscard]] static Outcome<Owned<CallBuffer>> prepare(UserSpace& space, uint64_t address,
                                                          uint64_t size, Direction direction);
  CallBuffer(LentPages& pages, uint64_t address, uint64_t size, Direction direction)
      : pages_(vm::ObjectRef::adopt(pages)),
        lent_(pages),
        address_(address),
        size_(size),
        direction_(direction) {}
  CallBuffer(const CallBuffer&) = delete;
  CallBuffer& operator=(const CallBuffer&) = delete;

  // Where the buffer's first byte is in the daemon's memory. ENOMEM.
  [[nodiscard]] Outcome<uint64_t> map(UserSpace& daemon);
  void unmap(UserSpace& daemon);

  // After unmap(): the first `done` bytes, which the daemon has filled, are the caller's. EFAULT:
  // some could not be stored. Then, or if nothing is to be stored: `space`'s pages are its own
  // again.
  [[nodiscard]] Outcome<> finish(UserSpace& space, uint64_t done);

  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  static constexpr uint64_t max_pages = LentPages::max_pages;

  [[nodiscard]] Outcome<> bring_in(UserSpace& space) const;
  [[nodiscard]] Outcome<> fill(UserSpace& space);
  // A reference to the caller's page itself; nothing: it is to be copied.
  [[nodiscard]] Outcome<base::Optional<base::Pfn>> lend(UserSpace& space, base::Vpn page,
                                                        bool& is_private);
  [[nodiscard]] Outcome<base::Pfn> make_copy(uint64_t start, uint64_t end) const;
  [[nodiscard]] base::Vpn first() const { return base::UserAddr(address_).page(); }
  [[nodiscard]] bool has(const uint64_t (&set)[5], uint64_t index) const {
    return (set[index / 64] >> (index % 64)) & 1;
  }
  static void add(uint64_t (&set)[5], uint64_t index) {
    set[index / 64] |= uint64_t(1) << (index % 64);
  }

  vm::ObjectRef pages_;
  LentPages& lent_;
  const uint64_t address_;
  const uint64_t size_;
  const Direction direction_;
  base::UserAddr mapped_at_;
  bool mapped_ = false;
  uint64_t copied_[5] = {};   // pages that are copies
  uint64_t private_[5] = {};  // pages that the caller's space has lent
};

}  // namespace kernel
