// background.h: daemons that are started by a command which ends as soon as they can be used.
#pragma once

#include "user/scheme/daemon.h"

namespace scheme {

// Serves `daemon` in a child of this process, in a session of its own. Returns in the parent, once
// the scheme can be opened: 0, or what start() failed with; only one of the two has had an effect.
// The child ends when it has nothing more to serve.
int64_t serve_in_background(Daemon& daemon);

}  // namespace scheme
