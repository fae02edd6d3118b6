// Rig: what must hold after every operation. Part of rig.h.
#pragma once

namespace model {

template <class F>
void Rig<F>::compare() {
  if (!compares_) return;
  for (unsigned i = 0; i < options_.spaces; ++i) {
    compare_layout(i);
    compare_tables(i);
  }
  compare_caches();
  if (!options_.deep_checks) return;
  audit();
  if (++comparisons_ % options_.deep_every != 0) return;
  for (unsigned i = 0; i < options_.spaces; ++i) {
    world_.computer.run_on(i, [&] { spaces_[i]->check(); });
  }
}

template <class F>
void Rig<F>::compare_layout(unsigned index) {
  std::map<uint64_t, vm::Mapping> real;
  world_.computer.run_on(index, [&] {
    spaces_[index]->visit_mappings([&](const vm::Mapping& mapping) {
      require((mapping.first().raw() - base_) % options_.stride == 0 &&
                  mapping.count().raw() % options_.stride == 0,
              "layout: part of a page is mapped");
      for (base::Vpn at = mapping.first(); at < mapping.end(); at += pages_of(1)) {
        real[(at.raw() - base_) / options_.stride] = mapping;
      }
    });
  });
  const auto& expected = model_.spaces[index].pages;
  require(real.size() == expected.size(), "layout: another number of pages is mapped");
  for (const auto& [page, want] : expected) {
    const auto found = real.find(page);
    require(found != real.end(), "layout: a page is not mapped");
    const vm::Mapping& have = found->second;
    const bool equal = have.access() == want.access.without(base::Right::user) &&
                       have.max_access() == want.max_access.without(base::Right::user) &&
                       have.sharing() == want.sharing && have.inherit() == want.inherit() &&
                       (have.object() != nullptr) == (want.object >= 0) &&
                       have.charged() == want.charged &&
                       (want.object < 0 ||
                        have.object_page_of(vpn(page)).raw() == want.object_page * options_.stride);
    if (!equal) {
      sim::fail(
          sim::Rule::mismatch,
          "layout: page %llu of space %u: access %x/%x sharing %u inherit %u charged %d object "
          "page %llu, expected %x/%x %u %u %d %llu",
          (unsigned long long)page, index, have.access().raw(), have.max_access().raw(),
          unsigned(have.sharing()), unsigned(have.inherit()), have.charged(),
          (unsigned long long)have.object_page().raw(), want.access.raw(), want.max_access.raw(),
          unsigned(want.sharing), unsigned(want.inherit()), want.charged,
          (unsigned long long)want.object_page);
    }
  }
}

template <class F>
typename Rig<F>::Leaf Rig<F>::leaf_at(base::Pfn root, base::Vpn page) {
  const vm::Features& features = world_.computer.features();
  Leaf leaf;
  leaf.limit = vm::unlimited;
  base::Pfn table = root;
  for (unsigned level = features.levels;; --level) {
    const uint64_t word = world_.computer.ram().words(table)[vm::entry_index(page, level)];
    leaf.entry = F::decode(word, level, features);
    if (leaf.entry.kind == vm::EntryKind::table) {
      leaf.limit = leaf.limit.intersect(leaf.entry.access);
      table = leaf.entry.frame;
      continue;
    }
    if (leaf.entry.kind == vm::EntryKind::leaf) {
      leaf.frame = leaf.entry.frame + base::PageCount(page.raw() % vm::entry_span(level).raw());
    }
    return leaf;
  }
}

// May a write to `frame` by this page's program be made without asking?
template <class F>
bool Rig<F>::may_write(unsigned index, uint64_t page, base::Pfn frame) {
  const Touch touch = model_.touch(index, page, base::Right::write);
  if (touch != Touch::ok && touch != Touch::either) return false;
  const World::Home home = model_.home(index, page);
  const bool is_private = model_.spaces[index].pages.at(page).sharing == vm::Sharing::private_copy;
  // A loan that failed half-way may have left the lender with its own copy of an object's page: the
  // same contents, in a frame that is neither the object's nor anybody else's.
  const bool is_early_copy = is_private && home.object >= 0;
  if (is_early_copy && world_.frames.records().of(world_.frames.records().head_of(frame)).state() ==
                           vm::FrameState::object_page) {
    return false;
  }
  // Nobody else may see it: no other page of any space has the frame, but those that share it by
  // an object or a loan.
  for (unsigned other = 0; other < options_.spaces; ++other) {
    for (const auto& [at, unused] : model_.spaces[other].pages) {
      if (other == index && at == page) continue;
      const Leaf leaf = leaf_at(spaces_[other]->table().root(), vpn(at));
      if (leaf.entry.kind != vm::EntryKind::leaf || leaf.frame != frame) continue;
      if (is_early_copy || !(model_.home(other, at) == home)) return false;
    }
  }
  return true;
}

template <class F>
void Rig<F>::compare_tables(unsigned index) {
  const base::Pfn root = spaces_[index]->table().root();
  for (uint64_t page = 0; page < options_.pages; ++page) {
    const Leaf leaf = leaf_at(root, vpn(page));
    const bool mapped = model_.spaces[index].pages.contains(page);
    if (leaf.entry.kind != vm::EntryKind::leaf) continue;
    if (!mapped) {
      sim::fail(sim::Rule::mismatch, "space %u: page %llu has a leaf and no mapping", index,
                (unsigned long long)page);
    }
    world_.computer.ram().demand_live(leaf.frame, "leaf");
    const base::Access most = F::granted(
        model_.spaces[index].pages.at(page).access | base::Right::user, world_.computer.features());
    const base::Access have = leaf.entry.access.intersect(leaf.limit);
    if (!most.has(have)) {
      sim::fail(sim::Rule::mismatch, "space %u: page %llu has rights %x, may have %x", index,
                (unsigned long long)page, have.raw(), most.raw());
    }
    const Touch touch = model_.touch(index, page, base::Access::none());
    if (touch == Touch::bus) {
      sim::fail(sim::Rule::mismatch, "space %u: page %llu has a leaf and nothing behind it", index,
                (unsigned long long)page);
    }
    if (word_of(leaf.frame) != model_.value(index, page)) {
      sim::fail(sim::Rule::mismatch, "space %u: the frame of page %llu holds %llu, expected %llu",
                index, (unsigned long long)page, (unsigned long long)word_of(leaf.frame),
                (unsigned long long)model_.value(index, page));
    }
    if (have.can_write() && !may_write(index, page, leaf.frame)) {
      sim::fail(sim::Rule::mismatch, "space %u: page %llu is writable but not its own", index,
                (unsigned long long)page);
    }
  }
}

// Whatever a CPU may still use must be right now, for nobody will ask again.
template <class F>
void Rig<F>::compare_caches() {
  for (uint32_t cpu = 0; cpu <= options_.spaces; ++cpu) {
    if (running_[cpu] < 0) continue;
    const auto index = unsigned(running_[cpu]);
    for (uint64_t page = 0; page < options_.pages; ++page) {
      world_.computer.for_each_translation(cpu, vpn(page), [&](const sim::CachedLeaf& leaf) {
        const base::Pfn frame = leaf.frame_of(vpn(page));
        const auto complain = [&](const char* what) {
          sim::fail(sim::Rule::mismatch, "CPU %u may still %s page %llu of space %u: %s", cpu, what,
                    (unsigned long long)page, index, world_.computer.ram().describe(frame).c_str());
        };
        if (leaf.rights.allow(sim::Use::read, sim::Privilege::user)) {
          if (!may(index, page, base::Right::read)) complain("read");
          if (word_of(frame) != model_.value(index, page)) complain("read old contents of");
        }
        if (leaf.rights.allow(sim::Use::execute, sim::Privilege::user) &&
            !may(index, page, base::Right::execute)) {
          complain("execute");
        }
        if (leaf.rights.allow(sim::Use::write, sim::Privilege::user) &&
            !may_write(index, page, frame)) {
          complain("write");
        }
      });
    }
  }
}

template <class F>
void Rig<F>::count_table(base::Pfn table, unsigned level) {
  if (table_references_[table.raw()]++ != 0) return;
  const vm::Features& features = world_.computer.features();
  const uint64_t* words = world_.computer.ram().words(table);
  unsigned resident = 0;
  for (unsigned i = 0; i < vm::entries_per_table; ++i) {
    if (words[i] == 0) continue;
    ++resident;
    const vm::Entry entry = F::decode(words[i], level, features);
    if (entry.kind == vm::EntryKind::table) count_table(entry.frame, level - 1);
    if (entry.kind == vm::EntryKind::leaf) {
      ++leaf_references_[world_.frames.records().head_of(entry.frame).raw()];
    }
  }
  const vm::FrameRecord& record = world_.frames.records().of(table);
  require(record.is_table() && record.level() == level, "audit: a table's record says otherwise");
  require(record.resident() == resident, "audit: resident count of a table is wrong");
}

// How often the host holds the frame.
template <class F>
uint32_t Rig<F>::held_of(base::Pfn frame) const {
  uint32_t count = 0;
  for (const Held& held : held_) count += held.frame == frame ? 1 : 0;
  return count;
}

// references == entries that name the frame + owners that hold it.
template <class F>
void Rig<F>::audit() {
  table_references_.clear();
  leaf_references_.clear();
  for (unsigned i = 0; i < options_.spaces; ++i) {
    count_table(spaces_[i]->table().root(), world_.computer.features().levels);
  }
  for (const auto& [table, count] : table_references_) {
    const uint32_t have = world_.frames.records().of(base::Pfn(table)).references();
    if (have != count) {
      sim::fail(sim::Rule::mismatch, "audit: table %#llx has %u references, %u entries name it",
                (unsigned long long)table, have, count);
    }
  }
  for (const auto& [frame, count] : leaf_references_) {
    const vm::FrameRecord& record = world_.frames.records().of(base::Pfn(frame));
    if (record.state() == vm::FrameState::reserved) continue;  // the zero frame is not counted
    const uint32_t own = record.state() == vm::FrameState::object_page ? 1 : 0;
    const uint32_t have = record.references() - held_of(base::Pfn(frame));
    // An object page that left its object keeps only its entries' references.
    if (have != count + own && have != count) {
      sim::fail(sim::Rule::mismatch,
                "audit: frame %#llx (%s) has %u references, %u entries name it",
                (unsigned long long)frame, vm::frame_state_name(record.state()), have, count);
    }
  }
}

}  // namespace model
