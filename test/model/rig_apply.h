// Rig: operations on the real spaces and on the model. Part of rig.h.
#pragma once

namespace model {

template <class F>
void Rig<F>::begin() {
  model_ = World(options_.spaces, 2, options_.object_pages);
  for (uint64_t page = 0; page < options_.object_pages; ++page) {
    model_.objects[1].values[page] = RigPager<Frames>::first_value + page;
  }
  model_.objects[1].stored = model_.objects[1].values;
  const base::PageCount size = pages_of(options_.object_pages);
  object_ = std::make_unique<Object>(objects_system_, size);
  pager_.begin(options_.stride);
  paged_ = std::make_unique<Paged>(
      objects_system_, pager_, size,
      base::Right::read | base::Right::write | base::Right::execute | base::Right::user);
  for (unsigned i = 0; i < options_.spaces; ++i) start_space(i);
}

template <class F>
void Rig<F>::finish() {
  for (unsigned i = 0; i < options_.spaces; ++i) give_back(i);
  for (unsigned i = 0; i < options_.spaces; ++i) stop_space(i);
  for (unsigned i = 0; i < options_.spaces; ++i) spaces_[i].reset();
  object_->release();
  object_.reset();
  paged_->release();
  paged_.reset();
  spaces_system_.epochs().synchronize();
  if (world_.frames_in_use() != at_start_) {
    sim::fail(sim::Rule::mismatch, "%lld frames leaked",
              (long long)(world_.frames_in_use() - at_start_));
  }
}

template <class F>
void Rig<F>::start_space(unsigned index) {
  if (!spaces_[index].has_value()) spaces_[index].emplace(spaces_system_);
  vm::SpaceOptions space_options;
  space_options.huge_pages = options_.huge_pages;
  base::Status created = spaces_[index]->create(space_options);
  if (!created.ok() && may_fail_ && world_.computer.ram().failure_fired()) {
    created = spaces_[index]->create(space_options);  // fails once only
  }
  require(created.ok(), "AddressSpace::create");
  model_.end(index);
}

template <class F>
void Rig<F>::stop_space(unsigned index) {
  for (uint32_t cpu = 0; cpu <= options_.spaces; ++cpu) {
    if (running_[cpu] == int(index)) leave(cpu);
  }
  spaces_[index]->destroy();
}

template <class F>
void Rig<F>::activate(uint32_t cpu, unsigned index) {
  if (running_[cpu] == int(index)) return;
  world_.computer.run_on(cpu, [&] { spaces_[index]->activate(); });
  running_[cpu] = int(index);
}

template <class F>
void Rig<F>::leave(uint32_t cpu) {
  if (running_[cpu] < 0) return;
  world_.computer.run_on(cpu, [&] { spaces_[unsigned(running_[cpu])]->deactivate(); });
  running_[cpu] = -1;
}

// Compares two results; true: the operation was made.
template <class F>
bool Rig<F>::same(const base::Status& real, const base::Status& expected, const char* what) {
  if (!real.ok() && real.error() == base::Error::out_of_memory && may_fail_ &&
      world_.computer.ram().failure_fired()) {
    failed_for_memory_ = true;
    return false;
  }
  if (real.ok() != expected.ok() || (!real.ok() && real.error() != expected.error())) {
    sim::fail(sim::Rule::mismatch, "%s: %s, expected %s", what,
              real.ok() ? "ok" : base::error_name(real.error()),
              expected.ok() ? "ok" : base::error_name(expected.error()));
  }
  return real.ok();
}

template <class F>
vm::MapRequest Rig<F>::request_for(const Operation& operation) {
  vm::MapRequest request;
  request.count = pages_of(operation.count);
  request.access = access_of(operation.choice);
  if (operation.choice >= 10) request.max_access = request.access | base::Right::read;
  switch (operation.backing) {
    case Backing::zero_fill: return request;
    case Backing::shared_object:
    case Backing::private_object: request.object = object_.get(); break;
    case Backing::shared_paged:
    case Backing::private_paged: request.object = paged_.get(); break;
  }
  request.object_page = vm::ObjectPage(uint64_t(operation.target) * options_.stride);
  if (operation.backing == Backing::shared_object || operation.backing == Backing::shared_paged) {
    request.sharing = vm::Sharing::shared;
  }
  return request;
}

template <class F>
Page Rig<F>::prototype_for(const Operation& operation) {
  const vm::MapRequest request = request_for(operation);
  Page page;
  page.access = request.access;
  page.max_access = request.max_access;
  page.sharing = request.sharing;
  page.object = request.object == nullptr ? -1 : request.object == object_.get() ? 0 : 1;
  page.object_page = request.object_page.raw() / options_.stride;
  page.charged = request.sharing == vm::Sharing::private_copy && request.access.can_write();
  return page;
}

template <class F>
bool Rig<F>::apply(const Operation& operation) {
  using base::Status;
  const unsigned index = operation.space;
  Space& space = *spaces_[index];
  const uint64_t first = operation.page;
  const uint64_t count = operation.count;
  failed_for_memory_ = false;
  bool changed = false;
  world_.computer.ram().set_operation("an operation");
  const auto on_cpu = [&](auto&& body) { return world_.computer.run_on(index, body); };
  switch (operation.kind) {
    case Kind::map:
    case Kind::map_new: {
      vm::MapRequest request = request_for(operation);
      const bool fresh = operation.kind == Kind::map_new;
      request.placement = fresh ? vm::Placement::fixed_no_replace_at(vpn(first))
                                : vm::Placement::fixed_at(vpn(first));
      const bool refused = fresh && !model_.spaces[index].free(first, count);
      const auto result = on_cpu([&] { return space.map(request); });
      const Status real = result.ok() ? Status() : Status(result.error());
      changed = same(real, refused ? Status(base::Error::already_mapped) : Status(), "map");
      if (changed) {
        require(result.value() == range(first, count), "map: placed elsewhere");
        (void)model_.map(index, first, count, prototype_for(operation));
      }
      break;
    }
    case Kind::map_any: {
      // Far above the pages of the model: only that it is fresh and goes away again.
      vm::MapRequest request;
      request.count = pages_of(count);
      request.access = base::Right::read | base::Right::write;
      auto result = on_cpu([&] { return space.map(request); });
      const Status real = result.ok() ? Status() : Status(result.error());
      if (same(real, Status(), "map anywhere")) {
        require(!result.value().overlaps(range(0, options_.pages)), "map anywhere: not free");
        const Status gone = on_cpu([&] { return space.unmap(result.value()); });
        if (!same(gone, Status(), "unmap what was mapped anywhere")) {
          (void)on_cpu([&] { return space.unmap(result.value()); });
        }
      }
      break;
    }
    case Kind::unmap:
      changed = same(on_cpu([&] { return space.unmap(range(first, count)); }), {}, "unmap");
      if (changed) {
        changed = !model_.spaces[index].free(first, count);
        (void)model_.unmap(index, first, count);
      }
      break;
    case Kind::protect: {
      World after = model_;
      const Status expected = after.protect(index, first, count, access_of(operation.choice));
      changed = same(
          on_cpu([&] { return space.protect(range(first, count), access_of(operation.choice)); }),
          expected, "protect");
      if (changed) model_ = after;
      break;
    }
    case Kind::remap:
    case Kind::remap_grow: {
      World after = model_;
      const bool grow = operation.kind == Kind::remap_grow;
      vm::RemapRequest request;
      request.source = range(first, count);
      request.new_count = pages_of(operation.new_count);
      if (!grow) {
        request.move = vm::RemapRequest::Move::fixed;
        request.target = vpn(operation.target);
      }
      const Status expected =
          grow ? after.grow(index, first, count, operation.new_count)
               : after.remap(index, first, count, operation.target, operation.new_count);
      const auto result = on_cpu([&] { return space.remap(request); });
      changed = same(result.ok() ? Status() : Status(result.error()), expected, "remap");
      if (changed) model_ = after;
      break;
    }
    case Kind::clone: {
      const unsigned other = other_space(operation, options_.spaces);
      stop_space(other);
      start_space(other);
      changed = same(on_cpu([&] { return space.clone_into(*spaces_[other]); }), {}, "clone");
      if (changed) model_.clone(index, other);
      break;
    }
    case Kind::dont_need: {
      World after = model_;
      const Status expected = after.dont_need(index, first, count);
      const Status real =
          on_cpu([&] { return space.advise(range(first, count), vm::Advice::dont_need); });
      same(real, expected, "advise(dont_need)");
      changed = !failed_for_memory_;
      if (changed) model_ = after;
      break;
    }
    case Kind::inherit: {
      World after = model_;
      const vm::Advice advice = inherit_advice(operation);
      const Status expected = after.set_inherit(index, first, count, advice);
      const Status real = on_cpu([&] { return space.advise(range(first, count), advice); });
      same(real, expected, "advise(inherit)");
      changed = !failed_for_memory_ && (real.ok() || real.error() == base::Error::not_mapped);
      if (changed) model_ = after;
      break;
    }
    case Kind::populate: populate(operation, changed); break;
    case Kind::write: changed = touch(operation, base::Right::write, sim::Use::write); break;
    case Kind::read: changed = touch(operation, base::Right::read, sim::Use::read); break;
    case Kind::execute: changed = touch(operation, base::Right::execute, sim::Use::execute); break;
    case Kind::reset:
      changed = !model_.spaces[index].pages.empty();
      stop_space(index);
      start_space(index);
      break;
    case Kind::run:
      activate(options_.spaces, index);
      changed = true;
      break;
    case Kind::idle:
      leave(index);
      changed = true;
      break;
    case Kind::pass_time:
      on_cpu([&] {
        (void)spaces_system_.epochs().collect();
        return 0;
      });
      break;
    case Kind::borrow:
    case Kind::transfer: share(operation, changed); break;
    case Kind::discard:
    case Kind::sync:
    case Kind::will_need: use_objects(operation, changed); break;
    case Kind::batch: batch(operation, changed); break;
    case Kind::hold: hold(operation, changed); break;
    case Kind::give_back:
      give_back(index);
      changed = true;
      break;
  }
  compare();
  return changed;
}

// A program's access, with as many faults as it takes.
template <class F>
bool Rig<F>::touch(const Operation& operation, base::Access use, sim::Use how) {
  const unsigned index = operation.space;
  const unsigned roamer = options_.spaces;
  const bool roams = operation.choice % 2 == 1 && running_[roamer] == int(index);
  const uint32_t cpu = roams ? roamer : index;
  activate(cpu, index);
  const uint64_t page = operation.page;
  const uint64_t address = vpn(page).raw() << base::page_shift;
  const Touch expected = model_.touch(index, page, use);
  sim::Outcome last;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const sim::Outcome outcome =
        world_.computer.run_on(cpu, [&] { return world_.computer.access(address, how); });
    last = outcome;
    if (outcome.ok()) {
      if (expected != Touch::ok && expected != Touch::either) {
        sim::fail(sim::Rule::mismatch, "CPU %u: an access of page %llu goes through%s", cpu,
                  (unsigned long long)page, outcome.stale ? " (stale)" : "");
      }
      uint64_t& word = word_of(outcome.frame);
      if (word != model_.value(index, page)) {
        sim::fail(sim::Rule::mismatch, "CPU %u: page %llu of space %u holds %llu, expected %llu%s",
                  cpu, (unsigned long long)page, index, (unsigned long long)word,
                  (unsigned long long)model_.value(index, page), outcome.stale ? " (stale)" : "");
      }
      model_.note_touched(index, page);
      if (how == sim::Use::write) {
        word = next_value_;
        model_.set_value(index, page, next_value_++);
      }
      return true;
    }
    const vm::FaultOutcome fault = world_.computer.run_on(cpu, [&] {
      return spaces_[index]->fault({base::UserAddr(address), use | base::Right::user});
    });
    if (fault.is_resolved()) continue;
    if (fault.must_wait()) {
      world_.computer.run_on(cpu, [&] { pager_.serve(*paged_); });
      continue;
    }
    const vm::Refusal refusal = fault.refusal();
    if (refusal == vm::Refusal::out_of_memory && may_fail_ &&
        world_.computer.ram().failure_fired()) {
      failed_for_memory_ = true;
      return false;
    }
    const bool right = (refusal == vm::Refusal::unmapped && expected == Touch::unmapped) ||
                       (refusal == vm::Refusal::access &&
                        (expected == Touch::access || expected == Touch::either)) ||
                       (refusal == vm::Refusal::bus && expected == Touch::bus);
    if (!right) {
      sim::fail(sim::Rule::mismatch, "a fault at page %llu is refused (%u), expected %u",
                (unsigned long long)page, unsigned(refusal), unsigned(expected));
    }
    note_early_copy(index, page);
    return false;
  }
  const Leaf leaf = leaf_at(spaces_[index]->table().root(), vpn(page));
  sim::fail(
      sim::Rule::livelock,
      "page %llu of space %u faults without end (%u, stale %d; entry kind %u, rights %x under "
      "%x, accessed %d, dirty %d; hardware sets them %d)",
      (unsigned long long)page, index, unsigned(last.fault), last.stale, unsigned(leaf.entry.kind),
      leaf.entry.access.raw(), leaf.limit.raw(), leaf.entry.accessed, leaf.entry.dirty,
      world_.computer.features().hardware_dirty);
}

template <class F>
void Rig<F>::read_everything() {
  for (uint8_t index = 0; index < options_.spaces; ++index) {
    for (uint8_t page = 0; page < options_.pages; ++page) {
      Operation read;
      read.kind = Kind::read;
      read.space = index;
      read.page = page;
      apply(read);
    }
  }
}

}  // namespace model
