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
  const auto over = [&] { return token.object->is_over(token.wait); };
  PageWaitResult result = PageWaitResult::over;
  {
    ObjectSchemeWait waiting(*token.object.get(), over);
    const WaitResult waited =
        wait_until(waits->of(*token.object.get()), WaitKind::killable, Deadline::never(),
                   [&] { return over() || waiting.is_hopeless(); });
    if (waited != WaitResult::ready) {
      result = PageWaitResult::interrupted;
    } else if (!over()) {
      result = PageWaitResult::refused;
    }
  }
  (void)cpu::mask_interrupts();
  cpu::restore_interrupts(before);
  return result;
}

}  // namespace kernel
