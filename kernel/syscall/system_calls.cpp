// system_calls.cpp: calls on the machine: its name, its clocks, its random numbers.
#include <cstring>

#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/timer.h"
#include "kernel/host/clock.h"
#include "kernel/host/random.h"
#include "kernel/memory/frames.h"
#include "kernel/process/load.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/system_name.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint64_t ns_per_second = 1'000'000'000;

struct TimeSpec {
  uint64_t seconds;
  uint64_t nanoseconds;
};

enum : int32_t {
  clock_realtime = 0,
  clock_monotonic = 1,
  clock_process_cpu = 2,
  clock_thread_cpu = 3,
  clock_monotonic_raw = 4,
  clock_realtime_coarse = 5,
  clock_monotonic_coarse = 6,
  clock_boottime = 7,
};

base::Result<uint64_t> read_clock(int32_t clock) {
  switch (clock) {
    case clock_realtime:
    case clock_realtime_coarse: return wall_clock_ns();
    case clock_monotonic:
    case clock_monotonic_raw:
    case clock_monotonic_coarse:
    case clock_process_cpu:
    case clock_thread_cpu:
    case clock_boottime: return cpu::monotonic_ns();
    default: return base::Error::invalid_argument;
  }
}

base::Result<uint64_t> read_duration(base::UserAddr from) {
  BASE_TRY_ASSIGN(const TimeSpec time, read_user<TimeSpec>(from));
  if (time.nanoseconds >= ns_per_second || int64_t(time.seconds) < 0) {
    return base::Error::invalid_argument;
  }
  constexpr uint64_t longest = ~0ULL / ns_per_second / 4;
  return base::min(time.seconds, longest) * ns_per_second + time.nanoseconds;
}

CallResult sleep_for(uint64_t ns) {
  const WaitResult result = sleep_until(Deadline::after_ns(ns), WaitKind::interruptible);
  return result == WaitResult::interrupted ? CallResult(Errno::interrupted)
                                           : CallResult(uint64_t(0));
}

}  // namespace

CallResult uname(const CallArguments& arguments) {
  constexpr size_t field = 65;
  struct Names {
    char system[field], node[field], release[field], version[field], machine[field], domain[field];
  } names;
  memset(&names, 0, sizeof(names));
  const auto put = [](char(&to)[field], Text text) { text.copy(to, field - 1); };
  put(names.system, system_name::system);
  put(names.node, system_name::node);
  put(names.release, system_name::release);
  put(names.version, system_name::version);
  put(names.machine, cpu::machine_name);
  put(names.domain, "(none)");
  return copy_to_user(arguments.address(0), &names, sizeof(names));
}

CallResult sysinfo(const CallArguments& arguments) {
  struct Info {
    uint64_t uptime, loads[3], total_memory, free_memory, shared_memory, buffers, total_swap,
        free_swap;
    uint16_t processes, padding0;
    uint32_t padding1;
    uint64_t total_high, free_high;
    uint32_t unit, padding2;
  } info;
  memset(&info, 0, sizeof(info));
  info.uptime = cpu::monotonic_ns() / ns_per_second;
  info.total_memory = usable_frame_count() * base::page_size;
  info.free_memory = free_frame_count() * base::page_size;
  {
    const base::Guard guard(process_lock);
    info.processes = uint16_t(process_count());
  }
  constexpr uint64_t sysinfo_load_one = 1u << 16;
  const Load averages = load();
  for (unsigned i = 0; i < 3; ++i) {
    info.loads[i] = averages.average[i] * (sysinfo_load_one / load_one);
  }
  info.unit = 1;
  return write_user(arguments.address(0), info);
}

CallResult getrandom(const CallArguments& arguments) {
  constexpr uint64_t largest = 1u << 20;
  const uint64_t size = base::min(arguments.value[1], largest);
  uint64_t done = 0;
  while (done < size) {
    uint8_t chunk[256];
    const uint64_t count = base::min<uint64_t>(size - done, sizeof(chunk));
    random_bytes(std::span(chunk).first(count));
    if (auto copied = copy_to_user(base::UserAddr(arguments.value[0] + done), chunk, count);
        !copied) {
      return done != 0 ? CallResult(done) : CallResult(copied);
    }
    done += count;
  }
  return done;
}

CallResult clock_gettime(const CallArguments& arguments) {
  const auto now = read_clock(arguments.integer(0));
  if (!now) {
    return now.error();
  }
  return write_user(arguments.address(1),
                    TimeSpec{now.value() / ns_per_second, now.value() % ns_per_second});
}

CallResult clock_getres(const CallArguments& arguments) {
  const auto known = read_clock(arguments.integer(0));
  if (!known) {
    return known.error();
  }
  return arguments.value[1] == 0 ? CallResult(uint64_t(0))
                                 : CallResult(write_user(arguments.address(1), TimeSpec{0, 1}));
}

CallResult gettimeofday(const CallArguments& arguments) {
  const uint64_t now = wall_clock_ns();
  if (arguments.value[0] == 0) {
    return uint64_t(0);
  }
  return write_user(arguments.address(0),
                    TimeSpec{now / ns_per_second, now % ns_per_second / 1000});
}

CallResult time(const CallArguments& arguments) {
  const uint64_t now = wall_clock_ns() / ns_per_second;
  if (arguments.value[0] != 0) {
    if (auto written = write_user(arguments.address(0), now); !written) {
      return written;
    }
  }
  return now;
}

CallResult nanosleep(const CallArguments& arguments) {
  const auto duration = read_duration(arguments.address(0));
  if (!duration) {
    return duration.error();
  }
  return sleep_for(duration.value());
}

CallResult clock_nanosleep(const CallArguments& arguments) {
  constexpr uint64_t absolute = 1;
  const auto now = read_clock(arguments.integer(0));
  const auto duration = read_duration(arguments.address(2));
  if (!now || !duration) {
    return now ? duration.error() : now.error();
  }
  const uint64_t target = duration.value();
  const uint64_t wait =
      (arguments.value[1] & absolute) ? (target > now.value() ? target - now.value() : 0) : target;
  return sleep_for(wait);
}

}  // namespace kernel::calls
