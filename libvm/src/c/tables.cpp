// The tables tier of vm.h.
#include "link_host.h"

struct vm_table {
  explicit vm_table(vm_system& owner) : system(owner), table(owner.machine()) {}
  vm_system& system;
  vm::PageTable<vm::c::LinkMachine> table;
};

namespace vm::c {

namespace {

using Table = PageTable<LinkMachine>;
using Section = Epochs<LinkHost>::Section;

constexpr size_t max_ranges = 64;

vm::Features features_of(const vm_machine& machine) {
  Features features;
  features.levels = machine.levels;
  features.physical_bits = machine.physical_bits;
  features.tag_bits = machine.tag_bits;
  features.gigabyte_leaves = machine.gigabyte_leaves;
  features.no_execute = machine.no_execute;
  features.hardware_accessed = machine.hardware_accessed;
  features.hardware_dirty = machine.hardware_dirty;
  features.size_change_plain = machine.size_change_plain;
  features.ranged_invalidate = machine.ranged_invalidate;
  features.tagged_invalidate = machine.tagged_invalidate;
  return features;
}

// False: a range wraps.
bool copy_ranges(const vm_range* from, size_t count, base::PfnRange* to) {
  for (size_t i = 0; i < count; ++i) {
    const base::Optional<base::PfnRange> range = range_of<base::Pfn>(from[i]);
    if (!range.has_value()) return false;
    to[i] = *range;
  }
  return true;
}

base::Status boot(vm_system& system, const vm_machine& machine) {
  base::PfnRange ram[max_ranges];
  base::PfnRange free[max_ranges];
  if (machine.ram_count > max_ranges || machine.free_count > max_ranges || machine.cpus == 0 ||
      machine.cpus > max_cpus || machine.levels < 4 || machine.levels > max_levels ||
      !copy_ranges(machine.ram, machine.ram_count, ram) ||
      !copy_ranges(machine.free, machine.free_count, free)) {
    return base::Error::invalid_argument;
  }
  return system.frames.boot(base::Span<const base::PfnRange>(ram, machine.ram_count),
                            base::Span<const base::PfnRange>(free, machine.free_count),
                            machine.cpus);
}

// Nothing: not in the user half.
base::Optional<base::VpnRange> user_range(vm_table& table, vm_range pages) {
  base::Optional<base::VpnRange> range = range_of<base::Vpn>(pages);
  if (!range.has_value() ||
      !LinkMachine::Format::user_pages(table.system.machine().features()).contains(*range)) {
    return base::nothing;
  }
  return range;
}

Entry leaf_of(vm_system& system, base::Pfn frame, unsigned rights, base::MemoryType type) {
  Entry leaf = Entry::leaf_of(
      frame, LinkMachine::Format::granted(access_of(rights), system.machine().features()));
  leaf.memory_type = type;
  leaf.accessed = true;
  leaf.dirty = leaf.access.can_write();
  return leaf;
}

// The body of vm_table_own, under the table's lock. `copy`: an owned frame that may be used, and is
// reset to nothing then.
base::Status own_page(vm_system& system, LockedTable<LinkMachine>& locked, base::Vpn page,
                      unsigned rights, base::Optional<base::Pfn>& copy,
                      TlbBatch<LinkMachine>& batch) {
  const Entry now = locked.get(page);
  if (now.kind != EntryKind::leaf || locked.level() != 1) {
    return base::Error::not_mapped;
  }
  const FrameRecord* record = system.machine().counted(now.frame);
  const bool ours = record == nullptr || record->is_exclusive();
  base::Pfn frame = now.frame;
  if (!ours) {
    frame = *copy;
    copy.reset();
    __builtin_memcpy(system.host.window(frame), system.host.window(now.frame), base::page_size);
    system.machine().records().of(frame).set_state(FrameState::private_page);
  }
  (void)locked.change(page, batch, [&](const Entry& before) {
    Entry next = leaf_of(system, frame, rights, before.memory_type);
    next.software = before.software;
    return next;
  });
  return {};
}

}  // namespace

}  // namespace vm::c

using namespace vm::c;

extern "C" {

vm_layout vm_system_layout(void) {
  return {sizeof(vm_system), alignof(vm_system)};
}

vm_status vm_system_create(vm_system* system, size_t size, const vm_machine* machine) {
  if (!fits<vm_system>(system, size)) return VM_INVALID_ARGUMENT;
  const vm::Features features = features_of(*machine);
  base::construct_at<vm_system>(system, features, base::Pfn(machine->idle_root));
  const base::Status booted = boot(*system, *machine);
  if (!booted.ok()) {
    base::destroy_at(system);
    return status_of(booted);
  }
  base::construct_at<vm::System<LinkMachine>>(system->machine_storage, system->host, system->mmu,
                                              system->frames, features);
  return VM_OK;
}

void vm_system_destroy(vm_system* system) {
  system->machine().epochs().synchronize();
  base::destroy_at(&system->machine());
  base::destroy_at(system);
}

uint64_t vm_system_available(vm_system* system) {
  return system->frames.statistics().available().raw();
}

bool vm_system_idle(vm_system* system) {
  const bool reclaimed = system->machine().epochs().collect() != 0;
  return system->frames.zero_one() || reclaimed;
}

vm_frame_result vm_frame_allocate(vm_system* system) {
  base::Result<base::Pfn> frame = system->frames.allocate(vm::Contents::zero);
  return frame.ok() ? vm_frame_result{VM_OK, frame.value().raw()}
                    : vm_frame_result{status_of(frame.error()), 0};
}

void vm_frame_release(vm_system* system, uint64_t frame) {
  system->machine().drop_frame(base::Pfn(frame));
}

vm_layout vm_table_layout(void) {
  return {sizeof(vm_table), alignof(vm_table)};
}

vm_status vm_table_create(vm_system* system, vm_table* table, size_t size) {
  if (!fits<vm_table>(table, size)) return VM_INVALID_ARGUMENT;
  base::construct_at<vm_table>(table, *system);
  const base::Status created = table->table.create();
  if (!created.ok()) base::destroy_at(table);
  return status_of(created);
}

void vm_table_destroy(vm_table* table) {
  table->table.destroy();
  (void)table->system.machine().epochs().poll();
  base::destroy_at(table);
}

vm_status vm_table_map(vm_table* table, uint64_t page, uint64_t frame, unsigned rights,
                       vm_memory type) {
  if (!user_range(*table, {page, 1}).has_value() || unsigned(type) > VM_DEVICE) {
    return VM_INVALID_ARGUMENT;
  }
  vm_system& system = table->system;
  auto batch = table->table.batch();
  const base::Vpn at(page);
  base::Status status;
  {
    Section section(system.machine().epochs());
    status = table->table.with_private_table(at, 1, batch, [&](auto& locked) -> base::Status {
      if (locked.level() != 1 || locked.get(at).kind != vm::EntryKind::absent) {
        return base::Error::already_mapped;
      }
      vm::FrameRecord* record = system.machine().counted(base::Pfn(frame));
      if (record != nullptr && record->state() == vm::FrameState::owned && record->is_exclusive()) {
        record->set_state(vm::FrameState::private_page);
      }
      locked.install(at, leaf_of(system, base::Pfn(frame), rights, base::MemoryType(type)));
      return {};
    });
  }
  batch.settle();
  return status_of(status);
}

vm_status vm_table_unmap(vm_table* table, vm_range pages) {
  const base::Optional<base::VpnRange> range = user_range(*table, pages);
  if (!range.has_value()) return VM_INVALID_ARGUMENT;
  if (range->empty()) return VM_OK;
  auto batch = table->table.batch();
  auto prepared = table->table.prepare(*range, vm::Prepare::edges, vm::LargeLeaves::none, batch);
  if (prepared.ok()) {
    auto reserve = base::move(prepared).value();
    table->table.remove(*range, reserve, batch);
  }
  batch.settle();
  (void)table->system.machine().epochs().poll();
  return prepared.ok() ? VM_OK : status_of(prepared.error());
}

vm_status vm_table_protect(vm_table* table, vm_range pages, unsigned rights) {
  const base::Optional<base::VpnRange> range = user_range(*table, pages);
  if (!range.has_value()) return VM_INVALID_ARGUMENT;
  if (range->empty()) return VM_OK;
  auto batch = table->table.batch();
  auto prepared = table->table.prepare(*range, vm::Prepare::present, vm::LargeLeaves::none, batch);
  if (prepared.ok()) {
    auto reserve = base::move(prepared).value();
    table->table.protect(*range, access_of(rights), vm::ClosedTables::none, reserve, batch);
  }
  batch.settle();
  return prepared.ok() ? VM_OK : status_of(prepared.error());
}

vm_found vm_table_lookup(vm_table* table, uint64_t page) {
  vm_found result = {};
  if (!user_range(*table, {page, 1}).has_value()) return result;
  Section section(table->system.machine().epochs());
  const vm::Found found = table->table.lookup(base::Vpn(page));
  if (found.entry.kind != vm::EntryKind::leaf) return result;
  result.present = true;
  result.rights = found.entry.access.intersect(found.limit).raw();
  result.frame = found.frame_of(base::Vpn(page)).raw();
  result.level = found.level;
  result.accessed = found.entry.accessed;
  result.dirty = found.entry.dirty;
  return result;
}

vm_status vm_table_clone(vm_table* table, vm_table* child) {
  auto batch = table->table.batch();
  const base::Status cloned = table->table.clone_to(child->table, batch);
  batch.settle();
  return status_of(cloned);
}

vm_status vm_table_own(vm_table* table, uint64_t page, unsigned rights) {
  if (!user_range(*table, {page, 1}).has_value()) return VM_INVALID_ARGUMENT;
  vm_system& system = table->system;
  base::Result<base::Pfn> spare = system.frames.allocate();
  if (!spare.ok()) return status_of(spare.error());
  base::Optional<base::Pfn> copy(spare.value());
  auto batch = table->table.batch();
  base::Status status;
  {
    Section section(system.machine().epochs());
    status = table->table.with_private_table(base::Vpn(page), 1, batch, [&](auto& locked) {
      return own_page(system, locked, base::Vpn(page), rights, copy, batch);
    });
  }
  batch.settle();
  if (copy.has_value()) system.frames.free(*copy);
  return status_of(status);
}

void vm_table_activate(vm_table* table) {
  table->table.enter();
}

void vm_table_deactivate(vm_system* system) {
  system->machine().tlb().leave();
}

}  // extern "C"
