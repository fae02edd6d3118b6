#include <catch2/catch.hpp>

#include "space_fixture.h"
#include "vm/object/shared_anonymous.h"

using namespace space_test;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

namespace {

VpnRange range(uint64_t first, uint64_t count) {
  return VpnRange::of(Vpn(first), PageCount(count));
}

template <class F>
base::Result<VpnRange> borrow(Process<F>& borrower, Process<F>& lender, uint64_t source,
                              uint64_t count, uint64_t target,
                              base::Access access = Right::read | Right::write) {
  vm::BorrowRequest request;
  request.source = range(source, count);
  request.access = access;
  request.placement = vm::Placement::fixed_at(Vpn(target));
  return borrower.space.borrow(lender.space, request);
}

}  // namespace

TEMPLATE_TEST_CASE("borrower and lender see each other's writes", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> lender(world);
  Process<TestType> borrower(world);
  REQUIRE(lender.map(0x1000, 16).ok());
  REQUIRE(lender.write(0x1001, 1));
  REQUIRE(borrow(borrower, lender, 0x1000, 16, 0x5000).ok());
  CHECK(borrower.read(0x5001) == 1u);
  REQUIRE(lender.write(0x1001, 2));
  CHECK(borrower.read(0x5001) == 2u);
  REQUIRE(borrower.write(0x5001, 3));
  CHECK(lender.read(0x1001) == 3u);
  // Untouched memory becomes real when it is lent, even if only read.
  CHECK(borrower.read(0x5002) == 0u);
  REQUIRE(lender.write(0x1002, 4));
  CHECK(borrower.read(0x5002) == 4u);
  lender.space.check();
  borrower.space.check();
  REQUIRE(lender.space.protect(range(0x1000, 16), Right::read).ok());
  REQUIRE(lender.space.protect(range(0x1000, 16), Right::read | Right::write).ok());
  REQUIRE(lender.write(0x1002, 5));
  CHECK(borrower.read(0x5002) == 5u);
  lender.space.check();
}

// What is lent is what the lender may do when it lends, not what it could when the loan was made.
TEMPLATE_TEST_CASE("a borrower cannot write an object that its lender may only read", "",
                   x86_64::Format, aarch64::Format) {
  for (const vm::Sharing sharing : {vm::Sharing::private_copy, vm::Sharing::shared}) {
    World<TestType> world;
    vm::SharedAnonymous<vm::FrameAllocator<PlainHost>> object(world.system->objects(),
                                                              PageCount(4));
    {
      Process<TestType> lender(world);
      Process<TestType> borrower(world);
      REQUIRE(lender.map(0x1000, 4).ok());
      REQUIRE(borrow(borrower, lender, 0x1000, 4, 0x5000).ok());
      vm::MapRequest request;
      request.count = PageCount(4);
      request.access = request.max_access = Right::read;
      request.sharing = sharing;
      request.object = &object;
      request.placement = vm::Placement::fixed_at(Vpn(0x1000));
      REQUIRE(lender.space.map(request).ok());
      CHECK(borrower.read(0x5001) == 0u);
      CHECK_FALSE(borrower.write(0x5001, 1));
      CHECK(lender.read(0x1001) == 0u);
      borrower.space.check();
    }
    object.release();
  }
}

// A borrower's protect does not give what the lender does not; and takes and gives what it does.
TEMPLATE_TEST_CASE("a borrower gains rights to a page by asking its lender alone", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> lender(world);
  Process<TestType> borrower(world);
  const base::Access all = Right::read | Right::write | Right::execute;
  REQUIRE(lender.map(0x1000, 3, all).ok());
  REQUIRE(borrow(borrower, lender, 0x1000, 3, 0x5000, all).ok());
  // Pages 0 and 1 are not what they were when they were lent.
  REQUIRE(lender.map(0x1000, 1, Right::read).ok());
  REQUIRE(lender.map(0x1001, 1, Right::read | Right::write).ok());
  for (uint64_t page = 0x5000; page < 0x5003; ++page) CHECK(borrower.read(page) == 0u);
  for (const base::Access access : {base::Access(Right::read), base::Access::none(), all}) {
    REQUIRE(borrower.space.protect(range(0x5000, 3), access).ok());
  }
  CHECK_FALSE(borrower.write(0x5000, 1));
  CHECK(borrower.refusal == vm::Refusal::access);
  CHECK(borrower.read(0x5000) == 0u);
  CHECK(borrower.write(0x5001, 2));
  CHECK(borrower.write(0x5002, 3));
  const auto executes = [&](uint64_t page) {
    return borrower.translate(page, Right::execute).has_value();
  };
  CHECK_FALSE(executes(0x5000));
  CHECK_FALSE(executes(0x5001));
  CHECK(executes(0x5002));
  CHECK(lender.read(0x1001) == 2u);
  // What the lender's own protect gives is there for the asking.
  REQUIRE(lender.space.protect(range(0x1000, 1), all).ok());
  CHECK(borrower.write(0x5000, 4));
  CHECK(executes(0x5000));
  CHECK(lender.read(0x1000) == 4u);
  lender.space.check();
  borrower.space.check();
}

TEMPLATE_TEST_CASE("a clone of the lender gets copies, a clone of the borrower borrows too", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> lender(world);
  Process<TestType> borrower(world);
  REQUIRE(lender.map(0x1000, 16).ok());
  REQUIRE(lender.write(0x1001, 1));
  REQUIRE(borrow(borrower, lender, 0x1000, 16, 0x5000).ok());
  REQUIRE(borrower.write(0x5001, 2));
  Process<TestType> child(world);
  REQUIRE(lender.space.clone_into(child.space).ok());
  CHECK(child.read(0x1001) == 2u);
  REQUIRE(lender.write(0x1001, 3));
  CHECK(borrower.read(0x5001) == 3u);
  CHECK(child.read(0x1001) == 2u);
  REQUIRE(child.write(0x1001, 4));
  CHECK(borrower.read(0x5001) == 3u);
  Process<TestType> heir(world);
  REQUIRE(borrower.space.clone_into(heir.space).ok());
  REQUIRE(heir.write(0x5001, 6));
  CHECK(lender.read(0x1001) == 6u);
  CHECK(borrower.read(0x5001) == 6u);
  CHECK(heir.read(0x5003) == 0u);
  for (auto* process : {&lender, &borrower, &child, &heir}) process->space.check();
}

namespace {

// Lent to the host itself, without a loan, as the kernel is for the length of a call.
template <class F>
base::Pfn hold(World<F>& world, Process<F>& process, uint64_t page) {
  const typename vm::Epochs<PlainHost>::Section section(*world.epochs);
  const vm::PageAnswer answer =
      static_cast<vm::PageLender&>(process.space).lend(Vpn(page), vm::PageUse::write);
  if (!answer.is_page() || answer.is_passed_on()) std::abort();
  return answer.frame();
}

template <class F>
bool is_same_page(Process<F>& one, Process<F>& other, uint64_t page) {
  return one.space.page_state(Vpn(page)).frame == other.space.page_state(Vpn(page)).frame;
}

}  // namespace

TEMPLATE_TEST_CASE("a page is copied for clones while it is held, and shared when given back", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> lender(world);
  REQUIRE(lender.map(0x1000, 2).ok());
  REQUIRE(lender.write(0x1000, 1));
  const base::Pfn frame = hold(world, lender, 0x1000);
  {
    Process<TestType> child(world);
    REQUIRE(lender.space.clone_into(child.space).ok());
    CHECK_FALSE(is_same_page(lender, child, 0x1000));
    *static_cast<uint64_t*>(world.host.window(frame)) = 2;
    CHECK(lender.read(0x1000) == 2u);
    CHECK(child.read(0x1000) == 1u);
  }
  // Not while somebody else has it: here, the host twice.
  REQUIRE(hold(world, lender, 0x1000) == frame);
  world.machine->drop_frame(frame);
  lender.space.give_back(Vpn(0x1000), frame);
  {
    Process<TestType> child(world);
    REQUIRE(lender.space.clone_into(child.space).ok());
    CHECK_FALSE(is_same_page(lender, child, 0x1000));
  }
  lender.space.give_back(Vpn(0x1001), frame);  // was never lent: nothing
  world.machine->drop_frame(frame);
  lender.space.give_back(Vpn(0x1000), frame);
  lender.space.check();
  Process<TestType> child(world);
  REQUIRE(lender.space.clone_into(child.space).ok());
  CHECK(is_same_page(lender, child, 0x1000));
  REQUIRE(lender.write(0x1000, 3));
  CHECK(child.read(0x1000) == 2u);
  child.space.check();
  lender.space.check();
}

TEMPLATE_TEST_CASE("a page that a loan has too is not given back by the host", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> lender(world);
  Process<TestType> borrower(world);
  REQUIRE(lender.map(0x1000, 1).ok());
  REQUIRE(borrow(borrower, lender, 0x1000, 1, 0x5000).ok());
  const base::Pfn frame = hold(world, lender, 0x1000);
  world.machine->drop_frame(frame);
  lender.space.give_back(Vpn(0x1000), frame);
  // Untouched by the borrower till now: it finds the page by its pin.
  Process<TestType> child(world);
  REQUIRE(lender.space.clone_into(child.space).ok());
  REQUIRE(borrower.write(0x5000, 4));
  CHECK(lender.read(0x1000) == 4u);
  CHECK(child.read(0x1000) == 0u);
  lender.space.check();
}

TEMPLATE_TEST_CASE("a held page that was unmapped or moved is only dropped", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> lender(world);
  REQUIRE(lender.map(0x1000, 2).ok());
  const base::Pfn unmapped = hold(world, lender, 0x1000);
  const base::Pfn moved = hold(world, lender, 0x1001);
  REQUIRE(lender.space.unmap(range(0x1000, 1)).ok());
  vm::RemapRequest request;
  request.source = range(0x1001, 1);
  request.new_count = PageCount(1);
  request.move = vm::RemapRequest::Move::fixed;
  request.target = Vpn(0x2000);
  REQUIRE(lender.space.remap(request).ok());
  *static_cast<uint64_t*>(world.host.window(moved)) = 5;
  for (const base::Pfn frame : {unmapped, moved}) world.machine->drop_frame(frame);
  lender.space.give_back(Vpn(0x1000), unmapped);
  lender.space.give_back(Vpn(0x1001), moved);
  CHECK(lender.read(0x2000) == 5u);
  lender.space.check();
}

TEMPLATE_TEST_CASE("what the lender unmaps is a bus error for the borrower", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> borrower(world);
  {
    Process<TestType> lender(world);
    REQUIRE(lender.map(0x1000, 16).ok());
    for (uint64_t page = 0x1000; page < 0x1010; ++page) REQUIRE(lender.write(page, page));
    REQUIRE(borrow(borrower, lender, 0x1000, 16, 0x5000).ok());
    REQUIRE(borrow(borrower, lender, 0x1008, 8, 0x6000, Right::read).ok());
    for (uint64_t page = 0; page < 16; ++page) CHECK(borrower.read(0x5000 + page) == 0x1000 + page);
    CHECK(borrower.read(0x6004) == 0x100cu);
    CHECK_FALSE(borrower.write(0x6004, 1));
    REQUIRE(lender.space.unmap(range(0x1004, 9)).ok());
    CHECK(borrower.read(0x5003) == 0x1003u);
    CHECK_FALSE(borrower.read(0x5004).has_value());
    CHECK(borrower.refusal == vm::Refusal::bus);
    CHECK_FALSE(borrower.read(0x6004).has_value());
    CHECK(borrower.read(0x6005) == 0x100du);
    borrower.space.check();
    lender.space.check();
    // Partial unmap by the borrower keeps the offsets of the rest.
    REQUIRE(borrower.space.unmap(range(0x5000, 2)).ok());
    CHECK(borrower.read(0x5002) == 0x1002u);
  }
  CHECK_FALSE(borrower.read(0x5003).has_value());
  CHECK(borrower.refusal == vm::Refusal::bus);
  borrower.space.check();
}

TEMPLATE_TEST_CASE("pages that an object lets go are gone from those who borrow them too", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  vm::SharedAnonymous<vm::FrameAllocator<PlainHost>> memory(world.system->objects(), PageCount(4));
  {
    Process<TestType> lender(world);
    Process<TestType> borrower(world);
    Process<TestType> third(world);
    vm::MapRequest request;
    request.count = PageCount(4);
    request.access = Right::read | Right::write;
    request.sharing = vm::Sharing::shared;
    request.object = &memory;
    request.placement = vm::Placement::fixed_at(Vpn(0x1000));
    REQUIRE(lender.space.map(request).ok());
    REQUIRE(borrow(borrower, lender, 0x1000, 4, 0x5000).ok());
    REQUIRE(borrow(third, borrower, 0x5000, 4, 0x6000).ok());
    REQUIRE(third.write(0x6001, 7));
    CHECK(borrower.read(0x5001) == 7u);
    CHECK(lender.read(0x1001) == 7u);
    REQUIRE(lender.space.advise(range(0x1000, 4), vm::Advice::remove).ok());
    CHECK(lender.read(0x1001) == 0u);
    CHECK(borrower.read(0x5001) == 0u);
    CHECK(third.read(0x6001) == 0u);
    REQUIRE(lender.write(0x1001, 8));
    CHECK(third.read(0x6001) == 8u);
    REQUIRE(memory.resize(PageCount(1)).ok());
    CHECK_FALSE(third.read(0x6001).has_value());
    CHECK_FALSE(borrower.read(0x5001).has_value());
  }
  memory.release();
}

TEMPLATE_TEST_CASE("a private copy that is lent stays when its object lets the page go", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  vm::SharedAnonymous<vm::FrameAllocator<PlainHost>> memory(world.system->objects(), PageCount(4));
  {
    Process<TestType> lender(world);
    Process<TestType> borrower(world);
    vm::MapRequest request;
    request.count = PageCount(4);
    request.access = Right::read | Right::write;
    request.object = &memory;
    request.placement = vm::Placement::fixed_at(Vpn(0x1000));
    REQUIRE(lender.space.map(request).ok());
    REQUIRE(lender.write(0x1001, 7));
    REQUIRE(borrow(borrower, lender, 0x1000, 4, 0x5000).ok());
    CHECK(borrower.read(0x5001) == 7u);
    REQUIRE(memory.discard({vm::ObjectPage(0), vm::ObjectPage(4)}).ok());
    CHECK(lender.read(0x1001) == 7u);
    CHECK(borrower.read(0x5001) == 7u);
    lender.space.check();
  }
  memory.release();
}

TEMPLATE_TEST_CASE("what a lender unmaps is gone for those who borrow it from its borrowers", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> lender(world);
  Process<TestType> borrower(world);
  Process<TestType> third(world);
  REQUIRE(lender.map(0x1000, 4).ok());
  REQUIRE(borrow(borrower, lender, 0x1000, 4, 0x5000).ok());
  REQUIRE(borrow(third, borrower, 0x5000, 4, 0x6000).ok());
  REQUIRE(third.write(0x6001, 7));
  REQUIRE(third.write(0x6002, 8));
  REQUIRE(lender.space.unmap(range(0x1001, 1)).ok());
  CHECK_FALSE(third.read(0x6001).has_value());
  CHECK(third.read(0x6002) == 8u);
  REQUIRE(lender.map(0x1001, 1).ok());
  CHECK(third.read(0x6001) == 0u);
}

TEMPLATE_TEST_CASE("borrows from oneself and in a circle are refused", "", x86_64::Format,
                   aarch64::Format) {
  World<TestType> world;
  Process<TestType> a(world);
  Process<TestType> b(world);
  Process<TestType> c(world);
  for (auto* process : {&a, &b, &c}) REQUIRE(process->map(0x1000, 4).ok());
  CHECK(borrow(a, a, 0x1000, 1, 0x9000).error() == base::Error::invalid_argument);
  REQUIRE(borrow(a, b, 0x1000, 4, 0x2000).ok());
  REQUIRE(borrow(b, c, 0x1000, 4, 0x2000).ok());
  CHECK(borrow(c, a, 0x1000, 4, 0x2000).error() == base::Error::would_deadlock);
  CHECK(borrow(b, a, 0x1000, 4, 0x3000).error() == base::Error::would_deadlock);
  CHECK(borrow(a, c, 0x2000, 4, 0x3000).error() == base::Error::not_mapped);
  CHECK(borrow(a, b, 0x1000, 4, 0x3000, Right::execute).error() == base::Error::access_denied);
  // Lending on what one has borrowed.
  REQUIRE(borrow(a, b, 0x2000, 4, 0x4000).ok());
  REQUIRE(c.write(0x1002, 5));
  CHECK(a.read(0x4002) == 5u);
  REQUIRE(a.write(0x4002, 6));
  CHECK(c.read(0x1002) == 6u);
  for (auto* process : {&a, &b, &c}) process->space.check();
}

TEMPLATE_TEST_CASE("transferred memory leaves the giver and arrives with its contents", "",
                   x86_64::Format, aarch64::Format) {
  World<TestType> world;
  Process<TestType> giver(world);
  Process<TestType> taker(world);
  REQUIRE(giver.map(0x11f8, 16).ok());
  for (uint64_t page = 0; page < 16; page += 2) REQUIRE(giver.write(0x11f8 + page, page + 1));
  REQUIRE(giver.space.protect(range(0x11fc, 2), Right::read).ok());
  Process<TestType> child(world);
  REQUIRE(giver.space.clone_into(child.space).ok());
  vm::TransferRequest request;
  request.source = range(0x11fa, 10);
  request.placement = vm::Placement::fixed_at(Vpn(0x7001));
  const base::Result<VpnRange> result = taker.space.transfer(giver.space, request);
  REQUIRE(result.ok());
  CHECK_FALSE(giver.read(0x11fa).has_value());
  CHECK(giver.read(0x11f8) == 1u);
  CHECK(taker.read(0x7001) == 3u);
  CHECK_FALSE(taker.write(0x7003, 1));
  CHECK(taker.read(0x7002) == 0u);
  REQUIRE(taker.write(0x7001, 9));
  CHECK(child.read(0x11fa) == 3u);
  for (auto* process : {&giver, &taker, &child}) process->space.check();
  request.source = range(0x11f0, 10);
  CHECK(taker.space.transfer(giver.space, request).error() == base::Error::not_mapped);
}
