// Calls that wait and are interrupted: EINTR, or begun again with SA_RESTART; timers that do it.
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "case.h"

static volatile int runs;
static int ends[2];

static void counts(int number) {
  (void)number;
  ++runs;
}

static void set_handler(int number, int flags) {
  struct sigaction action = {.sa_handler = counts, .sa_flags = flags};
  sigemptyset(&action.sa_mask);
  require(sigaction(number, &action, NULL) == 0);
}

static void pause_ms(long milliseconds) {
  struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&left, &left) != 0) {
  }
}

// A child that sends SIGUSR1 again and again until it is killed, so that none is lost by being
// early, and then what ends a call that was begun again.
static int* futex_word;  // shared with the sender

static pid_t start_sender(int then_write) {
  runs = 0;
  const pid_t child = fork();
  require(child >= 0);
  if (child == 0) {
    for (int i = 0; i < 3; ++i) {
      pause_ms(30);
      kill(getppid(), SIGUSR1);
    }
    pause_ms(30);
    if (then_write) require(write(ends[1], "x", 1) == 1);
    if (then_write) call(futex, futex_word, (long)FUTEX_WAKE, 1L);
    for (;;) {
      pause_ms(100);
      kill(getppid(), SIGUSR1);
    }
  }
  return child;
}

static void stop_sender(pid_t child) {
  require(kill(child, SIGKILL) == 0);
  while (waitpid(child, NULL, 0) != child) {
  }
}

static char byte;
static sigset_t nothing_blocked;

static long wait_read(void) {
  return error_or(read(ends[0], &byte, 1));
}
static long wait_poll(void) {
  struct pollfd entry = {ends[0], POLLIN, 0};
  return error_or(poll(&entry, 1, -1));
}
static long wait_ppoll(void) {
  struct pollfd entry = {ends[0], POLLIN, 0};
  return error_or(ppoll(&entry, 1, NULL, &nothing_blocked));
}
static long wait_futex(void) {
  return call(futex, futex_word, (long)FUTEX_WAIT, 0L, NULL);
}
static long wait_futex_until(void) {
  const struct timespec time = {1000, 0};
  return call(futex, futex_word, (long)FUTEX_WAIT, 0L, &time);
}
static long wait_pause(void) {
  return error_or(pause());
}
static long wait_suspend(void) {
  return error_or(sigsuspend(&nothing_blocked));
}
static long wait_sleep(void) {
  struct timespec left = {-1, -1};
  const struct timespec time = {1000, 0};
  const long result = error_or(nanosleep(&time, &left));
  say("(left less: %d) ", left.tv_sec >= 900 && left.tv_sec < 1000);
  return result;
}
static long wait_clock(void) {
  const struct timespec time = {1000, 0};
  return -(long)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}
static long wait_until(void) {
  struct timespec time;
  struct timespec left = {77, 77};
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += 1000;
  const long result = -(long)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, &left);
  say("(left untouched: %d) ", left.tv_sec == 77);
  return result;
}
static pid_t sleeper;
static long wait_child(void) {
  return error_or(waitpid(sleeper, NULL, 0));
}
static long wait_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  return call(rt_sigtimedwait, &set, NULL, NULL, 8L);  // the library's begins again
}
static long wait_full_pipe(void) {
  static char block[73728];
  return error_or(write(ends[1], block, sizeof block));
}

static const struct {
  const char* name;
  long (*wait)(void);
  int restarts;  // with SA_RESTART: it is begun again, and a byte in the pipe ends it
} calls[] = {
    {"read", wait_read, 1},
    {"poll", wait_poll, 0},
    {"ppoll", wait_ppoll, 0},
    {"futex", wait_futex, 1},
    {"futex with a time", wait_futex_until, 0},
    {"pause", wait_pause, 0},
    {"sigsuspend", wait_suspend, 0},
    {"nanosleep", wait_sleep, 0},
    {"clock_nanosleep", wait_clock, 0},
    {"clock_nanosleep until", wait_until, 0},
    {"sigtimedwait", wait_signal, 0},
};

static void interrupted(void) {
  test_case("interrupted by a handler");
  set_handler(SIGUSR1, 0);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
    say("%s: ", calls[i].name);
    const pid_t sender = start_sender(0);
    const long result = calls[i].wait();
    stop_sender(sender);
    say("%s, run %d\n", outcome(result), runs > 0);
  }
  sleeper = fork();
  if (sleeper == 0) {
    for (;;) pause();
  }
  pid_t sender = start_sender(0);
  say("waitpid: %s\n", outcome(wait_child()));
  stop_sender(sender);

  test_case("a write that is interrupted half way");
  sender = start_sender(0);
  say("%ld of 73728 go into an empty pipe, ", wait_full_pipe());
  say("then: %s\n", outcome(wait_full_pipe()));
  stop_sender(sender);
  static char drain[65536];
  require(read(ends[0], drain, sizeof drain) > 0);

  test_case("begun again with SA_RESTART");
  set_handler(SIGUSR1, SA_RESTART);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
    say("%s: ", calls[i].name);
    // What is not begun again must not wait for the byte.
    sender = start_sender(calls[i].restarts);
    const long result = calls[i].wait();
    const int seen = runs;
    if (calls[i].wait == wait_futex) require(read(ends[0], &byte, 1) == 1);
    stop_sender(sender);
    say("%s, %s\n", outcome(result),
        calls[i].restarts ? (seen >= 3 ? "three signals" : "too early") : "at once");
  }
  require(kill(sleeper, SIGKILL) == 0);
  require(waitpid(sleeper, NULL, 0) == sleeper);
}

static void stopping(void) {
  test_case("stopped and continued is not interrupted");
  const pid_t child = fork();
  require(child >= 0);
  if (child == 0) {
    const long result = wait_read();
    say("child: read %ld, sleeps: ", result);
    const struct timespec time = {0, 50000000};
    say("%s\n", outcome(error_or(nanosleep(&time, NULL))));
    _exit(0);
  }
  int status;
  pause_ms(20);
  require(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child);
  require(kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child);
  pause_ms(20);
  require(write(ends[1], "y", 1) == 1);
  require(waitpid(child, &status, 0) == child);
  say("%s\n", status_text(status));
}

static void ignored_signals(void) {
  test_case("an ignored signal does not interrupt");
  signal(SIGUSR1, SIG_IGN);
  const pid_t sender = start_sender(1);
  say("read: %ld\n", wait_read());
  stop_sender(sender);
}

static void timers(void) {
  test_case("interval timers");
  runs = 0;
  set_handler(SIGALRM, 0);
  struct itimerval value = {{0, 5000}, {0, 5000}};
  struct itimerval old;
  say("set: %s\n", outcome(error_or(setitimer(ITIMER_REAL, &value, NULL))));
  for (int i = 0; i < 3; ++i) pause();
  value = (struct itimerval){{0, 0}, {0, 0}};
  say("off: %s", outcome(error_or(setitimer(ITIMER_REAL, &value, &old))));
  say(", three times %d, interval %ld\n", runs >= 3, (long)old.it_interval.tv_usec);
  runs = 0;
  value.it_value.tv_sec = 100;
  require(setitimer(ITIMER_REAL, &value, NULL) == 0);
  require(getitimer(ITIMER_REAL, &old) == 0);
  say("left %d, once %d\n", old.it_value.tv_sec >= 98 && old.it_value.tv_sec <= 100,
      old.it_interval.tv_sec == 0);
  say("alarm tells what was left: %d", alarm(0) >= 98);
  say(", nothing left: %u\n", alarm(0));
  value.it_value.tv_usec = 1000000;
  say("microseconds: %s\n", outcome(call(setitimer, (long)ITIMER_REAL, &value, NULL)));
  say("which: %s, %s\n", outcome(call(setitimer, 3L, &old, NULL)),
      outcome(call(getitimer, -1L, &old)));
  say("from nowhere: %s, to nowhere: %s\n", outcome(call(setitimer, (long)ITIMER_REAL, 8L, NULL)),
      outcome(call(getitimer, (long)ITIMER_REAL, 8L)));
  value = (struct itimerval){{0, 0}, {0, 2000}};
  require(setitimer(ITIMER_REAL, &value, NULL) == 0);
  while (runs == 0) pause_ms(1);
  pause_ms(10);
  say("once: %d\n", runs);
  const pid_t child = fork();
  if (child == 0) {
    require(getitimer(ITIMER_REAL, &old) == 0);
    _exit(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0 ? 0 : 1);
  }
  int status;
  require(waitpid(child, &status, 0) == child);
  say("not inherited: %s\n", status_text(status));
  signal(SIGALRM, SIG_DFL);
  const pid_t dies = fork();
  if (dies == 0) {
    alarm(1);
    for (;;) pause();
  }
  require(waitpid(dies, &status, 0) == dies);
  say("alarm without a handler: %s\n", status_text(status));
  // Time in the processor: the program must work for the timer to run out.
  signal(SIGVTALRM, SIG_DFL);
  const pid_t works = fork();
  if (works == 0) {
    value = (struct itimerval){{0, 0}, {0, 20000}};
    require(setitimer(ITIMER_VIRTUAL, &value, NULL) == 0);
    for (;;) __asm__ volatile("" ::: "memory");
  }
  require(waitpid(works, &status, 0) == works);
  say("time used: %s\n", status_text(status));
}

static void broken_pipe(void) {
  test_case("SIGPIPE");
  int other[2];
  require(pipe(other) == 0);
  close(other[0]);
  set_handler(SIGPIPE, 0);
  runs = 0;
  say("handler: %s, run %d\n", outcome(error_or(write(other[1], "x", 1))), runs);
  signal(SIGPIPE, SIG_IGN);
  say("ignored: %s\n", outcome(error_or(write(other[1], "x", 1))));
  say("nothing written: %s\n", outcome(error_or(write(other[1], "x", 0))));
  signal(SIGPIPE, SIG_DFL);
  const pid_t child = fork();
  if (child == 0) {
    (void)!write(other[1], "x", 1);
    _exit(1);
  }
  int status;
  require(waitpid(child, &status, 0) == child);
  say("default: %s\n", status_text(status));
}

static volatile int child_signals;
static volatile int child_code;
static void on_child(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)context;
  ++child_signals;
  child_code = info->si_code * 1000 + info->si_status;
}

static void children(void) {
  test_case("SIGCHLD");
  struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  require(sigaction(SIGCHLD, &action, NULL) == 0);
  sigset_t set;
  sigset_t old;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, &old);
  const pid_t child = fork();
  if (child == 0) {
    raise(SIGSTOP);
    _exit(7);
  }
  sigsuspend(&old);
  say("stopped: %d, %d\n", child_signals, child_code);
  kill(child, SIGCONT);
  // The two may become one signal, which tells of the first.
  siginfo_t end = {0};
  sigset_t waiting;
  do {
    sigsuspend(&old);
    require(waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT | WNOHANG) == 0);
    sigpending(&waiting);
  } while (end.si_pid != child || sigismember(&waiting, SIGCHLD));
  say("continued, exited: %d\n", end.si_code * 1000 + end.si_status);
  say("told of one of them: %d\n",
      child_code == CLD_CONTINUED * 1000 + SIGCONT || child_code == CLD_EXITED * 1000 + 7);
  require(waitpid(child, NULL, 0) == child);
  action.sa_flags |= SA_NOCLDSTOP;
  require(sigaction(SIGCHLD, &action, NULL) == 0);
  child_signals = 0;
  const pid_t other = fork();
  if (other == 0) {
    raise(SIGSTOP);
    _exit(8);
  }
  int status;
  require(waitpid(other, &status, WUNTRACED) == other);
  sigset_t pending;
  sigpending(&pending);
  say("no signal for a stop: %d\n", sigismember(&pending, SIGCHLD));
  kill(other, SIGKILL);
  sigsuspend(&old);
  say("killed: %d, %d\n", child_signals, child_code);
  require(waitpid(other, &status, 0) == other);
  sigprocmask(SIG_SETMASK, &old, NULL);
  signal(SIGCHLD, SIG_DFL);
}

int main(void) {
  sigemptyset(&nothing_blocked);
  futex_word = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(futex_word != MAP_FAILED && pipe(ends) == 0);
  interrupted();
  stopping();
  ignored_signals();
  timers();
  broken_pipe();
  children();
  return 0;
}
