// What address spaces cost, in instructions and nanoseconds per operation, on a machine whose MMU
// does nothing: the library alone, without trap, system call and TLB. Zeroing and copying a page
// have rows of their own, to subtract. Linux's figures for the same operations, with trap and
// system call, are in the guest's bench.
#include <cstdlib>
#include <cstring>
#include <thread>

#include "rows.h"
#include "test/unit/space/space_fixture.h"
#include "vm/object/shared_anonymous.h"

extern "C" void base_panic(const char* message, const char* file, uint32_t line) {
  std::fprintf(stderr, "panic: %s (%s:%u)\n", message, file, line);
  std::abort();
}

namespace {

using namespace space_test;
using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;
using F = x86_64::Format;

constexpr base::Access read_write_access = Right::read | Right::write;
constexpr uint64_t first = 0x40000;  // begins a leaf table

VpnRange range(uint64_t at, uint64_t count) {
  return VpnRange::of(Vpn(at), PageCount(count));
}

void touch(Process<F>& process, uint64_t page, base::Access access) {
  if (!process.space.fault({base::UserAddr::of(Vpn(page)), access | Right::user}).is_resolved()) {
    std::abort();
  }
}

void map(Process<F>& process, uint64_t at, uint64_t count,
         base::Access access = read_write_access) {
  if (!process.map(at, count, access).ok()) std::abort();
}

// 500 pages of one leaf table, which page 0 keeps resident.
constexpr uint64_t pages = 500;

void faults() {
  World<F> world(16384);
  {
    Process<F> process(world);
    map(process, first, 512);
    touch(process, first, Right::write);
    const auto forget = [&] {
      World<F>::check(process.space.advise(range(first + 1, pages), vm::Advice::dont_need));
    };
    bench::measure("fault: write, fresh page", "ours", pages, forget, [&] {
      for (uint64_t page = 1; page <= pages; ++page) touch(process, first + page, Right::write);
    });
    bench::measure("fault: read, zero page", "ours", pages, forget, [&] {
      for (uint64_t page = 1; page <= pages; ++page) touch(process, first + page, Right::read);
    });
    bench::measure(
        "fault: write, zero page was read", "ours", pages,
        [&] {
          forget();
          for (uint64_t page = 1; page <= pages; ++page) touch(process, first + page, Right::read);
        },
        [&] {
          for (uint64_t page = 1; page <= pages; ++page) touch(process, first + page, Right::write);
        });
    std::unique_ptr<Process<F>> child;
    const auto clone = [&] {
      child.reset();
      for (uint64_t page = 0; page <= pages; ++page) touch(process, first + page, Right::write);
      child = std::make_unique<Process<F>>(world);
      World<F>::check(process.space.clone_into(child->space));
      touch(*child, first, Right::write);  // the table is private now, its pages are shared
    };
    bench::measure("fault: write, copied", "ours", pages, clone, [&] {
      for (uint64_t page = 1; page <= pages; ++page) touch(*child, first + page, Right::write);
    });
    bench::measure(
        "fault: write, reused", "ours", pages,
        [&] {
          clone();
          for (uint64_t page = 1; page <= pages; ++page) touch(*child, first + page, Right::write);
          touch(process, first, Right::write);
        },
        [&] {
          for (uint64_t page = 1; page <= pages; ++page) touch(process, first + page, Right::write);
        });
    child.reset();
  }
  {
    vm::SharedAnonymous<vm::FrameAllocator<PlainHost>> memory(world.system->objects(),
                                                              PageCount(512));
    Process<F> process(world);
    vm::MapRequest request;
    request.count = PageCount(512);
    request.access = read_write_access;
    request.sharing = vm::Sharing::shared;
    request.object = &memory;
    request.placement = vm::Placement::fixed_at(Vpn(first));
    if (!process.space.map(request).ok()) std::abort();
    memory.release();
    touch(process, first, Right::write);
    bench::measure(
        "fault: write, fresh page of shared memory", "ours", pages,
        [&] { World<F>::check(process.space.advise(range(first + 1, pages), vm::Advice::remove)); },
        [&] {
          for (uint64_t page = 1; page <= pages; ++page) touch(process, first + page, Right::write);
        });
    bench::measure(
        "fault: read, shared page, per page with neighbours", "ours", pages,
        [&] {
          World<F>::check(process.space.advise(range(first + 1, pages), vm::Advice::dont_need));
        },
        [&] {
          for (uint64_t page = 1; page <= pages; page += 16) {
            touch(process, first + page, Right::read);
          }
        });
  }
}

void layout() {
  World<F> world(16384);
  Process<F> process(world);
  for (uint64_t index = 0; index < 20; ++index) {
    map(process, first + index * 1024, 512, index % 2 == 0 ? read_write_access : Right::read);
    touch(process, first + index * 1024, Right::read);
  }
  constexpr uint64_t turns = 200;
  bench::measure("map + unmap, 1 page, untouched", "ours", turns, [&] {
    for (uint64_t turn = 0; turn < turns; ++turn) {
      map(process, first + 600, 1);
      World<F>::check(process.space.unmap(range(first + 600, 1)));
    }
  });
  bench::measure("map anywhere + unmap, 1 page, untouched", "ours", turns, [&] {
    for (uint64_t turn = 0; turn < turns; ++turn) {
      vm::MapRequest request;
      request.count = PageCount(1);
      request.access = read_write_access;
      const base::Result<VpnRange> place = process.space.map(request);
      World<F>::check(process.space.unmap(place.value()));
    }
  });
  bench::measure("map + write + unmap, 1 page", "ours", turns, [&] {
    for (uint64_t turn = 0; turn < turns; ++turn) {
      map(process, first + 600, 1);
      touch(process, first + 600, Right::write);
      World<F>::check(process.space.unmap(range(first + 600, 1)));
    }
  });
  bench::measure("protect 1 page: split, then merge", "ours", turns, [&] {
    for (uint64_t turn = 0; turn < turns; ++turn) {
      World<F>::check(process.space.protect(range(first + 100, 1), Right::read));
      World<F>::check(process.space.protect(range(first + 100, 1), read_write_access));
    }
  });
  constexpr uint64_t many = 8192;
  map(process, first + 0x100000, many);
  const auto populate = [&] {
    if (!process.space.populate(range(first + 0x100000, many), Right::write).is_resolved()) {
      std::abort();
    }
  };
  bench::measure(
      "protect to read-only, per page", "ours", many,
      [&] {
        World<F>::check(process.space.protect(range(first + 0x100000, many), read_write_access));
        populate();
      },
      [&] { World<F>::check(process.space.protect(range(first + 0x100000, many), Right::read)); });
  bench::measure(
      "protect back, per page", "ours", many,
      [&] { World<F>::check(process.space.protect(range(first + 0x100000, many), Right::read)); },
      [&] {
        World<F>::check(process.space.protect(range(first + 0x100000, many), read_write_access));
      });
  bench::measure(
      "unmap, per resident page", "ours", many,
      [&] {
        map(process, first + 0x100000, many);
        populate();
      },
      [&] { World<F>::check(process.space.unmap(range(first + 0x100000, many))); });
}

// Resident memory without its bytes: frames that nobody writes cost no memory of this machine.
void make_resident(World<F>& world, Process<F>& process, uint64_t count) {
  map(process, first, count);
  auto batch = process.space.table().batch();
  for (uint64_t page = first; page < first + count;) {
    World<F>::check(process.space.table().with_private_table(
        Vpn(page), 1, batch, [&](vm::LockedTable<World<F>::M>& table) {
          for (; page < table.pages().end().raw() && page < first + count; ++page) {
            const base::Pfn frame = world.frames.allocate().value();
            world.frames.records().of(frame).set_state(vm::FrameState::private_page);
            vm::Entry leaf = vm::Entry::leaf_of(frame, read_write_access | Right::user);
            leaf.accessed = leaf.dirty = true;
            table.install(Vpn(page), leaf);
          }
          return base::Status();
        }));
  }
  batch.settle();
}

void clones() {
  struct Size {
    const char* name;
    uint64_t pages;
  };
  for (const Size size : {Size{"16 MiB", 4096}, Size{"1 GiB", 262144}, Size{"64 GiB", 16777216}}) {
    if (bench::counting() && size.pages > 262144) continue;
    World<F> world(size.pages + size.pages / 256 + 40000);
    Process<F> process(world);
    make_resident(world, process, size.pages);
    std::unique_ptr<Process<F>> child;
    bench::measure(
        std::string("clone, resident ") + size.name, "ours", 1,
        [&] {
          child.reset();
          child = std::make_unique<Process<F>>(world);
        },
        [&] { World<F>::check(process.space.clone_into(child->space)); });
    bench::measure(
        std::string("clone + destroy the child, resident ") + size.name, "ours", 1,
        [&] { child.reset(); },
        [&] {
          Process<F> other(world);
          World<F>::check(process.space.clone_into(other.space));
        });
  }
}

// Two CPUs that fault in different 2 MiB regions, against one alone.
void threads() {
  if (bench::counting()) return;
  World<F> world(65536);
  Process<F> process(world);
  map(process, first, 32768);
  constexpr uint64_t each = 16384;
  const auto work = [&](uint32_t cpu) {
    this_cpu = cpu;
    for (uint64_t page = 0; page < each; ++page) {
      touch(process, first + cpu * each + page, Right::write);
    }
  };
  const auto time = [&](unsigned count) {
    double best = 1e30;
    for (int turn = 0; turn < 15; ++turn) {
      World<F>::check(process.space.advise(range(first, 32768), vm::Advice::dont_need));
      const auto start = std::chrono::steady_clock::now();
      std::vector<std::thread> cpus;
      for (unsigned cpu = 0; cpu < count; ++cpu) cpus.emplace_back(work, cpu);
      for (std::thread& cpu : cpus) cpu.join();
      const std::chrono::duration<double, std::nano> spent =
          std::chrono::steady_clock::now() - start;
      best = std::min(best, spent.count() / double(each * count));
    }
    return best;
  };
  std::printf("fault: write, fresh page, one CPU|ours|%.2f\n", time(1));
  std::printf("fault: write, fresh page, two CPUs in disjoint ranges|ours|%.2f\n", time(2));
}

void bytes() {
  alignas(4096) static char page[8192];
  bench::measure("zeroing 4 KiB (memset)", "ours", 100, [&] {
    for (int turn = 0; turn < 100; ++turn) {
      __builtin_memset(page, 0, 4096);
      bench::keep(page);
    }
  });
  bench::measure("copying 4 KiB (memcpy)", "ours", 100, [&] {
    for (int turn = 0; turn < 100; ++turn) {
      __builtin_memcpy(page, page + 4096, 4096);
      bench::keep(page);
    }
  });
}

}  // namespace

int main() {
  faults();
  layout();
  clones();
  threads();
  bytes();
}
