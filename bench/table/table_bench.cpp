// Page tables on a machine made of ordinary memory: what the operations cost a CPU, without a trap
// and without the TLB. Every row is the least of many runs, in nanoseconds; there is no peer.
//
//   table_bench [--json FILE] [--count N]    N rounds instead of 200 (for an instruction counter:
//                                            each operation is a function of its own)
#include <sys/mman.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "arch/aarch64/describe/format.h"
#include "arch/x86_64/describe/format.h"
#include "vm/table/page_table.h"

extern "C" void base_panic(const char* message, const char* file, uint32_t line) {
  std::fprintf(stderr, "panic: %s (%s:%u)\n", message, file, line);
  std::abort();
}

namespace {

using base::PageCount;
using base::Pfn;
using base::Right;
using base::Vpn;
using base::VpnRange;

constexpr uint64_t first_frame = 0x10000;
constexpr uint64_t frame_count = 1 << 18;  // 1 GiB, touched only where used

struct Host {
  class BASE_CAPABILITY("lock") Lock {
   public:
    void acquire() BASE_ACQUIRE() {
      while (__atomic_exchange_n(&held_, true, __ATOMIC_ACQUIRE)) {
      }
    }
    void release() BASE_RELEASE() { __atomic_store_n(&held_, false, __ATOMIC_RELEASE); }

   private:
    bool held_ = false;
  };
  char* memory;
  void* window(Pfn frame) { return memory + ((frame.raw() - first_frame) << base::page_shift); }
  void shootdown(const vm::CpuSet&, vm::CpuAction, void*) {}
  uint32_t current_cpu() { return 0; }
  void relax() {}
  void prepare_root(uint64_t*) {}
};

template <class F>
struct Machine {
  using Format = F;
  using Mmu = vm::MmuOpsExemplar;
  using Host = ::Host;
};

constexpr base::Access user_rw = Right::read | Right::write | Right::user;

template <class F>
struct World {
  using System = vm::System<Machine<F>>;
  using Table = vm::PageTable<Machine<F>>;
  using Batch = vm::TlbBatch<Machine<F>>;

  World() : frames(host) {
    host.memory =
        static_cast<char*>(mmap(nullptr, frame_count << base::page_shift, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    const base::PfnRange ram[] = {base::PfnRange::of(Pfn(first_frame), PageCount(frame_count))};
    if (!frames
             .boot(base::Span<const base::PfnRange>(ram), base::Span<const base::PfnRange>(ram), 1)
             .ok()) {
      std::abort();
    }
    system = std::make_unique<System>(host, mmu, frames, vm::Features());
    table = std::make_unique<Table>(*system);
    table->create().expect("root");
    table->enter();
  }
  ~World() {
    system->tlb().leave();
    table->destroy();
    system->epochs().synchronize();
    munmap(host.memory, frame_count << base::page_shift);
  }

  // A write fault on a fresh page, all but the trap and the mapping.
  BASE_NOINLINE void fault_install(uint64_t page) {
    typename vm::Epochs<Host>::Section section(system->epochs());
    Batch batch = table->batch();
    const base::Status status = table->with_private_table(
        Vpn(page), 1, batch, [&](vm::LockedTable<Machine<F>>& locked) -> base::Status {
          if (locked.get(Vpn(page)).kind != vm::EntryKind::absent) return {};
          base::Result<Pfn> frame = frames.allocate();
          if (!frame.ok()) return frame.error();
          system->records().of(frame.value()).set_state(vm::FrameState::private_page);
          vm::Entry leaf = vm::Entry::leaf_of(frame.value(), user_rw);
          leaf.accessed = leaf.dirty = true;
          locked.install(Vpn(page), leaf);
          return {};
        });
    status.expect("fault");
    batch.settle();
  }
  // A write fault on a page that is this space's alone but write-protected since a clone.
  BASE_NOINLINE void fault_reuse(uint64_t page) {
    typename vm::Epochs<Host>::Section section(system->epochs());
    Batch batch = table->batch();
    const base::Status status = table->with_private_table(
        Vpn(page), 1, batch, [&](vm::LockedTable<Machine<F>>& locked) -> base::Status {
          const vm::Entry old = locked.get(Vpn(page));
          vm::FrameRecord* record = system->counted(old.frame);
          if (record == nullptr || !record->is_exclusive()) return {};
          locked.change(Vpn(page), batch, [](vm::Entry entry) {
            entry.access = entry.access.with(Right::write);
            entry.accessed = entry.dirty = true;
            return entry;
          });
          return {};
        });
    status.expect("fault");
    batch.settle();
  }
  BASE_NOINLINE void unmap(uint64_t first, uint64_t count) {
    Batch batch = table->batch();
    const VpnRange range = VpnRange::of(Vpn(first), PageCount(count));
    auto reserve = table->prepare(range, vm::Prepare::edges, vm::LargeLeaves::none, batch);
    table->remove(range, reserve.value(), batch);
    batch.settle();
  }
  BASE_NOINLINE void protect(uint64_t first, uint64_t count, base::Access access) {
    Batch batch = table->batch();
    const VpnRange range = VpnRange::of(Vpn(first), PageCount(count));
    auto reserve = table->prepare(range, vm::Prepare::present, vm::LargeLeaves::none, batch);
    table->protect(range, access, vm::ClosedTables::none, reserve.value(), batch);
    batch.settle();
  }
  BASE_NOINLINE void clone_and_drop() {
    Table child(*system);
    child.create().expect("root");
    Batch batch = table->batch();
    table->clone_to(child, batch).expect("clone");
    batch.settle();
    child.destroy();
  }
  // The first write after a clone: every table on the path is copied.
  BASE_NOINLINE void open_after_clone(uint64_t page) { fault_reuse(page); }

  Host host{};
  vm::MmuOpsExemplar mmu;
  vm::FrameAllocator<Host> frames;
  std::unique_ptr<System> system;
  std::unique_ptr<Table> table;
};

uint64_t now() {
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::steady_clock::now().time_since_epoch())
                      .count());
}

template <class Body>
double least(unsigned rounds, double units, Body&& body) {
  uint64_t best = ~0ULL;
  for (unsigned i = 0; i < rounds; ++i) {
    const uint64_t start = now();
    body();
    const uint64_t took = now() - start;
    if (took < best) best = took;
  }
  return double(best) / units;
}

std::string rows;

void report(const char* arch, const char* name, double nanoseconds) {
  std::printf("%-8s %-44s %10.1f ns\n", arch, name, nanoseconds);
  char row[256];
  std::snprintf(row, sizeof row,
                "%s{\"suite\": \"table\", \"arch\": \"%s\", \"row\": \"%s\", \"unit\": \"ns\", "
                "\"ours\": %.1f, \"peer\": null, \"peer_name\": null, \"ratio\": null}",
                rows.empty() ? "" : ",\n", arch, name, nanoseconds);
  rows += row;
}

template <class F>
void run(unsigned rounds) {
  World<F> world;
  constexpr uint64_t pages = 512;
  const auto fill = [&] {
    for (uint64_t page = 0; page < pages; ++page) world.fault_install(page);
  };
  fill();
  world.fault_install(2000);
  world.protect(0, pages, Right::read | Right::user);
  report(F::name, "write fault, write right given back", least(rounds, pages, [&] {
           for (uint64_t page = 0; page < pages; ++page) world.fault_reuse(page);
           world.protect(0, pages, Right::read | Right::user);
         }));
  report(F::name, "protect 512 pages and back, a page", least(rounds, 2.0 * pages, [&] {
           world.protect(0, pages, user_rw);
           world.protect(0, pages, Right::read | Right::user);
         }));
  report(F::name, "write fault, fresh page (no zeroing) + unmap", least(rounds, pages, [&] {
           world.unmap(0, pages);
           fill();
         }));
  report(F::name, "protect and unprotect one page", least(rounds, 2, [&] {
           world.protect(7, 1, Right::read | Right::user);
           world.protect(7, 1, user_rw);
         }));
  report(F::name, "clone + drop of the clone, 2 MiB resident",
         least(rounds, 1, [&] { world.clone_and_drop(); }));
  for (uint64_t page = 4096; page < 4096 + (1 << 15); ++page) world.fault_install(page);
  report(F::name, "clone + drop of the clone, 130 MiB resident",
         least(rounds, 1, [&] { world.clone_and_drop(); }));
}

}  // namespace

int main(int argc, char** argv) {
  unsigned rounds = 200;
  const char* json = nullptr;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--count") == 0) rounds = unsigned(std::atoi(argv[i + 1]));
    if (std::strcmp(argv[i], "--json") == 0) json = argv[i + 1];
  }
  run<x86_64::Format>(rounds);
  run<aarch64::Format>(rounds);
  if (json != nullptr) {
    std::FILE* file = std::fopen(json, "w");
    if (file == nullptr || std::fprintf(file, "[%s]\n", rows.c_str()) < 0) return 1;
    return std::fclose(file) == 0 ? 0 : 1;
  }
}
