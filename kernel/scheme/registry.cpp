#include "kernel/scheme/registry.h"

#include "kernel/host/spin_lock.h"
#include "kernel/scheme/mounts.h"

namespace kernel {

namespace {

constexpr size_t max_schemes = 128;

SpinLock lock{LockRank::schemes};
Scheme* schemes[max_schemes] BASE_GUARDED_BY(lock);  // each with a reference; nullptr: free
uint64_t last_device BASE_GUARDED_BY(lock) = 0;

// The index, max_schemes when there is none.
size_t index_of(Text name) BASE_REQUIRES(lock) {
  size_t i = 0;
  while (i < max_schemes && !(schemes[i] != nullptr && schemes[i]->name() == name)) {
    ++i;
  }
  return i;
}

}  // namespace

Outcome<> register_scheme(Ref<Scheme> scheme) {
  const base::Guard guard(lock);
  if (index_of(scheme->name()) < max_schemes) {
    return Errno::exists;
  }
  for (Scheme*& slot : schemes) {
    if (slot == nullptr) {
      scheme->set_device(++last_device);
      slot = scheme.take();
      return {};
    }
  }
  return Errno::no_space;
}

Outcome<> unregister_scheme(Text name) {
  Ref<Scheme> gone;
  {
    const base::Guard guard(lock);
    const size_t index = index_of(name);
    if (index == max_schemes) {
      return Errno::no_entry;
    }
    gone = Ref<Scheme>::adopt(*base::exchange(schemes[index], nullptr));
  }
  forget_mounts(*gone);
  return {};
}

Ref<Scheme> find_scheme(Text name) {
  const base::Guard guard(lock);
  const size_t index = index_of(name);
  return index == max_schemes ? Ref<Scheme>() : Ref<Scheme>::share(*schemes[index]);
}

Ref<Scheme> scheme_at(size_t index) {
  const base::Guard guard(lock);
  for (Scheme* scheme : schemes) {
    if (scheme != nullptr && index-- == 0) {
      return Ref<Scheme>::share(*scheme);
    }
  }
  return {};
}

}  // namespace kernel
