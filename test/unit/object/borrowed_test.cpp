// Borrowed objects: a lender that gives, refuses, withdraws and dies.
#include <catch2/catch.hpp>

#include "test/unit/object/objects.h"
#include "vm/object/borrowed.h"

using namespace object_test;
using base::Right;
using base::Vpn;
using base::VpnRange;
using Borrowed = vm::Borrowed<Allocator>;

namespace {

class Lender final : public vm::PageLender {
 public:
  explicit Lender(Memory& memory) : memory_(memory) {}
  ~Lender() {
    for (auto& [page, frame] : pages) memory_.frames.drop(frame);
  }
  PageAnswer lend(Vpn page, PageUse) override {
    ++calls;
    if (!mapped.contains(page)) return PageAnswer::refused(Error::bus);
    if (pages.find(page.raw()) == pages.end()) {
      base::Result<Pfn> fresh = memory_.frames.allocate(vm::Contents::zero);
      if (!fresh.ok()) return PageAnswer::refused(fresh.error());
      pages[page.raw()] = fresh.value();
    }
    return lend_resident(page);
  }
  PageAnswer lend_resident(Vpn page) override {
    const auto at = pages.find(page.raw());
    if (at == pages.end()) return PageAnswer::absent();
    if (!memory_.frames.records().of(at->second).add_references().ok()) {
      return PageAnswer::refused(Error::out_of_memory);
    }
    return PageAnswer::of_page(at->second, Right::read | Right::write | Right::user);
  }
  void loan_ended(vm::Loan& loan) override { loans.remove(loan); }

  VpnRange mapped = VpnRange::of(Vpn(1000), PageCount(100));
  std::map<uint64_t, Pfn> pages;
  base::List<vm::Loan, &vm::Loan::node> loans;
  int calls = 0;

 private:
  Memory& memory_;
};

const VpnRange source = VpnRange::of(Vpn(1010), PageCount(20));

}  // namespace

TEST_CASE("a borrowed page is the lender's own, with rights that only shrink") {
  Fixture it;
  Lender lender(it.memory);
  Borrowed object(it.system, lender, source, Right::read | Right::user);
  lender.loans.push_back(object);
  {
    FakeSpace space(it.memory, it.mappers);
    const PageAnswer answer = it.ask(object, 3);
    CHECK(!answer.most().can_write());
    space.put(ObjectPage(3), answer, false);
    CHECK(lender.pages.count(1013) == 1);
    it.window(lender.pages.at(1013))[123] = 8;
    CHECK(space.at(3)[123] == 8);
    CHECK(it.ask(object, 3, PageUse::write).error() == Error::access_denied);
    CHECK(it.ask(object, 20).error() == Error::bus);
  }
  object.check();
  object.release();
  CHECK(lender.loans.empty());
}

TEST_CASE("what is not resident at the lender is not fetched for a look") {
  Fixture it;
  Lender lender(it.memory);
  Borrowed object(it.system, lender, source, Right::read | Right::user);
  lender.loans.push_back(object);
  Section section(it.epochs);
  CHECK(object.resident(ObjectPage(0)).kind() == PageAnswer::Kind::absent);
  CHECK(object.resident(ObjectPage(20)).kind() == PageAnswer::Kind::absent);
  CHECK(lender.calls == 0);
  object.release();
}

TEST_CASE("pages that the lender unmaps are bus errors for every borrower") {
  Fixture it;
  Lender lender(it.memory);
  Borrowed object(it.system, lender, source, Right::read | Right::write | Right::user);
  lender.loans.push_back(object);
  FakeSpace space(it.memory, it.mappers);
  for (uint64_t page = 0; page < 20; ++page) {
    space.put(ObjectPage(page), it.ask(object, page, PageUse::write), true);
  }
  lender.mapped = VpnRange(Vpn(1000), Vpn(1015));
  object.withdraw(VpnRange(Vpn(1015), Vpn(1100)));
  CHECK(space.entries.size() == 5);
  CHECK(it.ask(object, 4).is_page());
  it.memory.frames.drop(space.entries.at(4).frame);
  CHECK(it.ask(object, 5).error() == Error::bus);
  object.withdraw(VpnRange(Vpn(5), Vpn(100)));
  CHECK(space.entries.size() == 5);
  object.release();
}

TEST_CASE("a dead lender is not called and its pages are gone") {
  Fixture it;
  Borrowed* object = nullptr;
  alignas(Borrowed) unsigned char storage[sizeof(Borrowed)];
  {
    FakeSpace space(it.memory, it.mappers);
    {
      Lender lender(it.memory);
      object = base::construct_at<Borrowed>(storage, it.system, lender, source,
                                            Right::read | Right::user);
      lender.loans.push_back(*object);
      space.put(ObjectPage(1), it.ask(*object, 1), false);
      lender.loans.remove(*object);
      object->sever();
    }
    CHECK(space.entries.empty());
    CHECK(it.ask(*object, 1).error() == Error::bus);
    CHECK(object->lender() == nullptr);
    object->check();
  }
  object->release();
  object->~Borrowed();
}

TEST_CASE("a lender without memory refuses and nothing is left behind") {
  Fixture it(64);
  Lender lender(it.memory);
  Borrowed object(it.system, lender, source, Right::read | Right::user);
  lender.loans.push_back(object);
  std::vector<Pfn> hog;
  while (it.available() != 0) hog.push_back(it.memory.frames.allocate().value());
  CHECK(it.ask(object, 0).error() == Error::out_of_memory);
  for (const Pfn frame : hog) it.memory.frames.free(frame);
  it.memory.frames.drop(it.ask(object, 0).frame());
  object.release();
}
