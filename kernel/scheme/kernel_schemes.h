// kernel_schemes.h: the schemes the kernel itself serves, and their start.
#pragma once

#include "kernel/scheme/scheme.h"

namespace kernel {

// Registers them all. Panics without memory: it is the boot's.
void init_schemes();

// Each in its own file. Error::out_of_memory.
[[nodiscard]] base::Result<Ref<Scheme>> make_addrspace_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_console_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_debug_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_fail_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_dev_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_initfs_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_null_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_memory_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_pipe_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_proc_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_random_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_scheme_list();
[[nodiscard]] base::Result<Ref<Scheme>> make_scheme_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_sys_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_time_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_tty_scheme();
[[nodiscard]] base::Result<Ref<Scheme>> make_zero_scheme();

template <typename T, typename... Args>
base::Result<Ref<Scheme>> make_scheme(Args&&... args) {
  BASE_TRY_ASSIGN(Ref<T> scheme, make_ref<T>(base::forward<Args>(args)...));
  return Ref<Scheme>(base::move(scheme));
}

}  // namespace kernel
