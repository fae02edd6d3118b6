// AddressSpace: what may be at each page (the mapping map) and what is there (the page table), and
// every operation that changes either.
//
// All operations are all-or-nothing: on an error the space is as before. Ranges are page ranges;
// a caller that has addresses builds them with VpnRange::checked, whose error is the one to report.
// docs/vm.md derives the design and maps errors to errno.
//
// Concurrency. fault() and the queries of present pages take no space-wide lock: they run beside
// each other and beside one writer. Writers (everything else) are serialised by the space's lock.
// Operations on two spaces lock both, by ascending address. No lock is held when a function
// returns, none while a pager is waited for. Lock order: docs/vm.md.
//
// A space must not be destroyed while a CPU runs it or another call on it is in progress; its
// owner counts references (kernel: processes, descriptors).
#pragma once

#include "vm/seam/machine.h"
#include "vm/space/mapping_map.h"
#include "vm/space/requests.h"

namespace vm {

template <class M>
class System;

template <Machine M>
class AddressSpace final : private ObjectHolder {
 public:
  explicit AddressSpace(System<M>& system);
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;
  // Never created, or destroyed (checked).
  ~AddressSpace();

  // ---- Life ------------------------------------------------------------------------------------

  // Allocates the root table and the first node page. Error::invalid_argument: options;
  // Error::out_of_memory.
  [[nodiscard]] base::Status create(const SpaceOptions& options);
  // Unmaps everything and frees all memory. Cannot fail. No CPU runs the space.
  void destroy();

  // ---- Layout ----------------------------------------------------------------------------------

  // Adds a mapping and returns where it is. Allocates no data page unless asked to populate; when
  // populating fails half-way the mapping stays, as with Linux.
  // Errors: invalid_argument (empty; outside `usable`; misaligned placement; shared without an
  // object; object page + count overflows), out_of_memory (limits, tables, nodes),
  // no_address_range, already_mapped (fixed_no_replace), access_denied (access exceeds max_access,
  // or the object forbids the sharing), busy (replacing a sealed mapping).
  [[nodiscard]] base::Result<base::VpnRange> map(const MapRequest& request);

  // Removes whatever is in `range`; holes are no error. Errors: invalid_argument (outside the user
  // pages), out_of_memory (a split needs memory or exceeds the mapping limit), busy (sealed).
  [[nodiscard]] base::Status unmap(base::VpnRange range);

  // New rights for `range`. Errors: not_mapped (a hole; Linux changes what is before the hole, this
  // changes nothing), access_denied (beyond max_access), out_of_memory, busy.
  [[nodiscard]] base::Status protect(base::VpnRange range, base::Access access);

  // Resizes or moves one mapping (or part of one); page tables move, contents are not copied.
  // Errors: not_mapped (no mapping at the start), invalid_argument (empty, the ranges overlap, the
  // target is misaligned or outside), bus... see docs/vm.md; no_address_range, out_of_memory, busy.
  [[nodiscard]] base::Result<base::VpnRange> remap(const RemapRequest& request);

  // Makes `child`, a created and empty space, a copy of this one, by each mapping's Inherit.
  // Constant in what is resident. Errors: invalid_argument (child not empty), out_of_memory,
  // limit_exceeded; the child is empty then.
  [[nodiscard]] base::Status clone_into(AddressSpace& child);

  // Maps pages of `lender` here, without copying, lazily. Rights only shrink. The lender's later
  // unmap makes the borrowed pages Refusal::bus; its protect does not reach them.
  // Errors: invalid_argument (self), would_deadlock (a cycle of borrows), not_mapped (a hole in the
  // source), access_denied, and those of map().
  [[nodiscard]] base::Result<base::VpnRange> borrow(AddressSpace& lender,
                                                    const BorrowRequest& request);

  // Moves mappings with their contents from `giver` to here. Errors: as borrow(), as map() and
  // busy (pinned or sealed).
  [[nodiscard]] base::Result<base::VpnRange> transfer(AddressSpace& giver,
                                                      const TransferRequest& request);

  // ---- Faults ----------------------------------------------------------------------------------

  // Makes the access possible. Resolved: retry the instruction. Wait: the object's pager owes the
  // page; block on the token without any lock held, then call fault() again, which looks at
  // everything anew. Refused: deliver the signal. Context: no spin lock held; does not block.
  [[nodiscard]] FaultOutcome fault(const FaultRequest& request);

  // Brings the pages of `range` in, as if each had been accessed so. Stops at the first that cannot
  // be (its outcome) and returns resolved() when all are there. Holes: refused(unmapped).
  [[nodiscard]] FaultOutcome populate(base::VpnRange range, base::Access access);

  // ---- Advice, locking, contents ---------------------------------------------------------------

  // Errors: not_mapped (a hole; what is mapped has been advised, as with Linux),
  // invalid_argument (advice that does not fit a mapping), out_of_memory, bus, would_block.
  [[nodiscard]] base::Status advise(base::VpnRange range, Advice advice);

  // Locking::none unlocks. Locked pages are brought in (Locking::all) and stay. Errors:
  // not_mapped (a hole), out_of_memory (limit: then nothing is locked), would_block (a pager owes
  // pages: they are locked when they come).
  [[nodiscard]] base::Status lock(base::VpnRange range, Locking locking);
  // Every present mapping and, if `future` is not none, every later one.
  [[nodiscard]] base::Status lock_all(Locking present, Locking future);

  // Writes back dirty pages of shared Paged objects. wait: returns would_block with what to wait
  // for in the objects; call again. Errors: not_mapped (a hole: the rest has been synced), busy,
  // io.
  [[nodiscard]] base::Status sync(base::VpnRange range, SyncMode mode);

  // ---- Looking ---------------------------------------------------------------------------------

  // The mapping at `page`, or the next one above it. The object is not referenced for the caller.
  [[nodiscard]] base::Optional<Mapping> mapping_at_or_after(base::Vpn page);
  [[nodiscard]] PageState page_state(base::Vpn page);
  // visit(const Mapping&) for each mapping in order; the space's lock is held.
  template <class Visit>
  void visit_mappings(Visit&& visit);
  // visit(const PageState&) for each page of `range` that a mapping covers. mincore, pagemap.
  // Error::not_mapped: holes were met.
  template <class Visit>
  [[nodiscard]] base::Status visit_pages(base::VpnRange range, Visit&& visit);
  [[nodiscard]] SpaceStatistics statistics();
  [[nodiscard]] SpaceLimits limits() const;
  void set_limits(const SpaceLimits& limits);

  // ---- CPUs ------------------------------------------------------------------------------------

  // The current CPU runs this space from now on (instead of `previous`, if that is not nullptr).
  void activate(AddressSpace* previous);
  // The current CPU runs no space (the host's own root is active).
  void deactivate();

  // ---- For tests and people --------------------------------------------------------------------

  // Panics with the invariant that does not hold. Nothing else may run on the space meanwhile.
  void check();
  // print(const char* text) gets one line a mapping, then the table's summary.
  template <class Print>
  void dump(Print&& print);

  [[nodiscard]] System<M>& system() { return system_; }

 private:
  void retain(MemoryObject& object) override;
  void release_not_last(MemoryObject& object) override;

  System<M>& system_;
  typename M::Host::Lock lock_;
  MappingMap map_;
};

}  // namespace vm
