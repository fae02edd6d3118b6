// Signals: sending, blocking, waiting, handlers and their flags.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "case.h"

static volatile int runs;
static volatile int last;
static volatile int depth;
static volatile int deepest;
static char order[64];
static volatile int order_length;

static void counts(int number) {
  ++runs;
  last = number;
  if (order_length < 60) order[order_length++] = (char)('A' + number);
}

static void nests(int number) {
  ++depth;
  if (depth > deepest) deepest = depth;
  ++runs;
  if (runs < 3) raise(number);
  --depth;
}

static void set_handler(int number, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigemptyset(&action.sa_mask);
  require(sigaction(number, &action, NULL) == 0);
}

static void reset(void) {
  runs = last = depth = deepest = order_length = 0;
  memset(order, 0, sizeof order);
}

static sigset_t set_of(int first, int second) {
  sigset_t set;
  sigemptyset(&set);
  if (first != 0) sigaddset(&set, first);
  if (second != 0) sigaddset(&set, second);
  return set;
}

static const char* what_is_set(int number) {
  struct sigaction action;
  if (sigaction(number, NULL, &action) != 0) return error_name(errno);
  return action.sa_handler == SIG_DFL   ? "default"
         : action.sa_handler == SIG_IGN ? "ignored"
                                        : "caught";
}

static void errors(void) {
  test_case("errors");
  struct sigaction action = {.sa_handler = SIG_IGN};
  for (int number = -1; number <= 66; number += number < 33 ? 1 : 16) {
    if (number == 32 || number == 33) continue;  // the library keeps them
    say("%d: %s", number, outcome(call(rt_sigaction, (long)number, NULL, NULL, 8L)));
    say(" %s\n",
        outcome(call(kill, (long)getpid(), number > 0 && number < 65 ? 0L : (long)number)));
  }
  say("catching SIGKILL: %s\n", outcome(error_or(sigaction(SIGKILL, &action, NULL))));
  say("catching SIGSTOP: %s\n", outcome(error_or(sigaction(SIGSTOP, &action, NULL))));
  say("size of the set: %s\n", outcome(call(rt_sigaction, (long)SIGUSR1, NULL, NULL, 4L)));
  say("set from nowhere: %s\n", outcome(call(rt_sigprocmask, (long)SIG_BLOCK, 8L, NULL, 8L)));
  say("set to nowhere: %s\n", outcome(call(rt_sigprocmask, (long)SIG_BLOCK, NULL, 8L, 8L)));
  sigset_t none = set_of(0, 0);
  say("how: %s\n", outcome(call(rt_sigprocmask, 7L, &none, NULL, 8L)));
  say("how, with nothing to do: %s\n", outcome(call(rt_sigprocmask, 7L, NULL, NULL, 8L)));
  say("action from nowhere: %s\n", outcome(call(rt_sigaction, (long)SIGUSR1, 8L, NULL, 8L)));
  say("action to nowhere: %s\n", outcome(call(rt_sigaction, (long)SIGUSR1, NULL, 8L, 8L)));
  say("pending to nowhere: %s\n", outcome(call(rt_sigpending, 8L, 8L)));
  say("nobody: %s\n", outcome(call(kill, 12345678L, 0L)));
  say("a thread of another process: %s\n",
      outcome(call(tgkill, (long)getpid(), (long)getppid(), 0L)));
  say("thread 0: %s, thread -1: %s\n", outcome(call(tgkill, (long)getpid(), 0L, 0L)),
      outcome(call(tkill, -1L, 0L)));
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
  say("forged for another: %s\n",
      outcome(call(rt_sigqueueinfo, (long)getppid(), (long)SIGUSR1, &info)));
}

static void masks(void) {
  test_case("blocked signals wait, standard ones once, in order");
  reset();
  set_handler(SIGUSR1, counts, 0);
  set_handler(SIGUSR2, counts, 0);
  set_handler(SIGHUP, counts, 0);
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  require(sigprocmask(SIG_SETMASK, &all, &old) == 0);
  raise(SIGUSR2);
  raise(SIGUSR1);
  raise(SIGUSR1);
  raise(SIGHUP);
  sigset_t pending;
  sigpending(&pending);
  say("pending: SIGHUP %d SIGUSR1 %d SIGUSR2 %d SIGTERM %d, run %d\n",
      sigismember(&pending, SIGHUP), sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2),
      sigismember(&pending, SIGTERM), runs);
  require(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
  // The frames are stacked lowest number first, so the highest runs first.
  say("run %d: %s\n", runs, order);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("nothing blocked: %d\n", sigismember(&now, SIGUSR1) + sigismember(&now, SIGHUP));
  say("SIGKILL and SIGSTOP cannot be: ");
  uint64_t raw = ~0ull;
  uint64_t seen = 0;
  call(rt_sigprocmask, (long)SIG_SETMASK, &raw, NULL, 8L);
  call(rt_sigprocmask, (long)SIG_SETMASK, NULL, &seen, 8L);
  say("%016lx\n", (unsigned long)seen);
  sigprocmask(SIG_SETMASK, &old, NULL);

  test_case("real-time signals queue");
  reset();
  set_handler(40, counts, 0);
  set_handler(41, counts, 0);
  sigset_t both = set_of(40, 41);
  sigprocmask(SIG_BLOCK, &both, NULL);
  for (int i = 0; i < 5; ++i) raise(i == 2 ? 41 : 40);
  sigprocmask(SIG_UNBLOCK, &both, NULL);
  say("run %d: %s\n", runs, order);

  test_case("ignoring discards what waits");
  reset();
  sigset_t one = set_of(SIGUSR1, 0);
  sigprocmask(SIG_BLOCK, &one, NULL);
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  sigpending(&pending);
  say("pending %d", sigismember(&pending, SIGUSR1));
  raise(SIGUSR1);
  sigpending(&pending);
  say(", raised while ignored and blocked: %d", sigismember(&pending, SIGUSR1));
  set_handler(SIGUSR1, counts, 0);
  sigprocmask(SIG_UNBLOCK, &one, NULL);
  say(", run %d\n", runs);
}

static void mask_in_handler(int number) {
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("in %s: itself %d, SIGUSR2 %d, SIGHUP %d\n", signal_name(number), sigismember(&now, number),
      sigismember(&now, SIGUSR2), sigismember(&now, SIGHUP));
  ++runs;
}

static void flags(void) {
  test_case("flags of a handler");
  reset();
  set_handler(SIGUSR1, nests, 0);
  raise(SIGUSR1);
  say("plain: run %d, deepest %d\n", runs, deepest);
  reset();
  set_handler(SIGUSR1, nests, SA_NODEFER);
  raise(SIGUSR1);
  say("SA_NODEFER: run %d, deepest %d\n", runs, deepest);
  reset();
  set_handler(SIGUSR1, counts, (int)SA_RESETHAND);
  raise(SIGUSR1);
  say("SA_RESETHAND: run %d, then %s\n", runs, what_is_set(SIGUSR1));
  struct sigaction action = {.sa_handler = mask_in_handler};
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGUSR2);
  require(sigaction(SIGUSR1, &action, NULL) == 0);
  raise(SIGUSR1);
  action.sa_flags = SA_NODEFER;
  require(sigaction(SIGUSR1, &action, NULL) == 0);
  raise(SIGUSR1);
  struct sigaction old;
  require(sigaction(SIGUSR1, NULL, &old) == 0);
  say("read back: the handler %d, flags 0x%x, mask SIGUSR2 %d SIGHUP %d\n",
      old.sa_handler == mask_in_handler, (unsigned)old.sa_flags & ~0x04000000u,
      sigismember(&old.sa_mask, SIGUSR2), sigismember(&old.sa_mask, SIGHUP));
}

static void told(int number, siginfo_t* info, void* context) {
  (void)context;
  const char* const code = info->si_code == SI_USER      ? "SI_USER"
                           : info->si_code == SI_TKILL   ? "SI_TKILL"
                           : info->si_code == SI_QUEUE   ? "SI_QUEUE"
                           : info->si_code == CLD_EXITED ? "CLD_EXITED"
                                                         : "another code";
  say("%s: number %d, %s, from me %d, own user %d, value %d, errno %d\n", signal_name(number),
      info->si_signo == number, code, info->si_pid == getpid(), info->si_uid == getuid(),
      info->si_code == SI_QUEUE ? info->si_value.sival_int : 0, info->si_errno);
  ++runs;
}

static void with_info(int number) {
  struct sigaction action = {.sa_sigaction = told, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  require(sigaction(number, &action, NULL) == 0);
}

static void information(void) {
  test_case("who sent it");
  with_info(SIGUSR1);
  with_info(40);
  require(kill(getpid(), SIGUSR1) == 0);
  require(call(tgkill, (long)getpid(), (long)gettid(), (long)SIGUSR1) == 0);
  require(call(tkill, (long)gettid(), (long)SIGUSR1) == 0);
  require(sigqueue(getpid(), 40, (union sigval){.sival_int = 1234}) == 0);
  const pid_t child = fork();
  if (child == 0) {
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  while (waitpid(child, NULL, 0) < 0) {
  }
}

static void waiting(void) {
  test_case("sigtimedwait");
  sigset_t set = set_of(SIGUSR1, 40);
  siginfo_t info;
  const struct timespec zero = {0, 0};
  const struct timespec soon = {0, 1000000};
  const struct timespec odd = {0, 1000000000};
  signal(SIGUSR1, SIG_DFL);
  sigprocmask(SIG_BLOCK, &set, NULL);
  say("nothing, at once: %s\n", outcome(error_or(sigtimedwait(&set, &info, &zero))));
  say("nothing, soon: %s\n", outcome(error_or(sigtimedwait(&set, &info, &soon))));
  say("no time: %s\n", outcome(error_or(sigtimedwait(&set, &info, &odd))));
  require(sigqueue(getpid(), 40, (union sigval){.sival_int = 7}) == 0);
  require(sigqueue(getpid(), 40, (union sigval){.sival_int = 8}) == 0);
  require(kill(getpid(), SIGUSR1) == 0);
  for (int i = 0; i < 4; ++i) {
    const int number = sigtimedwait(&set, &info, &zero);
    say("%s", number > 0 ? signal_name(number) : error_name(errno));
    if (number == 40) say(" value %d", info.si_value.sival_int);
    say("\n");
  }
  say("set from nowhere: %s\n", outcome(call(rt_sigtimedwait, 8L, &info, &zero, 8L)));
  require(kill(getpid(), SIGUSR1) == 0);
  say("information to nowhere: %s\n", outcome(call(rt_sigtimedwait, &set, 8L, &zero, 8L)));
  say("size: %s\n", outcome(call(rt_sigtimedwait, &set, &info, &zero, 16L)));
  const pid_t child = fork();
  if (child == 0) {
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  int number;
  while ((number = sigwaitinfo(&set, &info)) < 0) {
  }
  say("from a child: %s, its number %d\n", signal_name(number), info.si_pid == child);
  require(waitpid(child, NULL, 0) == child);

  test_case("sigsuspend");
  reset();
  set_handler(SIGUSR1, counts, 0);
  sigset_t open_set;
  sigfillset(&open_set);
  sigdelset(&open_set, SIGUSR1);
  require(kill(getpid(), SIGUSR1) == 0);
  say("before: run %d\n", runs);
  say("%s, run %d\n", outcome(error_or(sigsuspend(&open_set))), runs);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("blocked again: %d\n", sigismember(&now, SIGUSR1));
  say("size: %s\n", outcome(call(rt_sigsuspend, &open_set, 4L)));
  say("nowhere: %s\n", outcome(call(rt_sigsuspend, 8L, 8L)));
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int dies_of(void* number) {
  raise((int)(long)number);
  return 1;
}

static void defaults(void) {
  test_case("what happens without a handler");
  for (int number = 1; number < 32; ++number) {
    if (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU) continue;
    signal(number, SIG_DFL);
    say("%s: %s\n", signal_name(number),
        status_text(in_child(dies_of, (void*)(long)number) & ~0x80));
  }
}

int main(void) {
  errors();
  masks();
  flags();
  information();
  waiting();
  defaults();
  return 0;
}
