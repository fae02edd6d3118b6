#include "cpu/context.h"

#include "cpu/switch_frame.h"
#include "cpu/sysreg.h"
#include "cpu/user_state.h"

extern "C" void cpu_thread_start();

namespace cpu {

Context make_context(uint64_t stack_top, ThreadEntry entry, void* argument) {
  auto* frame = reinterpret_cast<SwitchFrame*>(stack_top - sizeof(SwitchFrame));
  *frame = SwitchFrame{};
  frame->return_address = reinterpret_cast<uint64_t>(&cpu_thread_start);
  frame->x19[0] = reinterpret_cast<uint64_t>(entry);
  frame->x19[1] = reinterpret_cast<uint64_t>(argument);
  return Context{reinterpret_cast<uint64_t>(frame), stack_top};
}

void set_user_tls(uint64_t base) {
  SYSREG_WRITE("tpidr_el0", base);
}

uint64_t user_tls() {
  return SYSREG_READ("tpidr_el0");
}

void reset_user_state() {
  static constexpr UserState initial{};
  cpu_load_vectors(&initial);
  SYSREG_WRITE("tpidr_el0", 0);
  SYSREG_WRITE("tpidrro_el0", 0);
}

void reset_vector_state() {}

uint64_t user_state_size() {
  return sizeof(UserState);
}

void save_user_state(void* area) {
  cpu_save_vectors(static_cast<UserState*>(area));
}

void load_user_state(const void* area) {
  cpu_load_vectors(static_cast<const UserState*>(area));
}

}  // namespace cpu
