#include "kernel/scheme/path_context.h"

namespace kernel {

base::Result<Ref<PathContext>> PathContext::create() {
  constexpr uint32_t usual_mask = 022;
  BASE_TRY_ASSIGN(Ref<PathText> root, PathText::create("/"));
  return make_ref<PathContext>(base::move(root), usual_mask);
}

base::Result<Ref<PathContext>> PathContext::copy() const {
  return make_ref<PathContext>(directory(), mask());
}

Ref<PathText> PathContext::directory() const {
  const base::Guard guard(lock_);
  return directory_;
}

void PathContext::set_directory(Ref<PathText> directory) {
  {
    const base::Guard guard(lock_);
    base::swap(directory_, directory);
  }
}

uint32_t PathContext::mask() const {
  const base::Guard guard(lock_);
  return mask_;
}

uint32_t PathContext::set_mask(uint32_t mask) {
  const base::Guard guard(lock_);
  return base::exchange(mask_, mask);
}

}  // namespace kernel
