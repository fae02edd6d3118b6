// syscall_numbers.h: Linux's system call numbers on this architecture (the generic table,
// include/uapi/asm-generic/unistd.h). Ascending.
#pragma once

#include "kernel/seam/syscalls.h"

namespace cpu {

inline constexpr kernel::CallNumber syscall_numbers[] = {
    {17, kernel::Call::getcwd},
    {23, kernel::Call::dup},
    {24, kernel::Call::dup3},
    {25, kernel::Call::fcntl},
    {29, kernel::Call::ioctl},
    {48, kernel::Call::faccessat},
    {49, kernel::Call::chdir},
    {56, kernel::Call::openat},
    {57, kernel::Call::close},
    {61, kernel::Call::getdents64},
    {62, kernel::Call::lseek},
    {63, kernel::Call::read},
    {64, kernel::Call::write},
    {65, kernel::Call::readv},
    {66, kernel::Call::writev},
    {78, kernel::Call::readlinkat},
    {79, kernel::Call::newfstatat},
    {80, kernel::Call::fstat},
    {93, kernel::Call::exit},
    {94, kernel::Call::exit_group},
    {95, kernel::Call::waitid},
    {96, kernel::Call::set_tid_address},
    {99, kernel::Call::set_robust_list},
    {101, kernel::Call::nanosleep},
    {113, kernel::Call::clock_gettime},
    {114, kernel::Call::clock_getres},
    {115, kernel::Call::clock_nanosleep},
    {124, kernel::Call::sched_yield},
    {129, kernel::Call::kill},
    {131, kernel::Call::tgkill},
    {134, kernel::Call::rt_sigaction},
    {135, kernel::Call::rt_sigprocmask},
    {154, kernel::Call::setpgid},
    {155, kernel::Call::getpgid},
    {156, kernel::Call::getsid},
    {157, kernel::Call::setsid},
    {160, kernel::Call::uname},
    {166, kernel::Call::umask},
    {169, kernel::Call::gettimeofday},
    {172, kernel::Call::getpid},
    {173, kernel::Call::getppid},
    {174, kernel::Call::getuid},
    {175, kernel::Call::geteuid},
    {176, kernel::Call::getgid},
    {177, kernel::Call::getegid},
    {178, kernel::Call::gettid},
    {179, kernel::Call::sysinfo},
    {214, kernel::Call::brk},
    {215, kernel::Call::munmap},
    {220, kernel::Call::clone},
    {221, kernel::Call::execve},
    {222, kernel::Call::mmap},
    {226, kernel::Call::mprotect},
    {233, kernel::Call::madvise},
    {260, kernel::Call::wait4},
    {261, kernel::Call::prlimit64},
    {278, kernel::Call::getrandom},
    {293, kernel::Call::absent},
    {435, kernel::Call::clone3},
    {439, kernel::Call::faccessat},
};

// Which arguments of clone these are (the others are the same everywhere).
inline constexpr unsigned clone_child_tid_argument = 4;
inline constexpr unsigned clone_tls_argument = 3;

}  // namespace cpu
