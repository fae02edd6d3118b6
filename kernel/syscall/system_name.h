// system_name.h: what the kernel calls itself: uname(), /proc/version, /proc/sys/kernel.
#pragma once

namespace kernel::system_name {

inline constexpr char system[] = "Linux";         // whose calls these are
inline constexpr char node[] = "libvm";           // as /etc/hostname has it
inline constexpr char release[] = "6.1.0-libvm";  // programs refuse to run on what looks too old
inline constexpr char version[] = "libvm reference kernel";

}  // namespace kernel::system_name
