// QueueItem: one submission of a user scheme: from when the kernel makes it until the daemon has
// answered it, or read it when nothing is to be answered.
//
// Counted: the queue holds a reference while the item is in it, whoever waits for it another.
// deliver() and undeliver() run in the daemon's read(), answered() in its write(), failed()
// wherever the end came; none with a lock held.
#pragma once

#include "base/list.h"
#include "kernel/include/scheme_protocol.h"
#include "kernel/memory/user_space.h"
#include "kernel/syscall/outcome.h"

namespace kernel {

class QueueItem : public RefCounted<QueueItem> {
 public:
  virtual ~QueueItem() = default;

  // Whether the daemon answers it.
  [[nodiscard]] virtual bool is_answered() const { return true; }

  // Describes itself and brings its buffer into `space`, the caller's own. An error: nothing was
  // brought there, and failed() comes with it.
  [[nodiscard]] virtual Outcome<> deliver(UserSpace& space, scheme_submission& to) = 0;
  // The daemon has not got it after all: deliver() comes again.
  virtual void undeliver() {}
  // EINVAL: the answer makes no sense. The item is over in any case.
  [[nodiscard]] virtual Outcome<> answered(const scheme_answer& answer) = 0;
  virtual void failed(Errno error) = 0;

 protected:
  QueueItem() = default;

 private:
  friend class UserQueue;
  enum class Step : uint8_t { outside, waiting, delivering, delivered };

  // The queue's lock.
  base::ListNode node_;
  uint64_t tag_ = 0;
  Step step_ = Step::outside;
};

// What is only told.
class QueueNote : public QueueItem {
 public:
  QueueNote(uint32_t opcode, uint64_t file, uint64_t value = 0)
      : opcode_(opcode), file_(file), value_(value) {}
  // Before it is submitted.
  void set_file(uint64_t file) { file_ = file; }

  [[nodiscard]] bool is_answered() const override { return false; }
  [[nodiscard]] Outcome<> deliver(UserSpace&, scheme_submission& to) override {
    to.opcode = opcode_;
    to.file = file_;
    to.value[0] = value_;
    return {};
  }
  [[nodiscard]] Outcome<> answered(const scheme_answer&) override { return Errno::invalid; }
  void failed(Errno) override {}

 private:
  uint32_t opcode_;
  uint64_t file_;
  uint64_t value_;
};

}  // namespace kernel
