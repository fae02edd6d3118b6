// page_wait.h: waiting for pages that pagers owe.
#pragma once

#include "vm/object/pager.h"
#include "vm/space/requests.h"

namespace kernel {

// Once, before any object is made.
void init_page_waits();

// What every Paged object is made with: even when its pager answers at once, another CPU may want
// the page meanwhile.
[[nodiscard]] vm::PageNotifier page_notifier();

enum class PageWaitResult : uint8_t { over, interrupted, refused };

// Blocks until what `token` stands for has happened: look at everything anew then. interrupted:
// the thread has to end; refused: it would wait for itself (scheme/scheme_waits.h). No lock held;
// interrupts in any state, and the same afterwards.
[[nodiscard]] PageWaitResult wait_for_page(vm::WaitToken& token);

}  // namespace kernel
