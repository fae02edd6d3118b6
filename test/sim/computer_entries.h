// Computer<H>: frames, entry words, shootdown. Included by computer.h.
#pragma once

#include <algorithm>

namespace sim {

template <Hardware H>
Computer<H>::Computer(const Options& options)
    : options_(options),
      ram_(options.first_frame, options.frames),
      random_(options.seed),
      cpus_(options.cpus) {
  if (options.log) log_.enable();
}

template <Hardware H>
uint32_t Computer<H>::current_cpu() const {
  const Scheduler* scheduler = Scheduler::current();
  return scheduler != nullptr ? scheduler->running_cpu() : current_;
}

template <Hardware H>
template <class Body>
auto Computer<H>::run_on(uint32_t cpu, Body&& body) {
  struct Restore {
    uint32_t& where;
    uint32_t saved;
    ~Restore() { where = saved; }
  } restore{current_, current_};
  current_ = cpu;
  return body();
}

// ---- Frames ---------------------------------------------------------------------------------

template <Hardware H>
base::Result<base::Pfn> Computer<H>::allocate() {
  schedule_point(&allocator_state_, Touch::write);
  return ram_.allocate(current_cpu());
}

template <Hardware H>
void Computer<H>::free(base::Pfn frame) {
  schedule_point(&allocator_state_, Touch::write);
  note_freed(frame);
  ram_.fill_and_keep(frame);
}

template <Hardware H>
void Computer<H>::note_freed(base::Pfn frame) {
  schedule_point(&cache_state_, Touch::read);
  log_.keep(frame, ram_.words(frame));
  for (uint32_t i = 0; i < cpus_.size(); ++i) {
    Cpu& cpu = cpus_[i];
    if (!cpu.active) continue;
    if (cpu.root == frame) {
      fail(Rule::freed_table_cached, "CPU %u translates through root %s", i,
           ram_.describe(frame).c_str());
    }
    forbid_use_of(cpu.caches[cpu.tag], frame, i);
  }
  for (Cpu& cpu : cpus_) {
    std::erase_if(cpu.unpublished,
                  [&](const Unpublished& entry) { return ram_.frame_of(entry.slot) == frame; });
  }
  ram_.note_freed(frame, current_cpu());
}

template <Hardware H>
void Computer<H>::forbid_use_of(const TranslationCache& cache, base::Pfn frame,
                                uint32_t cpu) const {
  cache.for_each_walk_of(frame, [&](const Walk& walk) {
    fail(Rule::freed_table_cached, "CPU %u may walk page %#llx (level %u) through %s", cpu,
         (unsigned long long)walk.pages().first().raw(), walk.level, ram_.describe(frame).c_str());
  });
  if (!options_.stale_translations) return;
  cache.for_each_leaf([&](const CachedLeaf& leaf) {
    if (leaf.frames().contains(frame)) {
      fail(Rule::freed_frame_cached, "CPU %u may hold page %#llx -> %s", cpu,
           (unsigned long long)leaf.pages().first().raw(), ram_.describe(frame).c_str());
    }
  });
  cache.for_each_walk([&](const Walk& walk) {
    const uint64_t* words = ram_.words(walk.table);
    for (unsigned i = 0; i < 512; ++i) {
      if (words[i] == 0) continue;
      const HardwareEntry entry = H::read(words[i], walk.level, features());
      if (entry.kind != HardwareEntry::Kind::leaf) continue;
      const base::PfnRange frames =
          base::PfnRange::of(entry.frame, base::PageCount(1ULL << 9 * (walk.level - 1)));
      if (frames.contains(frame)) {
        fail(Rule::freed_frame_mapped, "page %#llx on CPU %u still maps %s",
             (unsigned long long)walk.entry_pages(i).first().raw(), cpu,
             ram_.describe(frame).c_str());
      }
    }
  });
}

// ---- Entry words ----------------------------------------------------------------------------

template <Hardware H>
uint64_t Computer<H>::load(const uint64_t* slot) {
  schedule_point(slot, Touch::read);
  ram_.demand_live(ram_.frame_of(slot), "entry load");
  return *slot;
}

template <Hardware H>
uint64_t Computer<H>::write(uint64_t* slot, uint64_t word, HowWritten how) {
  if (Scheduler* scheduler = Scheduler::current()) {
    scheduler->point({slot, Touch::write, &cache_state_, Touch::read});
  }
  const base::Pfn table = ram_.frame_of(slot);
  ram_.demand_live(table, "entry write");
  if (how != HowWritten::store) speculate(slot);
  const uint64_t before = *slot;
  if (how == HowWritten::store) {
    for (const Cpu& cpu : cpus_) {
      if (!cpu.active) continue;
      const auto cache = cpu.caches.find(cpu.tag);
      if (cache == cpu.caches.end()) continue;
      cache->second.for_each_walk_of(table, [&](const Walk& walk) {
        const HardwareEntry entry = H::read(before, walk.level, features());
        if (entry.kind == HardwareEntry::Kind::leaf) {
          fail(Rule::lost_update, "store over live entry %#llx (page %#llx)",
               (unsigned long long)before,
               (unsigned long long)walk.entry_pages(unsigned(slot - ram_.words(table)))
                   .first()
                   .raw());
        }
      });
    }
  }
  apply(slot, before, word);
  return before;
}

template <Hardware H>
uint64_t Computer<H>::compare_exchange(uint64_t* slot, uint64_t expected, uint64_t desired) {
  if (Scheduler* scheduler = Scheduler::current()) {
    scheduler->point({slot, Touch::write, &cache_state_, Touch::read});
  }
  ram_.demand_live(ram_.frame_of(slot), "entry compare-exchange");
  speculate(slot);
  const uint64_t before = *slot;
  if (before == expected) apply(slot, before, desired);
  return before;
}

// Another CPU, or this one ahead of itself, uses a live leaf just before it changes.
template <Hardware H>
void Computer<H>::speculate(uint64_t* slot) {
  if (!options_.sets_accessed || !features().hardware_accessed || !random_.once_in(4)) return;
  const base::Pfn table = ram_.frame_of(slot);
  for (Cpu& cpu : cpus_) {
    if (!cpu.active) continue;
    bool reached = false;
    cpu.caches[cpu.tag].for_each_walk_of(table, [&](const Walk& walk) {
      const HardwareEntry entry = H::read(*slot, walk.level, features());
      if (reached || entry.kind != HardwareEntry::Kind::leaf) return;
      const Rights rights = entry.rights.under(walk.limit);
      if (!rights.user.can_read() && !rights.user.can_execute()) return;
      reached = true;
      *slot = H::with_accessed(*slot);
      if (options_.sets_dirty && features().hardware_dirty && rights.user.can_write()) {
        *slot = H::with_dirty(*slot);
      }
    });
    if (reached) return;
  }
}

template <Hardware H>
void Computer<H>::note_unpublished(const uint64_t* slot, uint64_t before) {
  std::vector<Unpublished>& mine = cpus_[current_cpu()].unpublished;
  for (const Unpublished& entry : mine) {
    if (entry.slot == slot) return;
  }
  mine.push_back({slot, before});
}

// Whoever sees what this CPU has written to an entry does not see what others wrote there before.
template <Hardware H>
void Computer<H>::publish_all(Cpu& writer) {
  for (Cpu& other : cpus_) {
    if (&other == &writer) continue;
    std::erase_if(other.unpublished, [&](const Unpublished& entry) {
      return std::any_of(writer.unpublished.begin(), writer.unpublished.end(),
                         [&](const Unpublished& mine) { return mine.slot == entry.slot; });
    });
  }
  writer.unpublished.clear();
}

template <Hardware H>
void Computer<H>::apply(uint64_t* slot, uint64_t before, uint64_t after) {
  const base::Pfn table = ram_.frame_of(slot);
  const auto index = unsigned(slot - ram_.words(table));
  log_.record({slot, before, after, current_cpu()});
  if (H::rules.publishes && before != after) note_unpublished(slot, before);
  bool live = false;
  for (uint32_t i = 0; i < cpus_.size(); ++i) {
    Cpu& cpu = cpus_[i];
    if (!cpu.active) continue;
    TranslationCache& cache = cpu.caches[cpu.tag];
    if (!cache.walks_through(table)) continue;
    live = true;
    cache.for_each_walk_of(table, [&](const Walk& walk) {
      if (H::must_break(before, after, walk.level, features())) {
        fail(Rule::break_before_make, "page %#llx, level %u: %#llx replaced by %#llx",
             (unsigned long long)walk.entry_pages(index).first().raw(), walk.level,
             (unsigned long long)before, (unsigned long long)after);
      }
      if (const char* wrong = H::malformed(after, walk.level, features())) {
        fail(Rule::reserved_bits, "%s: %#llx at level %u", wrong, (unsigned long long)after,
             walk.level);
      }
      if (H::rules.breaks_before_makes) forbid_conflicts(cache, walk, index, after, i);
    });
    if (options_.stale_translations) remember(cache, table, index, before);
  }
  *slot = after;
  if (!live) return;
  for (Cpu& cpu : cpus_) {
    if (!cpu.active) continue;
    TranslationCache& cache = cpu.caches[cpu.tag];
    std::vector<Walk> children;
    cache.for_each_walk_of(table, [&](const Walk& walk) {
      const HardwareEntry entry = H::read(after, walk.level, features());
      if (entry.kind != HardwareEntry::Kind::table) return;
      children.push_back({entry.frame, ram_.generation(entry.frame), uint8_t(walk.level - 1),
                          (walk.prefix << 9) + index, entry.rights.under(walk.limit)});
    });
    for (const Walk& child : children) extend(cache, child);
  }
}

// ---- Shootdown ------------------------------------------------------------------------------

template <Hardware H>
void Computer<H>::shootdown(const vm::CpuSet& targets, vm::CpuAction action, void* context) {
  const uint32_t self = current_cpu();
  std::vector<uint32_t> order;
  targets.for_each([&](uint32_t cpu) {
    if (cpu == self) return;
    if (cpu >= cpus_.size()) fail(Rule::mismatch, "shootdown of CPU %u, which does not exist", cpu);
    order.push_back(cpu);
  });
  if (order.empty()) return;
  ++shootdowns_;
  interrupts_ += order.size();
  if (Scheduler* scheduler = Scheduler::current()) {
    std::vector<uint32_t> handlers;
    for (const uint32_t cpu : order) {
      handlers.push_back(scheduler->spawn(cpu, [=, this] {
        scheduler->point({&cache_state_, Touch::write});  // the interrupt arrives when it will
        action(context);
      }));
    }
    scheduler->wait({}, [=] {
      for (const uint32_t handler : handlers) {
        if (!scheduler->finished(handler)) return false;
      }
      return true;
    });
    return;
  }
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
  for (const uint32_t cpu : order) {
    if (before_acknowledge) before_acknowledge(cpu);
    run_on(cpu, [&] { action(context); });
  }
}

}  // namespace sim
