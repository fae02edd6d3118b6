// PageTable: what is there: the tree of page tables of one address space.
//
// Tables are shared copy-on-write. An entry that names a table is *open* when it has the write
// right; then, and only then, that table belongs to this tree alone. A closed entry may name a
// table that other trees name too. clone() closes every entry of the root and counts the tables
// below once more; the first change below a closed entry *opens* it: copies the table if others
// still name it, or takes the write right back if nobody does. Cloning costs one table whatever is
// resident, dropping a shared subtree one decrement.
//
// Invariants (check())
// - An open entry's table has one reference. The root has one.
// - A leaf with the write right below open entries only: its frame has one reference, or its
//   record says object_page or borrowed, or it is not counted.
// - resident of a table is the number of its entries that are not absent; pins that of its pinned
//   leaves and of the tables below with pins. A table with pins is named by an open entry.
//
// Concurrency
// - Faults: any number at once, each in an epoch section from before the call to after it (tables
//   are freed only when every section that could see them has ended). They use lookup() and
//   with_private_table(); what they find is theirs while the table's lock is held.
// - Writers (everything else that changes): one at a time, by the space's lock; beside faults,
//   unless the function says "no faults". A writer changes the mapping map first, so a fault that
//   revalidates its mapping under the table's lock is ordered against it.
// - Trees that share tables need no lock in common.
// Lock order: tables from the root to the leaves; then the allocator's. Shootdowns are sent under
// table locks; a CPU waiting for one serves them.
//
// Errors: Error::out_of_memory (no frame), Error::limit_exceeded (a reference count is full).
// State after an error: every page translates as before; parts of the path may have been opened.
// Pages given must lie within Format::user_pages.
#pragma once

#include "base/optional.h"
#include "vm/frame/reservation.h"
#include "vm/table/locked_table.h"

namespace vm {

// What lookup() found.
struct Found {
  Entry entry;         // decoded; absent if nothing is there
  unsigned level;      // of the entry: 1 is 4 KiB; of an absent one, what is missing
  base::Vpn first;     // first page that the entry spans
  base::Access limit;  // of the tables above it: what leaf and path allow together is the access

  // The frame of `page` itself, of a leaf.
  [[nodiscard]] base::Pfn frame_of(base::Vpn page) const { return entry.frame + (page - first); }
};

// Which tables prepare() makes private.
enum class Prepare : uint8_t {
  edges,    // those that the range covers in part: remove()
  present,  // every one that is there: protect(), take_range()
};

// Whether a fault may put a leaf larger than 4 KiB across the edge of a prepared range meanwhile.
enum class LargeLeaves : uint8_t { none, possible };

// What a range has in the tables. Shared: somebody else has it too, beside an object whose page it
// is. A table that serves other ranges as well counts for each.
struct RangeUse {
  base::PageCount resident;
  base::PageCount shared;
  base::PageCount swapped;
  uint64_t tables = 0;
  uint64_t tables_shared = 0;
};

// Whether tables that are there now, at the edges of where entries will arrive, may be gone by
// then.
enum class EdgeTables : uint8_t { stay, may_go };

// What protect() does below closed entries.
enum class ClosedTables : uint8_t {
  skip,  // rights are only gained: nothing to do
  none,  // prepare(present) has opened them all
};

enum class Harvest : uint8_t {
  look,            // nothing changes
  clear_accessed,  // forgotten lazily: a hint
  clear_dirty,     // forgotten by the batch: exact once it has settled
};

// What the tables have for a range.
enum class RangeContent : uint8_t {
  nothing,  // not even a table of the lowest level
  tables,   // tables, empty for the range
  entries,  // leaves or software entries, or too much to look through, or not known
};

// What became of tables below closed entries. Counts since the tree was made; exact when nothing
// runs.
struct TableCounters {
  uint64_t shared = 0;        // a table got one more parent: by clone(), or with the one above it
  uint64_t made_private = 0;  // a table with other parents was copied
};

template <Machine M>
class PageTable {
 public:
  using Format = typename M::Format;
  using Batch = TlbBatch<M>;
  using Reserve = Reservation<typename M::Host>;

  explicit PageTable(System<M>& system) : system_(system) {}
  PageTable(const PageTable&) = delete;
  PageTable& operator=(const PageTable&) = delete;
  // Never created, or destroyed.
  ~PageTable() { BASE_CHECK(!created_, "PageTable not destroyed"); }

  // Allocates the root. Error::out_of_memory: unchanged.
  [[nodiscard]] base::Status create();
  // Drops everything. No CPU runs the space, no faults, every batch has settled. No shootdown: the
  // space's tags are not used again before they have been emptied.
  void destroy();

  [[nodiscard]] System<M>& system() { return system_; }
  [[nodiscard]] base::Pfn root() const { return root_; }
  [[nodiscard]] TlbContext& tlb_context() { return context_; }
  // A batch for one operation on this space.
  [[nodiscard]] Batch batch() { return Batch(system_, context_); }
  // This CPU runs the space from now on; TlbDirectory::leave() ends it.
  void enter() { system_.tlb().enter(context_, root_); }

  // ---- Faults ----------------------------------------------------------------------------------

  // What translates `page`. Takes no lock; may be out of date when it returns.
  [[nodiscard]] Found lookup(base::Vpn page);

  // Makes the path to `page` private down to the table at `level`, or down to one whose entry for
  // `page` is a larger leaf, locks that table and returns body(LockedTable<M>&), a base::Status.
  // Body revalidates the caller's view of the mapping, then looks and changes any number of entries
  // of the table. Cost when the path is open: one load per level, the lock, no allocation.
  // Errors: as above, and body's. `batch` settles after it, in or after the epoch section.
  template <class Body>
  [[nodiscard]] base::Status with_private_table(base::Vpn page, unsigned level, Batch& batch,
                                                Body&& body);

  // Replaces the larger leaf at `page` by a table of leaves one level down with the same frames,
  // rights, accessed and dirty bits. Nothing to split: nothing is done.
  [[nodiscard]] base::Status split(base::Vpn page, Batch& batch);

  // ---- Writers ---------------------------------------------------------------------------------

  // Everything that remove(range) or protect(range) could fail for. With LargeLeaves::possible the
  // result holds the frames for splitting leaves that appear at the edges until then.
  [[nodiscard]] base::Result<Reserve> prepare(base::VpnRange range, Prepare what, LargeLeaves large,
                                              Batch& batch);

  // Removes every entry of the range. Prepared: edges. Cost: what is present and private; shared
  // subtrees one decrement each. Software entries are given to EntryHooks::software_dropped.
  void remove(base::VpnRange range, Reserve& reserve, Batch& batch);

  // Frees the tables that `range` reaches into, that lie wholly inside `hole`, where nothing is
  // mapped, and that are empty. `range` is part of the hole. Cost: the tables that it reaches.
  void trim(base::VpnRange range, base::VpnRange hole, Batch& batch);

  // Gives every leaf of the range the rights `access` (of the mapping; granted() is applied).
  // Private leaves get the write right only where their page is this space's alone, lent ones no
  // right that they do not have. Prepared as
  // `closed` says. Rights lost are named in the batch.
  void protect(base::VpnRange range, base::Access access, ClosedTables closed, Reserve& reserve,
               Batch& batch);

  // Moves the entries of `from` to the pages from `to` on, which are empty by now and overlap
  // `from` nowhere; whole tables where both are aligned alike. Prepared: `from` edges (present,
  // where the two are not aligned alike to a table), then prepare_move(). No faults in the space
  // from the first of them until the batch has settled.
  void move(base::VpnRange from, base::Vpn to, Reserve& tables, Batch& batch);
  // The tables that move() needs at the beginning of `target`, which may still hold entries:
  // remove(target) is prepared too. Splits larger leaves of `from` that do not fit there.
  [[nodiscard]] base::Result<Reserve> prepare_move(base::VpnRange from, base::VpnRange target,
                                                   Batch& batch);

  // The same in steps, for entries that come from another tree: prepare_arrival() prepares
  // remove(target), count() each page in ascending order, needed() is the tables for all. Then
  // put() enters each where nothing is; take() takes it out of the other tree, which is prepared
  // (present). References and pins move with the entry. No faults in either space.
  class Arrival;
  [[nodiscard]] base::Result<Arrival> prepare_arrival(base::VpnRange target, EdgeTables edges,
                                                      Batch& batch);
  [[nodiscard]] Entry take(base::Vpn page, Batch& batch);
  void put(base::Vpn page, const Entry& entry, Reserve& tables, Batch& batch);

  // Makes `child`, created and empty, a copy-on-write copy. No faults in this space; nobody uses
  // the child. Pinned private pages are copied at once. Cost: one root, plus the pinned tables. The
  // caller removes from the child what it shall not inherit. On error the child is empty again.
  [[nodiscard]] base::Status clone_to(PageTable& child, Batch& batch);

  // Marks the resident leaf at `page` (4 KiB, private) as one that must stay the same memory, and
  // takes the mark away. Error::not_found: no such leaf; busy: it is not this space's alone.
  [[nodiscard]] base::Status pin(base::Vpn page, Batch& batch);
  void unpin(base::Vpn page, Batch& batch);

  // Replaces the full level-1 table at `page` by one leaf of 2 MiB: `block`, an owned block of
  // order 9 whose reference is taken over on success. Error::busy: some page is absent, pinned,
  // shared, not private, or differs from the others in more than accessed and dirty; unchanged.
  [[nodiscard]] base::Status collapse(base::Vpn page, base::Pfn block, Batch& batch);

  // ---- Looking ---------------------------------------------------------------------------------

  // Calls visit(Found) for every leaf and software entry of the range, ascending. Lock-free; in an
  // epoch section, or by a writer while faults are kept out.
  template <class Visit>
  void visit(base::VpnRange range, Visit&& visit);
  // The same; the leaf's accessed or dirty bits are cleared and visit sees them as they were.
  template <class Visit>
  void harvest(base::VpnRange range, Harvest what, Batch& batch, Visit&& visit);
  // A few looks; lock-free. `entries` also when somebody is changing the tables right now.
  [[nodiscard]] RangeContent content(base::VpnRange range);
  // 4 KiB pages present in the range.
  // What is there for `range`, and who else has it. In a section.
  [[nodiscard]] RangeUse use(base::VpnRange range);
  [[nodiscard]] base::PageCount resident(base::VpnRange range);

  [[nodiscard]] TableCounters counters() const {
    return {shared_.template load<base::Order::relaxed>(),
            made_private_.template load<base::Order::relaxed>()};
  }

  // Panics on a broken invariant. Nothing else runs in this space meanwhile.
  void check();
  // Calls print(Found) for every entry that is not absent, tables included.
  template <class Print>
  void dump(Print&& print);

 private:
  friend struct PageTableTester;
  class Spare;
  enum class PinChange : uint8_t { add, remove };
  struct Place {
    base::Pfn table;
    unsigned level;
  };

  [[nodiscard]] uint64_t* slot(base::Pfn table, base::Vpn page, unsigned level) {
    return &system_.words(table)[entry_index(page, level)];
  }
  [[nodiscard]] uint64_t load(base::Pfn table, base::Vpn page, unsigned level) {
    return system_.mmu().load(slot(table, page, level));
  }
  // The same, for writers, who hold no table's lock. Whoever holds this table's may have taken the
  // entry out for a moment (break before make): that is waited for.
  [[nodiscard]] uint64_t load_settled(Place place, base::Vpn page) {
    while (true) {
      const uint64_t word = load(place.table, page, place.level);
      if (BASE_LIKELY(word != 0)) return word;
      if (!record(place.table).is_locked()) return load(place.table, page, place.level);
      system_.host().relax();
    }
  }
  [[nodiscard]] EntryKind kind(uint64_t word, unsigned level) {
    return Format::kind(word, level, system_.features());
  }
  [[nodiscard]] base::Pfn frame(uint64_t word, unsigned level) {
    return Format::frame(word, level, system_.features());
  }
  [[nodiscard]] Entry decode(uint64_t word, unsigned level) {
    return Format::decode(word, level, system_.features());
  }
  [[nodiscard]] uint64_t encode(const Entry& entry, unsigned level) {
    return Format::encode(entry, level, system_.features());
  }
  [[nodiscard]] uint64_t open_word(base::Pfn table, unsigned level) {
    return encode(Entry::table_of(table, unlimited), level);
  }
  [[nodiscard]] bool is_open(uint64_t word, unsigned level) {
    return Format::is_open(word, level, system_.features());
  }
  [[nodiscard]] FrameRecord& record(base::Pfn table) { return system_.records().of(table); }

  // page_table_path.h
  Place descend(base::Vpn page, unsigned level);
  base::Status open(Place place, base::Vpn page, Batch& batch, Spare& spare);
  base::Status open_path(base::Vpn page, unsigned level, Batch& batch);
  base::Status open_path(base::Vpn page, unsigned level, Batch& batch, Spare& spare);
  void open_alone(uint64_t* slot, unsigned level, base::Vpn page, base::Pfn child, Batch& batch);
  base::Status copy_table(base::Pfn from, base::Pfn to, unsigned level);
  base::Status count_copies(const uint64_t* words, unsigned count, unsigned level);
  void uncount_copies(const uint64_t* words, unsigned count, unsigned level);
  base::Status copy_entries(uint64_t* source, uint64_t* target, uint32_t resident, unsigned level,
                            unsigned& end);
  base::Status copy_row(uint64_t* source, uint64_t* target, unsigned& i, unsigned limit,
                        unsigned level);
  base::Status count_copy(uint64_t word, unsigned level);
  base::Status count_copy_without_page(uint64_t word, unsigned level);
  uint64_t protect_original(uint64_t* slot, uint64_t word, unsigned level);

  // page_table_split.h
  base::Status count_split(base::Pfn first, unsigned level);
  base::Status split_leaf(Place place, base::Vpn page, base::Pfn spare, bool& used, Batch& batch);
  base::Status split_at(Place place, base::Vpn page, Batch& batch, Spare& spare);
  bool can_collapse(base::Pfn table);

  // page_table_range.h
  void use_in(Place place, bool is_shared, base::VpnRange range, RangeUse& use);
  base::Status prepare_edge(base::VpnRange range, base::Vpn page, Batch& batch);
  base::Status open_present(Place place, base::VpnRange range, Batch& batch);
  base::Optional<base::Pfn> cut_entry(Place place, base::Vpn page, Reserve& reserve, Batch& batch);
  enum class Pins : uint8_t { as_before, last_gone };
  Pins remove_in(Place place, base::VpnRange range, Reserve& reserve, Batch& batch);
  Pins remove_entries(Place place, base::Vpn first, unsigned index, unsigned end, Batch& batch);
  Pins uncount_pins(FrameRecord& table, uint32_t count) BASE_REQUIRES(table);
  bool is_pinned(uint64_t word, unsigned level);
  void forget_tables(Batch& batch);
  void trim_in(Place place, base::VpnRange range, base::VpnRange hole, Batch& batch);
  void detach_empty(Place place, base::Vpn page, base::Pfn child, Batch& batch);

  // page_table_protect.h
  struct Protection {
    base::Access access;
    ClosedTables closed;
  };
  struct AccessFlip;
  void protect_in(Place place, base::VpnRange range, Protection protection, Reserve& reserve,
                  Batch& batch);
  void protect_entries(Place place, base::Vpn first, unsigned index, unsigned end,
                       Protection protection, Reserve& reserve, Batch& batch);
  void protect_leaves(Place place, base::Vpn first, unsigned index, unsigned end,
                      base::Access access, Batch& batch);
  AccessFlip access_flip(uint64_t word, unsigned level, base::Access access);
  unsigned flip_any(uint64_t* words, unsigned i, unsigned limit, AccessFlip flip);
  unsigned flip_pages(uint64_t* words, unsigned i, unsigned limit, AccessFlip flip, unsigned level);
  bool is_own_page(uint64_t leaf, unsigned level);

  // page_table_clone.h
  base::Result<base::Pfn> copy_pinned(base::Pfn from, unsigned level);
  base::Result<uint64_t> copy_pinned_entry(uint64_t* at, unsigned level);
  void drop_root_entries();
  void count_pins(base::Vpn page, unsigned level, PinChange change);

  // page_table_move.h
  template <class Step>
  base::Status for_each_moved(base::VpnRange from, base::Vpn to, Step&& step);
  base::Status split_larger(Place place, base::VpnRange range, unsigned level, Batch& batch);
  void build_path(base::Vpn page, unsigned level, Reserve& tables, Batch& batch);
  void put_word(base::Vpn page, unsigned level, uint64_t word, Reserve& tables, Batch& batch);

  // page_table_look.h
  template <class Visit>
  void visit_in(Place place, base::Access limit, base::VpnRange range, Visit&& visit);
  void check_in(Place place, base::Access limit, bool is_private);
  template <class Print>
  void dump_in(Place place, base::Access limit, base::Vpn first, Print&& print);

  [[nodiscard]] base::VpnRange entry_pages(base::Vpn page, unsigned level) const {
    return base::VpnRange::of(base::Vpn(base::align_down(page.raw(), entry_span(level).raw())),
                              entry_span(level));
  }

  System<M>& system_;
  TlbContext context_;
  base::Pfn root_;
  bool created_ = false;
  base::Atomic<uint64_t> shared_{0};
  base::Atomic<uint64_t> made_private_{0};
};

}  // namespace vm

#include "vm/table/page_table_look.h"
