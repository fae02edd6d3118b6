// The spaces tier of vm.h: what moves, lends, advises, locks and writes back.
#include "space_handles.h"

using namespace vm::c;

namespace {

vm_page_result page_of(const base::Result<base::VpnRange>& result) {
  if (!result.ok()) return {status_of(result.error()), 0};
  return {VM_OK, result.value().first().raw()};
}

constexpr vm::Advice advices[] = {
    vm::Advice::normal,       vm::Advice::random,        vm::Advice::sequential,
    vm::Advice::will_need,    vm::Advice::dont_need,     vm::Advice::free,
    vm::Advice::remove,       vm::Advice::huge_pages,    vm::Advice::no_huge_pages,
    vm::Advice::dont_fork,    vm::Advice::do_fork,       vm::Advice::wipe_on_fork,
    vm::Advice::keep_on_fork, vm::Advice::populate_read, vm::Advice::populate_write};
static_assert(sizeof(advices) / sizeof(advices[0]) == VM_ADVICE_POPULATE_WRITE + 1);

constexpr vm::Locking lockings[] = {vm::Locking::none, vm::Locking::on_fault, vm::Locking::all};

bool is_locking(vm_locking locking) {
  return unsigned(locking) <= VM_LOCK_ALL;
}

constexpr uint64_t page_limit = 1ULL << 52;

}  // namespace

extern "C" {

vm_page_result vm_space_remap(vm_space* space, const vm_remap_request* request) {
  const base::Optional<base::VpnRange> source = range_of<base::Vpn>(request->source);
  if (!source.has_value() || request->count > page_limit || request->page > page_limit ||
      unsigned(request->move) > VM_MOVE_FIXED) {
    return {VM_INVALID_ARGUMENT, 0};
  }
  using Move = vm::RemapRequest::Move;
  vm::RemapRequest remap;
  remap.source = *source;
  remap.new_count = base::PageCount(request->count);
  remap.move = request->move == VM_MOVE_NEVER ? Move::never
               : request->move == VM_MOVE_MAY ? Move::may
                                              : Move::fixed;
  remap.target = base::Vpn(request->page);
  if (request->leave) remap.source_becomes = vm::RemapRequest::Source::leave;
  return page_of(space->space.remap(remap));
}

vm_page_result vm_space_borrow(vm_space* space, vm_space* lender, vm_range source, unsigned rights,
                               vm_placement placement, uint64_t page) {
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(source);
  if (!range.has_value() || page > page_limit) return {VM_INVALID_ARGUMENT, 0};
  return page_of(space->space.borrow(lender->space,
                                     {*range, access_of(rights), placement_of(placement, page)}));
}

vm_page_result vm_space_transfer(vm_space* space, vm_space* giver, vm_range source,
                                 vm_placement placement, uint64_t page) {
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(source);
  if (!range.has_value() || page > page_limit) return {VM_INVALID_ARGUMENT, 0};
  return page_of(space->space.transfer(giver->space, {*range, placement_of(placement, page)}));
}

vm_status vm_space_advise(vm_space* space, vm_range pages, vm_advice advice) {
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(pages);
  if (!range.has_value() || unsigned(advice) > VM_ADVICE_POPULATE_WRITE) {
    return VM_INVALID_ARGUMENT;
  }
  return status_of(space->space.advise(*range, advices[advice]));
}

vm_fault_result vm_space_populate(vm_space* space, vm_range pages, unsigned access) {
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(pages);
  if (!range.has_value()) {
    vm_fault_result refused = {};
    refused.kind = VM_REFUSED_UNMAPPED;
    return refused;
  }
  return result_of(space->space.populate(*range, access_of(access)));
}

vm_status vm_space_lock(vm_space* space, vm_range pages, vm_locking locking) {
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(pages);
  if (!range.has_value() || !is_locking(locking)) return VM_INVALID_ARGUMENT;
  return status_of(space->space.lock(*range, lockings[locking]));
}

vm_status vm_space_lock_all(vm_space* space, vm_locking present, vm_locking future) {
  if (!is_locking(present) || !is_locking(future)) return VM_INVALID_ARGUMENT;
  return status_of(space->space.lock_all(lockings[present], lockings[future]));
}

vm_status vm_sync_begin(vm_sync* sync, vm_range pages) {
  static_assert(sizeof(vm::SyncProgress) <= sizeof(vm_sync) &&
                alignof(vm::SyncProgress) <= alignof(vm_sync));
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(pages);
  if (!range.has_value()) return VM_INVALID_ARGUMENT;
  base::construct_at<vm::SyncProgress>(sync, *range);
  return VM_OK;
}

vm_sync_result vm_space_sync(vm_space* space, vm_sync* sync, vm_sync_mode mode) {
  vm_sync_result result = {};
  if (unsigned(mode) > VM_SYNC_INVALIDATE) {
    result.status = VM_INVALID_ARGUMENT;
    return result;
  }
  const vm::SyncMode how = mode == VM_SYNC_START  ? vm::SyncMode::start
                           : mode == VM_SYNC_WAIT ? vm::SyncMode::wait
                                                  : vm::SyncMode::invalidate;
  vm::SyncOutcome outcome = space->space.sync(*reinterpret_cast<vm::SyncProgress*>(sync), how);
  if (outcome.kind() == vm::SyncOutcome::Kind::failed) result.status = status_of(outcome.error());
  if (outcome.kind() == vm::SyncOutcome::Kind::wait) {
    result.status = VM_WOULD_BLOCK;
    result.wait = wait_of(outcome.token());
  }
  return result;
}

vm_mapping vm_space_mapping(vm_space* space, uint64_t page) {
  vm_mapping result = {};
  if (page >= page_limit) return result;
  const base::Optional<vm::Mapping> found = space->space.mapping_at_or_after(base::Vpn(page));
  if (!found) return result;
  result.pages = {found->first().raw(), found->count().raw()};
  result.rights = found->access().raw();
  result.most = found->max_access().raw();
  result.shared = found->is_shared();
  result.has_object = found->object() != nullptr;
  result.object_page = found->object_page().raw();
  return result;
}

vm_space_counts vm_space_statistics(vm_space* space) {
  const vm::SpaceStatistics now = space->space.statistics();
  return {now.mappings, now.mapped.raw(), now.resident.raw(), now.committed.raw(),
          now.locked.raw()};
}

vm_space_limits vm_space_get_limits(vm_space* space) {
  const vm::SpaceLimits now = space->space.limits();
  return {now.mapped.raw(), now.committed.raw(), now.locked.raw(), now.stack.raw(), now.mappings};
}

void vm_space_set_limits(vm_space* space, const vm_space_limits* limits) {
  vm::SpaceLimits now = space->space.limits();
  now.mapped = base::PageCount(limits->mapped);
  now.committed = base::PageCount(limits->committed);
  now.locked = base::PageCount(limits->locked);
  now.stack = base::PageCount(limits->stack);
  now.mappings = limits->mappings;
  space->space.set_limits(now);
}

}  // extern "C"
