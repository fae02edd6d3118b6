// Checks that bytes are a complete cpio archive of the "newc" kind (magic 070701): every header,
// name and content lies inside the bytes and the archive ends with its trailer.
// Source: cpio(5), "New ASCII Format".
#pragma once

#include "outcome.h"

namespace boot {

// Empty text: accepted. Otherwise the error's sentence.
[[nodiscard]] Text check_initrd(Bytes file);

}  // namespace boot
