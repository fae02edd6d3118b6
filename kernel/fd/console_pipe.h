// ConsolePipe: the console without a person (console=pipe): bytes pass as they are, and input ends.
//
// In the input 0x10 is an escape: 0x10 0x10 stands for 0x10 itself, 0x10 0x04 for the end (after
// which reads give 0 for ever); anything else after it is dropped with it. Who sends waits while
// the ring is full.
#pragma once

#include "kernel/driver/console.h"
#include "kernel/fd/console_device.h"

namespace kernel {

class ConsolePipe final : public ConsoleDevice, public ConsoleReceiver {
 public:
  [[nodiscard]] Outcome<uint64_t> read(Sink& sink, Waiting waiting) override;
  [[nodiscard]] Outcome<uint64_t> write(Source& source, Waiting waiting) override;
  [[nodiscard]] uint32_t poll(PollTable* table) override;
  // ENOTTY but for FIONREAD.
  [[nodiscard]] CallResult ioctl(uint32_t request, uint64_t argument) override;
  [[nodiscard]] bool controls(const Process&) override { return false; }
  void adopt_session(uint32_t) override {}
  void session_ended(uint32_t) override {}

  [[nodiscard]] bool has_room() override;
  void receive(uint8_t byte) override;

 private:
  static constexpr size_t capacity = 4096;

  // At most to.size() bytes.
  [[nodiscard]] size_t take(std::span<uint8_t> to);

  SpinLock lock_{LockRank::console_device};
  WaitQueue readable_;
  uint64_t head_ BASE_GUARDED_BY(lock_) = 0;
  uint64_t tail_ BASE_GUARDED_BY(lock_) = 0;
  bool escaped_ BASE_GUARDED_BY(lock_) = false;
  bool ended_ BASE_GUARDED_BY(lock_) = false;
  uint8_t ring_[capacity] BASE_GUARDED_BY(lock_){};
};

}  // namespace kernel
