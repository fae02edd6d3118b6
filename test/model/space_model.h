// The oracle: address spaces as a flat map from page to what may be there and what is there. No
// ranges, no tables, no sharing of anything: trivially right, and slow.
//
// Pages hold one number. Private pages own theirs once written; until then they show their
// object's, or 0. Cloning copies.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/access.h"
#include "base/result.h"
#include "model/operation.h"
#include "vm/space/requests.h"

namespace model {

// Pages of an object, and what a pager has stored of them (none: there is no pager).
struct Object {
  std::vector<uint64_t> values;
  std::vector<uint64_t> stored;
};

// Pages that one space lends to others. What they show is whatever the lender has there.
struct Loan {
  unsigned lender = 0;
  uint64_t first = 0;
  uint64_t count = 0;
  bool severed = false;  // the lender is gone
};

struct Page {
  base::Access access;
  base::Access max_access;
  base::Access ever;  // since it was mapped; what it may have lent
  vm::Sharing sharing = vm::Sharing::private_copy;
  int object = -1;  // index, -1: zero-fill, from first_loan on: a loan
  uint64_t object_page = 0;
  bool inherited = true;
  bool wiped = false;  // when inherited
  bool charged = false;
  std::optional<uint64_t> own;  // private contents, once written

  [[nodiscard]] vm::Inherit inherit() const {
    return !inherited ? vm::Inherit::none : wiped ? vm::Inherit::wipe : vm::Inherit::copy;
  }
  static constexpr int first_loan = 1000;
  [[nodiscard]] bool is_borrowed() const { return object >= first_loan; }
  // Is `next`, one page further on, part of the same mapping?
  [[nodiscard]] bool continues_in(const Page& next) const {
    return access == next.access && max_access == next.max_access && sharing == next.sharing &&
           object == next.object && (object < 0 || object_page + 1 == next.object_page) &&
           inherited == next.inherited && wiped == next.wiped && charged == next.charged;
  }
};

// either: ok or access; a loan that the lender would not make any more, but may have made.
enum class Touch : uint8_t { ok, unmapped, access, bus, either };

class Space {
 public:
  std::map<uint64_t, Page> pages;

  [[nodiscard]] bool whole(uint64_t first, uint64_t count) const;
  [[nodiscard]] bool free(uint64_t first, uint64_t count) const;
  // All in one mapping, as one that merges whatever it can has them.
  [[nodiscard]] bool one_mapping(uint64_t first, uint64_t count) const;
  void unmap(uint64_t first, uint64_t count);
};

class World {
 public:
  World(unsigned space_count, unsigned object_count, unsigned object_pages)
      : spaces(space_count), objects(object_count) {
    for (Object& object : objects) object.values.assign(object_pages, 0);
  }
  std::vector<Space> spaces;
  std::vector<Object> objects;
  std::vector<Loan> loans;

  base::Status map(unsigned space, uint64_t first, uint64_t count, const Page& prototype);
  base::Status unmap(unsigned space, uint64_t first, uint64_t count);
  base::Status protect(unsigned space, uint64_t first, uint64_t count, base::Access access);
  // Fixed target.
  base::Status remap(unsigned space, uint64_t first, uint64_t count, uint64_t target,
                     uint64_t new_count);
  base::Status grow(unsigned space, uint64_t first, uint64_t count, uint64_t new_count);
  void clone(unsigned from, unsigned to);
  base::Status dont_need(unsigned space, uint64_t first, uint64_t count);
  // dont_fork, do_fork, wipe_on_fork, keep_on_fork.
  base::Status discard(unsigned space, uint64_t first, uint64_t count);
  base::Status sync(unsigned space, uint64_t first, uint64_t count);
  // Whether the pages may be lent with these rights; the new loan of them.
  [[nodiscard]] base::Status can_lend(unsigned lender, uint64_t first, uint64_t count,
                                      base::Access access) const;
  Page lend(unsigned lender, uint64_t first, uint64_t count, base::Access access);
  base::Status borrow(unsigned space, unsigned lender, uint64_t first, uint64_t count,
                      uint64_t target, base::Access access);
  base::Status transfer(unsigned space, unsigned giver, uint64_t first, uint64_t count,
                        uint64_t target);
  // The space and all it lends is gone.
  void end(unsigned space);
  base::Status set_inherit(unsigned space, uint64_t first, uint64_t count, vm::Advice advice);

  [[nodiscard]] Touch touch(unsigned space, uint64_t page, base::Access use) const;
  // Of a page that can be touched.
  [[nodiscard]] uint64_t value(unsigned space, uint64_t page) const;
  void set_value(unsigned space, uint64_t page, uint64_t value);
  // A page has been touched: one that is borrowed is its lender's own from now on.
  void note_touched(unsigned space, uint64_t page);

  // Whose page a loan shows, or the page itself. Nothing: the loan leads nowhere.
  struct Place {
    unsigned space = 0;
    uint64_t page = 0;
  };
  [[nodiscard]] std::optional<Place> lent_from(unsigned space, uint64_t page) const;
  // The page has been lent: one that is private memory is the space's own from now on.
  void note_lent(unsigned space, uint64_t page);
  // Does anybody borrow from `space`?
  [[nodiscard]] bool lends(unsigned space) const;
  // Does `space` see pages of `borrower`, or is it the same?
  [[nodiscard]] bool lends_to(unsigned space, unsigned borrower) const;

  // Where the number is that a page shows.
  struct Home {
    int object = -1;  // or:
    unsigned space = 0;
    uint64_t page = 0;
    friend bool operator==(const Home&, const Home&) = default;
  };
  [[nodiscard]] Home home(unsigned space, uint64_t page) const;

 private:
  [[nodiscard]] const Page& at(unsigned space, uint64_t page) const {
    return spaces[space].pages.at(page);
  }
  [[nodiscard]] const Loan& loan_of(const Page& page) const {
    return loans[size_t(page.object - Page::first_loan)];
  }
  static constexpr uint64_t nothing = ~0ULL;  // the value of a loan that leads nowhere
  [[nodiscard]] bool is_lent(const Page& page) const;
};

}  // namespace model
