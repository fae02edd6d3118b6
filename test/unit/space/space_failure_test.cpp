// Every operation with 0, 1, 2 ... free frames until it succeeds: an error leaves the space as it
// was, and nothing is lost.
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <random>

#include "space_fixture.h"

using namespace space_test;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

namespace {

VpnRange range(uint64_t first, uint64_t count) {
  return VpnRange::of(Vpn(first), PageCount(count));
}

// All free frames but `left`.
template <class F>
class Hog {
 public:
  Hog(World<F>& world, uint64_t left) : world_(world) {
    world.epochs->synchronize();
    while (true) {
      base::Result<base::Pfn> frame = world.frames.allocate();
      if (!frame.ok()) break;
      taken_.push_back(frame.value());
    }
    for (; left != 0 && !taken_.empty(); --left) {
      world.frames.free(taken_.back());
      taken_.pop_back();
    }
  }
  ~Hog() {
    for (const base::Pfn frame : taken_) world_.frames.free(frame);
  }

 private:
  World<F>& world_;
  std::vector<base::Pfn> taken_;
};

template <class F>
std::vector<vm::Mapping> layout(Process<F>& process) {
  std::vector<vm::Mapping> result;
  process.space.visit_mappings([&](const vm::Mapping& mapping) { result.push_back(mapping); });
  return result;
}

// Present pages only: looking must not fault.
template <class F>
std::map<uint64_t, uint64_t> contents(World<F>& world, Process<F>& process) {
  std::map<uint64_t, uint64_t> result;
  for (const vm::Mapping& mapping : layout(process)) {
    for (uint64_t page = mapping.first().raw(); page < mapping.end().raw(); ++page) {
      typename vm::Epochs<PlainHost>::Section section(*world.epochs);
      const vm::Found found = process.space.table().lookup(Vpn(page));
      if (found.entry.kind != vm::EntryKind::leaf) continue;
      result[page] = *static_cast<uint64_t*>(world.host.window(found.frame_of(Vpn(page))));
    }
  }
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("every operation that runs out of memory leaves the space as it was", "",
                   x86_64::Format, aarch64::Format) {
  using P = Process<TestType>;
  struct Operation {
    const char* name;
    std::function<bool(P&, P&)> run;
  };
  const Operation operations[] = {
      {"map", [](P& parent, P&) { return parent.map(0x9000000, 3).ok(); }},
      {"map over", [](P& parent, P&) { return parent.map(0x1f8, 20).ok(); }},
      {"unmap", [](P& parent, P&) { return parent.space.unmap(range(0x1f0, 30)).ok(); }},
      {"protect",
       [](P& parent, P&) { return parent.space.protect(range(0x1f0, 30), Right::read).ok(); }},
      {"protect none",
       [](P& parent, P&) {
         return parent.space.protect(range(0x1f0, 30), base::Access::none()).ok();
       }},
      {"clone", [](P& parent, P& child) { return parent.space.clone_into(child.space).ok(); }},
      {"dont need",
       [](P& parent, P&) {
         return parent.space.advise(range(0x1f0, 30), vm::Advice::dont_need).ok();
       }},
      {"move",
       [](P& parent, P&) {
         vm::RemapRequest request;
         request.source = range(0x1f0, 30);
         request.new_count = PageCount(40);
         request.move = vm::RemapRequest::Move::fixed;
         request.target = Vpn(0x5000003);
         return parent.space.remap(request).ok();
       }},
      {"move over what is there",
       [](P& parent, P&) {
         vm::RemapRequest request;
         request.source = range(0x1f0, 30);
         request.new_count = PageCount(40);
         request.move = vm::RemapRequest::Move::fixed;
         request.target = Vpn(0x5e3);
         return parent.space.remap(request).ok();
       }},
      {"transfer",
       [](P& parent, P& child) {
         vm::TransferRequest request;
         request.source = range(0x1f0, 30);
         request.placement = vm::Placement::fixed_at(Vpn(0x7003));
         return child.space.transfer(parent.space, request).ok();
       }},
      {"wipe for children",
       [](P& parent, P&) {
         return parent.space.advise(range(0x1f0, 30), vm::Advice::wipe_on_fork).ok();
       }},
      {"batch",
       [](P& parent, P&) {
         vm::SpaceChange changes[5];
         changes[0].kind = vm::SpaceChange::Kind::unmap;
         changes[0].range = range(0x1e8, 10);
         changes[1].kind = vm::SpaceChange::Kind::protect;
         changes[1].range = range(0x1f2, 40);
         changes[1].access = Right::read;
         changes[2].kind = vm::SpaceChange::Kind::map;
         changes[2].map.count = PageCount(9);
         changes[2].map.placement = vm::Placement::fixed_at(Vpn(0x200));
         changes[3].kind = vm::SpaceChange::Kind::advise;
         changes[3].range = range(0x5e0, 20);
         changes[3].advice = vm::Advice::dont_need;
         changes[4].kind = vm::SpaceChange::Kind::unmap;
         changes[4].range = range(0x5f8, 20);
         return parent.space.apply(changes, nullptr).status.ok();
       }},
      {"write",
       [](P& parent, P&) {
         return parent.space.fault({base::UserAddr::of(Vpn(0x1f3)), Right::write | Right::user})
             .is_resolved();
       }},
      {"read new memory",
       [](P& parent, P&) {
         return parent.space.fault({base::UserAddr::of(Vpn(0x40000)), Right::read | Right::user})
             .is_resolved();
       }},
  };
  for (const Operation& operation : operations) {
    INFO(operation.name);
    for (uint64_t left = 0;; ++left) {
      INFO("free frames " << left);
      REQUIRE(left < 64);
      World<TestType> world(2048);
      P parent(world);
      REQUIRE(parent.map(0x1e0, 100).ok());
      REQUIRE(parent.map(0x40000, 4).ok());
      REQUIRE(parent.map(0x5e0, 50).ok());
      for (uint64_t page = 0x5e0; page < 0x612; page += 7) REQUIRE(parent.write(page, page));
      for (uint64_t index = 0; index < 14; ++index) {
        REQUIRE(parent.map(0x10000 + index * 8, 4, Right::read).ok());
      }
      for (uint64_t page = 0x1e0; page < 0x240; page += 3) REQUIRE(parent.write(page, page));
      P sibling(world);
      REQUIRE(parent.space.clone_into(sibling.space).ok());
      P child(world);
      const auto before = layout(parent);
      const auto values = contents(world, parent);
      const auto sibling_values = contents(world, sibling);
      bool done = false;
      {
        Hog<TestType> hog(world, left);
        done = operation.run(parent, child);
      }
      parent.space.check();
      child.space.check();
      sibling.space.check();
      REQUIRE(contents(world, sibling) == sibling_values);
      if (done) break;
      REQUIRE(layout(parent) == before);
      REQUIRE(contents(world, parent) == values);
      REQUIRE(layout(child).empty());
    }
  }
}
