// system_calls.cpp: calls on the machine: its name, its memory, its random numbers.
#include <cstring>

#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/timer.h"
#include "kernel/host/random.h"
#include "kernel/memory/frames.h"
#include "kernel/process/load.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/system_name.h"
#include "kernel/syscall/time_values.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

// The machine's name and domain, which programs may set. name_lock guards both.
constexpr size_t name_field = 65;
SpinLock name_lock{LockRank::host_name};
char host_name[name_field] = "libvm";
char domain_name[name_field] = "(none)";

CallResult set_name(const CallArguments& arguments, char (&name)[name_field]) {
  const int32_t size = arguments.integer(1);
  if (size < 0 || size >= int32_t(name_field)) {
    return Errno::invalid;
  }
  char fresh[name_field] = {};
  if (const auto copied = copy_from_user(fresh, arguments.address(0), uint32_t(size)); !copied) {
    return copied;
  }
  const base::Guard guard(name_lock);
  memcpy(name, fresh, sizeof(fresh));
  return uint64_t(0);
}

}  // namespace

CallResult uname(const CallArguments& arguments) {
  struct Names {
    char system[name_field], node[name_field], release[name_field], version[name_field],
        machine[name_field], domain[name_field];
  } names;
  memset(&names, 0, sizeof(names));
  const auto put = [](char(&to)[name_field], Text text) { text.copy(to, name_field - 1); };
  put(names.system, system_name::system);
  put(names.release, system_name::release);
  put(names.version, system_name::version);
  put(names.machine, cpu::machine_name);
  {
    const base::Guard guard(name_lock);
    memcpy(names.node, host_name, name_field);
    memcpy(names.domain, domain_name, name_field);
  }
  return copy_to_user(arguments.address(0), &names, sizeof(names));
}

CallResult sethostname(const CallArguments& arguments) {
  return set_name(arguments, host_name);
}
CallResult setdomainname(const CallArguments& arguments) {
  return set_name(arguments, domain_name);
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
  enum : uint32_t { not_blocking = 1, true_random = 2, insecure = 4 };
  const auto flags = uint32_t(arguments.value[2]);
  // There is no waiting: the generator is seeded before the first program runs.
  if ((flags & ~(not_blocking | true_random | insecure)) != 0 ||
      (flags & (true_random | insecure)) == (true_random | insecure)) {
    return Errno::invalid;
  }
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

}  // namespace kernel::calls
