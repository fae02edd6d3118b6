// Computer<H>: what CPUs remember, and how they are made to forget. Included by computer.h.
#pragma once

namespace sim {

template <Hardware H>
Walk Computer<H>::root_walk(base::Pfn root) const {
  return {root, ram_.generation(root), features().levels, 0, {}};
}

template <Hardware H>
CachedLeaf Computer<H>::leaf_from(const Walk& walk, unsigned index,
                                  const HardwareEntry& entry) const {
  CachedLeaf leaf;
  leaf.frame = entry.frame;
  leaf.generation = ram_.contains(entry.frame) ? ram_.generation(entry.frame) : 0;
  leaf.level = walk.level;
  leaf.prefix = (walk.prefix << 9) + index;
  leaf.rights = entry.rights.under(walk.limit);
  leaf.dirty = entry.dirty;
  leaf.global = entry.global;
  leaf.memory_type = entry.memory_type;
  return leaf;
}

// The word in `table` may be in the cache from now on, whatever memory says later.
template <Hardware H>
void Computer<H>::remember(TranslationCache& cache, base::Pfn table, unsigned index,
                           uint64_t word) {
  if (word == 0) return;
  cache.for_each_walk_of(table, [&](const Walk& walk) { remember_leaf(cache, walk, index, word); });
}

template <Hardware H>
void Computer<H>::remember_leaf(TranslationCache& cache, const Walk& walk, unsigned index,
                                uint64_t word) const {
  const HardwareEntry entry = H::read(word, walk.level, features());
  if (entry.kind == HardwareEntry::Kind::leaf && entry.accessed) {
    cache.add(leaf_from(walk, index, entry));
  }
}

// The CPU may walk through `walk` from now on, and through all that its table names.
template <Hardware H>
void Computer<H>::extend(TranslationCache& cache, const Walk& walk) {
  if (!ram_.is_live(walk.table)) {
    fail(Rule::freed_frame_access, "page %#llx is walked through a freed table: %s",
         (unsigned long long)walk.pages().first().raw(), ram_.describe(walk.table).c_str());
  }
  if (!cache.add(walk) || walk.level == 1) return;
  const uint64_t* words = ram_.words(walk.table);
  for (unsigned i = 0; i < 512; ++i) {
    if (words[i] == 0) continue;
    if (walk.level == features().levels && !walk.entry_pages(i).empty() &&
        !H::translates(walk.entry_pages(i).first().raw() << base::page_shift, features())) {
      continue;  // the host's half of the root
    }
    if (const char* wrong = H::malformed(words[i], walk.level, features())) {
      fail(Rule::reserved_bits, "%s: %#llx at level %u", wrong, (unsigned long long)words[i],
           walk.level);
    }
    const HardwareEntry entry = H::read(words[i], walk.level, features());
    if (entry.kind != HardwareEntry::Kind::table) continue;
    extend(cache, {entry.frame, ram_.generation(entry.frame), uint8_t(walk.level - 1),
                   (walk.prefix << 9) + i, entry.rights.under(walk.limit)});
  }
}

// Break-before-make: nothing that is cached may contradict the entry about to be made.
template <Hardware H>
void Computer<H>::forbid_conflicts(const TranslationCache& cache, const Walk& walk, unsigned index,
                                   uint64_t word, uint32_t cpu) {
  const HardwareEntry entry = H::read(word, walk.level, features());
  if (entry.kind == HardwareEntry::Kind::invalid) return;
  const base::VpnRange pages = walk.entry_pages(index);
  const auto complain = [&](const char* what, base::Pfn old_frame) {
    fail(Rule::make_before_flush, "CPU %u, page %#llx: %s (%s) is still cached when %#llx is made",
         cpu, (unsigned long long)pages.first().raw(), what, ram_.describe(old_frame).c_str(),
         (unsigned long long)word);
  };
  const bool makes_leaf = entry.kind == HardwareEntry::Kind::leaf;
  cache.for_each_leaf([&](const CachedLeaf& leaf) {
    if (!leaf.pages().overlaps(pages)) return;
    if (makes_leaf && leaf.level == walk.level) {
      if (leaf.frame != entry.frame) complain("a leaf with another frame", leaf.frame);
      if (leaf.memory_type != entry.memory_type) complain("another memory type", leaf.frame);
      if (leaf.global != entry.global) complain("another globality", leaf.frame);
    } else if (!features().size_change_plain && (makes_leaf || leaf.level >= walk.level)) {
      complain("a leaf of another size", leaf.frame);
    }
  });
  cache.for_each_walk([&](const Walk& other) {
    if (other.level != walk.level - 1 || other.prefix != (walk.prefix << 9) + index) return;
    if (makes_leaf) {
      if (!features().size_change_plain) complain("a table in its place", other.table);
    } else if (other.table != entry.frame || other.generation != ram_.generation(entry.frame)) {
      complain("another table", other.table);
    }
  });
}

template <Hardware H>
void Computer<H>::publish() {
  if (!H::rules.publishes) return;
  if (Scheduler* scheduler = Scheduler::current()) {
    scheduler->point({&cache_state_, Touch::write});
  }
  publish_all(cpus_[current_cpu()]);
}

template <Hardware H>
template <class Visit>
void Computer<H>::for_each_target(Visit&& visit) {
  if (Scheduler* scheduler = Scheduler::current()) {
    scheduler->point({&cache_state_, Touch::write});
  }
  ++invalidations_;
  const uint32_t self = current_cpu();
  publish_all(cpus_[self]);
  for (uint32_t i = 0; i < cpus_.size(); ++i) {
    if (i == self || H::rules.invalidates_everywhere) visit(cpus_[i]);
  }
}

// What the running program may walk to at once, after it was made to forget.
template <Hardware H>
void Computer<H>::rewalk(Cpu& cpu, TranslationCache& cache) {
  if (cpu.active && &cache == &cpu.caches[cpu.tag]) {
    // Walks that were forgotten may have parents that were not: follow all of them again.
    std::vector<Walk> known;
    cache.for_each_walk([&](const Walk& walk) { known.push_back(walk); });
    extend(cache, root_walk(cpu.root));
    for (const Walk& walk : known) {
      if (walk.level == 1) continue;
      const uint64_t* words = ram_.words(walk.table);
      for (unsigned i = 0; i < 512; ++i) {
        if (words[i] == 0) continue;
        if (walk.level == features().levels &&
            !H::translates(walk.entry_pages(i).first().raw() << base::page_shift, features())) {
          continue;
        }
        const HardwareEntry entry = H::read(words[i], walk.level, features());
        if (entry.kind != HardwareEntry::Kind::table) continue;
        extend(cache, {entry.frame, ram_.generation(entry.frame), uint8_t(walk.level - 1),
                       (walk.prefix << 9) + i, entry.rights.under(walk.limit)});
      }
    }
  }
}

// Everything about `pages`. What has been read for other pages by the same way stays, also when
// that way is another now.
template <Hardware H>
void Computer<H>::forget_path(Cpu& cpu, TranslationCache& cache, base::VpnRange pages,
                              TranslationCache::Global global) {
  cache.forget_leaves(pages, global);
  std::vector<Walk> old;
  if (options_.stale_translations && cpu.active && &cache == &cpu.caches[cpu.tag]) {
    cache.for_each_walk([&](const Walk& walk) {
      if (walk.level <= 3 && walk.pages().overlaps(pages)) old.push_back(walk);
    });
  }
  cache.forget_walks(pages);
  rewalk(cpu, cache);
  for (const Walk& walk : old) {
    bool again = false;
    cache.for_each_walk_of(walk.table, [&](const Walk& now) { again = again || now == walk; });
    if (again || !ram_.is_live(walk.table)) continue;
    const uint64_t* words = ram_.words(walk.table);
    for (unsigned i = 0; i < 512; ++i) {
      if (words[i] == 0 || walk.entry_pages(i).overlaps(pages)) continue;
      remember_leaf(cache, walk, i, words[i]);
    }
  }
}

template <Hardware H>
void Computer<H>::invalidate(vm::Tag tag, base::VpnRange pages, vm::Invalidate depth) {
  for_each_target([&](Cpu& cpu) {
    const auto found = cpu.caches.find(tag.raw());
    if (found == cpu.caches.end()) return;
    if (depth == vm::Invalidate::walk) {
      forget_path(cpu, found->second, pages, TranslationCache::Global::keep);
    } else {
      found->second.forget_leaves(pages, TranslationCache::Global::keep);
    }
  });
}

template <Hardware H>
void Computer<H>::invalidate_tag(vm::Tag tag) {
  for_each_target([&](Cpu& cpu) {
    const auto found = cpu.caches.find(tag.raw());
    if (found == cpu.caches.end()) return;
    found->second.forget_all(TranslationCache::Global::keep);
    rewalk(cpu, found->second);
  });
}

template <Hardware H>
void Computer<H>::invalidate_everything() {
  for_each_target([&](Cpu& cpu) {
    for (auto& [tag, cache] : cpu.caches) {
      cache.forget_all(TranslationCache::Global::drop);
      rewalk(cpu, cache);
    }
  });
}

// Fixes in the cache all that the CPU could have read until now: it stops reading.
template <Hardware H>
void Computer<H>::materialise(TranslationCache& cache) {
  if (!options_.stale_translations) return;
  std::vector<CachedLeaf> leaves;
  cache.for_each_walk([&](const Walk& walk) {
    const uint64_t* words = ram_.words(walk.table);
    for (unsigned i = 0; i < 512; ++i) {
      if (words[i] == 0) continue;
      const HardwareEntry entry = H::read(words[i], walk.level, features());
      if (entry.kind == HardwareEntry::Kind::leaf && entry.accessed) {
        leaves.push_back(leaf_from(walk, i, entry));
      }
    }
  });
  for (const CachedLeaf& leaf : leaves) cache.add(leaf);
}

template <Hardware H>
void Computer<H>::deactivate() {
  if (Scheduler* scheduler = Scheduler::current()) {
    scheduler->point({&cache_state_, Touch::write});
  }
  Cpu& cpu = cpus_[current_cpu()];
  if (cpu.active) materialise(cpu.caches[cpu.tag]);
  cpu.active = false;
}

template <Hardware H>
void Computer<H>::activate(base::Pfn root, vm::Tag tag, vm::OnActivate what) {
  deactivate();
  const uint32_t self = current_cpu();
  Cpu& cpu = cpus_[self];
  publish_all(cpu);  // activation is a full barrier
  ram_.demand_live(root, "activate");
  TranslationCache& cache = cpu.caches[tag.raw()];
  if (what == vm::OnActivate::forget) cache.forget_all(TranslationCache::Global::keep);
  if (!options_.stale_translations) cache.forget_all(TranslationCache::Global::drop);
  cpu.active = true;
  cpu.root = root;
  cpu.tag = tag.raw();
  // What is remembered from an earlier time under this tag is used from now on.
  bool other_space = false;
  cache.for_each_walk([&](const Walk& walk) {
    if (!ram_.is_live(walk.table) || ram_.generation(walk.table) != walk.generation) {
      fail(Rule::freed_table_cached,
           "CPU %u, tag %u, is run again: page %#llx is walked through %s", self, tag.raw(),
           (unsigned long long)walk.pages().first().raw(), ram_.describe(walk.table).c_str());
    }
    if (walk.level == features().levels && walk.table != root) other_space = true;
  });
  cache.for_each_leaf([&](const CachedLeaf& leaf) {
    if (!ram_.contains(leaf.frame)) return;
    if (!ram_.is_live(leaf.frame) || ram_.generation(leaf.frame) != leaf.generation) {
      fail(Rule::freed_frame_cached, "CPU %u, tag %u, is run again: it holds page %#llx -> %s",
           self, tag.raw(), (unsigned long long)leaf.pages().first().raw(),
           ram_.describe(leaf.frame).c_str());
    }
  });
  if (other_space) {
    fail(Rule::tag_reused, "CPU %u: tag %u still holds another root's translations", self,
         tag.raw());
  }
  cache.root = root;
  cache.has_root = true;
  extend(cache, root_walk(root));
  rewalk(cpu, cache);
}

template <Hardware H>
bool Computer<H>::remembers_frame(base::Pfn frame) const {
  bool found = false;
  for (const Cpu& cpu : cpus_) {
    for (const auto& [tag, cache] : cpu.caches) {
      found = found || cache.walks_through(frame);
      cache.for_each_leaf(
          [&](const CachedLeaf& leaf) { found = found || leaf.frames().contains(frame); });
    }
  }
  return found;
}

}  // namespace sim
