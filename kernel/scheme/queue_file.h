// QueueFile: the daemon's end of a UserQueue (kernel/include/scheme_protocol.h). When it is closed,
// or the last process with the memory that serves it is gone, the scheme is gone.
#pragma once

#include "kernel/fd/file.h"
#include "kernel/scheme/user_queue.h"

namespace kernel {

class QueueFile final : public File {
 public:
  QueueFile(Ref<UserQueue> queue, uint32_t flags) : File(flags), queue_(base::move(queue)) {}
  ~QueueFile() override;

  // Submissions. EPERM: another space serves; EINVAL: no room for one; EAGAIN; EFAULT; restart.
  Outcome<uint64_t> read(Sink& sink) override;
  // Answers and notices. EPERM; EINVAL; EFAULT.
  Outcome<uint64_t> write(Source& source) override;
  uint32_t poll(PollTable* table) override;
  Outcome<FileStatus> status() override;
  bool may_be_passed() const override { return false; }

 private:
  [[nodiscard]] Outcome<bool> read_one(Sink& sink);
  [[nodiscard]] Outcome<> take_word(const scheme_answer& word);
  [[nodiscard]] Outcome<> take_notice(const scheme_answer& notice);
  [[nodiscard]] Outcome<> take_page_notice(const scheme_answer& notice);

  const Ref<UserQueue> queue_;
};

}  // namespace kernel
