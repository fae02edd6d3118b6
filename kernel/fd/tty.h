// Tty: the terminal: a line discipline, those who wait for it, and the session it controls.
//
// Bytes are received in interrupt context; output is sent by whoever writes. Background processes
// that read, write (with TOSTOP) or change it are stopped by SIGTTIN and SIGTTOU, as on Linux.
// Locks: a spin lock, after the console's input lock and before its output lock; no signal is sent
// under it. process_lock is never held together with it.
#pragma once

#include "kernel/driver/console.h"
#include "kernel/fd/console_device.h"
#include "kernel/fd/line_discipline.h"
#include "kernel/process/signal.h"

namespace kernel {

class Tty final : public ConsoleDevice, public ConsoleReceiver {
 public:
  Tty();

  [[nodiscard]] Outcome<uint64_t> read(Sink& sink, Waiting waiting) override;
  [[nodiscard]] Outcome<uint64_t> write(Source& source, Waiting waiting) override;
  [[nodiscard]] uint32_t poll(PollTable* table) override;
  [[nodiscard]] CallResult ioctl(uint32_t request, uint64_t argument) override;
  [[nodiscard]] Owner owner() const override;
  [[nodiscard]] bool controls(const Process& process) override;
  void adopt_session(uint32_t session) override;
  void session_ended(uint32_t session) override;

  // Always: signals must come through even when nobody reads.
  [[nodiscard]] bool has_room() override { return true; }
  void receive(uint8_t byte) override;

  [[nodiscard]] WindowSize window_size() const;
  void set_window_size(const WindowSize& size);

 private:
  // The caller's place: of its session and group.
  struct Caller {
    uint32_t id, session, group;
  };
  [[nodiscard]] static Caller caller();

  // Stops a background caller. EIO; restart.
  [[nodiscard]] Outcome<> check_foreground(Signal signal);
  [[nodiscard]] Outcome<> wait_for_input(uint64_t wanted, uint64_t moved, Waiting waiting);

  [[nodiscard]] CallResult get_settings(uint64_t to, size_t size);
  [[nodiscard]] CallResult set_settings(uint64_t from, size_t size, uint32_t how);
  [[nodiscard]] CallResult job_control(uint32_t request, uint64_t argument);
  [[nodiscard]] CallResult set_foreground(uint64_t from);
  [[nodiscard]] CallResult take_control(uint64_t force);
  [[nodiscard]] CallResult flush(uint64_t which);
  [[nodiscard]] CallResult flow(uint64_t action);

  mutable SpinLock lock_{LockRank::console_device};
  WaitQueue readable_;
  WaitQueue writable_;
  LineDiscipline discipline_ BASE_GUARDED_BY(lock_);
  WindowSize window_ BASE_GUARDED_BY(lock_){24, 80, 0, 0};
  uint32_t session_ BASE_GUARDED_BY(lock_) = 0;     // 0: nobody's
  uint32_t foreground_ BASE_GUARDED_BY(lock_) = 0;  // a process group
};

}  // namespace kernel
