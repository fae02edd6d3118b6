#include "kernel/process/signal_trampoline.h"

#include "cpu/signal_frame.h"

namespace kernel {

base::Result<uint64_t> map_signal_trampoline(UserSpace& space) {
  if constexpr (!cpu::has_signal_trampoline) {
    return uint64_t(0);
  }
  vm::MapRequest request;
  request.count = base::PageCount(1);
  request.access = base::Right::read | base::Right::execute;
  request.tag = uint32_t(MemoryTag::signals);
  BASE_TRY_ASSIGN(const auto mapped, space.vm().map(request));
  const base::UserAddr address = base::UserAddr::of(mapped.first());
  BASE_TRY(
      space.write_initial(address, {reinterpret_cast<const uint8_t*>(cpu::signal_trampoline_code),
                                    sizeof(cpu::signal_trampoline_code)}));
  return address.raw();
}

}  // namespace kernel
