// wait.h: a parent asks what has become of its children (wait4, waitid).
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/process/process.h"

namespace kernel {

struct ChildWait {
  enum class Which : uint8_t { any, process, group } which = Which::any;
  uint32_t id = 0;  // of the process or group
  // Children whose end is told by SIGCHLD, those that tell it otherwise or not at all, or both.
  enum class Kind : uint8_t { ordinary, clones, all } kind = Kind::ordinary;
  bool ended = true;
  bool stopped = false;
  bool continued = false;
  bool blocks = true;
  bool keeps = false;  // the child can be asked about again (WNOWAIT)
};

struct ChildReport {
  uint32_t id = 0;  // 0: nothing to report (only if the wait does not block)
  WaitStatus status;
  enum class What : uint8_t { ended, stopped, continued } what = What::ended;
  CpuTimes times;  // of the child and those it has waited for
  ResourceUsage usage;
};

// Children of `parent`, the current process. Error::not_found: no child fits; interrupted.
[[nodiscard]] base::Result<ChildReport> wait_for_child(Process& parent, const ChildWait& wait);

}  // namespace kernel
