// Every pointer argument of every call, with pointers that lead nowhere.
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "arena.h"

static const char* where[] = {"null",          "low",  "kernel",    "last byte",
                              "nothing there", "hole", "no access", "read-only"};
enum { places = sizeof where / sizeof where[0], only_written = places - 1 };
static unsigned long bad[places];

static int file, folder, pipe_in, pipe_out;
static char buffer[4096];
static const struct timespec at_once;

enum direction { in, out };

// Stands for the bad pointer among the arguments.
static const long P = 0x7eadbeef;

static void try_call(const char* name, enum direction direction, int skip, long number, long a,
                     long b, long c, long d, long e) {
  say("%s:", name);
  for (int i = 0; i < places; ++i) {
    if (direction == in && i == only_written) continue;  // that would be a good pointer
    if (i < skip) continue;                              // so would null
    const long at = (long)bad[i];
    const long result = error_or(syscall(number, a == P ? at : a, b == P ? at : b, c == P ? at : c,
                                         d == P ? at : d, e == P ? at : e, 0L));
    say(" %s", outcome(result));
  }
  say("\n");
}

#define ARGS(a, b, c, d, e, ...) (long)(a), (long)(b), (long)(c), (long)(d), (long)(e)
#define in_call(name, ...) \
  try_call("in  " #name, in, 0, SYS_##name, ARGS(__VA_ARGS__, 0, 0, 0, 0, 0))
#define in_call_or_null(name, ...) \
  try_call("in  " #name, in, 1, SYS_##name, ARGS(__VA_ARGS__, 0, 0, 0, 0, 0))
#define out_call(name, ...) \
  try_call("out " #name, out, 0, SYS_##name, ARGS(__VA_ARGS__, 0, 0, 0, 0, 0))
#define out_call_or_null(name, ...) \
  try_call("out " #name, out, 1, SYS_##name, ARGS(__VA_ARGS__, 0, 0, 0, 0, 0))

static void files(void) {
  test_case("paths");
  in_call(openat, AT_FDCWD, P, O_RDONLY);
  in_call(openat, AT_FDCWD, P, O_RDWR | O_CREAT, 0600);
  in_call(faccessat, AT_FDCWD, P, F_OK);
  in_call(newfstatat, AT_FDCWD, P, buffer, 0);
  in_call(readlinkat, AT_FDCWD, P, buffer, 100);
  in_call(chdir, P);
  in_call(mkdirat, AT_FDCWD, P, 0700);
  in_call(unlinkat, AT_FDCWD, P, 0);
  in_call(symlinkat, P, AT_FDCWD, "nowhere/x");
  in_call(symlinkat, "x", AT_FDCWD, P);
  in_call(linkat, AT_FDCWD, P, AT_FDCWD, "nowhere/x");
  in_call(renameat2, AT_FDCWD, P, AT_FDCWD, "nowhere/x");
  in_call(fchmodat, AT_FDCWD, P, 0700);
  in_call(fchownat, AT_FDCWD, P, 0, 0);
  in_call(truncate, P, 0);
  in_call(statfs, P, buffer);
  in_call(execve, P, 0, 0);
  in_call(memfd_create, P, 0);
  test_case("buffers");
  out_call(read, file, P, 10);
  out_call(pread64, file, P, 10, 0);
  in_call(write, pipe_in, P, 10);
  out_call(newfstatat, AT_FDCWD, "/", P, 0);
  out_call(fstat, file, P);
  out_call(fstatfs, file, P);
  out_call(getdents64, folder, P, 4096);
  in_call(readv, file, P, 1);
  in_call(writev, pipe_in, P, 1);
  in_call(preadv, file, P, 1, 0);
  out_call(ioctl, pipe_out, FIONREAD, P);
  out_call(pipe2, P, 0);
  out_call(getcwd, P, 4096);
  in_call(ppoll, P, 1, &at_once, 0);
  in_call(pselect6, 1, P, 0, 0, &at_once);
  in_call_or_null(pselect6, 1, 0, 0, 0, P);
}

static void processes(void) {
  struct pollfd entry = {pipe_out, POLLIN, 0};
  test_case("signals");
  in_call_or_null(rt_sigaction, SIGUSR1, P, 0, 8);
  out_call_or_null(rt_sigaction, SIGUSR1, 0, P, 8);
  in_call_or_null(rt_sigprocmask, SIG_SETMASK, P, 0, 8);
  out_call_or_null(rt_sigprocmask, SIG_SETMASK, 0, P, 8);
  out_call(rt_sigpending, P, 8);
  in_call(rt_sigtimedwait, P, 0, &at_once, 8);
  in_call(rt_sigsuspend, P, 8);
  in_call(rt_sigqueueinfo, getpid(), SIGUSR1, P);
  in_call_or_null(sigaltstack, P, 0);
  out_call_or_null(sigaltstack, 0, P);
  in_call_or_null(ppoll, &entry, 1, P, 0, 8);
  test_case("processes");
  in_call(futex, P, FUTEX_WAIT, 0, &at_once);
  in_call(futex, P, FUTEX_WAKE, 1);
  in_call(futex, buffer, FUTEX_CMP_REQUEUE, 1, 1, P);
  out_call(get_robust_list, 0, P, buffer);
  out_call(get_robust_list, 0, buffer, P);
  in_call(prctl, 15, P);
  out_call(prctl, 16, P);
  in_call(sched_setaffinity, 0, 8, P);
  out_call(sched_getaffinity, 0, 128, P);
  out_call_or_null(getcpu, P, 0);
  in_call(sched_setparam, 0, P);
  out_call(sched_getparam, 0, P);
  out_call(sched_rr_get_interval, 0, P);
  out_call(getresuid, P, buffer, buffer);
  out_call(getresgid, buffer, P, buffer);
  out_call(mincore, buffer - (unsigned long)buffer % page_bytes, 1, P);
  test_case("times and limits");
  out_call(clock_gettime, CLOCK_REALTIME, P);
  out_call(clock_gettime, CLOCK_MONOTONIC, P);
  out_call_or_null(clock_getres, CLOCK_MONOTONIC, P);
  in_call(nanosleep, P, 0);
  in_call(clock_nanosleep, CLOCK_MONOTONIC, 0, P, 0);
  out_call_or_null(gettimeofday, P, 0);
  out_call_or_null(times, P);
  out_call(getrusage, RUSAGE_SELF, P);
  out_call(getitimer, ITIMER_REAL, P);
  in_call_or_null(setitimer, ITIMER_REAL, P, 0);
  out_call_or_null(prlimit64, 0, RLIMIT_NOFILE, 0, P);
  in_call_or_null(prlimit64, 0, RLIMIT_NOFILE, P, 0);
  out_call(getrlimit, RLIMIT_NOFILE, P);
  in_call(setrlimit, RLIMIT_NOFILE, P);
  out_call(uname, P);
  out_call(sysinfo, P);
  out_call(getrandom, P, 10, 0);
}

int main(int argc, char** argv) {
  require(argc >= 1);
  int ends[2];
  char* const arena = arena_create();
  arena_reset(arena);
  bad[0] = 0;
  bad[1] = 8;
  bad[2] = 0xffff800000000000u;
  bad[3] = -1ul;
  bad[4] = (unsigned long)arena + 18 * page_bytes;
  bad[5] = (unsigned long)arena + 24 * page_bytes - 4;
  bad[6] = (unsigned long)arena + 13 * page_bytes;
  bad[7] = (unsigned long)arena + 9 * page_bytes;
  file = open(argv[0], O_RDONLY);
  folder = open("/", O_RDONLY | O_DIRECTORY);
  require(file >= 0 && folder >= 0 && pipe2(ends, O_NONBLOCK) == 0);
  pipe_out = ends[0];
  pipe_in = ends[1];
  require(write(pipe_in, "x", 1) == 1);
  for (int i = 0; i < places; ++i) say("%s%s", where[i], i + 1 < places ? ", " : "\n");
  files();
  processes();
  return 0;
}
