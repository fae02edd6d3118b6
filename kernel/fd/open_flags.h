// open_flags.h: the flags of open() and the status flags of an open file, as Linux numbers them.
#pragma once

#include <cstdint>

#include "cpu/linux_stat.h"

namespace kernel::open_flag {

inline constexpr uint32_t access_mode = 03;
inline constexpr uint32_t read_only = 00;
inline constexpr uint32_t write_only = 01;
inline constexpr uint32_t read_write = 02;
inline constexpr uint32_t create = 0100;
inline constexpr uint32_t exclusive = 0200;
inline constexpr uint32_t no_controlling_terminal = 0400;
inline constexpr uint32_t truncate = 01000;
inline constexpr uint32_t append = 02000;
inline constexpr uint32_t nonblock = 04000;
inline constexpr uint32_t data_sync = 010000;
inline constexpr uint32_t async = 020000;
inline constexpr uint32_t direct = cpu::open_direct;
inline constexpr uint32_t large_file = cpu::open_large_file;
inline constexpr uint32_t directory = cpu::open_directory;
inline constexpr uint32_t no_follow = cpu::open_no_follow;
inline constexpr uint32_t no_access_time = 01000000;
inline constexpr uint32_t close_on_exec = 02000000;
inline constexpr uint32_t sync = 04000000;
inline constexpr uint32_t path_only = 010000000;
inline constexpr uint32_t unnamed = 020000000;  // of O_TMPFILE, beside directory

// Not kept: they matter to open() alone.
inline constexpr uint32_t transient =
    create | exclusive | no_controlling_terminal | truncate | close_on_exec;
// What F_SETFL changes.
inline constexpr uint32_t settable = append | nonblock | async | direct | no_access_time;

}  // namespace kernel::open_flag
