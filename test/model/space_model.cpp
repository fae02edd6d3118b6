// See space_model.h.
#include "model/space_model.h"

namespace model {

using base::Error;
using base::Status;

bool Space::whole(uint64_t first, uint64_t count) const {
  for (uint64_t page = first; page < first + count; ++page) {
    if (!pages.contains(page)) return false;
  }
  return true;
}

bool Space::free(uint64_t first, uint64_t count) const {
  const auto at = pages.lower_bound(first);
  return at == pages.end() || at->first >= first + count;
}

bool Space::one_mapping(uint64_t first, uint64_t count) const {
  if (!whole(first, count)) return false;
  for (uint64_t page = first; page + 1 < first + count; ++page) {
    if (!pages.at(page).continues_in(pages.at(page + 1))) return false;
  }
  return true;
}

void Space::unmap(uint64_t first, uint64_t count) {
  pages.erase(pages.lower_bound(first), pages.lower_bound(first + count));
}

Status World::map(unsigned space, uint64_t first, uint64_t count, const Page& prototype) {
  Space& it = spaces[space];
  it.unmap(first, count);
  for (uint64_t i = 0; i < count; ++i) {
    Page page = prototype;
    page.object_page = prototype.object < 0 ? 0 : prototype.object_page + i;
    page.ever = prototype.access;
    it.pages[first + i] = page;
  }
  return {};
}

Status World::unmap(unsigned space, uint64_t first, uint64_t count) {
  spaces[space].unmap(first, count);
  return {};
}

Status World::protect(unsigned space, uint64_t first, uint64_t count, base::Access access) {
  Space& it = spaces[space];
  if (!it.whole(first, count)) return Error::not_mapped;
  for (uint64_t page = first; page < first + count; ++page) {
    if (!it.pages[page].max_access.has(access)) return Error::access_denied;
  }
  for (uint64_t page = first; page < first + count; ++page) {
    Page& at = it.pages[page];
    if (at.access == access) continue;
    at.access = access;
    at.ever = at.ever | access;
    if (access.can_write() && at.sharing == vm::Sharing::private_copy) at.charged = true;
  }
  return {};
}

Status World::remap(unsigned space, uint64_t first, uint64_t count, uint64_t target,
                    uint64_t new_count) {
  Space& it = spaces[space];
  if (first < target + new_count && target < first + count) return Error::invalid_argument;
  if (!it.pages.contains(first)) return Error::not_mapped;
  const uint64_t kept = count < new_count ? count : new_count;
  if (!it.one_mapping(first, kept)) return Error::not_mapped;
  std::vector<Page> moved;
  for (uint64_t i = 0; i < new_count; ++i) {
    Page page = it.pages.at(first + (i < kept ? i : kept - 1));
    if (i >= kept) {
      page.own.reset();
      if (page.object >= 0) page.object_page += i - (kept - 1);
    }
    moved.push_back(page);
  }
  it.unmap(first, count);
  it.unmap(target, new_count);
  for (uint64_t i = 0; i < new_count; ++i) it.pages[target + i] = moved[i];
  return {};
}

Status World::grow(unsigned space, uint64_t first, uint64_t count, uint64_t new_count) {
  Space& it = spaces[space];
  if (!it.pages.contains(first)) return Error::not_mapped;
  if (new_count <= count) {
    it.unmap(first + new_count, count - new_count);
    return {};
  }
  if (!it.one_mapping(first, count)) return Error::not_mapped;
  const uint64_t more = new_count - count;
  if (!it.free(first + count, more)) return Error::no_address_range;
  for (uint64_t i = 0; i < more; ++i) {
    Page page = it.pages.at(first + count - 1);
    page.own.reset();
    if (page.object >= 0) page.object_page += i + 1;
    it.pages[first + count + i] = page;
  }
  return {};
}

void World::clone(unsigned from, unsigned to) {
  spaces[to].pages.clear();
  for (const auto& [at, page] : spaces[from].pages) {
    if (!page.inherited) continue;
    Page copy = page;
    if (page.wiped) copy.own.reset();
    spaces[to].pages[at] = copy;
  }
}

Status World::dont_need(unsigned space, uint64_t first, uint64_t count) {
  Space& it = spaces[space];
  const bool whole = it.whole(first, count);
  for (uint64_t page = first; page < first + count; ++page) {
    const auto at = it.pages.find(page);
    if (at != it.pages.end()) at->second.own.reset();
  }
  return whole ? Status() : Status(Error::not_mapped);
}

Status World::discard(unsigned space, uint64_t first, uint64_t count) {
  Space& it = spaces[space];
  for (uint64_t page = first; page < first + count; ++page) {
    const auto found = it.pages.find(page);
    if (found == it.pages.end()) continue;
    const Page& here = found->second;
    if (here.object < 0) return Error::invalid_argument;
    if (here.sharing != vm::Sharing::shared || !here.max_access.can_write()) {
      return Error::access_denied;
    }
    if (here.is_borrowed()) return Error::not_supported;
    Object& object = objects[size_t(here.object)];
    if (here.object_page >= object.values.size()) continue;
    object.values[here.object_page] = object.stored.empty() ? 0 : object.stored[here.object_page];
  }
  return it.whole(first, count) ? Status() : Status(Error::not_mapped);
}

Status World::sync(unsigned space, uint64_t first, uint64_t count) {
  Space& it = spaces[space];
  for (uint64_t page = first; page < first + count; ++page) {
    const auto found = it.pages.find(page);
    if (found == it.pages.end()) continue;
    const Page& here = found->second;
    if (here.object < 0 || here.is_borrowed() || here.sharing != vm::Sharing::shared) continue;
    Object& object = objects[size_t(here.object)];
    if (object.stored.empty() || here.object_page >= object.values.size()) continue;
    object.stored[here.object_page] = object.values[here.object_page];
  }
  return it.whole(first, count) ? Status() : Status(Error::not_mapped);
}

// Is anything mapped where the loan leads?
bool World::is_lent(const Page& page) const {
  const Loan& loan = loan_of(page);
  return !loan.severed && page.object_page < loan.count &&
         spaces[loan.lender].pages.contains(loan.first + page.object_page);
}

bool World::lends(unsigned space) const {
  for (const Space& borrower : spaces) {
    for (const auto& [at, page] : borrower.pages) {
      if (page.is_borrowed() && !loan_of(page).severed && loan_of(page).lender == space)
        return true;
    }
  }
  return false;
}

bool World::lends_to(unsigned space, unsigned borrower) const {
  if (space == borrower) return true;
  for (const auto& [at, page] : spaces[space].pages) {
    if (page.is_borrowed() && !loan_of(page).severed && lends_to(loan_of(page).lender, borrower)) {
      return true;
    }
  }
  return false;
}

Status World::can_lend(unsigned lender, uint64_t first, uint64_t count, base::Access access) const {
  if (!spaces[lender].whole(first, count)) return Error::not_mapped;
  for (uint64_t page = first; page < first + count; ++page) {
    if (!at(lender, page).access.has(access)) return Error::access_denied;
  }
  return {};
}

Page World::lend(unsigned lender, uint64_t first, uint64_t count, base::Access access) {
  Page prototype;
  prototype.access = prototype.max_access = access;
  prototype.sharing = vm::Sharing::shared;
  prototype.object = Page::first_loan + int(loans.size());
  loans.push_back({lender, first, count});
  return prototype;
}

Status World::borrow(unsigned space, unsigned lender, uint64_t first, uint64_t count,
                     uint64_t target, base::Access access) {
  if (lends_to(lender, space)) return Error::would_deadlock;
  if (const Status status = can_lend(lender, first, count, access); !status.ok()) return status;
  return map(space, target, count, lend(lender, first, count, access));
}

Status World::transfer(unsigned space, unsigned giver, uint64_t first, uint64_t count,
                       uint64_t target) {
  if (!spaces[giver].whole(first, count)) return Error::not_mapped;
  if (lends(giver) || lends(space)) return Error::busy;
  for (uint64_t page = first; page < first + count; ++page) {
    if (spaces[giver].pages.at(page).is_borrowed()) return Error::busy;
  }
  spaces[space].unmap(target, count);
  for (uint64_t i = 0; i < count; ++i) {
    spaces[space].pages[target + i] = spaces[giver].pages.at(first + i);
  }
  spaces[giver].unmap(first, count);
  return {};
}

void World::end(unsigned space) {
  spaces[space].pages.clear();
  for (Loan& loan : loans) {
    if (loan.lender == space) loan.severed = true;
  }
}

Status World::set_inherit(unsigned space, uint64_t first, uint64_t count, vm::Advice advice) {
  Space& it = spaces[space];
  for (uint64_t page = first; page < first + count; ++page) {
    const auto at = it.pages.find(page);
    if (at == it.pages.end() || advice != vm::Advice::wipe_on_fork) continue;
    if (at->second.object >= 0) return Error::invalid_argument;
  }
  for (uint64_t page = first; page < first + count; ++page) {
    const auto at = it.pages.find(page);
    if (at == it.pages.end()) continue;
    Page& its = at->second;
    if (advice == vm::Advice::dont_fork) its.inherited = false;
    if (advice == vm::Advice::do_fork) its.inherited = true;
    if (advice == vm::Advice::wipe_on_fork) its.wiped = true;
    if (advice == vm::Advice::keep_on_fork) its.wiped = false;
  }
  return it.whole(first, count) ? Status() : Status(Error::not_mapped);
}

Touch World::touch(unsigned space, uint64_t page, base::Access use) const {
  const auto at = spaces[space].pages.find(page);
  if (at == spaces[space].pages.end()) return Touch::unmapped;
  if (!at->second.access.has(use)) return Touch::access;
  const Page& it = at->second;
  if (it.is_borrowed()) {
    if (!is_lent(it)) return Touch::bus;
    const Loan& loan = loan_of(it);
    // The lender has rights of its own, which matter when the page is lent.
    const uint64_t lent = loan.first + it.object_page;
    const auto theirs = spaces[loan.lender].pages.find(lent);
    const base::Access rights = theirs->second.access;
    const base::Access asked =
        use.can_write() ? base::Access(base::Right::write) : base::Access::none();
    if (!theirs->second.ever.has(asked)) return Touch::access;
    if (rights == base::Access::none() || !rights.has(asked)) return Touch::either;
    if (touch(loan.lender, lent, asked) == Touch::bus) return Touch::bus;
    // Every lender on the way has its say.
    return touch(loan.lender, lent, use) == Touch::ok ? Touch::ok : Touch::either;
  }
  if (!it.own && it.object >= 0 && it.object_page >= objects[size_t(it.object)].values.size()) {
    return Touch::bus;
  }
  return Touch::ok;
}

uint64_t World::value(unsigned space, uint64_t page) const {
  const Page& it = at(space, page);
  if (it.is_borrowed()) {
    const Loan& loan = loan_of(it);
    return is_lent(it) ? value(loan.lender, loan.first + it.object_page) : nothing;
  }
  if (it.own) return *it.own;
  if (it.object < 0) return 0;
  return objects[size_t(it.object)].values[it.object_page];
}

void World::set_value(unsigned space, uint64_t page, uint64_t value) {
  Page& it = spaces[space].pages.at(page);
  if (it.is_borrowed()) {
    set_value(loan_of(it).lender, loan_of(it).first + it.object_page, value);
  } else if (it.sharing == vm::Sharing::shared) {
    objects[size_t(it.object)].values[it.object_page] = value;
  } else {
    it.own = value;
  }
}

std::optional<World::Place> World::lent_from(unsigned space, uint64_t page) const {
  const Page& it = at(space, page);
  if (!it.is_borrowed()) return Place{space, page};
  if (!is_lent(it)) return std::nullopt;
  return lent_from(loan_of(it).lender, loan_of(it).first + it.object_page);
}

void World::note_touched(unsigned space, uint64_t page) {
  const Page& it = at(space, page);
  if (it.is_borrowed()) note_lent(loan_of(it).lender, loan_of(it).first + it.object_page);
}

void World::note_lent(unsigned space, uint64_t page) {
  Page& it = spaces[space].pages.at(page);
  if (it.is_borrowed()) {
    note_touched(space, page);
  } else if (it.sharing == vm::Sharing::private_copy &&
             (it.object < 0 || it.max_access.can_write())) {
    it.own = value(space, page);
  }
}

World::Home World::home(unsigned space, uint64_t page) const {
  const Page& it = at(space, page);
  if (it.is_borrowed()) {
    const Loan& loan = loan_of(it);
    return is_lent(it) ? home(loan.lender, loan.first + it.object_page) : Home{-2, space, page};
  }
  if (it.own || it.object < 0) return {-1, space, page};
  return {it.object, 0, it.object_page};
}

}  // namespace model
