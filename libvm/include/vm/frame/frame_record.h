// FrameRecord: the 16 bytes that say what one 4 KiB frame of RAM is now.
//
//   references  32 bits   table entries that name the frame + owners that hold it, nothing else.
//                         A page table: parent entries that name it. Never wraps: at the limit an
//                         increment is Error::limit_exceeded and changes nothing.
//   meta        32 bits   state 4 | order or level 5 | lock 1 | retired or dirty 1 | resident 10 |
//   pins 11
//                         (pins of a frame that is no table use resident's bits too: 21)
//   link        64 bits   by state: free-list neighbours, or the owner
//
// Invariants
// - reserved frames (holes, firmware, the records themselves, the zero frame) are never counted.
// - A block of 2^order frames, aligned to its size, is described by its head; every other frame of
//   it has state `tail` (FrameRecords::head_of finds the head by alignment). References of a block
//   are counted in the head.
// - resident, pins and retired of a table change only under the table's lock; the lock is a bit of
//   `meta`, so a table's lock, its counts and its state share one cache line with nothing else hot.
// - While the lock is held nobody but the holder changes `meta` (a waiter's fetch_or of a bit that
//   is set changes nothing), so the holder uses plain stores and unlocks with one.
//
// Locks: `acquire` takes the table lock, rank `table`: root to leaf, brothers by ascending address.
// References need no lock: they are atomic; a count that reached 0 has exactly one thread that saw
// it, and that thread frees the frame.
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/atomic.h"
#include "base/check.h"
#include "base/compiler.h"
#include "base/result.h"

// Width of the reference count. Test builds set 8 to reach the limit.
#ifndef VM_REFERENCE_BITS
#define VM_REFERENCE_BITS 32
#endif
static_assert(VM_REFERENCE_BITS >= 4 && VM_REFERENCE_BITS <= 32);

namespace vm {

enum class FrameState : uint8_t {
  reserved = 0,      // not ours to hand out: holes, firmware, records, the zero frame
  free = 1,          // head of a free block in the buddy lists (link: neighbours)
  tail = 2,          // part of a block, free or not, but not its head
  cached = 3,        // in a per-CPU cache or the zeroed pool
  owned = 4,         // handed out; its owner has not said for what (kernel memory)
  private_page = 5,  // private memory of address spaces
  object_page = 6,   // page of a shared memory object (link: the object)
  borrowed = 7,      // shared by a borrow: writable although referenced more than once
  table = 8,         // a page table
};

class BASE_CAPABILITY("table lock") FrameRecord {
 public:
  static constexpr uint32_t reference_limit =
      VM_REFERENCE_BITS == 32 ? ~0u : (1u << (VM_REFERENCE_BITS % 32)) - 1;
  static constexpr uint32_t resident_limit = 512;
  static constexpr uint32_t table_pin_limit = (1u << 11) - 1;
  static constexpr uint32_t page_pin_limit = (1u << 21) - 1;

  FrameRecord() = default;
  FrameRecord(const FrameRecord&) = delete;
  FrameRecord& operator=(const FrameRecord&) = delete;

  // ---- References

  [[nodiscard]] uint32_t references() const { return references_.load<base::Order::acquire>(); }
  // Only one party names the frame, and whoever asks is that party: nobody can add another.
  [[nodiscard]] bool is_exclusive() const { return references() == 1; }

  // The caller already holds a reference or the lock of a table that holds one.
  // Error::limit_exceeded: unchanged.
  [[nodiscard]] base::Status add_references(uint32_t count = 1) {
    uint32_t now = references_.load<base::Order::relaxed>();
    do {
      BASE_DCHECK(now != 0, "reference added to a frame that nobody holds");
      if (BASE_UNLIKELY(count > reference_limit - now)) {
        return base::Error::limit_exceeded;
      }
    } while (!references_.compare_exchange<base::Order::relaxed>(now, now + count));
    return {};
  }

  // For lookups that hold nothing yet (an epoch keeps the record meaningful).
  // Error::dead: the count is 0, the frame is on its way out. Error::limit_exceeded.
  // Both: unchanged. After success the caller checks that the frame is still what it looked up.
  [[nodiscard]] base::Status add_reference_unless_dead() {
    uint32_t now = references_.load<base::Order::relaxed>();
    do {
      if (now == 0) {
        return base::Error::dead;
      }
      if (BASE_UNLIKELY(now == reference_limit)) {
        return base::Error::limit_exceeded;
      }
    } while (!references_.compare_exchange<base::Order::acquire>(now, now + 1));
    return {};
  }

  // Returns what is left. At 0 the caller is the last one and frees the frame.
  [[nodiscard]] uint32_t drop_references(uint32_t count = 1) {
    const uint32_t before = references_.fetch_sub<base::Order::acquire_release>(count);
    BASE_CHECK(before >= count, "frame reference dropped twice");
    return before - count;
  }

  // Only for the exclusive owner (allocation, freeing, splitting a block).
  void set_references_unchecked(uint32_t count) { references_.store<base::Order::relaxed>(count); }

  // ---- State

  [[nodiscard]] FrameState state() const { return FrameState(meta() & state_mask); }
  [[nodiscard]] bool is_table() const { return state() == FrameState::table; }

  // A frame changes its use only while one owner holds it (references <= 1), before or after it is
  // visible to others. Keeps order and references; clears level, resident, pins, retired.
  void set_state(FrameState next) {
    const uint32_t now = meta();
    BASE_DCHECK((now & lock_bit) == 0, "state of a locked table changed");
    meta_.store<base::Order::release>((now & order_mask) | uint32_t(next));
  }
  // State and order together, everything else cleared.
  void reset(FrameState next, unsigned order) {
    BASE_DCHECK(order <= (order_mask >> order_shift), "block order out of range");
    meta_.store<base::Order::release>((order << order_shift) | uint32_t(next));
  }
  // The same for frames that nobody has: keeps is_stamped().
  void move_unowned(FrameState next, unsigned order) {
    BASE_DCHECK(order <= (order_mask >> order_shift), "block order out of range");
    meta_.store<base::Order::release>((meta() & stamped_bit) | (order << order_shift) |
                                      uint32_t(next));
  }
  // An unowned frame carries the stamp of freed memory (frame_poison.h). reset() forgets it.
  [[nodiscard]] bool is_stamped() const { return (meta() & stamped_bit) != 0; }
  void set_stamped() { meta_.store<base::Order::release>(meta() | stamped_bit); }

  // A single frame that somebody has and that is no table: what is freed most.
  [[nodiscard]] bool is_single_page() const {
    constexpr auto first = uint32_t(FrameState::owned);
    constexpr auto last = uint32_t(FrameState::borrowed);
    return (meta() & (state_mask | order_mask)) - first <= last - first;
  }

  // log2 of the frames in the block that this frame heads. Not for tables.
  [[nodiscard]] unsigned order() const { return (meta() & order_mask) >> order_shift; }

  // ---- Page tables

  // Makes an owned frame a page table of `level` with no resident entries, unlocked. Level numbers
  // are the caller's. The caller owns the frame alone; references stay (1 for the coming parent).
  void become_table(unsigned level) { reset(FrameState::table, level); }
  [[nodiscard]] unsigned level() const { return (meta() & order_mask) >> order_shift; }

  // Spins; `host.relax()` is called while waiting and must let this CPU answer shootdowns.
  template <class Host>
  void acquire(Host& host) BASE_ACQUIRE() {
    while (BASE_UNLIKELY(!try_acquire())) {
      do {
        host.relax();
      } while ((meta_.load<base::Order::relaxed>() & lock_bit) != 0);
    }
  }
  [[nodiscard]] bool try_acquire() BASE_TRY_ACQUIRE(true) {
    return (meta_.fetch_or<base::Order::acquire>(lock_bit) & lock_bit) == 0;
  }
  void release() BASE_RELEASE() {
    const uint32_t now = meta_.load<base::Order::relaxed>();
    BASE_DCHECK((now & lock_bit) != 0, "unlocked table released");
    meta_.store<base::Order::release>(now & ~lock_bit);
  }
  [[nodiscard]] bool is_locked() const { return (meta() & lock_bit) != 0; }

  // Entries of the table that are not absent (leaf, table or software): 0..512.
  [[nodiscard]] uint32_t resident() const { return (meta() & resident_mask) >> resident_shift; }
  void add_resident(uint32_t count = 1) BASE_REQUIRES(this) {
    BASE_DCHECK(resident() + count <= resident_limit, "more resident entries than a table has");
    meta_.store<base::Order::relaxed>(meta() + (count << resident_shift));
  }
  void remove_resident(uint32_t count = 1) BASE_REQUIRES(this) {
    BASE_DCHECK(resident() >= count, "fewer resident entries than none");
    meta_.store<base::Order::relaxed>(meta() - (count << resident_shift));
  }

  // Entries of the table that are pinned or lead to a table with pins. Such a table is never
  // shared. Error::limit_exceeded: unchanged.
  [[nodiscard]] uint32_t table_pins() const { return meta() >> pin_shift; }
  [[nodiscard]] base::Status add_table_pin() BASE_REQUIRES(this) {
    const uint32_t now = meta();
    if ((now >> pin_shift) == table_pin_limit) {
      return base::Error::limit_exceeded;
    }
    meta_.store<base::Order::relaxed>(now + (1u << pin_shift));
    return {};
  }
  void remove_table_pin() BASE_REQUIRES(this) {
    BASE_DCHECK(table_pins() != 0, "table pin removed twice");
    meta_.store<base::Order::relaxed>(meta() - (1u << pin_shift));
  }

  // Detached from every parent: nothing may be installed in it any more. Set once, under the lock.
  [[nodiscard]] bool is_retired() const { return (meta() & retired_bit) != 0; }
  void retire() BASE_REQUIRES(this) { meta_.store<base::Order::relaxed>(meta() | retired_bit); }

  // ---- Pins of a page (not a table): someone needs it to stay the same memory

  [[nodiscard]] uint32_t page_pins() const { return meta() >> resident_shift; }
  [[nodiscard]] bool is_pinned() const { return page_pins() != 0; }
  // Error::limit_exceeded: unchanged. The caller holds a reference.
  [[nodiscard]] base::Status add_page_pin() {
    uint32_t now = meta_.load<base::Order::relaxed>();
    do {
      BASE_DCHECK(FrameState(now & state_mask) != FrameState::table, "page pin on a table");
      if ((now >> resident_shift) == page_pin_limit) {
        return base::Error::limit_exceeded;
      }
    } while (!meta_.compare_exchange<base::Order::acquire_release>(now, now + page_pin));
    return {};
  }
  void remove_page_pin() {
    const uint32_t before = meta_.fetch_sub<base::Order::acquire_release>(page_pin);
    BASE_CHECK((before >> resident_shift) != 0, "page pin removed twice");
  }

  // ---- Dirty: an object's page has contents that its pager has not

  [[nodiscard]] bool is_dirty() const { return (meta() & dirty_bit) != 0; }
  // By whoever removes or cleans an entry that the hardware marked dirty.
  void mark_dirty() {
    BASE_DCHECK(!is_table(), "dirty mark on a table");
    if (!is_dirty()) meta_.fetch_or<base::Order::acquire_release>(dirty_bit);
  }
  // Returns whether it was dirty.
  [[nodiscard]] bool take_dirty() {
    return is_dirty() &&
           (meta_.fetch_and<base::Order::acquire_release>(~dirty_bit) & dirty_bit) != 0;
  }

  // ---- Link

  // What the frame belongs to. The meaning is the state's; libvm's layers above give one to
  // object pages (the object) and to retired tables (the next one); an owner of `owned` frames
  // may use it freely. Plain data: guarded by whatever makes the state stable.
  [[nodiscard]] uint64_t link() const { return link_.load<base::Order::relaxed>(); }
  void set_link(uint64_t link) { link_.store<base::Order::relaxed>(link); }

 private:
  static constexpr uint32_t state_mask = 0xf;
  static constexpr unsigned order_shift = 4;
  static constexpr uint32_t order_mask = 0x1f << order_shift;
  static constexpr uint32_t lock_bit = 1u << 9;
  static constexpr uint32_t stamped_bit = lock_bit;  // only tables are locked
  static constexpr uint32_t retired_bit = 1u << 10;
  static constexpr uint32_t dirty_bit = retired_bit;  // only tables retire
  static constexpr unsigned resident_shift = 11;
  static constexpr uint32_t resident_mask = 0x3ffu << resident_shift;
  static constexpr uint32_t page_pin = 1u << resident_shift;
  static constexpr unsigned pin_shift = 21;

  [[nodiscard]] uint32_t meta() const { return meta_.load<base::Order::acquire>(); }

  base::Atomic<uint32_t> references_{0};
  base::Atomic<uint32_t> meta_{0};
  base::Atomic<uint64_t> link_{0};
};

static_assert(sizeof(FrameRecord) == 16 && alignof(FrameRecord) == 8);

// Holds a table's lock from construction to destruction.
template <class Host>
class BASE_SCOPED_CAPABILITY TableGuard {
 public:
  TableGuard(FrameRecord& table, Host& host) BASE_ACQUIRE(table) : table_(table) {
    table_.acquire(host);
  }
  ~TableGuard() BASE_RELEASE() { table_.release(); }
  TableGuard(const TableGuard&) = delete;
  TableGuard& operator=(const TableGuard&) = delete;

 private:
  FrameRecord& table_;
};

inline const char* frame_state_name(FrameState state) {
  switch (state) {
    case FrameState::reserved: return "reserved";
    case FrameState::free: return "free";
    case FrameState::tail: return "tail";
    case FrameState::cached: return "cached";
    case FrameState::owned: return "owned";
    case FrameState::private_page: return "private";
    case FrameState::object_page: return "object";
    case FrameState::borrowed: return "borrowed";
    case FrameState::table: return "table";
  }
  return "unknown";
}

}  // namespace vm
