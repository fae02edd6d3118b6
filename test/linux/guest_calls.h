// Guest: system calls in terms of libvm. Part of guest.h.
#pragma once

namespace linux_oracle {

// Rights as PROT_ bits. Memory that can be used at all can be read, as on every processor without
// rights for execution alone.
inline base::Access access_of(uint8_t rights) {
  base::Access access = base::Access::none();
  if (rights != 0) access = access.with(base::Right::read);
  if ((rights & 2) != 0) access = access.with(base::Right::write);
  if ((rights & 4) != 0) access = access.with(base::Right::execute);
  return access;
}

inline vm::Advice advice_of(Advice advice) {
  using A = vm::Advice;
  static constexpr A values[advices] = {
      A::normal,        A::random,        A::sequential,   A::will_need,     A::dont_need,
      A::free,          A::remove,        A::huge_pages,   A::no_huge_pages, A::dont_fork,
      A::do_fork,       A::wipe_on_fork,  A::keep_on_fork, A::cold,          A::page_out,
      A::populate_read, A::populate_write};
  return values[unsigned(advice)];
}

template <class F>
sim::Options Guest<F>::machine_options(uint64_t seed) {
  sim::Options options;
  options.frames = 1024;
  options.seed = seed;
  options.features.tag_bits = 12;
  options.features.tagged_invalidate = true;
  return options;
}

template <class F>
Guest<F>::Guest(uint64_t seed, uint64_t file_pages)
    : world_(machine_options(seed)),
      system_(*world_.system),
      object_system_{world_.frames, system_.epochs(), system_.mappers()} {
  if (!system_.start().ok()) sim::fail(sim::Rule::mismatch, "SpaceSystem::start");
  at_start_ = world_.frames_in_use();
  new_object(file_pages);
  for (unsigned i = 0; i < 2; ++i) {
    start(i);
    world_.computer.run_on(i, [&] { spaces_[i]->activate(); });
  }
}

template <class F>
void Guest<F>::finish() {
  for (unsigned i = 0; i < 2; ++i) stop(i);
  for (auto& object : objects_) object->release();
  objects_.clear();
  system_.epochs().synchronize();
  if (world_.frames_in_use() != at_start_) sim::fail(sim::Rule::mismatch, "frames leaked");
  system_.stop();
}

template <class F>
typename Guest<F>::Object& Guest<F>::new_object(uint64_t pages) {
  objects_.push_back(std::make_unique<Object>(object_system_, base::PageCount(pages)));
  return *objects_.back();
}

template <class F>
void Guest<F>::start(unsigned process) {
  spaces_[process] = std::make_unique<Space>(system_);
  if (!spaces_[process]->create({}).ok()) sim::fail(sim::Rule::mismatch, "AddressSpace::create");
}

template <class F>
void Guest<F>::stop(unsigned process) {
  world_.computer.run_on(process, [&] { spaces_[process]->deactivate(); });
  spaces_[process]->destroy();
  spaces_[process].reset();
}

template <class F>
typename Guest<F>::Pieces Guest<F>::pieces(unsigned process, uint64_t page, uint64_t count) {
  const base::VpnRange pages = range(page, count);
  base::Optional<vm::Mapping> mapping = spaces_[process]->mapping_at_or_after(pages.first());
  if (mapping && mapping->range().contains(pages)) return Pieces::one;
  if (!mapping || !mapping->range().contains(pages.first())) return Pieces::several;
  while (mapping->end() < pages.end()) {
    const base::Optional<vm::Mapping> next = spaces_[process]->mapping_at_or_after(mapping->end());
    if (!next) return Pieces::several;
    vm::Mapping a = *mapping;
    vm::Mapping b = *next;
    if (!a.clear_charged().continues_in(b.clear_charged())) return Pieces::several;
    mapping = next;
  }
  return Pieces::charged_and_not;
}

template <class F>
base::Status Guest<F>::map(Space& space, const Call& call, Answer& answer) {
  vm::MapRequest request;
  request.count = base::PageCount(call.count);
  request.access = access_of(call.rights);
  switch (call.backing) {
    case Backing::anonymous: break;
    case Backing::shared_anonymous: request.object = &new_object(call.count); break;
    case Backing::shared_read_only_file:
      request.max_access = base::Right::read | base::Right::execute;
      [[fallthrough]];
    case Backing::shared_file:
    case Backing::private_file:
      request.object = objects_.front().get();
      request.object_page = vm::ObjectPage(call.target);
  }
  if (call.backing != Backing::anonymous && call.backing != Backing::private_file) {
    request.sharing = vm::Sharing::shared;
  }
  switch (call.placement) {
    case Placement::fixed: request.placement = vm::Placement::fixed_at(vpn(call.page)); break;
    case Placement::no_replace:
      request.placement = vm::Placement::fixed_no_replace_at(vpn(call.page));
      break;
    case Placement::hint: request.placement = vm::Placement::hint_at(vpn(call.page)); break;
    case Placement::anywhere: break;
  }
  const base::Result<base::VpnRange> placed = space.map(request);
  if (!placed.ok()) return placed.error();
  if (in_arena(placed.value().first())) return {};
  answer.elsewhere = 1;
  return space.unmap(placed.value());
}

template <class F>
base::Status Guest<F>::remap(Space& space, const Call& call, Answer& answer) {
  using Request = vm::RemapRequest;
  Request request;
  request.source = range(call.page, call.count);
  request.new_count = base::PageCount(call.new_count);
  request.target = vpn(call.target);
  request.move = call.move == Move::never                                     ? Request::Move::never
                 : call.move == Move::fixed || call.move == Move::fixed_leave ? Request::Move::fixed
                                                                              : Request::Move::may;
  if (call.move == Move::may_leave || call.move == Move::fixed_leave) {
    request.source_becomes = Request::Source::leave;
  }
  const base::Result<base::VpnRange> moved = space.remap(request);
  if (!moved.ok()) return moved.error();
  if (in_arena(moved.value().first())) return {};
  answer.elsewhere = 1;
  Request back;
  back.source = moved.value();
  back.new_count = base::PageCount(call.count);
  back.move = Request::Move::fixed;
  back.target = vpn(call.page);
  const base::Result<base::VpnRange> returned = space.remap(back);
  return returned.ok() ? base::Status() : base::Status(returned.error());
}

template <class F>
base::Status Guest<F>::fork(const Call& call) {
  const unsigned child = 1 - call.process;
  stop(child);
  start(child);
  const base::Status status = world_.computer.run_on(
      call.process, [&] { return spaces_[call.process]->clone_into(*spaces_[child]); });
  world_.computer.run_on(child, [&] { spaces_[child]->activate(); });
  return status;
}

template <class F>
void Guest<F>::touch(Space& space, const Call& call, Answer& answer) {
  const bool writes = call.kind == Kind::write;
  const uint64_t address = vpn(call.page).raw() << base::page_shift;
  for (int attempt = 0; attempt < 6; ++attempt) {
    const sim::Outcome outcome =
        world_.computer.access(address, writes ? sim::Use::write : sim::Use::read);
    if (outcome.ok()) {
      uint64_t& word = world_.computer.ram().words(outcome.frame)[3];
      if (writes) word = call.value;
      if (!writes) answer.value = word;
      return;
    }
    const vm::FaultOutcome fault =
        space.fault({base::UserAddr(address),
                     (writes ? base::Right::write : base::Right::read) | base::Right::user});
    if (fault.is_resolved()) continue;
    switch (fault.refusal()) {
      case vm::Refusal::unmapped: answer.touch = Touch::unmapped; return;
      case vm::Refusal::access: answer.touch = Touch::access; return;
      case vm::Refusal::bus: answer.touch = Touch::bus; return;
      case vm::Refusal::out_of_memory: sim::fail(sim::Rule::mismatch, "out of memory");
    }
  }
  sim::fail(sim::Rule::livelock, "page %u faults without end", call.page);
}

template <class F>
void Guest<F>::look(unsigned process, Answer& answer) {
  spaces_[process]->visit_mappings([&](const vm::Mapping& mapping) {
    for (base::Vpn at = mapping.first(); at < mapping.end(); at += base::PageCount(1)) {
      if (!in_arena(at)) sim::fail(sim::Rule::mismatch, "mapping outside the arena");
      MappedPage& page = answer.pages[at.raw() - vpn(0).raw()];
      page.mapped = 1;
      page.rights =
          uint8_t((mapping.access().can_read() ? 1 : 0) | (mapping.access().can_write() ? 2 : 0) |
                  (mapping.access().can_execute() ? 4 : 0));
      page.shared = mapping.is_shared() ? 1 : 0;
      page.starts = at == mapping.first() ? 1 : 0;
      page.inode = 0;
      for (size_t i = 0; i < objects_.size(); ++i) {
        if (mapping.object() == objects_[i].get()) page.inode = 1 + i;
      }
      page.file_page = mapping.object() == nullptr ? 0 : mapping.object_page_of(at).raw();
    }
  });
}

template <class F>
Answer Guest<F>::make(const Call& call) {
  Answer answer;
  Space& space = *spaces_[call.process];
  const base::VpnRange pages = range(call.page, call.count);
  const base::Status status = world_.computer.run_on(call.process, [&]() -> base::Status {
    switch (call.kind) {
      case Kind::mmap: return map(space, call, answer);
      case Kind::munmap: return space.unmap(pages);
      case Kind::mprotect: return space.protect(pages, access_of(call.rights));
      case Kind::mremap: return remap(space, call, answer);
      case Kind::madvise: return space.advise(pages, advice_of(call.advice));
      case Kind::mlock: return space.lock(pages, vm::Locking::all);
      case Kind::munlock: return space.lock(pages, vm::Locking::none);
      case Kind::write:
      case Kind::read: touch(space, call, answer); return {};
      default: return {};
    }
  });
  answer.error = status.ok() ? 0 : errno_of(call, status.error());
  if (call.kind == Kind::fork) {
    const base::Status forked = fork(call);
    if (!forked.ok()) answer.error = errno_of(call, forked.error());
  }
  for (unsigned i = 0; i < 2; ++i) {
    world_.computer.run_on(i, [&] { spaces_[i]->check(); });
  }
  look(call.process, answer);
  return answer;
}

}  // namespace linux_oracle
