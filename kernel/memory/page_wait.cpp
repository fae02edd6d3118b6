#include "kernel/memory/page_wait.h"

#include "cpu/cpu.h"
#include "kernel/process/wait_queue.h"
#include "kernel/scheme/scheme_waits.h"

namespace kernel {

namespace {

// Objects share queues: who is woken for another object's page looks and sleeps again.
struct Queues {
  static constexpr size_t count = 16;
  WaitQueue queues[count];

  WaitQueue& of(const vm::MemoryObject& object) {
    return queues[(reinterpret_cast<uint64_t>(&object) >> 6) % count];
  }
};

// Storage that needs no constructor at start keeps .init_array empty.
alignas(Queues) unsigned char storage[sizeof(Queues)];
Queues* waits = nullptr;

void notify(void*, vm::MemoryObject& object, vm::ObjectRange) {
  waits->of(object).wake_all();
}

}  // namespace

void init_page_waits() {
  waits = base::construct_at<Queues>(storage);
}

vm::PageNotifier page_notifier() {
  return {nullptr, &notify};
}

PageWaitResult wait_for_page(vm::WaitToken& token) {
  const cpu::InterruptState before = cpu::mask_interrupts();
  cpu::unmask_interrupts();
  const ObjectSchemeWait waiting(*token.object.get());
  const WaitResult result =
      waiting.is_refused()
          ? WaitResult::timed_out
          : wait_until(waits->of(*token.object.get()), WaitKind::killable, Deadline::never(),
                       [&] { return token.object->is_over(token.wait); });
  (void)cpu::mask_interrupts();
  cpu::restore_interrupts(before);
  switch (result) {
    case WaitResult::ready: return PageWaitResult::over;
    case WaitResult::timed_out: return PageWaitResult::refused;
    case WaitResult::interrupted: break;
  }
  return PageWaitResult::interrupted;
}

}  // namespace kernel
