#include "kernel/fd/path_text.h"

namespace kernel {

base::Result<Ref<PathText>> PathText::create(Text text) {
  BASE_TRY_ASSIGN(void* storage, heap_allocate(sizeof(PathText) + text.size()));
  auto* path = new (base::Place{storage}) PathText(text.size());
  text.copy(reinterpret_cast<char*>(path + 1), text.size());
  return Ref<PathText>::adopt(*path);
}

}  // namespace kernel
