// Pager: who fills the pages of a Paged object and takes their contents back: a file system, a
// device, a program in user space behind a kernel's message queue.
//
// The object asks, the pager answers later, from any thread, through Paged::attach, fail, written.
// An answer that does not fit what was asked is refused with an error and changes nothing, whoever
// sent it: the code behind a Pager may pass on what an untrusted program said.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "vm/object/memory_object.h"

namespace vm {

// Pages being written back: consecutive ones, their frames kept until written() names the ticket.
struct WriteBack {
  static constexpr unsigned max_pages = 32;

  uint64_t ticket = 0;
  ObjectPage first;
  base::Span<const base::Pfn> frames;
};

class Pager {
 public:
  // Asks for pages, none of them in memory or asked for already. Called while a fault is handled:
  // inside an epoch section, without the object's lock; must not block. Answered in any order and
  // any parts, also before this returns: then nobody waits. An error refuses the whole request:
  // the faulter gets it.
  [[nodiscard]] virtual base::Status request(MemoryObject& object, ObjectRange pages,
                                             uint64_t ticket) = 0;
  // Asks for contents to be stored. The frames stay until Paged::written(ticket); others may write
  // to them meanwhile, which makes the pages dirty again. No lock held, inside a section; must not
  // block. An error counts as written(ticket, error).
  [[nodiscard]] virtual base::Status write_back(MemoryObject& object, const WriteBack& pages) = 0;

 protected:
  ~Pager() = default;
};

// Told, with no lock held, that waits for pages of the range may have ended. May be in a section.
struct PageNotifier {
  void* context = nullptr;
  void (*notify)(void* context, MemoryObject& object, ObjectRange pages) = nullptr;
};

}  // namespace vm
