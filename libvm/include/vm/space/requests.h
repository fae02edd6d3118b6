// What an AddressSpace is asked, and what it answers: plain values.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/access.h"
#include "base/address.h"
#include "base/page_range.h"
#include "vm/object/memory_object.h"
#include "vm/space/mapping.h"

namespace vm {

// Where a range goes.
struct Placement {
  enum class Kind : uint8_t {
    anywhere,          // the highest hole below the space's mapping top
    hint,              // at `at` if that is free and allowed, else anywhere
    fixed,             // at `at`; what is there is replaced
    fixed_no_replace,  // at `at`; Error::already_mapped when something is there
    randomised,        // the first hole below a place chosen by `entropy`, else anywhere
  };
  Kind kind = Kind::anywhere;
  base::Vpn at;
  base::PageCount alignment{1};  // of the start, in pages, a power of two; not for fixed kinds
  base::VpnRange within;         // if not empty, limits the search (32-bit areas)
  uint64_t entropy = 0;          // randomised: 64 random bits, used once

  static Placement anywhere() { return {}; }
  static Placement hint_at(base::Vpn at) {
    Placement placement;
    placement.kind = Kind::hint;
    placement.at = at;
    return placement;
  }
  static Placement fixed_at(base::Vpn at) {
    Placement placement = hint_at(at);
    placement.kind = Kind::fixed;
    return placement;
  }
  static Placement fixed_no_replace_at(base::Vpn at) {
    Placement placement = hint_at(at);
    placement.kind = Kind::fixed_no_replace;
    return placement;
  }
  static Placement randomised(uint64_t entropy) {
    Placement placement;
    placement.kind = Kind::randomised;
    placement.entropy = entropy;
    return placement;
  }
};

// When pages are brought in.
enum class Population : uint8_t { lazy, now };

// Whether private writable pages count against the commit limit.
enum class Commit : uint8_t { charged, free };

struct MapRequest {
  base::PageCount count;
  base::Access access;  // Right::user is implied
  base::Access max_access = base::Right::read | base::Right::write | base::Right::execute;
  Sharing sharing = Sharing::private_copy;
  // nullptr and private: zero-fill. nullptr and shared is Error::invalid_argument: make a
  // SharedAnonymous. The mapping takes a reference of its own.
  MemoryObject* object = nullptr;
  ObjectPage object_page;
  Placement placement;
  Inherit inherit = Inherit::copy;
  HugePages huge_pages = HugePages::by_policy;
  Population population = Population::lazy;
  Locking locking = Locking::none;
  Commit commit = Commit::charged;
  enum class Growth : uint8_t { none, down } growth = Growth::none;
  uint32_t tag = 0;
};

struct RemapRequest {
  base::VpnRange source;  // not empty
  base::PageCount new_count;
  enum class Move : uint8_t {
    never,  // grow or shrink in place, or Error::no_address_range
    may,    // in place if possible, else anywhere
    fixed,  // to `target`; what is there is replaced
  } move = Move::never;
  base::Vpn target;
  // What stays behind: nothing, or the mapping itself without contents (same size, private
  // zero-fill memory or a shared object only).
  enum class Source : uint8_t { unmap, leave } source_becomes = Source::unmap;
};

struct BorrowRequest {
  base::VpnRange source;  // in the lender
  base::Access access;    // at most what the lender's mappings allow
  Placement placement;
  uint32_t tag = 0;
};

struct TransferRequest {
  base::VpnRange source;  // in the giving space; it is unmapped there
  Placement placement;    // in the receiving space
};

enum class Advice : uint8_t {
  normal,
  random,
  sequential,
  will_need,  // bring in what is not resident, without waiting
  dont_need,  // drop: private memory reads as zeros (or the object's pages) afterwards
  free,       // private zero-fill memory may be dropped any time until written again
  remove,     // drop from the shared object itself too
  huge_pages,
  no_huge_pages,
  dont_fork,       // Inherit::none
  do_fork,         // undoes dont_fork
  wipe_on_fork,    // Inherit::wipe, unless dont_fork; private zero-fill memory only
  keep_on_fork,    // undoes wipe_on_fork
  cold,            // hint: reclaim soon
  page_out,        // hint: reclaim now
  populate_read,   // fault in for reading, report failure
  populate_write,  // the same for writing
};

// One change of a batch (AddressSpace::apply).
struct SpaceChange {
  enum class Kind : uint8_t {
    map,
    unmap,
    protect,
    advise,    // not remove, populate_read, populate_write: they cannot be taken back
    transfer,  // from the batch's other space
  };
  Kind kind = Kind::unmap;
  // map and transfer: where it has been put, once done. Else: what is changed.
  base::VpnRange range;
  MapRequest map;
  base::Access access;  // protect
  Advice advice{};      // advise
  TransferRequest transfer;
};

// How a batch ended: at an error nothing was changed, and `failed` is the change that cannot be, or
// the number of changes when it is none's fault.
struct BatchOutcome {
  base::Status status;
  size_t failed = 0;
};

enum class SyncMode : uint8_t {
  start,       // writing back begins
  wait,        // Wait until it is done
  invalidate,  // only check: Error::busy when part of the range is locked
};

// What the CPU reported. `access`: exactly one of read, write, execute, and user if the access was
// made by user code. Kernel accesses to user memory are user accesses in this sense.
struct FaultRequest {
  base::UserAddr address;
  base::Access access;
};

enum class Refusal : uint8_t {
  unmapped,       // nothing is mapped there
  access,         // the mapping does not allow it
  bus,            // the object has no such page, or its pager failed or is dead
  out_of_memory,  // no frame, or a limit
};

// What a faulter waits for: a page that the object's pager owes. Keeps the object alive; how to
// wait is between the embedder and the object's maker.
struct WaitToken {
  ObjectRef object;
  PageWait wait;
};

// Where a sync() has got to; made with the range, kept by the caller from call to call.
struct SyncProgress {
  explicit SyncProgress(base::VpnRange pages) : range(pages), at(pages.first()) {}
  const base::VpnRange range;
  base::Vpn at;
  MemoryObject* object = nullptr;  // never followed, only compared
  SyncRun run{ObjectRange()};
  base::Error error = base::Error::not_mapped;
  bool met_hole = false;
};

class SyncOutcome {
 public:
  enum class Kind : uint8_t { done, wait, failed };

  [[nodiscard]] static SyncOutcome done() { return {}; }
  [[nodiscard]] static SyncOutcome failed(base::Error error) {
    SyncOutcome outcome;
    outcome.kind_ = Kind::failed;
    outcome.error_ = error;
    return outcome;
  }
  [[nodiscard]] static SyncOutcome wait(WaitToken token) {
    SyncOutcome outcome;
    outcome.kind_ = Kind::wait;
    outcome.token_ = base::move(token);
    return outcome;
  }
  [[nodiscard]] Kind kind() const { return kind_; }
  // Only if kind() says so.
  [[nodiscard]] base::Error error() const { return error_; }
  [[nodiscard]] WaitToken& token() { return token_; }

 private:
  Kind kind_ = Kind::done;
  base::Error error_ = base::Error::io;
  WaitToken token_;
};

class FaultOutcome {
 public:
  enum class Kind : uint8_t { resolved, wait, refused };

  [[nodiscard]] static FaultOutcome resolved() { return {}; }
  [[nodiscard]] static FaultOutcome refused(Refusal refusal) {
    FaultOutcome outcome;
    outcome.kind_ = Kind::refused;
    outcome.refusal_ = refusal;
    return outcome;
  }
  [[nodiscard]] static FaultOutcome wait(WaitToken token) {
    FaultOutcome outcome;
    outcome.kind_ = Kind::wait;
    outcome.token_ = base::move(token);
    return outcome;
  }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_resolved() const { return kind_ == Kind::resolved; }
  [[nodiscard]] bool must_wait() const { return kind_ == Kind::wait; }
  // Only if kind() says so.
  [[nodiscard]] Refusal refusal() const { return refusal_; }
  [[nodiscard]] WaitToken& token() { return token_; }

 private:
  Kind kind_ = Kind::resolved;
  Refusal refusal_ = Refusal::unmapped;
  WaitToken token_;
};

// What one page of a space is now.
struct PageState {
  base::Vpn page;
  bool mapped = false;    // a mapping covers it
  bool resident = false;  // touching it (as the mapping allows) needs no waiting: in the page
                          // table, or private or object memory that is already in RAM
  bool present = false;   // in the page table
  bool accessed = false;
  bool dirty = false;    // present and written since the last sync, by the hardware's record
  bool shared = false;   // the frame has other users
  bool zero = false;     // the shared zero frame
  bool swapped = false;  // a software entry
  base::Pfn frame;       // if present
};

struct SpaceLimits {
  base::PageCount mapped{~uint64_t(0) >> base::page_shift};     // total size of mappings
  base::PageCount committed{~uint64_t(0) >> base::page_shift};  // charged private writable pages
  base::PageCount locked{~uint64_t(0) >> base::page_shift};
  base::PageCount stack{~uint64_t(0) >> base::page_shift};  // of a mapping that grows down
  uint64_t mappings = 65530;
};

struct SpaceOptions {
  // Where mappings may be: within the format's user pages. Empty: all of them but the first 16 and
  // the last one.
  base::VpnRange usable;
  // Searches for the highest hole begin below here; 0: the end of `usable`.
  base::Vpn mapping_top;
  base::PageCount stack_guard{256};
  SpaceLimits limits;
  Population population = Population::lazy;  // now: every map() populates ("eager" mode)
  HugePages huge_pages = HugePages::never;   // what by_policy means here
};

// How often what happened in a space. Counted per CPU, summed on request; not exact while running.
struct FaultCounters {
  uint64_t zero = 0;      // read faults that mapped the zero frame
  uint64_t fresh = 0;     // private pages filled with zeros
  uint64_t copied = 0;    // copy-on-write, page copied
  uint64_t reused = 0;    // copy-on-write, page was ours alone
  uint64_t object = 0;    // pages of objects mapped by a fault
  uint64_t around = 0;    // neighbours mapped with them
  uint64_t waited = 0;    // faults that had to wait for a pager
  uint64_t huge = 0;      // faults served with a large page
  uint64_t spurious = 0;  // nothing was to be done: another CPU was faster
  uint64_t refused = 0;
  uint64_t tables_shared = 0;        // page tables of the space that got one more parent
  uint64_t tables_made_private = 0;  // page tables copied on the first change below them
};

struct SpaceStatistics {
  uint64_t mappings = 0;
  base::PageCount mapped;
  base::PageCount committed;
  base::PageCount locked;
  base::PageCount resident;  // present pages (walks the tables)
  base::PageCount peak_mapped;
  FaultCounters faults;
};

// Whether all that `advice` changes is attributes of mappings.
constexpr bool is_attribute(Advice advice) {
  switch (advice) {
    case Advice::normal:
    case Advice::random:
    case Advice::sequential:
    case Advice::huge_pages:
    case Advice::no_huge_pages:
    case Advice::dont_fork:
    case Advice::do_fork:
    case Advice::wipe_on_fork:
    case Advice::keep_on_fork: return true;
    default: return false;
  }
}

// What a mapping becomes by advice that is_attribute(). do_fork and keep_on_fork each undo their
// own opposite only.
constexpr void set_advice(Mapping& mapping, Advice advice) {
  switch (advice) {
    case Advice::normal: mapping.set_pattern(Pattern::normal); break;
    case Advice::random: mapping.set_pattern(Pattern::random); break;
    case Advice::sequential: mapping.set_pattern(Pattern::sequential); break;
    case Advice::huge_pages: mapping.set_huge_pages(HugePages::always); break;
    case Advice::no_huge_pages: mapping.set_huge_pages(HugePages::never); break;
    case Advice::dont_fork: mapping.set_inherit(Inherit::none); break;
    case Advice::do_fork: mapping.set_inherited(); break;
    case Advice::wipe_on_fork: mapping.set_inherited_as(Inherit::wipe); break;
    case Advice::keep_on_fork:
      if (mapping.inherited_as() == Inherit::wipe) mapping.set_inherited_as(Inherit::copy);
      break;
    default: break;
  }
}

}  // namespace vm
