// calls.h: the functions behind the system calls, by the file that defines them.
#pragma once

#include "kernel/syscall/call.h"

namespace kernel::calls {

// file_calls.cpp
CallResult read(const CallArguments& arguments);
CallResult write(const CallArguments& arguments);
CallResult readv(const CallArguments& arguments);
CallResult writev(const CallArguments& arguments);
CallResult close(const CallArguments& arguments);
CallResult lseek(const CallArguments& arguments);
CallResult ioctl(const CallArguments& arguments);
CallResult fcntl(const CallArguments& arguments);
CallResult dup(const CallArguments& arguments);
CallResult dup2(const CallArguments& arguments);
CallResult dup3(const CallArguments& arguments);

// path_calls.cpp
CallResult open(const CallArguments& arguments);
CallResult openat(const CallArguments& arguments);
CallResult stat(const CallArguments& arguments);
CallResult lstat(const CallArguments& arguments);
CallResult fstat(const CallArguments& arguments);
CallResult newfstatat(const CallArguments& arguments);
CallResult access(const CallArguments& arguments);
CallResult faccessat(const CallArguments& arguments);
CallResult readlink(const CallArguments& arguments);
CallResult readlinkat(const CallArguments& arguments);
CallResult getdents64(const CallArguments& arguments);
CallResult getcwd(const CallArguments& arguments);
CallResult chdir(const CallArguments& arguments);

// memory_calls.cpp
CallResult brk(const CallArguments& arguments);
CallResult mmap(const CallArguments& arguments);
CallResult munmap(const CallArguments& arguments);
CallResult mprotect(const CallArguments& arguments);
CallResult madvise(const CallArguments& arguments);

// process_calls.cpp
CallResult exit(const CallArguments& arguments);
CallResult getpid(const CallArguments& arguments);
CallResult getppid(const CallArguments& arguments);
CallResult zero(const CallArguments& arguments);  // user and group ids, and calls that do nothing
CallResult arch_prctl(const CallArguments& arguments);
CallResult kill(const CallArguments& arguments);
CallResult tgkill(const CallArguments& arguments);
CallResult prlimit64(const CallArguments& arguments);
CallResult rt_sigaction(const CallArguments& arguments);
CallResult rt_sigprocmask(const CallArguments& arguments);
CallResult umask(const CallArguments& arguments);

// system_calls.cpp
CallResult uname(const CallArguments& arguments);
CallResult sysinfo(const CallArguments& arguments);
CallResult getrandom(const CallArguments& arguments);
CallResult clock_gettime(const CallArguments& arguments);
CallResult clock_getres(const CallArguments& arguments);
CallResult gettimeofday(const CallArguments& arguments);
CallResult time(const CallArguments& arguments);
CallResult nanosleep(const CallArguments& arguments);
CallResult clock_nanosleep(const CallArguments& arguments);

}  // namespace kernel::calls
