// Rig<Format>: two of libvm's address spaces on the adversarial machine, beside the model. Every
// operation is made on both; then results, layout, contents, rights in the tables, what CPUs may
// still remember, and every reference count are compared.
//
// CPU i runs space i, one more CPU any of them. Pages straddle the borders of a level-1 and a
// level-2 table. With a stride a page of the model is that many of the machine, and the number is
// in the first of them: then 2 MiB are a few pages, and large leaves come and go.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model/operation.h"
#include "model/rig_pager.h"
#include "model/space_model.h"
#include "sim/world.h"
#include "vm/object/paged.h"
#include "vm/object/shared_anonymous.h"
#include "vm/space/address_space.h"

namespace model {

struct RigOptions {
  unsigned pages = 8;
  unsigned object_pages = 6;  // fewer than pages: the last ones are past the end of the object
  unsigned spaces = 2;        // or 3
  unsigned stride = 1;
  sim::Options machine;
  vm::HugePages huge_pages = vm::HugePages::never;
  bool deep_checks = true;  // check() and the audit
  uint64_t deep_every = 1;  // check() after every so many operations
};

struct Answer;
inline constexpr unsigned max_spaces = 3;

template <class F>
class Rig {
 public:
  using M = sim::Machine<F>;
  using Space = vm::AddressSpace<M>;
  using Frames = typename sim::World<F>::Allocator;
  using Object = vm::SharedAnonymous<Frames>;
  using Paged = vm::Paged<Frames>;

  explicit Rig(const RigOptions& options)
      : options_(options),
        world_(machine_options(options)),
        spaces_system_(*world_.system),
        objects_system_{world_.frames, spaces_system_.epochs(), spaces_system_.mappers()},
        base_((1ULL << 18) - options.pages / 2 * options.stride),
        model_(options.spaces, 2, options.object_pages) {
    require(spaces_system_.start().ok(), "SpaceSystem::start");
    at_start_ = world_.frames_in_use();
    begin();
  }
  ~Rig() {
    finish();
    spaces_system_.stop();
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  sim::World<F>& world() { return world_; }
  Space& space(unsigned index) { return *spaces_[index]; }
  World& model() { return model_; }

  // Everything is taken down, nothing may be left; and set up afresh.
  void restart() {
    finish();
    begin();
  }

  // Makes the operation on both sides and compares. sim::Failure: run it within run_abandonable.
  // True: the model changed or a page was touched.
  bool apply(const Operation& operation);
  // Reads every page through the program's eyes, on top of apply()'s looks behind the scenes.
  void read_everything();
  // An error instead of success is accepted if memory ran out; then nothing may have changed.
  // Replays what was compared before.
  void set_comparing(bool compares) { compares_ = compares; }
  void set_may_fail(bool may) { may_fail_ = may; }
  [[nodiscard]] bool failed_for_memory() const { return failed_for_memory_; }
  void compare();

  // The operations at once, operation i by a fiber on CPU i (which runs its space already).
  void run_together(sim::Scheduler& scheduler, const std::vector<Operation>& operations);
  // CPU `cpu` runs the space from now on.
  void activate(uint32_t cpu, unsigned index);

 private:
  static sim::Options machine_options(const RigOptions& options) {
    sim::Options machine = options.machine;
    machine.cpus = options.spaces + 1;
    if (machine.frames == 512) machine.frames = options.stride == 1 ? 2048 : 8192;
    if (machine.features.tag_bits == 0) machine.features.tag_bits = 12;
    machine.features.tagged_invalidate = true;
    return machine;
  }
  static void require(bool condition, const char* what) {
    if (!condition) sim::fail(sim::Rule::mismatch, "%s", what);
  }
  [[nodiscard]] base::Vpn vpn(uint64_t page) const {
    return base::Vpn(base_ + page * options_.stride);
  }
  [[nodiscard]] base::PageCount pages_of(uint64_t count) const {
    return base::PageCount(count * options_.stride);
  }
  [[nodiscard]] base::VpnRange range(uint64_t page, uint64_t count) const {
    return base::VpnRange::of(vpn(page), pages_of(count));
  }

  void begin();
  void finish();
  void start_space(unsigned index);
  void stop_space(unsigned index);
  Answer perform(const Operation& operation);
  void wait_for_pager();
  void leave(uint32_t cpu);
  bool same(const base::Status& real, const base::Status& expected, const char* what);
  bool touch(const Operation& operation, base::Access use, sim::Use how);
  void share(const Operation& operation, bool& changed);
  void use_objects(const Operation& operation, bool& changed);
  void populate(const Operation& operation, bool& changed);
  void batch(const Operation& operation, bool& changed);
  vm::SpaceChange change_for(const Operation& change, vm::MemoryObject* lent);
  base::Status make_in(World& after, const Operation& change, const Page& lent);
  void note_early_copy(unsigned index, uint64_t page);
  void hold(const Operation& operation, bool& changed);
  void give_back(unsigned index);
  vm::MapRequest request_for(const Operation& operation);
  Page prototype_for(const Operation& operation);

  void compare_layout(unsigned index);
  void compare_tables(unsigned index);
  void compare_caches();
  void audit();
  [[nodiscard]] uint32_t held_of(base::Pfn frame) const;
  // A page that the host was lent by lend() and has not given back.
  struct Held {
    unsigned space = 0;
    uint64_t page = 0;
    base::Pfn frame;
    bool passed_on = false;
  };
  struct Leaf {
    vm::Entry entry;
    base::Access limit;
    base::Pfn frame;
  };
  // What the words in RAM say, without going through the machine.
  Leaf leaf_at(base::Pfn root, base::Vpn page);
  void count_table(base::Pfn table, unsigned level);
  uint64_t& word_of(base::Pfn frame) { return world_.computer.ram().words(frame)[3]; }
  bool may_write(unsigned index, uint64_t page, base::Pfn frame);
  bool may(unsigned index, uint64_t page, base::Access use) {
    const Touch touch = model_.touch(index, page, use);
    return touch == Touch::ok || touch == Touch::either;
  }

  RigOptions options_;
  sim::World<F> world_;
  vm::SpaceSystem<M> spaces_system_;
  vm::ObjectSystem<Frames> objects_system_;
  uint64_t base_;
  World model_;
  // At ascending addresses in every run: libvm locks them in that order.
  std::optional<Space> spaces_[max_spaces];
  std::unique_ptr<Object> object_;
  RigPager<Frames> pager_{world_.frames, world_.computer.ram()};
  std::unique_ptr<Paged> paged_;
  int running_[max_spaces + 1] = {-1, -1, -1, -1};
  std::vector<Held> held_;
  uint64_t at_start_ = 0;
  uint64_t next_value_ = 1;
  bool compares_ = true;
  uint64_t comparisons_ = 0;
  bool may_fail_ = false;
  bool failed_for_memory_ = false;
  std::unordered_map<uint64_t, uint32_t> table_references_;
  std::unordered_map<uint64_t, uint32_t> leaf_references_;
};

}  // namespace model

#include "model/rig_apply.h"
#include "model/rig_batch.h"
#include "model/rig_compare.h"
#include "model/rig_pair.h"
#include "model/rig_share.h"
