// Rig: operations between spaces, and those that reach objects. Part of rig.h.
#pragma once

namespace model {

template <class F>
void Rig<F>::share(const Operation& operation, bool& changed) {
  const unsigned index = operation.space;
  const unsigned other = other_space(operation, options_.spaces);
  const base::VpnRange source = range(operation.page, operation.count);
  const vm::Placement placement = vm::Placement::fixed_at(vpn(operation.target));
  World after = model_;
  base::Status expected;
  base::Status real;
  world_.computer.run_on(index, [&] {
    if (operation.kind == Kind::borrow) {
      const base::Access access = borrowed_access(operation);
      expected =
          after.borrow(index, other, operation.page, operation.count, operation.target, access);
      const auto result = spaces_[index]->borrow(*spaces_[other], {source, access, placement});
      if (!result.ok()) real = result.error();
    } else {
      expected = after.transfer(index, other, operation.page, operation.count, operation.target);
      const auto result = spaces_[index]->transfer(*spaces_[other], {source, placement});
      if (!result.ok()) real = result.error();
    }
  });
  changed = same(real, expected, operation.kind == Kind::borrow ? "borrow" : "transfer");
  if (changed) model_ = after;
}

template <class F>
void Rig<F>::use_objects(const Operation& operation, bool& changed) {
  const unsigned index = operation.space;
  const base::VpnRange pages = range(operation.page, operation.count);
  World after = model_;
  base::Status expected;
  base::Status real;
  world_.computer.run_on(index, [&] {
    if (operation.kind == Kind::discard) {
      expected = after.discard(index, operation.page, operation.count);
      real = spaces_[index]->advise(pages, vm::Advice::remove);
    } else if (operation.kind == Kind::will_need) {
      // Many pages of the machine at once would only fill its memory.
      if (options_.stride > 1) return;
      if (!model_.spaces[index].whole(operation.page, operation.count)) {
        expected = base::Error::not_mapped;
      }
      real = spaces_[index]->advise(pages, vm::Advice::will_need);
    } else {
      expected = after.sync(index, operation.page, operation.count);
      vm::SyncProgress progress(pages);
      while (true) {
        const vm::SyncOutcome outcome = spaces_[index]->sync(progress, vm::SyncMode::wait);
        if (outcome.kind() == vm::SyncOutcome::Kind::failed) real = outcome.error();
        if (outcome.kind() != vm::SyncOutcome::Kind::wait) break;
        pager_.serve(*paged_);
      }
    }
  });
  // What comes before a mapping that refuses, or beside a hole, has been done.
  (void)same(real, expected, "an operation on objects");
  changed = !failed_for_memory_;
  if (changed) model_ = after;
}

template <class F>
void Rig<F>::populate(const Operation& operation, bool& changed) {
  const unsigned index = operation.space;
  const base::Access use = operation.choice % 2 == 1 ? base::Right::write : base::Right::read;
  if (options_.stride > 1) return;
  for (uint64_t page = operation.page; page < operation.page + operation.count; ++page) {
    // Whether it goes on behind such a page is not known.
    if (model_.touch(index, page, use) == Touch::either) return;
  }
  const bool populated = world_.computer.run_on(index, [&] {
    while (true) {
      const vm::FaultOutcome outcome =
          spaces_[index]->populate(range(operation.page, operation.count), use);
      if (!outcome.must_wait()) return outcome.is_resolved();
      pager_.serve(*paged_);
    }
  });
  if (may_fail_ && world_.computer.ram().failure_fired()) {
    failed_for_memory_ = !populated;
    return;
  }
  Touch expected = Touch::ok;
  for (uint64_t page = operation.page;
       page < operation.page + operation.count && expected == Touch::ok; ++page) {
    expected = model_.touch(index, page, use);
    if (expected != Touch::ok) break;
    model_.note_touched(index, page);
    // As if written: a private page is a copy from now on.
    if (use.can_write()) model_.set_value(index, page, model_.value(index, page));
  }
  require(populated == (expected == Touch::ok), "populate: wrong outcome");
  changed = true;
}

}  // namespace model
