// registry.h: the schemes by name.
//
// Lock: a spin lock, leaf; schemes are not called under it.
#pragma once

#include "kernel/scheme/scheme.h"

namespace kernel {

// Adds a scheme. EEXIST: the name is taken; ENOSPC: too many schemes. A scheme stays until
// unregister_scheme().
[[nodiscard]] Outcome<> register_scheme(Ref<Scheme> scheme);
// Takes it out; who holds it may go on using it. ENOENT.
[[nodiscard]] Outcome<> unregister_scheme(Text name);
// No reference: there is none of that name.
[[nodiscard]] Ref<Scheme> find_scheme(Text name);
// The scheme at `index`, counted in no particular order; no reference past the last.
[[nodiscard]] Ref<Scheme> scheme_at(size_t index);

}  // namespace kernel
