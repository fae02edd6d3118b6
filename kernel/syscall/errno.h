// errno.h: Linux's error numbers, and which base::Error becomes which.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace kernel {

enum class Errno : int16_t {
  not_permitted = 1,
  no_entry = 2,
  no_process = 3,
  interrupted = 4,
  io = 5,
  no_such_address = 6,
  argument_list = 7,
  not_executable = 8,
  bad_descriptor = 9,
  no_child = 10,
  again = 11,
  no_memory = 12,
  access = 13,
  bad_address = 14,
  busy = 16,
  exists = 17,
  cross_device = 18,
  no_device = 19,
  not_directory = 20,
  is_directory = 21,
  invalid = 22,
  table_full = 23,
  too_many_files = 24,
  not_terminal = 25,
  text_busy = 26,
  file_too_large = 27,
  no_space = 28,
  illegal_seek = 29,
  read_only = 30,
  broken_pipe = 32,
  domain = 33,
  out_of_range = 34,
  would_deadlock = 35,
  name_too_long = 36,
  not_implemented = 38,
  not_empty = 39,
  too_many_links = 40,
  overflow = 75,
  not_supported = 95,
  timed_out = 110,
  // Never seen by a program: a signal came before anything was done. The way back to user mode
  // makes it EINTR, or repeats the call after the handler (Linux's ERESTARTSYS).
  restart = 512,
  // The same, but repeated whatever the handler's action says (ERESTARTNOINTR).
  restart_always = 513,
  // Repeated only if no handler runs after all (ERESTARTNOHAND).
  restart_without_handler = 514,
  // If no handler runs, restart_syscall() goes on with Thread::restart (ERESTART_RESTARTBLOCK).
  restart_rest = 516,
};

// Whether what a call returned is one of those.
[[nodiscard]] constexpr bool is_restart(uint64_t result) {
  return result >= -uint64_t(Errno::restart_rest) && result <= -uint64_t(Errno::restart);
}

[[nodiscard]] constexpr Errno errno_of(base::Error error) {
  switch (error) {
    case base::Error::invalid_argument: return Errno::invalid;
    case base::Error::out_of_memory:
    case base::Error::no_address_range:
    case base::Error::not_mapped: return Errno::no_memory;
    case base::Error::already_mapped:
    case base::Error::already_exists: return Errno::exists;
    case base::Error::access_denied: return Errno::access;
    case base::Error::busy: return Errno::busy;
    case base::Error::not_found: return Errno::no_entry;
    case base::Error::would_block: return Errno::again;
    case base::Error::interrupted: return Errno::interrupted;
    case base::Error::limit_exceeded: return Errno::too_many_files;
    case base::Error::not_supported: return Errno::not_implemented;
    case base::Error::fault: return Errno::bad_address;
    case base::Error::would_deadlock: return Errno::would_deadlock;
    case base::Error::io:
    case base::Error::bus:
    case base::Error::dead: break;
  }
  return Errno::io;
}

}  // namespace kernel
