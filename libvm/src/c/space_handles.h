// What vm_spaces and vm_space are: for the files of the spaces tier.
#pragma once

#include "link_host.h"
#include "vm/space/address_space.h"

struct vm_spaces {
  explicit vm_spaces(vm_system& owner) : system(owner.machine()), records(owner.frames.records()) {}
  vm::SpaceSystem<vm::c::LinkMachine> system;
  vm::FrameRecords& records;
};

struct vm_space {
  explicit vm_space(vm_spaces& owner) : space(owner.system) {}
  vm::AddressSpace<vm::c::LinkMachine> space;
};

namespace vm::c {

inline Placement placement_of(vm_placement kind, uint64_t at) {
  const base::Vpn page(at);
  switch (kind) {
    case VM_ANYWHERE: return Placement::anywhere();
    case VM_HINT: return Placement::hint_at(page);
    case VM_FIXED: return Placement::fixed_at(page);
    case VM_FIXED_NO_REPLACE: return Placement::fixed_no_replace_at(page);
  }
  return Placement::anywhere();
}

inline vm_fault_kind refusal_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::unmapped: return VM_REFUSED_UNMAPPED;
    case Refusal::access: return VM_REFUSED_ACCESS;
    case Refusal::bus: return VM_REFUSED_BUS;
    case Refusal::out_of_memory: return VM_REFUSED_MEMORY;
  }
  return VM_REFUSED_BUS;
}

// A handle is the address of the object; the token's reference becomes the caller's.
inline vm_wait wait_of(WaitToken& token) {
  return {reinterpret_cast<vm_object*>(token.object.take()), token.wait.page.raw(),
          token.wait.ticket};
}

inline vm_fault_result result_of(FaultOutcome outcome) {
  vm_fault_result result = {};
  if (outcome.is_resolved()) return result;
  if (outcome.must_wait()) {
    result.kind = VM_WAIT;
    result.wait = wait_of(outcome.token());
    return result;
  }
  result.kind = refusal_of(outcome.refusal());
  return result;
}

}  // namespace vm::c
