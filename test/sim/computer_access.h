// Computer<H>: accesses by programs, and checks of what they could see. Included by computer.h.
#pragma once

namespace sim {

// The word as walkers may see it: until its writer has published a change they may see what was
// there before.
template <Hardware H>
uint64_t Computer<H>::visible(const uint64_t* slot) const {
  if (H::rules.publishes) {
    for (const Cpu& writer : cpus_) {
      for (const Unpublished& entry : writer.unpublished) {
        if (entry.slot == slot) return entry.before;
      }
    }
  }
  return *slot;
}

// What has to be updated is read again: in memory.
template <Hardware H>
typename Computer<H>::Seen Computer<H>::look(const uint64_t* slot, unsigned level, Use use) const {
  const uint64_t word = visible(slot);
  const HardwareEntry entry = H::read(word, level, features());
  if (word == *slot) return {entry, slot};
  const bool updates =
      entry.kind == HardwareEntry::Kind::leaf &&
      ((!entry.accessed && features().hardware_accessed) || (use == Use::write && !entry.dirty));
  if (updates) return {H::read(*slot, level, features()), slot};
  return {entry, nullptr};
}

template <Hardware H>
Outcome Computer<H>::walk(base::Pfn root, uint64_t address, Use use, Privilege who) const {
  if (!H::translates(address, features())) return {.fault = FaultKind::not_canonical};
  const base::Vpn page(address >> base::page_shift);
  Walk at = root_walk(root);
  for (;;) {
    ram_.demand_live(at.table, "walk");
    const unsigned index = at.index_of(page);
    const HardwareEntry entry = H::read(ram_.words(at.table)[index], at.level, features());
    if (entry.kind == HardwareEntry::Kind::invalid) return {.fault = FaultKind::not_present};
    if (entry.kind == HardwareEntry::Kind::leaf) {
      const CachedLeaf leaf = leaf_from(at, index, entry);
      if (!entry.accessed && !features().hardware_accessed) return {.fault = FaultKind::accessed};
      if (!leaf.rights.allow(use, who)) return {.fault = FaultKind::permission};
      return {.frame = leaf.frame_of(page)};
    }
    at = {entry.frame, ram_.generation(entry.frame), uint8_t(at.level - 1),
          (at.prefix << 9) + index, entry.rights.under(at.limit)};
  }
}

// A change that is on its way does not stay unseen for ever: a CPU that has faulted because of it
// before waits for the CPU that makes it.
template <Hardware H>
bool Computer<H>::wait_for_publisher(const uint64_t* slot) {
  Scheduler* const scheduler = Scheduler::current();
  if (scheduler == nullptr) return false;
  const auto is_coming = [this, slot, scheduler] {
    for (uint32_t i = 0; i < cpus_.size(); ++i) {
      for (const Unpublished& entry : cpus_[i].unpublished) {
        if (entry.slot == slot && scheduler->busy(i)) return true;
      }
    }
    return false;
  };
  if (!is_coming()) return false;
  scheduler->wait({&cache_state_, Touch::write}, [is_coming] { return !is_coming(); });
  return true;
}

template <Hardware H>
Outcome Computer<H>::access(uint64_t address, Use use, Privilege who) {
  const uint64_t* unseen = nullptr;
  Outcome outcome = access_once(address, use, who, unseen);
  uint32_t& faults = cpus_[current_cpu()].unseen_faults;
  if (outcome.ok() || unseen == nullptr) {
    faults = 0;
  } else if (++faults > 1 && wait_for_publisher(unseen)) {
    outcome = access_once(address, use, who, unseen);
  }
  return outcome;
}

// `unseen`: the entry that may be another for the walker than it is in memory, if there is one.
template <Hardware H>
Outcome Computer<H>::access_once(uint64_t address, Use use, Privilege who,
                                 const uint64_t*& unseen) {
  unseen = nullptr;
  if (Scheduler* scheduler = Scheduler::current()) {
    scheduler->point({&cache_state_, Touch::write});
  }
  Cpu& cpu = cpus_[current_cpu()];
  if (!cpu.active) fail(Rule::mismatch, "CPU %u runs no program", current_cpu());
  if (!H::translates(address, features())) return {.fault = FaultKind::not_canonical};
  const base::Vpn page(address >> base::page_shift);
  TranslationCache& cache = cpu.caches[cpu.tag];

  // The live walk, which decides when nothing stale does.
  Outcome live{.fault = FaultKind::not_present};
  Candidate live_leaf;
  Walk at = root_walk(cpu.root);
  while (true) {
    bool known = false;
    cache.for_each_walk_of(at.table, [&](const Walk& walk) { known = known || walk == at; });
    if (!known && unseen != nullptr) {
      fail(Rule::freed_table_cached, "page %#llx, level %u: table %s is out, but unpublished",
           (unsigned long long)page.raw(), at.level, ram_.describe(at.table).c_str());
    }
    if (!known) {
      fail(Rule::behind_the_machine, "page %#llx, level %u: table %#llx was linked unseen",
           (unsigned long long)page.raw(), at.level, (unsigned long long)at.table.raw());
    }
    ram_.demand_live(at.table, "walk");
    const unsigned index = at.index_of(page);
    const uint64_t* slot = ram_.words(at.table) + index;
    const Seen seen = look(slot, at.level, use);
    const HardwareEntry& entry = seen.entry;
    if (seen.slot == nullptr) unseen = slot;
    if (entry.kind == HardwareEntry::Kind::invalid) break;
    if (entry.kind == HardwareEntry::Kind::leaf) {
      if (const char* wrong = H::malformed(*slot, at.level, features())) {
        fail(Rule::reserved_bits, "%s: %#llx", wrong, (unsigned long long)*slot);
      }
      live_leaf = {leaf_from(at, index, entry), true, seen.slot};
      live.frame = live_leaf.leaf.frame_of(page);
      live.fault = !entry.accessed && !features().hardware_accessed ? FaultKind::accessed
                   : live_leaf.leaf.rights.allow(use, who)          ? FaultKind::none
                                                                    : FaultKind::permission;
      break;
    }
    at = {entry.frame, ram_.generation(entry.frame), uint8_t(at.level - 1),
          (at.prefix << 9) + index, entry.rights.under(at.limit)};
  }

  // Everything else that the CPU may hold for this page.
  std::vector<Candidate> stale;
  const auto consider = [&](const Candidate& candidate) {
    if (live_leaf.live && candidate.leaf == live_leaf.leaf) return;
    stale.push_back(candidate);
  };
  if (options_.stale_translations) {
    cache.for_each_leaf_at(page, [&](const CachedLeaf& leaf) { consider({leaf}); });
    for (auto& [tag, other] : cpu.caches) {
      if (tag == cpu.tag) continue;
      other.for_each_leaf_at(page, [&](const CachedLeaf& leaf) {
        if (leaf.global) consider({leaf});
      });
    }
    cache.for_each_walk([&](const Walk& walk) {
      if (!walk.pages().contains(page)) return;
      const unsigned index = walk.index_of(page);
      const uint64_t* slot = ram_.words(walk.table) + index;
      const Seen seen = look(slot, walk.level, use);
      if (seen.entry.kind != HardwareEntry::Kind::leaf) return;
      if (!seen.entry.accessed && !features().hardware_accessed) return;
      consider({leaf_from(walk, index, seen.entry), false, seen.slot});
    });
  }

  // Where a change is not published the CPU need not have seen it by any other way either.
  if (unseen != nullptr && !live.ok()) {
    const Outcome published = walk(cpu.root, address, use, who);
    std::erase_if(stale, [&](const Candidate& candidate) {
      return published.ok() && candidate.leaf.frame_of(page) == published.frame;
    });
  }

  // A stale translation that permits is the worst answer, above all with another frame.
  const Candidate* worst = nullptr;
  const Candidate* forbids = nullptr;
  for (const Candidate& candidate : stale) {
    if (!candidate.leaf.rights.allow(use, who)) {
      forbids = &candidate;
      continue;
    }
    // A write through a clean entry makes the CPU look at memory again; it is then no longer stale.
    if (use == Use::write && !candidate.leaf.dirty && candidate.slot == nullptr) continue;
    const bool redirects = !live.ok() || candidate.leaf.frame_of(page) != live.frame;
    if (worst == nullptr || redirects) worst = &candidate;
  }
  if (worst != nullptr) {
    Outcome outcome = go_through(address, use, *worst);
    outcome.stale = true;
    return outcome;
  }
  if (live.ok() && forbids != nullptr && options_.spurious_faults) {
    if (H::rules.fault_forgets) {
      const base::VpnRange one = base::VpnRange::single(page);
      forget_path(cpu, cache, one, TranslationCache::Global::drop);
    }
    return {.fault = FaultKind::permission, .stale = true};
  }
  if (live.ok()) {
    Outcome outcome = go_through(address, use, live_leaf);
    outcome.stale = unseen != nullptr;
    return outcome;
  }
  if (H::rules.fault_forgets) {
    const base::VpnRange one = base::VpnRange::single(page);
    forget_path(cpu, cache, one, TranslationCache::Global::drop);
  }
  return live;
}

template <Hardware H>
template <class Visit>
void Computer<H>::for_each_translation(uint32_t number, base::Vpn page, Visit&& visit) {
  Cpu& cpu = cpus_[number];
  if (!cpu.active) return;
  TranslationCache& cache = cpu.caches[cpu.tag];
  const auto stale = [&](CachedLeaf leaf) {
    if (!leaf.dirty) {
      leaf.rights.user = leaf.rights.user.without(base::Right::write);
      leaf.rights.kernel = leaf.rights.kernel.without(base::Right::write);
    }
    visit(leaf);
  };
  if (options_.stale_translations) {
    cache.for_each_leaf_at(page, stale);
    for (auto& [tag, other] : cpu.caches) {
      if (tag == cpu.tag) continue;
      other.for_each_leaf_at(page, [&](const CachedLeaf& leaf) {
        if (leaf.global) stale(leaf);
      });
    }
  }
  cache.for_each_walk([&](const Walk& walk) {
    if (!walk.pages().contains(page)) return;
    const unsigned index = walk.index_of(page);
    const uint64_t* slot = ram_.words(walk.table) + index;
    const HardwareEntry entry = H::read(*slot, walk.level, features());
    if (entry.kind == HardwareEntry::Kind::leaf) visit(leaf_from(walk, index, entry));
    const uint64_t before = visible(slot);
    if (before == *slot) return;
    const HardwareEntry old = H::read(before, walk.level, features());
    if (old.kind == HardwareEntry::Kind::leaf) visit(leaf_from(walk, index, old));
  });
}

template <Hardware H>
Outcome Computer<H>::go_through(uint64_t address, Use use, const Candidate& candidate) {
  const base::Vpn page(address >> base::page_shift);
  const base::Pfn frame = candidate.leaf.frame_of(page);
  if (ram_.contains(frame)) {
    ram_.demand_live(frame,
                     candidate.live ? "program access" : "program access, stale translation");
    if (!candidate.live && ram_.contains(candidate.leaf.frame) &&
        ram_.generation(candidate.leaf.frame) != candidate.leaf.generation) {
      fail(Rule::freed_frame_access, "stale translation of page %#llx reaches a reused frame: %s",
           (unsigned long long)page.raw(), ram_.describe(frame).c_str());
    }
  }
  if (candidate.slot != nullptr) {
    auto* slot = const_cast<uint64_t*>(candidate.slot);
    *slot = use == Use::write ? H::with_dirty(*slot) : H::with_accessed(*slot);
  }
  return {.frame = frame};
}

template <Hardware H>
Outcome Computer<H>::read_byte(uint64_t address, uint8_t& value) {
  const Outcome outcome = access(address, Use::read);
  if (outcome.ok()) {
    value = static_cast<uint8_t*>(ram_.memory(outcome.frame))[address & (base::page_size - 1)];
  }
  return outcome;
}

template <Hardware H>
Outcome Computer<H>::write_byte(uint64_t address, uint8_t value) {
  const Outcome outcome = access(address, Use::write);
  if (outcome.ok()) {
    static_cast<uint8_t*>(ram_.memory(outcome.frame))[address & (base::page_size - 1)] = value;
  }
  return outcome;
}

template <Hardware H>
void Computer<H>::check_intermediate_states(EntryLog::Mark from, base::Pfn root,
                                            base::VpnRange pages) {
  struct Seen {
    bool present = false;
    base::Pfn frame;
    Rights rights;
    bool operator==(const Seen&) const = default;
  };
  const auto translate = [&](const auto& load, base::Vpn page) {
    Walk at = root_walk(root);
    for (;;) {
      const unsigned index = at.index_of(page);
      const HardwareEntry entry = H::read(load(ram_.words(at.table) + index), at.level, features());
      if (entry.kind == HardwareEntry::Kind::invalid) return Seen{};
      if (entry.kind == HardwareEntry::Kind::leaf) {
        const Rights rights = entry.rights.under(at.limit);
        return Seen{true,
                    entry.frame + base::PageCount(page.raw() & ((1ULL << 9 * (at.level - 1)) - 1)),
                    rights};
      }
      at = {entry.frame, 0, uint8_t(at.level - 1), (at.prefix << 9) + index,
            entry.rights.under(at.limit)};
    }
  };
  for (base::Vpn page = pages.first(); page < pages.end(); page += base::PageCount(1)) {
    const Seen now = translate([](const uint64_t* slot) { return *slot; }, page);
    Seen before;
    log_.states_between(from, [&](const auto& load, EntryLog::Mark step) {
      const Seen seen = translate(load, page);
      if (step == from) before = seen;
      const bool neither = seen != before && seen != now;
      if (neither && !(H::rules.breaks_before_makes && !seen.present)) {
        fail(Rule::intermediate_state,
             "page %#llx after write %zu of %zu: frame %#llx rights %x, neither before nor after",
             (unsigned long long)page.raw(), step - from, log_.mark() - from,
             (unsigned long long)seen.frame.raw(), seen.rights.user.raw());
      }
    });
  }
}

template <Hardware H>
void Computer<H>::check_settled(vm::Tag tag, base::VpnRange pages) {
  for (uint32_t i = 0; i < cpus_.size(); ++i) {
    const Cpu& cpu = cpus_[i];
    const auto found = cpu.caches.find(tag.raw());
    if (found == cpu.caches.end() || !cpu.active || cpu.tag != tag.raw()) continue;
    found->second.for_each_leaf([&](const CachedLeaf& leaf) {
      if (!leaf.pages().overlaps(pages)) return;
      const base::Vpn page = leaf.pages().intersect(pages).first();
      for (const Use use : {Use::read, Use::write, Use::execute}) {
        if (!leaf.rights.allow(use, Privilege::user)) continue;
        if (use == Use::write && !leaf.dirty) continue;
        const Outcome live = walk(cpu.root, page.raw() << base::page_shift, use);
        if (!live.ok() || live.frame != leaf.frame_of(page)) {
          fail(Rule::mismatch, "CPU %u may still use page %#llx -> %s", i,
               (unsigned long long)page.raw(), ram_.describe(leaf.frame_of(page)).c_str());
        }
      }
    });
  }
}

}  // namespace sim
