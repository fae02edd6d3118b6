// Computer<Hardware>: the adversarial machine. RAM, CPUs with translation caches that never forget
// on their own and give the worst legal answer, and the rules that a kernel must keep.
//
// A kernel's MMU code drives it through load / store / exchange / compare_exchange of entry words,
// publish, invalidate*, activate, allocate / free and shootdown; a test drives the software CPUs
// through `access`. machine.h offers the same operations as libvm's seams. docs/testing.md says how
// to put another kernel's code on it.
//
// Worst legal answer: an access is tried against every translation that the CPU may hold. If a
// stale one permits it, it goes through, to the stale frame; if only the live one does and a stale
// one forbids it, it faults. Frames and tables that any running CPU may still reach must not be
// freed.
//
// Single-threaded: CPUs are either scripted fibers (scheduler.h) or take turns (`run_on`).
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "base/access.h"
#include "base/result.h"
#include "sim/entry_log.h"
#include "sim/failure.h"
#include "sim/hardware.h"
#include "sim/ram.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "sim/translation_cache.h"
#include "vm/seam/cpu_set.h"
#include "vm/seam/features.h"
#include "vm/seam/host.h"
#include "vm/seam/mmu_ops.h"

namespace sim {

struct Options {
  uint32_t cpus = 2;
  uint64_t frames = 512;
  base::Pfn first_frame = base::Pfn(0x100);
  vm::Features features;
  uint64_t seed = 1;
  bool stale_translations = true;  // caches remember; off: an ideal TLB
  bool spurious_faults = true;     // a stale translation may forbid what the live one permits
  bool sets_accessed = true;       // speculation sets accessed bits just before a change
  bool sets_dirty = false;         // and dirty bits (another thread of the program wrote)
  bool log = false;                // record every entry write, for EntryLog::states_between
};

enum class FaultKind : uint8_t { none, not_present, permission, accessed, not_canonical };

struct Outcome {
  FaultKind fault = FaultKind::none;
  bool stale = false;  // a translation that is no longer in memory decided
  base::Pfn frame{};   // when it went through
  [[nodiscard]] bool ok() const { return fault == FaultKind::none; }
};

enum class HowWritten : uint8_t { store, exchange };

template <Hardware H>
class Computer {
 public:
  explicit Computer(const Options& options);
  Computer(const Computer&) = delete;
  Computer& operator=(const Computer&) = delete;

  Ram& ram() { return ram_; }
  EntryLog& log() { return log_; }
  Random& random() { return random_; }
  [[nodiscard]] const vm::Features& features() const { return options_.features; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] uint32_t cpus() const { return uint32_t(cpus_.size()); }

  // ---- What a kernel calls -----------------------------------------------------------------

  uint64_t load(const uint64_t* slot);
  void store(uint64_t* slot, uint64_t word) { write(slot, word, HowWritten::store); }
  uint64_t exchange(uint64_t* slot, uint64_t word) {
    return write(slot, word, HowWritten::exchange);
  }
  uint64_t compare_exchange(uint64_t* slot, uint64_t expected, uint64_t desired);
  void publish();
  // On this CPU, or on all where the hardware broadcasts.
  void invalidate(vm::Tag tag, base::VpnRange pages, vm::Invalidate depth);
  void invalidate_tag(vm::Tag tag);
  void invalidate_everything();
  void activate(base::Pfn root, vm::Tag tag, vm::OnActivate what);
  // This CPU stops translating user addresses (idle, or a kernel thread).
  void deactivate();

  base::Result<base::Pfn> allocate();
  void free(base::Pfn frame);
  // For allocators elsewhere: `frame` is free from now on / is in use from now on.
  void note_taken(base::Pfn frame) { ram_.note_taken(frame, current_cpu()); }
  void note_freed(base::Pfn frame);
  void* window(base::Pfn frame) { return ram_.memory(frame); }

  // Runs action(context) on each of `targets` but this one: under a scheduler as fibers of their
  // own that race with everything else, otherwise one after the other, in an order drawn from the
  // seed, with before_acknowledge(cpu) called before each.
  void shootdown(const vm::CpuSet& targets, vm::CpuAction action, void* context);
  std::function<void(uint32_t cpu)> before_acknowledge;
  [[nodiscard]] uint64_t shootdowns() const { return shootdowns_; }
  [[nodiscard]] uint64_t interrupts() const { return interrupts_; }
  [[nodiscard]] uint64_t invalidations() const { return invalidations_; }

  [[nodiscard]] uint32_t current_cpu() const;
  // Runs body() as `cpu` (without a scheduler).
  template <class Body>
  auto run_on(uint32_t cpu, Body&& body);

  // ---- What a program on a CPU does ---------------------------------------------------------

  // One access by the current CPU through its translations. On success the frame's memory is
  // live and the accessed and dirty bits are set.
  Outcome access(uint64_t address, Use use, Privilege who = Privilege::user);
  // Access of one byte, with its value.
  Outcome read_byte(uint64_t address, uint8_t& value);
  Outcome write_byte(uint64_t address, uint8_t value);
  // What the tables in memory say now, without caches or effects.
  Outcome walk(base::Pfn root, uint64_t address, Use use, Privilege who = Privilege::user) const;

  // ---- Checks -------------------------------------------------------------------------------

  // Every state since `from` translates each page of `pages` under `root` to what it was at `from`,
  // to what it is now, or (where entries are broken before they are made) to nothing.
  void check_intermediate_states(EntryLog::Mark from, base::Pfn root, base::VpnRange pages);
  // No CPU remembers anything of `pages` under `tag` that memory does not say now.
  void check_settled(vm::Tag tag, base::VpnRange pages);
  // Calls visit(CachedLeaf) for every way in which `cpu` may translate `page` now, live or stale; a
  // right to write is left out where the CPU would have to look at memory first.
  template <class Visit>
  void for_each_translation(uint32_t cpu, base::Vpn page, Visit&& visit);
  // Nobody may remember anything about a space that is gone.
  [[nodiscard]] bool remembers_frame(base::Pfn frame) const;

  // The address that stands for the state of all translation caches in schedule points.
  [[nodiscard]] const void* cache_state() const { return &cache_state_; }

 private:
  struct Unpublished {
    const uint64_t* slot;
    uint64_t before;
  };
  struct Cpu {
    bool active = false;
    base::Pfn root;
    uint16_t tag = 0;
    std::map<uint16_t, TranslationCache> caches;
    std::vector<Unpublished> unpublished;
    uint32_t unseen_faults = 0;  // in a row
  };
  // One way to translate a page.
  struct Candidate {
    CachedLeaf leaf;
    bool live = false;
    const uint64_t* slot = nullptr;
  };

  uint64_t write(uint64_t* slot, uint64_t word, HowWritten how);
  void apply(uint64_t* slot, uint64_t before, uint64_t after);
  void remember(TranslationCache& cache, base::Pfn table, unsigned index, uint64_t word);
  void remember_leaf(TranslationCache& cache, const Walk& walk, unsigned index,
                     uint64_t word) const;
  void forget_path(Cpu& cpu, TranslationCache& cache, base::VpnRange pages,
                   TranslationCache::Global global);
  void forbid_conflicts(const TranslationCache& cache, const Walk& walk, unsigned index,
                        uint64_t word, uint32_t cpu);
  void extend(TranslationCache& cache, const Walk& walk);
  void materialise(TranslationCache& cache);
  void rewalk(Cpu& cpu, TranslationCache& cache);
  void rewalk_active(uint16_t tag);
  void speculate(uint64_t* slot);
  CachedLeaf leaf_from(const Walk& walk, unsigned index, const HardwareEntry& entry) const;
  Walk root_walk(base::Pfn root) const;
  void note_unpublished(const uint64_t* slot, uint64_t before);
  void publish_all(Cpu& writer);
  uint64_t visible(const uint64_t* slot) const;
  // An entry as a walker sees it that would use it so.
  struct Seen {
    HardwareEntry entry;
    const uint64_t* slot = nullptr;  // nullptr: memory has another by now
  };
  bool wait_for_publisher(const uint64_t* slot);
  Outcome access_once(uint64_t address, Use use, Privilege who, const uint64_t*& unseen);
  Seen look(const uint64_t* slot, unsigned level, Use use) const;
  void forbid_use_of(const TranslationCache& cache, base::Pfn frame, uint32_t cpu) const;
  template <class Visit>
  void for_each_target(Visit&& visit);
  Outcome go_through(uint64_t address, Use use, const Candidate& candidate);

  Options options_;
  Ram ram_;
  EntryLog log_;
  Random random_;
  std::vector<Cpu> cpus_;
  uint32_t current_ = 0;
  char cache_state_ = 0;
  char allocator_state_ = 0;
  uint64_t shootdowns_ = 0;
  uint64_t interrupts_ = 0;
  uint64_t invalidations_ = 0;
};

}  // namespace sim

#include "sim/computer_access.h"
#include "sim/computer_caches.h"
#include "sim/computer_entries.h"
