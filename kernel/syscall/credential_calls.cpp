// credential_calls.cpp: users and groups, by Linux's rules (kernel/process/credentials.h).
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

constexpr uint32_t unchanged = ~0u;

using Which = Identity Credentials::*;

uint64_t get(const CallArguments& arguments, Which which, uint32_t Identity::* part) {
  const base::Guard guard(process_lock);
  return (arguments.process.credentials.*which).*part;
}

CallResult set_one(const CallArguments& arguments, Which which) {
  const auto id = uint32_t(arguments.value[0]);
  if (id == unchanged) {
    return Errno::invalid;
  }
  const base::Guard guard(process_lock);
  Credentials& all = arguments.process.credentials;
  Identity& now = all.*which;
  if (all.is_privileged()) {
    now = {id, id, id, id};
  } else if (id == now.real || id == now.saved) {
    now.effective = now.file_system = id;
  } else {
    return Errno::not_permitted;
  }
  return uint64_t(0);
}

CallResult set_two(const CallArguments& arguments, Which which) {
  const auto real = uint32_t(arguments.value[0]);
  const auto effective = uint32_t(arguments.value[1]);
  const base::Guard guard(process_lock);
  Credentials& all = arguments.process.credentials;
  Identity& now = all.*which;
  if (!all.is_privileged() && ((real != unchanged && real != now.real && real != now.effective) ||
                               (effective != unchanged && !now.has(effective)))) {
    return Errno::not_permitted;
  }
  Identity fresh = now;
  fresh.real = real != unchanged ? real : now.real;
  fresh.effective = effective != unchanged ? effective : now.effective;
  if (real != unchanged || (effective != unchanged && effective != now.real)) {
    fresh.saved = fresh.effective;
  }
  fresh.file_system = fresh.effective;
  now = fresh;
  return uint64_t(0);
}

CallResult set_three(const CallArguments& arguments, Which which) {
  const base::Guard guard(process_lock);
  Credentials& all = arguments.process.credentials;
  Identity& now = all.*which;
  Identity fresh = now;
  uint32_t* const parts[] = {&fresh.real, &fresh.effective, &fresh.saved};
  for (unsigned i = 0; i < 3; ++i) {
    const auto id = uint32_t(arguments.value[i]);
    if (id == unchanged) {
      continue;
    }
    if (!all.is_privileged() && !now.has(id)) {
      return Errno::not_permitted;
    }
    *parts[i] = id;
  }
  fresh.file_system = fresh.effective;
  now = fresh;
  return uint64_t(0);
}

CallResult get_three(const CallArguments& arguments, Which which) {
  Identity now;
  {
    const base::Guard guard(process_lock);
    now = arguments.process.credentials.*which;
  }
  const uint32_t parts[] = {now.real, now.effective, now.saved};
  for (unsigned i = 0; i < 3; ++i) {
    if (const auto written = write_user(arguments.address(i), parts[i]); !written) {
      return written;
    }
  }
  return uint64_t(0);
}

CallResult set_file_system(const CallArguments& arguments, Which which) {
  const auto id = uint32_t(arguments.value[0]);
  const base::Guard guard(process_lock);
  Credentials& all = arguments.process.credentials;
  Identity& now = all.*which;
  const uint32_t before = now.file_system;
  if (id != unchanged && (all.is_privileged() || now.has(id) || id == before)) {
    now.file_system = id;
  }
  return uint64_t(before);
}

}  // namespace

CallResult getuid(const CallArguments& arguments) {
  return get(arguments, &Credentials::user, &Identity::real);
}
CallResult geteuid(const CallArguments& arguments) {
  return get(arguments, &Credentials::user, &Identity::effective);
}
CallResult getgid(const CallArguments& arguments) {
  return get(arguments, &Credentials::group, &Identity::real);
}
CallResult getegid(const CallArguments& arguments) {
  return get(arguments, &Credentials::group, &Identity::effective);
}
CallResult setuid(const CallArguments& arguments) {
  return set_one(arguments, &Credentials::user);
}
CallResult setgid(const CallArguments& arguments) {
  return set_one(arguments, &Credentials::group);
}
CallResult setreuid(const CallArguments& arguments) {
  return set_two(arguments, &Credentials::user);
}
CallResult setregid(const CallArguments& arguments) {
  return set_two(arguments, &Credentials::group);
}
CallResult setresuid(const CallArguments& arguments) {
  return set_three(arguments, &Credentials::user);
}
CallResult setresgid(const CallArguments& arguments) {
  return set_three(arguments, &Credentials::group);
}
CallResult getresuid(const CallArguments& arguments) {
  return get_three(arguments, &Credentials::user);
}
CallResult getresgid(const CallArguments& arguments) {
  return get_three(arguments, &Credentials::group);
}
CallResult setfsuid(const CallArguments& arguments) {
  return set_file_system(arguments, &Credentials::user);
}
CallResult setfsgid(const CallArguments& arguments) {
  return set_file_system(arguments, &Credentials::group);
}

CallResult getgroups(const CallArguments& arguments) {
  Credentials now;
  {
    const base::Guard guard(process_lock);
    now = arguments.process.credentials;
  }
  const int32_t room = arguments.integer(0);
  if (room < 0 || (room != 0 && uint32_t(room) < now.group_count)) {
    return Errno::invalid;
  }
  if (room != 0) {
    const auto copied =
        copy_to_user(arguments.address(1), now.groups, now.group_count * sizeof(uint32_t));
    if (!copied) {
      return copied;
    }
  }
  return uint64_t(now.group_count);
}

CallResult setgroups(const CallArguments& arguments) {
  Credentials fresh;
  {
    const base::Guard guard(process_lock);
    fresh = arguments.process.credentials;
  }
  if (!fresh.is_privileged()) {
    return Errno::not_permitted;
  }
  if (arguments.value[0] > Credentials::max_groups) {
    return Errno::invalid;
  }
  fresh.group_count = uint32_t(arguments.value[0]);
  const auto copied =
      copy_from_user(fresh.groups, arguments.address(1), fresh.group_count * sizeof(uint32_t));
  if (!copied) {
    return copied;
  }
  const base::Guard guard(process_lock);
  arguments.process.credentials = fresh;
  return uint64_t(0);
}

namespace {

// Capability sets: all of them for user 0, none for others; nobody can give any up.
struct CapabilityHeader {
  uint32_t version;
  int32_t id;
};
struct CapabilityData {
  uint32_t effective, permitted, inheritable;
};
constexpr uint32_t version_1 = 0x1998'0330;  // 32 bits
constexpr uint32_t version_2 = 0x2007'1026;
constexpr uint32_t version_3 = 0x2008'0522;
constexpr uint64_t all_capabilities = (1ULL << 41) - 1;

// How many CapabilityData follow. EINVAL: an unknown version; the newest one is written back.
Outcome<unsigned> read_header(const CallArguments& arguments, CapabilityHeader& header) {
  BASE_TRY_ASSIGN(header, read_user<CapabilityHeader>(arguments.address(0)));
  switch (header.version) {
    case version_1: return 1u;
    case version_2:
    case version_3: return 2u;
    default: break;
  }
  BASE_TRY(write_user(arguments.address(0), version_3));
  return Errno::invalid;
}

}  // namespace

CallResult capget(const CallArguments& arguments) {
  CapabilityHeader header{};
  const auto count = read_header(arguments, header);
  if (!count) {
    return count.error() == Errno::invalid && arguments.value[1] == 0 ? CallResult(uint64_t(0))
                                                                      : count.error();
  }
  if (header.id < 0) {
    return Errno::invalid;
  }
  uint64_t set = 0;
  {
    const base::Guard guard(process_lock);
    const Thread* thread =
        header.id == 0 ? &arguments.thread : find_thread_locked(uint32_t(header.id));
    if (thread == nullptr) {
      return Errno::no_process;
    }
    set = thread->process().credentials.is_privileged() ? all_capabilities : 0;
  }
  const CapabilityData data[2] = {{uint32_t(set), uint32_t(set), 0},
                                  {uint32_t(set >> 32), uint32_t(set >> 32), 0}};
  return copy_to_user(arguments.address(1), data, count.value() * sizeof(CapabilityData));
}

CallResult capset(const CallArguments& arguments) {
  CapabilityHeader header{};
  const auto count = read_header(arguments, header);
  if (!count) {
    return count.error();
  }
  if (header.id != 0 && uint32_t(header.id) != arguments.thread.id()) {
    return Errno::not_permitted;
  }
  CapabilityData data[2] = {};
  const auto copied =
      copy_from_user(data, arguments.address(1), count.value() * sizeof(CapabilityData));
  if (!copied) {
    return copied;
  }
  const base::Guard guard(process_lock);
  const uint64_t wanted = data[0].permitted | uint64_t(data[1].permitted) << 32;
  return arguments.process.credentials.is_privileged() || (wanted & all_capabilities) == 0
             ? CallResult(uint64_t(0))
             : CallResult(Errno::not_permitted);
}

}  // namespace kernel::calls
