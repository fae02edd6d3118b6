// root.h: a program as root file system.
#pragma once

namespace kernel {

// With the boot word `root=NAME`: runs `/bin/NAME NAME --from /scheme/initfs`, and when that has
// ended with 0 the scheme NAME is the root. Else the initial file system stays it, and the log says
// why. On process 1's thread, before any other program.
void mount_root();

}  // namespace kernel
