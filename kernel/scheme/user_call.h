// UserCall: a call of a thread that waits for a scheme's daemon to answer.
//
//   BASE_TRY_ASSIGN(auto call, UserCall::make(queue, SCHEME_FTRUNCATE, file));
//   call->value(0) = size;
//   BASE_TRY(call->perform());
//
// Killed while it waits, the caller goes and the call stays with the daemon until that answers or
// dies; its slot and buffer stay too. A signal cancels: a call that the daemon has not read is
// taken back (restart), one that it has is waited for, killably, after the daemon was told.
#pragma once

#include <span>

#include "kernel/fd/file.h"
#include "kernel/scheme/call_buffer.h"
#include "kernel/scheme/user_queue.h"

namespace kernel {

class UserCall final : public QueueItem {
 public:
  // Waits for room. ENODEV; ENOMEM; restart.
  [[nodiscard]] static Outcome<Ref<UserCall>> make(UserQueue& queue, uint32_t opcode,
                                                   uint64_t file);
  UserCall(UserQueue& queue, uint32_t opcode, uint64_t file);
  ~UserCall() override;

  [[nodiscard]] uint64_t& value(unsigned index) { return submission_.value[index]; }

  // A buffer of up to SCHEME_SHORT bytes, zeroes now. Its memory, which the daemon may change at
  // any time. ENOMEM.
  [[nodiscard]] Outcome<std::span<uint8_t>> use_short(size_t size);
  // Text with its NUL, or two; ENAMETOOLONG. The answer may be as large as a short buffer.
  [[nodiscard]] Outcome<> use_text(Text text);
  [[nodiscard]] Outcome<> use_texts(Text first, Text second);
  // The current thread's memory.
  void use_long(Owned<CallBuffer> buffer);
  [[nodiscard]] CallBuffer* long_buffer() const { return long_.get(); }
  // The short buffer's first bytes, copied out of the daemon's reach.
  void read_short(void* to, size_t size) const;
  [[nodiscard]] const uint8_t* short_bytes() const { return slot_page_->bytes(); }

  // The daemon gets it as a descriptor: value(0).
  void pass(Ref<File> file) { passed_ = base::move(file); }
  // Told to the daemon should it open a file for nobody.
  void close_if_abandoned(Ref<QueueNote> note) { close_ = base::move(note); }

  // Submits and waits. What the daemon answered; EIO if it made no sense, ENODEV when it is gone,
  // EDEADLK if it could never answer. EINTR: the thread has to end.
  [[nodiscard]] Outcome<uint64_t> perform();
  // Of SCHEME_OPEN.
  [[nodiscard]] uint64_t open_flags() const { return submission_.value[0]; }
  // After perform().
  [[nodiscard]] uint64_t answer_value(unsigned index) const { return answer_.value[index]; }
  [[nodiscard]] Ref<File> take_given() { return base::move(given_); }

  // ---- QueueItem
  [[nodiscard]] Outcome<> deliver(UserSpace& space, scheme_submission& to) override;
  void undeliver() override;
  [[nodiscard]] Outcome<> answered(const scheme_answer& answer) override;
  void failed(Errno error) override;

 private:
  enum class State : uint32_t { pending, over, abandoned };

  [[nodiscard]] bool is_open() const;
  [[nodiscard]] Outcome<> accept(const scheme_answer& answer);
  void end(const scheme_answer& answer);
  void unmap();
  void unmap_elsewhere();
  [[nodiscard]] bool is_over() const {
    return state_.load<base::Order::acquire>() != uint32_t(State::pending);
  }
  // False: it is over.
  [[nodiscard]] bool abandon();
  [[nodiscard]] Outcome<> take_back();
  [[nodiscard]] Outcome<> wait();

  const Ref<UserQueue> queue_;
  scheme_submission submission_{};
  uint32_t slot_ = UserQueue::slot_count;
  base::Optional<HeldPage> slot_page_;
  Owned<CallBuffer> long_;
  Ref<File> passed_;
  uint32_t passed_as_ = 0;
  Ref<QueueNote> close_;

  // Written by who ends it, before state_.
  scheme_answer answer_{};
  Ref<File> given_;
  base::Atomic<uint32_t> state_{uint32_t(State::pending)};
  WaitQueue done_;
  bool cancelled_ = false;
};

}  // namespace kernel
