// MemoryObject: where the pages of a mapping come from when it is not private zero-fill memory.
//
// Policy only: asked once per fault, never per entry. Everything about page tables is the address
// spaces'; an object knows its own pages and its size.
//
// References. Every mapping and every other holder has one (retain, release); the last release
// destroys. A page answered carries a reference to its frame that becomes the table entry's.
// A page in an object has one more, the object's own.
//
// Dirty pages. A space that removes or cleans an entry the hardware marked dirty says so in the
// frame's record (FrameRecord::mark_dirty): no call, no lock, no way back from frame to object.
//
// Pages that leave. Truncating, discarding and evicting must reach the entries of every space that
// maps the object: MemoryObject calls its ObjectMappers (object_mappers.h), without a lock held.
//
// Locks. page(), resident() are called inside an epoch section, with no lock of rank object or
// above held, and take the object's lock (rank object) at most. Everything else is called with no
// lock and outside sections.
#pragma once

#include <stdint.h>

#include "base/access.h"
#include "base/address.h"
#include "base/atomic.h"
#include "base/page_range.h"
#include "base/result.h"

namespace vm {

// A page of an object, counted from the object's start.
class ObjectPage : public base::Position<ObjectPage, base::PageCount> {
 public:
  using base::Position<ObjectPage, base::PageCount>::Position;
};
using ObjectRange = base::PageRange<ObjectPage>;

enum class ObjectKind : uint8_t { shared_anonymous, physical, borrowed, paged };

// What the page is wanted for.
enum class PageUse : uint8_t {
  read,   // the entry will not allow writing
  write,  // a shared mapping's entry that does: the page is dirty from now on
};

// What object a faulter waits for: page `page` of it, asked for as `ticket`.
struct PageWait {
  ObjectPage page;
  uint64_t ticket = 0;
};

class PageAnswer {
 public:
  enum class Kind : uint8_t {
    page,     // frame(), with one reference for the caller if counted()
    absent,   // resident() only: not in memory now
    wait,     // the pager owes it: wait(), then ask again
    refused,  // error(): bus, out_of_memory, access_denied, dead
  };

  // `run` pages from this one on lie in consecutive frames (for large leaves); `most`: the rights
  // an entry may give.
  [[nodiscard]] static PageAnswer of_page(base::Pfn frame, base::Access most,
                                          base::PageCount run = base::PageCount(1),
                                          base::MemoryType type = base::MemoryType::write_back) {
    PageAnswer answer(Kind::page);
    answer.frame_ = frame;
    answer.most_ = most;
    answer.run_ = run;
    answer.type_ = type;
    return answer;
  }
  [[nodiscard]] static PageAnswer absent() { return PageAnswer(Kind::absent); }
  [[nodiscard]] static PageAnswer wait_for(PageWait wait) {
    PageAnswer answer(Kind::wait);
    answer.wait_ = wait;
    return answer;
  }
  [[nodiscard]] static PageAnswer refused(base::Error error) {
    PageAnswer answer(Kind::refused);
    answer.error_ = error;
    return answer;
  }

  // Of a lender whose mapping has the rights `access`: the page is of an object that it maps, or
  // lent to it; not its own.
  [[nodiscard]] PageAnswer passed_on(base::Access access) const {
    PageAnswer answer = *this;
    answer.passed_on_ = true;
    answer.most_ = most_.intersect(access.with(base::Right::user));
    return answer;
  }
  [[nodiscard]] bool is_passed_on() const { return passed_on_; }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_page() const { return kind_ == Kind::page; }
  [[nodiscard]] base::Pfn frame() const { return frame_; }
  [[nodiscard]] base::Access most() const { return most_; }
  [[nodiscard]] base::PageCount run() const { return run_; }
  [[nodiscard]] base::MemoryType memory_type() const { return type_; }
  [[nodiscard]] PageWait wait() const { return wait_; }
  [[nodiscard]] base::Error error() const { return error_; }

 private:
  explicit PageAnswer(Kind kind) : kind_(kind) {}

  Kind kind_;
  base::Error error_ = base::Error::bus;
  base::MemoryType type_ = base::MemoryType::write_back;
  bool passed_on_ = false;
  base::Access most_;
  base::Pfn frame_;
  base::PageCount run_{1};
  PageWait wait_;
};

// How far a write-back of a range has come; kept by the caller from call to call.
class SyncRun {
 public:
  explicit SyncRun(ObjectRange range) : range_(range), next_(range.first()) {}
  [[nodiscard]] ObjectRange range() const { return range_; }
  // Pages before it have been given to the pager, if they were dirty.
  [[nodiscard]] ObjectPage next() const { return next_; }
  void advance_to(ObjectPage next) { next_ = next; }

 private:
  ObjectRange range_;
  ObjectPage next_;
};

class SyncAnswer {
 public:
  enum class Kind : uint8_t { done, wait, failed };

  [[nodiscard]] static SyncAnswer done() { return {}; }
  // Until this page is no longer being written; then go on with the same SyncRun.
  [[nodiscard]] static SyncAnswer wait_for(PageWait wait) {
    SyncAnswer answer;
    answer.kind_ = Kind::wait;
    answer.wait_ = wait;
    return answer;
  }
  // io: some page could not be written and is dirty still; dead: nobody is there to write.
  [[nodiscard]] static SyncAnswer failed(base::Error error) {
    SyncAnswer answer;
    answer.kind_ = Kind::failed;
    answer.error_ = error;
    return answer;
  }
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] PageWait wait() const { return wait_; }
  [[nodiscard]] base::Error error() const { return error_; }

 private:
  Kind kind_ = Kind::done;
  base::Error error_ = base::Error::io;
  PageWait wait_;
};

class MemoryObject;

// What becomes of the object's own memory after its last reference: whoever made it says.
struct ObjectDisposal {
  void* context = nullptr;
  void (*dispose)(void* context, MemoryObject& object) = nullptr;  // nullptr: nothing
};

class MemoryObject {
 public:
  MemoryObject(const MemoryObject&) = delete;
  MemoryObject& operator=(const MemoryObject&) = delete;

  [[nodiscard]] ObjectKind kind() const { return kind_; }
  // Pages that exist; may change while nobody holds the object's lock.
  [[nodiscard]] virtual base::PageCount size() const = 0;
  // The most rights that any mapping of the object may have.
  [[nodiscard]] virtual base::Access max_access() const = 0;
  // Whether entries for reading must stay unwritable, so that the first write asks for the page
  // again with PageUse::write.
  [[nodiscard]] virtual bool tracks_writes() const { return false; }

  // ---- Faults: see "Locks" above

  // The page, made or asked for if need be. Refused: bus (past the end, failed, pager dead),
  // out_of_memory, access_denied.
  [[nodiscard]] virtual PageAnswer page(ObjectPage page, PageUse use) = 0;
  // The page if that needs neither work nor waiting: for neighbours of a fault, for reading.
  [[nodiscard]] virtual PageAnswer resident(ObjectPage page) = 0;

  // ---- Advice

  // Pages that will be wanted soon. Asks for all of them in one batch, makes none. Never fails.
  virtual void will_need(ObjectRange) {}
  // Forgets contents: the pages read as new afterwards. Error::not_supported.
  [[nodiscard]] virtual base::Status discard(ObjectRange) { return base::Error::not_supported; }

  // ---- Writing back, waiting

  // Gives dirty pages of the run to the pager, from run.next() on, and says whether all of the
  // range's are stored. A caller that need not wait stops at Kind::wait once run.next() is at the
  // end.
  [[nodiscard]] virtual SyncAnswer sync(SyncRun&) { return SyncAnswer::done(); }
  // True when what a PageAnswer or SyncAnswer said to wait for has happened. The waiter looks after
  // it has queued itself for the notifier's call, then blocks.
  [[nodiscard]] virtual bool is_over(const PageWait&) { return true; }

  // ---- Life

  [[nodiscard]] uint64_t references() const { return references_.load<base::Order::relaxed>(); }
  // The caller holds a reference already.
  void retain() {
    const uint64_t before = references_.fetch_add<base::Order::relaxed>(1);
    BASE_CHECK(before != 0, "dead object retained");
  }
  // For lookups that hold nothing: false when the last reference is gone.
  [[nodiscard]] bool retain_unless_dead() {
    uint64_t now = references_.load<base::Order::relaxed>();
    do {
      if (now == 0) return false;
    } while (!references_.compare_exchange<base::Order::acquire>(now, now + 1));
    return true;
  }
  // The last one frees the pages and disposes of the object: no lock held, no section open.
  void release() {
    const uint64_t before = references_.fetch_sub<base::Order::acquire_release>(1);
    BASE_CHECK(before != 0, "object released twice");
    if (before == 1) {
      const ObjectDisposal disposal = disposal_;
      last_reference_gone();
      if (disposal.dispose != nullptr) disposal.dispose(disposal.context, *this);
    }
  }
  // For a holder that knows another reference stays.
  void release_not_last() {
    const uint64_t before = references_.fetch_sub<base::Order::release>(1);
    BASE_CHECK(before > 1, "last reference released as if another one stayed");
  }

  // Panics on a broken invariant. Nothing else may use the object meanwhile.
  virtual void check() = 0;

 protected:
  // Born with one reference, the maker's.
  MemoryObject(ObjectKind kind, ObjectDisposal disposal) : kind_(kind), disposal_(disposal) {}
  // Not virtual: an object dies by release(), never through a base pointer.
  ~MemoryObject() {
    BASE_CHECK(references_.load<base::Order::relaxed>() == 0, "referenced object destroyed");
  }
  // Frees everything the object holds.
  virtual void last_reference_gone() = 0;

 private:
  const ObjectKind kind_;
  const ObjectDisposal disposal_;
  base::Atomic<uint64_t> references_{1};
};

// One reference to an object, owned.
class ObjectRef {
 public:
  ObjectRef() = default;
  // Takes over the caller's reference.
  [[nodiscard]] static ObjectRef adopt(MemoryObject& object) { return ObjectRef(&object); }
  // Adds one.
  [[nodiscard]] static ObjectRef share(MemoryObject& object) {
    object.retain();
    return ObjectRef(&object);
  }
  ObjectRef(ObjectRef&& other) noexcept : object_(base::exchange(other.object_, nullptr)) {}
  ObjectRef& operator=(ObjectRef&& other) noexcept {
    if (this != &other) {
      reset();
      object_ = base::exchange(other.object_, nullptr);
    }
    return *this;
  }
  ~ObjectRef() { reset(); }

  [[nodiscard]] MemoryObject* get() const { return object_; }
  [[nodiscard]] explicit operator bool() const { return object_ != nullptr; }
  MemoryObject* operator->() const { return object_; }
  void reset() {
    if (MemoryObject* object = base::exchange(object_, nullptr)) object->release();
  }
  // The reference is the caller's from now on.
  [[nodiscard]] MemoryObject* take() { return base::exchange(object_, nullptr); }

 private:
  explicit ObjectRef(MemoryObject* object) : object_(object) {}
  MemoryObject* object_ = nullptr;
};

}  // namespace vm
