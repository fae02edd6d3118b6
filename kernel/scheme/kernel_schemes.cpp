#include "kernel/scheme/kernel_schemes.h"

#include "kernel/fd/console_device.h"
#include "kernel/log/panic.h"
#include "kernel/scheme/mounts.h"
#include "kernel/scheme/registry.h"

namespace kernel {

namespace {

Ref<Scheme> require(base::Result<Ref<Scheme>> made) {
  if (!made) {
    panic("no memory for the kernel's schemes");
  }
  return base::move(made).value();
}

}  // namespace

void init_schemes() {
  init_console_device();
  constexpr base::Result<Ref<Scheme>> (*makers[])() = {
      make_initfs_scheme, make_null_scheme,   make_zero_scheme,      make_random_scheme,
      make_debug_scheme,  make_time_scheme,   make_console_scheme,   make_tty_scheme,
      make_pipe_scheme,   make_dev_scheme,    make_fail_scheme,      make_proc_scheme,
      make_sys_scheme,    make_memory_scheme, make_addrspace_scheme, make_scheme_scheme,
  };
  for (const auto make : makers) {
    if (!register_scheme(require(make())).ok()) {
      panic("two kernel schemes have one name");
    }
  }
  mount_scheme_list(require(make_scheme_list()));
}

}  // namespace kernel
