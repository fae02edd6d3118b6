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

#include "base/span.h"
#include "vm/object/borrowed.h"
#include "vm/seam/machine.h"
#include "vm/space/deferred_releases.h"
#include "vm/space/fault_counter.h"
#include "vm/space/mapping_map.h"
#include "vm/space/requests.h"
#include "vm/space/space_system.h"
#include "vm/table/page_table.h"

namespace vm {

template <Machine M>
class AddressSpace final : private ObjectHolder, public ObjectMapper, public PageLender {
 public:
  // `rank`: of a space that is used while another's lock is held.
  explicit AddressSpace(SpaceSystem<M>& system, base::LockRank rank = base::LockRank::space)
      : table_(system.machine()), system_(system), lock_(base::lock_of<Lock>(rank)), map_(*this) {}
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;
  // Never created, or destroyed (checked).
  ~AddressSpace() { BASE_CHECK(!created_, "AddressSpace not destroyed"); }

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
  // target is misaligned or outside), access_denied (the target is below the usable pages),
  // no_address_range, out_of_memory, busy.
  [[nodiscard]] base::Result<base::VpnRange> remap(const RemapRequest& request);

  // Makes `child`, a created and empty space, a copy of this one, by each mapping's Inherit.
  // Constant in what is resident. Errors: invalid_argument (child not empty), out_of_memory,
  // limit_exceeded; the child is empty then.
  [[nodiscard]] base::Status clone_into(AddressSpace& child);

  // Maps pages of `lender` here, without copying, lazily: both see what either writes. Rights only
  // shrink. What the lender unmaps later is Refusal::bus here; its protect does not reach here. A
  // clone of the lender gets copies, a clone of the borrower borrows too.
  // Errors: invalid_argument (self), would_deadlock (a cycle of borrows), not_mapped (a hole in the
  // source), access_denied, and those of map().
  [[nodiscard]] base::Result<base::VpnRange> borrow(AddressSpace& lender,
                                                    const BorrowRequest& request);

  // What lend() has answered from private memory is over: `page` is ordinary memory again, which a
  // clone shares, unless somebody else still holds the frame. The caller has dropped its reference.
  void give_back(base::Vpn page, base::Pfn frame);

  // Moves mappings with their contents from `giver` to here; both must be whole. Errors:
  // invalid_argument (self), not_mapped (a hole in the source), busy (sealed, borrowed, or one of
  // the spaces lends pages), and those of map().
  [[nodiscard]] base::Result<base::VpnRange> transfer(AddressSpace& giver,
                                                      const TransferRequest& request);

  // Makes all changes in order, or none; nobody sees some of them done. `giver`: where transfers
  // come from; nullptr if there are none. Each change fails as its operation does, but advice also
  // with not_mapped before it has done anything; out_of_memory is the batch's own error too.
  // Populating and hints (will_need) follow when everything has been done, and cannot fail it.
  [[nodiscard]] BatchOutcome apply(base::Span<SpaceChange> changes, AddressSpace* giver);

  // Pages of this space as an object that others can map, shared or as private copies: borrow() in
  // two steps. Mapped here or in a space that this one borrows from it is would_deadlock.
  // Errors: invalid_argument, not_mapped (a hole), access_denied, out_of_memory.
  [[nodiscard]] base::Result<ObjectRef> lend_range(base::VpnRange source, base::Access access);

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
  // not_mapped (a hole), limit_exceeded: nothing is locked. out_of_memory: nothing is locked if it
  // was for a node; if a page cannot be brought in (no right at all, no such page, no frame), the
  // range is locked all the same, as with Linux. would_block (a pager owes pages: they are locked
  // when they come).
  [[nodiscard]] base::Status lock(base::VpnRange range, Locking locking);
  // Every present mapping and, if `future` is not none, every later one.
  [[nodiscard]] base::Status lock_all(Locking present, Locking future);
  // Every later mapping; what is mapped already stays as it is.
  void lock_later(Locking future);
  // What counts against the limit.
  [[nodiscard]] base::PageCount locked() const;

  // Writes back dirty pages of shared objects: msync. wait: go on with the same `progress` when the
  // token's wait is over; start and invalidate never wait. failed: not_mapped (holes; everything
  // else has been done), busy (invalidate: part of the range is locked), io, dead (what could be
  // written has been).
  [[nodiscard]] SyncOutcome sync(SyncProgress& progress, SyncMode mode);

  // ---- Looking ---------------------------------------------------------------------------------

  // The mapping at `page`, or the next one above it. The object is not referenced for the caller.
  [[nodiscard]] base::Optional<Mapping> mapping_at_or_after(base::Vpn page);
  // visit(const Mapping&) for the mapping at `page`, with the space's lock held, so that its object
  // may be referenced. False: there is none.
  template <class Visit>
  [[nodiscard]] bool visit_mapping_at(base::Vpn page, Visit&& visit);
  [[nodiscard]] PageState page_state(base::Vpn page);
  // visit(const Mapping&) for each mapping in order; the space's lock is held.
  template <class Visit>
  void visit_mappings(Visit&& visit);
  // visit(const PageState&) for each page of `range` that a mapping covers. mincore, pagemap.
  // Error::not_mapped: holes were met.
  template <class Visit>
  [[nodiscard]] base::Status visit_pages(base::VpnRange range, Visit&& visit);
  // What is in the page table for `range`; walks what is there.
  [[nodiscard]] RangeUse use(base::VpnRange range);
  [[nodiscard]] SpaceStatistics statistics();
  // The part of statistics() that costs no walk; without the counts of tables. No lock taken.
  [[nodiscard]] FaultCounters fault_counters() const {
    FaultCounters result;
    counters_.fill(result);
    return result;
  }
  [[nodiscard]] SpaceLimits limits() const;
  void set_limits(const SpaceLimits& limits);

  // ---- CPUs ------------------------------------------------------------------------------------

  // The current CPU runs this space from now on, instead of what it ran.
  void activate();
  // The current CPU runs no space from now on.
  void deactivate();

  // ---- For tests and people --------------------------------------------------------------------

  // Panics with the invariant that does not hold. Nothing else may run on the space meanwhile.
  void check();
  // print(const Mapping&) for each mapping; PageTable::dump() has the entries.
  template <class Print>
  void dump(Print&& print);

  [[nodiscard]] SpaceSystem<M>& system() { return system_; }
  [[nodiscard]] PageTable<M>& table() { return table_; }

  // ---- ObjectMapper: called by objects, without a lock held
  // --------------------------------------

  void drop_pages(MemoryObject& object, ObjectRange pages) override;
  void clean_pages(MemoryObject& object, ObjectRange pages) override;

  // ---- PageLender: called by Borrowed objects, in a borrower's fault
  // ------------------------------

  [[nodiscard]] PageAnswer lend(base::Vpn page, PageUse use) override;
  [[nodiscard]] PageAnswer lend_resident(base::Vpn page) override;
  void loan_ended(Loan& loan) override;

 private:
  using Format = typename M::Format;
  using Host = typename M::Host;
  using Lock = typename Host::Lock;
  using Batch = TlbBatch<M>;
  using Reserve = Reservation<Host>;
  using Loaned = Borrowed<typename SpaceSystem<M>::Frames>;
  static constexpr unsigned max_borrow_depth = 3;  // each opens an epoch section inside the last
  class Operation;
  struct LoanPage;
  struct FaultState;
  struct Neighbours;

  void retain(MemoryObject& object) override { object.retain(); }
  void release_not_last(MemoryObject& object) override { object.release_not_last(); }

  [[nodiscard]] System<M>& machine() { return system_.machine(); }
  // Entries may not arrive from another space just now. Both are locked. Only walks have business
  // with a space, and a rehearsal has none with them.
  [[nodiscard]] bool must_wait_for_walk() { return has_joined() && system_.mappers().is_walking(); }
  [[nodiscard]] base::VpnRange user_pages() { return Format::user_pages(machine().features()); }

  // space_layout.h
  // Without those who tell it of pages that leave their objects: for a space that never has pages.
  [[nodiscard]] base::Status create_apart(const SpaceOptions& options);
  void destroy_apart();
  [[nodiscard]] SpaceOptions options_now() {
    base::Guard guard(lock_);
    return options_;
  }
  [[nodiscard]] base::Status supply_nodes(unsigned insertions) BASE_REQUIRES(lock_);
  [[nodiscard]] base::Status supply_nodes_for_append(size_t mappings) BASE_REQUIRES(lock_);
  void tidy_nodes() BASE_REQUIRES(lock_);
  [[nodiscard]] base::Status check_request(const MapRequest& request);
  [[nodiscard]] base::Result<base::VpnRange> place(const Placement& placement,
                                                   base::PageCount count) BASE_REQUIRES(lock_);
  [[nodiscard]] base::Status check_limits(base::PageCount mapped, base::PageCount committed,
                                          base::PageCount locked, unsigned mappings)
      BASE_REQUIRES(lock_);
  // What `range` holds now, for replacing or removing it.
  struct Contents {
    base::PageCount mapped;
    base::PageCount committed;
    base::PageCount locked;
    uint64_t mappings = 0;
    uint64_t objects = 0;  // mappings with one
    bool sealed = false;
    bool whole = true;  // no holes
  };
  [[nodiscard]] Contents contents(base::VpnRange range) BASE_REQUIRES(lock_);
  [[nodiscard]] Mapping prototype_of(const MapRequest& request) BASE_REQUIRES(lock_);
  [[nodiscard]] base::Result<base::VpnRange> map_unchecked(const MapRequest& request);
  void populate_new(base::VpnRange range, const MapRequest& request, Locking locking);
  [[nodiscard]] base::Result<base::VpnRange> map_locked(Operation& operation,
                                                        const Mapping& prototype,
                                                        const Placement& placement)
      BASE_REQUIRES(lock_);
  [[nodiscard]] base::Status unmap_locked(Operation& operation, base::VpnRange range)
      BASE_REQUIRES(lock_);
  // What removing a range may need. Not prepared: there was nothing to remove.
  struct Removal {
    Reserve reserve;
    bool prepared = false;
  };
  [[nodiscard]] base::Result<Removal> prepare_removal(Operation& operation, base::VpnRange range,
                                                      const Contents& now) BASE_REQUIRES(lock_);
  void take_mappings(Operation& operation, base::VpnRange range) BASE_REQUIRES(lock_);
  RangeContent remove_prepared(Operation& operation, base::VpnRange range, Removal& removal)
      BASE_REQUIRES(lock_);
  RangeContent remove_entries(Operation& operation, base::VpnRange range, Removal& removal)
      BASE_REQUIRES(lock_);
  void insert_mapping(const Mapping& mapping) BASE_REQUIRES(lock_);
  void account_removed(const Mapping& piece) BASE_REQUIRES(lock_);
  void trim_around(base::VpnRange range, Batch& batch) BASE_REQUIRES(lock_);
  [[nodiscard]] static base::Access table_access(const Mapping& mapping);
  // space_protect.h
  // Splits at the ends of `range`, lets `change(Mapping&)` alter each mapping in it, joins what is
  // alike. Prepared: supply_nodes(2).
  template <class Change>
  void change_mappings(base::VpnRange range, Change&& change) BASE_REQUIRES(lock_);

  void set_access(base::VpnRange range, base::Access access, ClosedTables closed, Reserve& reserve,
                  Batch& batch) BASE_REQUIRES(lock_);

  // space_clone.h
  [[nodiscard]] base::Status clone_locked(AddressSpace& child);
  [[nodiscard]] base::Status drop_inherited(base::VpnRange range,
                                            const base::Atomic<uint32_t>& large);
  void empty_unused() BASE_REQUIRES(lock_);

  // space_borrow.h
  [[nodiscard]] bool lends_to_itself(AddressSpace& lender, unsigned depth);
  [[nodiscard]] base::Result<Loaned*> make_loan(base::VpnRange source, base::Access access);
  static void dispose_of_loan(void* context, MemoryObject& object);
  [[nodiscard]] PageAnswer pin_and_share(base::Vpn page);
  void withdraw_loans(base::VpnRange range);
  void sever_loans();
  [[nodiscard]] base::Result<base::VpnRange> transfer_locked(AddressSpace& giver,
                                                             const TransferRequest& request,
                                                             Operation& mine, Operation& theirs);
  [[nodiscard]] base::Result<base::PageCount> prepare_arrival(AddressSpace& giver,
                                                              base::VpnRange source,
                                                              base::VpnRange target,
                                                              EdgeTables edges, Batch& from,
                                                              Batch& to);
  void move_mappings(AddressSpace& giver, base::VpnRange source, base::VpnRange target,
                     Reserve& tables, Operation& mine, Operation& theirs);
  void move_pages(AddressSpace& giver, base::VpnRange source, base::VpnRange target,
                  Reserve& tables, Batch& from, Batch& to);

  // space_batch.h
  class Rehearsal;
  class Parties;
  [[nodiscard]] base::Status copy_layout(AddressSpace& to);
  [[nodiscard]] BatchOutcome apply_checked(base::Span<SpaceChange> changes, AddressSpace* giver);
  [[nodiscard]] BatchOutcome apply_locked(base::Span<SpaceChange> changes, Parties& parties);
  [[nodiscard]] base::Status rehearse(SpaceChange& change, Parties& parties);
  [[nodiscard]] base::Status prepare_change(const SpaceChange& change, Parties& parties);
  void commit_change(const SpaceChange& change, Parties& parties);
  void clear_range(base::VpnRange range, Operation& operation) BASE_REQUIRES(lock_);

  // space_remap.h
  [[nodiscard]] base::Result<base::VpnRange> remap_locked(Operation& operation,
                                                          const RemapRequest& request,
                                                          const Mapping& mapping)
      BASE_REQUIRES(lock_);
  [[nodiscard]] base::Result<base::VpnRange> move_mapping(Operation& operation,
                                                          const RemapRequest& request,
                                                          const Mapping& mapping)
      BASE_REQUIRES(lock_);
  [[nodiscard]] base::Result<Reserve> prepare_move(base::VpnRange source, base::PageCount kept,
                                                   base::VpnRange target, Batch& batch)
      BASE_REQUIRES(lock_);

  // space_advise.h
  template <class Allowed, class Change>
  [[nodiscard]] base::Status set_attributes(base::VpnRange range, Allowed&& allowed,
                                            Change&& change) BASE_REQUIRES(lock_);
  [[nodiscard]] base::Status drop_contents(base::VpnRange range, Advice advice);
  template <class Act>
  [[nodiscard]] base::Status for_each_object(base::VpnRange range, Act&& act);
  [[nodiscard]] base::Status discard(base::VpnRange range);
  [[nodiscard]] base::Status will_need(base::VpnRange range);
  void set_locking(base::VpnRange range, Locking locking) BASE_REQUIRES(lock_);
  enum class OnFailure : uint8_t { stop, next_mapping };
  [[nodiscard]] base::Status bring_in(base::VpnRange range, OnFailure on_failure);
  void note_dirty(const Found& found);
  void drop_object_pages(base::VpnRange range, Batch& batch) BASE_REQUIRES(lock_);
  template <class Act>
  void for_each_mapping_of(MemoryObject& object, ObjectRange pages, Act&& act) BASE_REQUIRES(lock_);

  // space_look.h
  [[nodiscard]] PageState state_of(base::Vpn page, const Mapping& mapping, const Found& found);
  void check_entries() BASE_REQUIRES(lock_);
  void check_leaf(const Found& found, const Mapping& mapping);

  // space_fault.h, space_fault_object.h
  [[nodiscard]] FaultOutcome refuse(Refusal refusal);
  // What became of one try.
  enum class Attempt : uint8_t { finished, again, hole, starved };
  // own: a private page that nobody shares, whatever the mapping allows just now.
  enum class Ownership : uint8_t { as_asked, own };
  [[nodiscard]] FaultOutcome try_fault(const FaultRequest& request, Ownership ownership,
                                       Attempt& attempt);
  [[nodiscard]] base::Optional<FaultOutcome> fault_object(FaultState& state, base::Status& status);
  [[nodiscard]] FaultOutcome fault_in_hole(const FaultRequest& request, Attempt& attempt);
  void serve_private(FaultState& state, LockedTable<M>& table);
  void serve_present(FaultState& state, LockedTable<M>& table);
  void serve_object(FaultState& state, LockedTable<M>& table, const PageAnswer& answer);
  [[nodiscard]] static bool is_lent(const Mapping& mapping);
  [[nodiscard]] static uint8_t leaf_flags(const Mapping& mapping);
  [[nodiscard]] static bool must_ask(const FaultState& state, const Entry& leaf);
  void copy_on_write(FaultState& state, LockedTable<M>& table, const Entry& entry);
  void upgrade(FaultState& state, LockedTable<M>& table, const Entry& entry);
  void find_neighbours(const FaultState& state, Neighbours& neighbours);
  void map_neighbours(FaultState& state, LockedTable<M>& table, Neighbours& neighbours);
  void drop_neighbours(Neighbours& neighbours);
  [[nodiscard]] bool wants_large(const Mapping& mapping) const {
    return mapping.huge_pages() == HugePages::by_policy ? options_.huge_pages == HugePages::always
                                                        : mapping.huge_pages() == HugePages::always;
  }
  [[nodiscard]] bool try_large(FaultState& state);
  void copy_page(base::Pfn to, base::Pfn from);
  void count(FaultKind kind, uint64_t by = 1) {
    counters_.add(machine().host().current_cpu(), kind, by);
  }

  // Not beside mapper_node, which other CPUs write when spaces of theirs come and go.
  alignas(64) PageTable<M> table_;
  SpaceSystem<M>& system_;
  Gate gate_;  // faults pass it
  alignas(64) mutable Lock lock_;
  MappingMap map_;
  SpaceOptions options_;
  base::PageCount committed_ BASE_GUARDED_BY(lock_);
  base::PageCount locked_ BASE_GUARDED_BY(lock_);
  base::PageCount peak_mapped_ BASE_GUARDED_BY(lock_);
  uint64_t object_mappings_ BASE_GUARDED_BY(lock_) = 0;  // 0 only if there is none
  Locking future_locking_ BASE_GUARDED_BY(lock_) = Locking::none;
  base::List<Loan, &Loan::node> loans_ BASE_GUARDED_BY(lock_);  // of our pages
  base::Atomic<uint32_t> has_loans_{0};                         // there may be some
  base::Atomic<uint32_t> large_leaves_{0};                      // there may be some
  bool created_ = false;
  FaultCount counters_;
};

}  // namespace vm

#include "vm/space/space_operation.h"

#include "vm/space/space_advise.h"
#include "vm/space/space_batch.h"
#include "vm/space/space_borrow.h"
#include "vm/space/space_clone.h"
#include "vm/space/space_fault.h"
#include "vm/space/space_fault_object.h"
#include "vm/space/space_layout.h"
#include "vm/space/space_look.h"
#include "vm/space/space_protect.h"
#include "vm/space/space_remap.h"
