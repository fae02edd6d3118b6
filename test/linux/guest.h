// Guest<Format>: the libvm side of the oracle: two address spaces on the adversarial machine,
// called as a kernel's system calls would. The glue between those calls and libvm is in
// guest_calls.h.
//
// CPU 0 runs process 0, CPU 1 process 1. Fails as the machine does (sim::Failure).
#pragma once

#include <memory>
#include <vector>

#include "linux/call.h"
#include "sim/world.h"
#include "vm/object/shared_anonymous.h"
#include "vm/space/address_space.h"

namespace linux_oracle {

// As docs/vm.md has it, "Errors and errno".
int errno_of(const Call& call, base::Error error);

template <class F>
class Guest {
 public:
  using M = sim::Machine<F>;
  using Space = vm::AddressSpace<M>;
  using Object = vm::SharedAnonymous<typename sim::World<F>::Allocator>;

  Guest(uint64_t seed, uint64_t file_pages);
  // Everything is taken down; nothing may be left.
  void finish();

  // Of a process that lives.
  Answer make(const Call& call);
  // Are the pages one mapping? Or several that differ in whether they are charged alone?
  enum class Pieces : uint8_t { one, charged_and_not, several };
  [[nodiscard]] Pieces pieces(unsigned process, uint64_t page, uint64_t count);

 private:
  static sim::Options machine_options(uint64_t seed);
  [[nodiscard]] static base::Vpn vpn(uint64_t page) {
    return base::Vpn((arena_address >> base::page_shift) + page);
  }
  [[nodiscard]] static base::VpnRange range(uint64_t page, uint64_t count) {
    return base::VpnRange::of(vpn(page), base::PageCount(count));
  }
  [[nodiscard]] static bool in_arena(base::Vpn page) {
    return page >= vpn(0) && page < vpn(arena_pages);
  }
  Object& new_object(uint64_t pages);
  void start(unsigned process);
  void stop(unsigned process);

  base::Status map(Space& space, const Call& call, Answer& answer);
  base::Status remap(Space& space, const Call& call, Answer& answer);
  base::Status fork(const Call& call);
  void touch(Space& space, const Call& call, Answer& answer);
  void look(unsigned process, Answer& answer);

  sim::World<F> world_;
  vm::SpaceSystem<M> system_;
  vm::ObjectSystem<typename sim::World<F>::Allocator> object_system_;
  std::unique_ptr<Space> spaces_[2];
  std::vector<std::unique_ptr<Object>> objects_;  // the first is the file
  uint64_t at_start_ = 0;
};

}  // namespace linux_oracle

#include "linux/guest_calls.h"
