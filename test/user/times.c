// Clocks, sleeping, use of resources, limits, scheduling, names: what holds on every machine.
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "case.h"

static int64_t now(clockid_t clock) {
  struct timespec time;
  require(clock_gettime(clock, &time) == 0);
  return time.tv_sec * 1000000000l + time.tv_nsec;
}

static void spin(int64_t nanoseconds) {
  const int64_t end = now(CLOCK_THREAD_CPUTIME_ID) + nanoseconds;
  while (now(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
}

static void clocks(void) {
  test_case("clocks");
  for (long id = 0; id <= 11; ++id) {
    if (id == 8 || id == 9 || id == 10) continue;  // alarms and one that is gone
    struct timespec time = {0, -1};
    const long result = call(clock_gettime, id, &time);
    say("%ld: %s, in range %d", id, outcome(result),
        time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
    say(", resolution %s\n", outcome(call(clock_getres, id, &time)));
  }
  say("12: %s, 99: %s\n", outcome(call(clock_gettime, 12L, NULL)),
      outcome(call(clock_gettime, 99L, NULL)));
  static const clockid_t steady[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME,
                                     CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
  for (size_t i = 0; i < sizeof steady / sizeof steady[0]; ++i) {
    int64_t last = now(steady[i]);
    int backwards = 0;
    for (int k = 0; k < 2000; ++k) {
      const int64_t next = now(steady[i]);
      backwards += next < last;
      last = next;
    }
    say("clock %d goes backwards %d times\n", steady[i], backwards);
  }
  struct timespec library;
  struct timespec raw;
  int order = 0;
  for (int i = 0; i < 500; ++i) {
    require(clock_gettime(CLOCK_MONOTONIC, &library) == 0);
    require(call(clock_gettime, (long)CLOCK_MONOTONIC, &raw) == 0);
    order +=
        raw.tv_sec * 1000000000l + raw.tv_nsec >= library.tv_sec * 1000000000l + library.tv_nsec;
  }
  say("the library's and the kernel's agree: %d\n", order);
  const int64_t real = now(CLOCK_REALTIME);
  say("real time after 2020: %d, seconds agree: %d\n", real > 1577836800l * 1000000000,
      time(NULL) - real / 1000000000 <= 1);
}

static void sleeping(void) {
  test_case("sleeping");
  const struct timespec short_time = {0, 3000000};
  int64_t before = now(CLOCK_MONOTONIC);
  require(nanosleep(&short_time, NULL) == 0);
  say("nanosleep long enough: %d\n", now(CLOCK_MONOTONIC) - before >= 3000000);
  before = now(CLOCK_MONOTONIC) + 3000000;
  const struct timespec until = {before / 1000000000, before % 1000000000};
  require(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
  say("until: %d\n", now(CLOCK_MONOTONIC) >= before);
  const struct timespec past = {0, 1};
  say("past: %s\n", outcome(call(clock_nanosleep, (long)CLOCK_MONOTONIC, 1L, &past, NULL)));
  const struct timespec odd[] = {{0, 1000000000}, {0, -1}, {-1, 0}, {0, 0}};
  for (int i = 0; i < 4; ++i) say("%s ", outcome(call(nanosleep, &odd[i], NULL)));
  say("\nclock: %s, %s, %s\n", outcome(call(clock_nanosleep, 99L, 0L, &past, NULL)),
      outcome(call(clock_nanosleep, (long)CLOCK_THREAD_CPUTIME_ID, 0L, &past, NULL)),
      outcome(call(clock_nanosleep, (long)CLOCK_REALTIME, 0L, &past, NULL)));
}

static int child_spins(void* nothing) {
  (void)nothing;
  spin(30000000);
  return 0;
}

static void usage(void) {
  test_case("use of resources");
  struct rusage before;
  struct rusage after;
  require(getrusage(RUSAGE_SELF, &before) == 0);
  const int64_t cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  const clock_t ticks = times(NULL);
  spin(40000000);
  require(getrusage(RUSAGE_SELF, &after) == 0);
  const long used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                    after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                    (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
                    after.ru_stime.tv_usec - before.ru_stime.tv_usec;
  say("counted: %d, by its clock: %d, ticks go on: %d\n", used >= 20000,
      now(CLOCK_PROCESS_CPUTIME_ID) - cpu >= 40000000, times(NULL) >= ticks);
  say("children: %s", status_text(in_child(child_spins, NULL)));
  require(getrusage(RUSAGE_CHILDREN, &after) == 0);
  struct tms all;
  require(times(&all) != (clock_t)-1);
  say(", counted %d, in ticks %d\n",
      after.ru_utime.tv_sec * 1000000 + after.ru_utime.tv_usec + after.ru_stime.tv_sec * 1000000 +
              after.ru_stime.tv_usec >=
          15000,
      all.tms_cutime + all.tms_cstime >= 1);
  char* const memory =
      mmap(NULL, 64 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED && getrusage(RUSAGE_SELF, &before) == 0);
  for (int i = 0; i < 64; ++i) memory[i * page_bytes] = 1;
  require(getrusage(RUSAGE_SELF, &after) == 0);
  say("faults counted: %d\n", after.ru_minflt > before.ru_minflt);
  say("thread: %s, unknown: %s\n", outcome(call(getrusage, 1L, &after)),
      outcome(call(getrusage, 2L, &after)));
}

static void limits(void) {
  test_case("limits");
  struct rlimit limit;
  for (long which = 0; which <= 17; ++which) {
    say("%ld: %s\n", which, outcome(call(prlimit64, 0L, which, NULL, &limit)));
  }
  limit = (struct rlimit){100, 200};
  say("lower: %s", outcome(error_or(setrlimit(RLIMIT_NOFILE, &limit))));
  require(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  say(" %lu %lu\n", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
  limit = (struct rlimit){201, 200};
  say("soft above hard: %s\n", outcome(error_or(setrlimit(RLIMIT_NOFILE, &limit))));
  limit = (struct rlimit){200, 200};
  say("soft up to hard: %s\n", outcome(error_or(setrlimit(RLIMIT_NOFILE, &limit))));
  limit = (struct rlimit){100, 201};
  say("hard up: %s\n", outcome(error_or(setrlimit(RLIMIT_NOFILE, &limit))));
  struct rlimit old;
  limit = (struct rlimit){50, 150};
  say("both at once: %s",
      outcome(call(prlimit64, (long)getpid(), (long)RLIMIT_NOFILE, &limit, &old)));
  say(" %lu %lu\n", (unsigned long)old.rlim_cur, (unsigned long)old.rlim_max);
  say("nobody: %s\n", outcome(call(prlimit64, 12345678L, (long)RLIMIT_NOFILE, NULL, &old)));
  const pid_t child = fork();
  if (child == 0) {
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    _exit((int)limit.rlim_cur);
  }
  int status;
  require(waitpid(child, &status, 0) == child);
  say("inherited: %s\n", status_text(status));
}

static void scheduling(void) {
  test_case("scheduling");
  say("yield %s, policy %d, of nobody %s\n", outcome(error_or(sched_yield())),
      (int)call(sched_getscheduler, 0L), outcome(call(sched_getscheduler, 12345678L)));
  for (long policy = 0; policy <= 4; ++policy) {
    say("policy %ld: %ld to %ld\n", policy, call(sched_get_priority_min, policy),
        call(sched_get_priority_max, policy));
  }
  const struct sched_param zero = {0};
  const struct sched_param one = {.sched_priority = 1};
  say("set: %s, with a priority: %s, unknown: %s\n",
      outcome(call(sched_setscheduler, 0L, (long)SCHED_OTHER, &zero)),
      outcome(call(sched_setscheduler, 0L, (long)SCHED_OTHER, &one)),
      outcome(call(sched_setscheduler, 0L, 77L, &zero)));
  cpu_set_t set;
  CPU_ZERO(&set);
  const long bytes = call(sched_getaffinity, 0L, (long)sizeof set, &set);
  say("affinity: %s, multiple of 8: %d, some: %d\n", outcome(bytes), bytes % 8 == 0,
      CPU_COUNT(&set) > 0);
  say("back: %s", outcome(call(sched_setaffinity, 0L, (long)sizeof set, &set)));
  CPU_ZERO(&set);
  say(", none: %s, too small: %s, odd size: %s, nobody: %s\n",
      outcome(call(sched_setaffinity, 0L, (long)sizeof set, &set)),
      outcome(call(sched_getaffinity, 0L, 0L, &set)),
      outcome(call(sched_getaffinity, 0L, 9L, &set)),
      outcome(call(sched_getaffinity, 12345678L, (long)sizeof set, &set)));
  unsigned cpu = 12345;
  say("getcpu: %s, %d\n", outcome(call(getcpu, &cpu, NULL, NULL)), cpu < 1024);
  // Whoever runs the tests may be nicer than most.
  say("priority %d, of nobody %s, kind %s\n",
      call(getpriority, 0L, 0L) == 20 - getpriority(PRIO_PROCESS, 0),
      outcome(call(getpriority, 0L, 12345678L)), outcome(call(getpriority, 3L, 0L)));
  say("nicer: %s", outcome(call(setpriority, 0L, 0L, 5L)));
  say(" %ld\n", call(getpriority, 0L, 0L));
}

static void names(void) {
  test_case("names");
  struct utsname name;
  require(uname(&name) == 0);
  say("present: %d %d %d %d %d\n", name.sysname[0] != 0, name.nodename[0] != 0,
      name.release[0] != 0, name.version[0] != 0, name.machine[0] != 0);
  char text[20] = "";
  say("set: %s", outcome(error_or(prctl(PR_SET_NAME, "a name that is longer than fifteen"))));
  say(", read: %s", outcome(error_or(prctl(PR_GET_NAME, text))));
  say(" '%s'\n", text);
  say("unknown: %s\n", outcome(error_or(prctl(123456, 0, 0, 0, 0))));
  struct sysinfo info;
  require(sysinfo(&info) == 0);
  say("memory: %d, free: %d, processes: %d, up: %d\n", info.totalram * info.mem_unit > 32u << 20,
      info.freeram <= info.totalram, info.procs > 0, info.uptime >= 0);
  say("one process, one thread: %d; parent another: %d\n", getpid() == gettid(),
      getppid() != getpid());
  uid_t ids[3];
  require(getresuid(&ids[0], &ids[1], &ids[2]) == 0);
  say("users agree: %d %d\n", ids[0] == getuid() && ids[1] == geteuid(), getgid() == getegid());

  test_case("random numbers");
  unsigned char bytes[2][64];
  memset(bytes, 0, sizeof bytes);
  say("%ld %ld", (long)getrandom(bytes[0], 64, 0), (long)getrandom(bytes[1], 64, GRND_NONBLOCK));
  say(", differ %d", memcmp(bytes[0], bytes[1], 64) != 0);
  say(", none %ld, flags %s\n", (long)getrandom(bytes[0], 0, 0),
      outcome(call(getrandom, bytes, 8L, 16L)));
  static unsigned char many[1000];
  int seen[256] = {0};
  int kinds = 0;
  say("a thousand: %ld", (long)getrandom(many, sizeof many, 0));
  for (size_t i = 0; i < sizeof many; ++i) kinds += seen[many[i]]++ == 0;
  say(", of many kinds: %d\n", kinds > 200);
}

int main(void) {
  clocks();
  sleeping();
  usage();
  limits();
  scheduling();
  names();
  return 0;
}
