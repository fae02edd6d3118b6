// Rig: two operations at once. Each is made without the model; afterwards results, layout, contents
// and references must be those of one order or of the other. Part of rig.h.
#pragma once

namespace model {

// What an operation answered.
struct Answer {
  bool ok = true;
  base::Error error = base::Error::invalid_argument;
  Touch touch = Touch::ok;
  uint64_t value = 0;  // of a read
  friend bool operator==(const Answer&, const Answer&) = default;

  static Answer of(const base::Status& status) {
    Answer answer;
    answer.ok = status.ok();
    if (!status.ok()) answer.error = status.error();
    return answer;
  }
};

// Makes the operation on the model; whether that explains the answer. A write stores 100 + choice.
inline bool explains(World& world, const Operation& it, const Answer& answer) {
  const unsigned index = it.space;
  const unsigned other = 1 - index;
  const auto agrees = [&](const base::Status& status) { return Answer::of(status) == answer; };
  switch (it.kind) {
    case Kind::unmap: return agrees(world.unmap(index, it.page, it.count));
    case Kind::protect:
      return agrees(world.protect(index, it.page, it.count, access_of(it.choice)));
    case Kind::remap: return agrees(world.remap(index, it.page, it.count, it.target, it.new_count));
    case Kind::dont_need: return agrees(world.dont_need(index, it.page, it.count));
    case Kind::discard: return agrees(world.discard(index, it.page, it.count));
    case Kind::sync: return agrees(world.sync(index, it.page, it.count));
    case Kind::borrow:
      return agrees(world.borrow(index, other, it.page, it.count, it.target, access_of(it.choice)));
    case Kind::transfer: return agrees(world.transfer(index, other, it.page, it.count, it.target));
    case Kind::map: {
      Page page;
      page.access = access_of(it.choice);
      page.max_access = vm::MapRequest().max_access;
      page.charged = page.access.can_write();
      return agrees(world.map(index, it.page, it.count, page));
    }
    case Kind::clone: world.clone(index, other); return answer.ok;
    case Kind::read:
    case Kind::write: {
      const bool writes = it.kind == Kind::write;
      const Touch touch =
          world.touch(index, it.page, writes ? base::Right::write : base::Right::read);
      if (touch == Touch::either) {
        if (answer.touch == Touch::access) return true;
        if (answer.touch != Touch::ok) return false;
      } else if (touch != answer.touch) {
        return false;
      }
      if (answer.touch != Touch::ok) return true;
      world.note_touched(index, it.page);
      if (!writes) return answer.value == world.value(index, it.page);
      world.set_value(index, it.page, 100u + it.choice);
      return true;
    }
    default: sim::fail(sim::Rule::mismatch, "no operation for pairs");
  }
}

// On the real space, by the running fiber's CPU.
template <class F>
Answer Rig<F>::perform(const Operation& it) {
  Space& space = *spaces_[it.space];
  switch (it.kind) {
    case Kind::unmap: return Answer::of(space.unmap(range(it.page, it.count)));
    case Kind::protect:
      return Answer::of(space.protect(range(it.page, it.count), access_of(it.choice)));
    case Kind::dont_need:
      return Answer::of(space.advise(range(it.page, it.count), vm::Advice::dont_need));
    case Kind::remap: {
      vm::RemapRequest request;
      request.source = range(it.page, it.count);
      request.new_count = base::PageCount(it.new_count);
      request.move = vm::RemapRequest::Move::fixed;
      request.target = vpn(it.target);
      const auto result = space.remap(request);
      return Answer::of(result.ok() ? base::Status() : base::Status(result.error()));
    }
    case Kind::map: {
      vm::MapRequest request;
      request.count = base::PageCount(it.count);
      request.access = access_of(it.choice);
      request.placement = vm::Placement::fixed_at(vpn(it.page));
      const auto result = space.map(request);
      return Answer::of(result.ok() ? base::Status() : base::Status(result.error()));
    }
    case Kind::clone: return Answer::of(space.clone_into(*spaces_[1 - it.space]));
    case Kind::discard:
      return Answer::of(space.advise(range(it.page, it.count), vm::Advice::remove));
    case Kind::borrow: {
      const auto result =
          space.borrow(*spaces_[1 - it.space], {range(it.page, it.count), access_of(it.choice),
                                                vm::Placement::fixed_at(vpn(it.target))});
      return Answer::of(result.ok() ? base::Status() : base::Status(result.error()));
    }
    case Kind::transfer: {
      const auto result =
          space.transfer(*spaces_[1 - it.space],
                         {range(it.page, it.count), vm::Placement::fixed_at(vpn(it.target))});
      return Answer::of(result.ok() ? base::Status() : base::Status(result.error()));
    }
    case Kind::sync: {
      vm::SyncProgress progress(range(it.page, it.count));
      while (true) {
        const vm::SyncOutcome outcome = space.sync(progress, vm::SyncMode::wait);
        if (outcome.kind() == vm::SyncOutcome::Kind::failed) {
          return Answer::of(outcome.error());
        }
        if (outcome.kind() != vm::SyncOutcome::Kind::wait) return {};
        wait_for_pager();
      }
    }
    case Kind::read:
    case Kind::write: {
      const bool writes = it.kind == Kind::write;
      const uint64_t address = vpn(it.page).raw() << base::page_shift;
      for (int attempt = 0; attempt < 12; ++attempt) {
        Answer answer;
        const sim::Outcome outcome =
            world_.computer.access(address, writes ? sim::Use::write : sim::Use::read);
        if (outcome.ok()) {
          if (writes) word_of(outcome.frame) = 100u + it.choice;
          if (!writes) answer.value = word_of(outcome.frame);
          return answer;
        }
        const vm::FaultOutcome fault =
            space.fault({base::UserAddr(address),
                         (writes ? base::Right::write : base::Right::read) | base::Right::user});
        if (fault.is_resolved()) continue;
        if (fault.must_wait()) {
          wait_for_pager();
          continue;
        }
        answer.touch = fault.refusal() == vm::Refusal::unmapped ? Touch::unmapped
                       : fault.refusal() == vm::Refusal::access ? Touch::access
                                                                : Touch::bus;
        return answer;
      }
      sim::fail(sim::Rule::livelock, "page %u of space %u faults without end", it.page, it.space);
    }
    default: sim::fail(sim::Rule::mismatch, "no operation for pairs");
  }
}

// The pager answers now, or another CPU is about to have it answered.
template <class F>
void Rig<F>::wait_for_pager() {
  if (pager_.serve(*paged_)) return;
  if (sim::Scheduler* scheduler = sim::Scheduler::current()) scheduler->relax();
}

template <class F>
void Rig<F>::run_together(sim::Scheduler& scheduler, const std::vector<Operation>& operations) {
  std::vector<Answer> answers(operations.size());
  for (uint32_t i = 0; i < operations.size(); ++i) {
    scheduler.spawn(i, [this, &answers, &operations, i] { answers[i] = perform(operations[i]); });
  }
  scheduler.run();
  std::vector<Answer> seen;
  for (uint8_t index = 0; index < 2; ++index) {
    for (uint8_t page = 0; page < options_.pages; ++page) {
      Operation read;
      read.space = index;
      read.page = page;
      activate(index, index);
      seen.push_back(world_.computer.run_on(index, [&] { return perform(read); }));
    }
  }
  // Some order of the operations explains everything.
  std::vector<size_t> order(operations.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const World before = model_;
  std::string why;
  do {
    model_ = before;
    bool agrees = true;
    for (const size_t i : order) agrees = agrees && explains(model_, operations[i], answers[i]);
    for (uint8_t index = 0; index < 2; ++index) {
      for (uint8_t page = 0; page < options_.pages; ++page) {
        Operation read;
        read.space = index;
        read.page = page;
        agrees = agrees && explains(model_, read, seen[index * options_.pages + page]);
      }
    }
    if (!agrees) continue;
    try {
      compare();
      return;
    } catch (const sim::Failure& failure) {
      why = failure.what();
    }
  } while (std::next_permutation(order.begin(), order.end()));
  sim::fail(sim::Rule::mismatch, "no order of the operations explains the outcome%s%s",
            why.empty() ? "" : ": ", why.c_str());
}

}  // namespace model
