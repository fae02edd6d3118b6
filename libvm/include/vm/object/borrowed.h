// Borrowed: pages of another address space, lazily: each is asked of the lender when first touched.
//
// The page is the lender's own: both sides see each other's writes as far as the borrower's rights
// go. The loan ends for pages that the lender unmaps (withdraw) and wholly when the lender dies
// (sever); they are bus errors then. Pages that are not the lender's own, but of an object
// that it maps or lent to it, leave the borrowers when they leave the lender: lends_on() says that
// there may be such.
//
// Locks: none of its own. page() and resident() call the lender inside the caller's section.
#pragma once

#include "base/list.h"
#include "vm/object/page_store.h"

namespace vm {

class Loan;

// An address space as its borrowers see it.
class PageLender {
 public:
  // As MemoryObject::page, of a page of the lender's address space: faults it in there if need be.
  // Refused: bus (nothing is mapped there now), access_denied, out_of_memory. In a section.
  [[nodiscard]] virtual PageAnswer lend(base::Vpn page, PageUse use) = 0;
  // The same for what needs no work.
  [[nodiscard]] virtual PageAnswer lend_resident(base::Vpn page) = 0;
  // The object's last reference is gone: take it off the list of loans.
  virtual void loan_ended(Loan& loan) = 0;

 protected:
  ~PageLender() = default;
};

// What the lender keeps of a loan, in a list that its lock guards.
class Loan {
 public:
  base::ListNode node;

  // nullptr once severed.
  [[nodiscard]] PageLender* lender() const { return lender_.template load<base::Order::acquire>(); }
  [[nodiscard]] base::VpnRange source() const { return source_; }

 protected:
  Loan(PageLender& lender, base::VpnRange source) : source_(source), lender_(&lender) {}
  ~Loan() = default;

  const base::VpnRange source_;
  base::Atomic<PageLender*> lender_;
};

template <class F>
class Borrowed final : public MemoryObject, public Loan {
 public:
  // Page 0 of the object is source.first(). The maker puts it on the lender's list.
  Borrowed(ObjectSystem<F>& system, PageLender& lender, base::VpnRange source, base::Access most,
           ObjectDisposal disposal = {})
      : MemoryObject(ObjectKind::borrowed, disposal),
        Loan(lender, source),
        system_(system),
        most_(most) {}

  [[nodiscard]] base::PageCount size() const override { return source().count(); }
  [[nodiscard]] base::Access max_access() const override { return most_; }

  [[nodiscard]] PageAnswer page(ObjectPage page, PageUse use) override {
    if (use == PageUse::write && !most_.can_write()) {
      return PageAnswer::refused(base::Error::access_denied);
    }
    PageLender* const from = lender();
    if (from == nullptr || page.raw() >= size().raw()) {
      return PageAnswer::refused(base::Error::bus);
    }
    return limited(from->lend(source().first() + base::PageCount(page.raw()), use));
  }
  [[nodiscard]] PageAnswer resident(ObjectPage page) override {
    PageLender* const from = lender();
    if (from == nullptr || page.raw() >= size().raw()) {
      return PageAnswer::absent();
    }
    return limited(from->lend_resident(source().first() + base::PageCount(page.raw())));
  }

  // The lender no longer maps `pages` of its own: no borrower has entries for them when this
  // returns. The lender's mapping map says so already, so that lend() refuses them.
  void withdraw(base::VpnRange pages) {
    const base::VpnRange part = pages.intersect(source());
    if (part.empty()) return;
    system_.epochs.wait_for_readers();
    system_.mappers.drop_pages(
        *this, ObjectRange::of(ObjectPage((part.first() - source().first()).raw()), part.count()));
  }
  // The lender dies: it is not called any more when this returns. Its list no longer holds the
  // loan.
  void sever() {
    lender_.template store<base::Order::release>(nullptr);
    withdraw(source());
  }

  // Whether any page lent so far was not the lender's own.
  [[nodiscard]] bool lends_on() const {
    return lends_on_.template load<base::Order::acquire>() != 0;
  }

  void check() override {
    BASE_CHECK(lender() != nullptr || !node.linked(), "severed loan on a list of loans");
  }

 protected:
  void last_reference_gone() override {
    if (PageLender* from = lender()) from->loan_ended(*this);
  }

 private:
  [[nodiscard]] PageAnswer limited(const PageAnswer& answer) {
    if (!answer.is_page()) return answer;
    if (answer.is_passed_on() && !lends_on()) lends_on_.template store<base::Order::release>(1);
    return PageAnswer::of_page(answer.frame(), answer.most().intersect(most_), answer.run(),
                               answer.memory_type());
  }

  ObjectSystem<F>& system_;
  const base::Access most_;
  base::Atomic<uint32_t> lends_on_{0};
};

}  // namespace vm
