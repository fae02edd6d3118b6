// Rig: batches, and pages that the host is lent. Part of rig.h.
#pragma once

namespace model {

// What a change of a batch is to libvm. `lent`: the object of a borrow.
template <class F>
vm::SpaceChange Rig<F>::change_for(const Operation& change, vm::MemoryObject* lent) {
  using Change = vm::SpaceChange::Kind;
  vm::SpaceChange real;
  real.range = range(change.page, change.count);
  switch (change.kind) {
    case Kind::map:
    case Kind::map_new:
      real.kind = Change::map;
      real.map = request_for(change);
      real.map.placement = change.kind == Kind::map_new
                               ? vm::Placement::fixed_no_replace_at(vpn(change.page))
                               : vm::Placement::fixed_at(vpn(change.page));
      break;
    case Kind::protect:
      real.kind = Change::protect;
      real.access = access_of(change.choice);
      break;
    case Kind::dont_need:
      real.kind = Change::advise;
      real.advice = vm::Advice::dont_need;
      break;
    case Kind::inherit:
      real.kind = Change::advise;
      real.advice = inherit_advice(change);
      break;
    case Kind::transfer:
      real.kind = Change::transfer;
      real.transfer = {real.range, vm::Placement::fixed_at(vpn(change.target))};
      break;
    case Kind::borrow:
      real.kind = Change::map;
      real.map.count = pages_of(change.count);
      real.map.access = real.map.max_access = borrowed_access(change);
      real.map.sharing = vm::Sharing::shared;
      real.map.object = lent;
      real.map.placement = vm::Placement::fixed_at(vpn(change.target));
      break;
    default: break;  // unmap
  }
  return real;
}

// The change in the model, by itself. `lent`: the first page of a borrow.
template <class F>
base::Status Rig<F>::make_in(World& after, const Operation& change, const Page& lent) {
  const unsigned index = change.space;
  const uint64_t first = change.page;
  const uint64_t count = change.count;
  switch (change.kind) {
    case Kind::map_new:
      if (!after.spaces[index].free(first, count)) return base::Error::already_mapped;
      [[fallthrough]];
    case Kind::map: return after.map(index, first, count, prototype_for(change));
    case Kind::unmap: return after.unmap(index, first, count);
    case Kind::protect: return after.protect(index, first, count, access_of(change.choice));
    case Kind::dont_need: return after.dont_need(index, first, count);
    case Kind::inherit: return after.set_inherit(index, first, count, inherit_advice(change));
    case Kind::transfer:
      return after.transfer(index, other_space(change, options_.spaces), first, count,
                            change.target);
    default: return after.map(index, change.target, count, lent);
  }
}

// Pages for its borrows are lent first; what cannot be lent is left out. Then all changes are made,
// or none: the first that the model refuses.
template <class F>
void Rig<F>::batch(const Operation& operation, bool& changed) {
  const unsigned index = operation.space;
  const unsigned other = other_space(operation, options_.spaces);
  World after = model_;
  std::vector<Operation> changes;
  std::vector<vm::SpaceChange> real;
  std::vector<Page> lent;
  std::vector<vm::ObjectRef> loans;
  bool transfers = false;
  for (const Operation& change : changes_of(operation, options_.pages, options_.spaces)) {
    Page page;
    if (change.kind == Kind::borrow) {
      const base::Access access = borrowed_access(change);
      auto object = world_.computer.run_on(index, [&] {
        return spaces_[other]->lend_range(range(change.page, change.count), access);
      });
      const base::Status status = object.ok() ? base::Status() : base::Status(object.error());
      if (!same(status, model_.can_lend(other, change.page, change.count, access), "lend_range")) {
        if (failed_for_memory_) return;
        continue;
      }
      page = after.lend(other, change.page, change.count, access);
      loans.push_back(base::move(object).value());
    }
    transfers = transfers || change.kind == Kind::transfer;
    real.push_back(change_for(change, change.kind == Kind::borrow ? loans.back().get() : nullptr));
    changes.push_back(change);
    lent.push_back(page);
  }

  base::Status expected;
  size_t failed = 0;
  if (!loans.empty() && model_.lends_to(other, index)) {
    expected = base::Error::would_deadlock;
    while (changes[failed].kind != Kind::borrow) ++failed;
  }
  // Loans that the batch itself ends, and those that it makes, are there while it runs.
  const bool lends = !loans.empty() || model_.lends(index) || model_.lends(other);
  for (size_t i = 0; expected.ok() && i < changes.size(); ++i) {
    expected = make_in(after, changes[i], lent[i]);
    if (changes[i].kind == Kind::transfer && lends && expected.ok()) expected = base::Error::busy;
    failed = i;
  }

  const vm::BatchOutcome outcome = world_.computer.run_on(index, [&] {
    const bool gives = transfers || operation.choice % 4 == 2;
    return spaces_[index]->apply({real.data(), real.size()}, gives ? &*spaces_[other] : nullptr);
  });
  changed = same(outcome.status, expected, "a batch");
  if (changed) {
    model_ = after;
  } else if (!failed_for_memory_) {
    require(outcome.failed == failed, "a batch: another change is refused");
  }
  world_.computer.run_on(index, [&] { loans.clear(); });
}

// A loan was refused after the lender had made the page its own: from now on it does not follow the
// object.
template <class F>
void Rig<F>::note_early_copy(unsigned index, uint64_t page) {
  if (!model_.spaces[index].pages.contains(page)) return;
  const std::optional<World::Place> from = model_.lent_from(index, page);
  if (!from) return;
  const Leaf leaf = leaf_at(spaces_[from->space]->table().root(), vpn(from->page));
  if (leaf.entry.kind != vm::EntryKind::leaf) return;
  const base::Pfn head = world_.frames.records().head_of(leaf.frame);
  const vm::FrameState state = world_.frames.records().of(head).state();
  if (state == vm::FrameState::private_page || state == vm::FrameState::borrowed) {
    model_.note_lent(from->space, from->page);
  }
}

// As the kernel does for the length of a call: it uses the frame itself.
template <class F>
void Rig<F>::hold(const Operation& operation, bool& changed) {
  const unsigned index = operation.space;
  const uint64_t page = operation.page;
  const bool writes = operation.choice % 2 == 1;
  const base::Access use = writes ? base::Access(base::Right::write) : base::Access::none();
  Touch expected = model_.touch(index, page, use);
  if (expected != Touch::unmapped &&
      model_.spaces[index].pages.at(page).access == base::Access::none()) {
    expected = Touch::access;
  }
  world_.computer.run_on(index, [&] {
    while (true) {
      vm::PageAnswer answer = vm::PageAnswer::absent();
      {
        const typename vm::Epochs<typename M::Host>::Section section(spaces_system_.epochs());
        answer = static_cast<vm::PageLender&>(*spaces_[index])
                     .lend(vpn(page), writes ? vm::PageUse::write : vm::PageUse::read);
      }
      if (answer.kind() == vm::PageAnswer::Kind::wait) {
        pager_.serve(*paged_);
        continue;
      }
      if (answer.is_page()) {
        require(expected == Touch::ok || expected == Touch::either, "a page is lent");
        changed = true;
        uint64_t& word = word_of(answer.frame());
        require(word == model_.value(index, page), "a lent page holds something else");
        model_.note_lent(index, page);
        if (writes) {
          word = next_value_;
          model_.set_value(index, page, next_value_++);
        }
        held_.push_back({index, page, answer.frame(), answer.is_passed_on()});
        return;
      }
      const base::Error error = answer.error();
      if (error == base::Error::out_of_memory && may_fail_ &&
          world_.computer.ram().failure_fired()) {
        failed_for_memory_ = true;
        return;
      }
      const bool right = error == base::Error::bus
                             ? expected == Touch::unmapped || expected == Touch::bus
                             : error == base::Error::access_denied &&
                                   (expected == Touch::access || expected == Touch::either);
      require(right, "a page is not lent");
      note_early_copy(index, page);
      return;
    }
  });
}

// Unless somebody else has it, too, each page is ordinary memory again.
template <class F>
void Rig<F>::give_back(unsigned index) {
  for (size_t i = 0; i < held_.size();) {
    const Held held = held_[i];
    if (held.space != index) {
      ++i;
      continue;
    }
    held_.erase(held_.begin() + long(i));
    const vm::FrameRecord& record = world_.frames.records().of(held.frame);
    const bool last = record.references() == 2 && record.state() == vm::FrameState::borrowed;
    world_.computer.run_on(index, [&] {
      world_.system->drop_frame(held.frame);
      if (!held.passed_on) spaces_[index]->give_back(vpn(held.page), held.frame);
    });
    if (held.passed_on || !last || model_.lends(index)) continue;
    const Leaf leaf = leaf_at(spaces_[index]->table().root(), vpn(held.page));
    if (leaf.entry.kind != vm::EntryKind::leaf || leaf.frame != held.frame) continue;
    require(!vm::has_flag(leaf.entry, vm::LeafFlag::pinned) &&
                record.state() == vm::FrameState::private_page,
            "give_back: the page is still lent");
  }
}

}  // namespace model
