#include "kernel/syscall/memory_range.h"

#include "kernel/memory/memory_tag.h"
#include "kernel/memory/shared_memory.h"

namespace kernel {

namespace {

constexpr auto no_effect = KnownAdvice::Effect::none;
constexpr KnownAdvice known_advice[] = {
    {0, vm::Advice::normal},
    {1, vm::Advice::random},
    {2, vm::Advice::sequential},
    {3, vm::Advice::will_need},
    {4, vm::Advice::dont_need},
    {8, vm::Advice::free},
    {9, vm::Advice::remove},
    {10, vm::Advice::dont_fork},
    {11, vm::Advice::do_fork},
    {12, vm::Advice::normal, no_effect},  // MADV_MERGEABLE, MADV_UNMERGEABLE
    {13, vm::Advice::normal, no_effect},
    {14, vm::Advice::huge_pages},
    {15, vm::Advice::no_huge_pages},
    {16, vm::Advice::normal, no_effect},  // MADV_DONTDUMP, MADV_DODUMP
    {17, vm::Advice::normal, no_effect},
    {18, vm::Advice::wipe_on_fork},
    {19, vm::Advice::keep_on_fork},
    {20, vm::Advice::cold},
    {21, vm::Advice::page_out},
    {22, vm::Advice::populate_read},
    {23, vm::Advice::populate_write},
    {KnownAdvice::drop_locked, vm::Advice::dont_need},
};

}  // namespace

const KnownAdvice* find_advice(int32_t value) {
  for (const KnownAdvice& known : known_advice) {
    if (known.value == value) {
      return &known;
    }
  }
  return nullptr;
}

Outcome<> map_pages_of(File& file, uint64_t offset, vm::Sharing sharing, vm::MapRequest& request,
                       vm::ObjectRef& object) {
  const bool shared = sharing == vm::Sharing::shared;
  const uint64_t size = request.count.raw() << base::page_shift;
  BASE_TRY_ASSIGN(FileMapping mapping, file.map({offset, size, request.access, shared}));
  if (!mapping.object && shared) {
    BASE_TRY_ASSIGN(mapping.object, make_shared_memory(request.count));
  }
  request.tag = uint32_t(MemoryTag::file);
  request.sharing = sharing;
  if (shared && !file.is_writable()) {
    request.max_access = base::Right::read | base::Right::execute;
  }
  object = base::move(mapping.object);
  request.object = object.get();
  request.object_page = mapping.first;
  return {};
}

}  // namespace kernel
