// wait4 and waitid: which children, which changes, how they are told; groups and sessions.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "case.h"

static pid_t start_exit(int code) {
  const pid_t child = fork();
  require(child >= 0);
  if (child == 0) _exit(code);
  return child;
}

// A child that sleeps until it is killed.
static pid_t start_sleeper(void) {
  const pid_t child = fork();
  require(child >= 0);
  if (child == 0) {
    for (;;) pause();
  }
  return child;
}

static const char* child_code(int code) {
  switch (code) {
    case CLD_EXITED: return "exited";
    case CLD_KILLED: return "killed";
    case CLD_DUMPED: return "dumped";
    case CLD_STOPPED: return "stopped";
    case CLD_CONTINUED: return "continued";
    default: return "no code";
  }
}

static void encodings(void) {
  test_case("statuses");
  static const int codes[] = {0, 1, 127, 128, 255, 256, 257, -1};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; ++i) {
    int status = -1;
    const pid_t child = start_exit(codes[i]);
    require(wait4(child, &status, 0, NULL) == child);
    say("exit(%d): 0x%04x\n", codes[i], (unsigned)status);
  }
  // Without the bit for a core file, which depends on the machine's limits.
  static const int signals[] = {SIGHUP,  SIGINT,  SIGKILL, SIGUSR1, SIGPIPE,
                                SIGALRM, SIGTERM, SIGABRT, SIGSEGV, 40};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
    int status = -1;
    const pid_t child = start_sleeper();
    require(kill(child, signals[i]) == 0);
    require(wait4(child, &status, 0, NULL) == child);
    say("%s: 0x%04x %s\n", signal_name(signals[i]), (unsigned)status & ~0x80u, status_text(status));
  }
}

static void errors(void) {
  test_case("errors without children");
  int status = 77;
  say("any: %s\n", outcome(call(wait4, -1L, &status, 0L, NULL)));
  say("any, without waiting: %s\n", outcome(call(wait4, -1L, &status, (long)WNOHANG, NULL)));
  say("own group: %s\n", outcome(call(wait4, 0L, &status, 0L, NULL)));
  say("itself: %s\n", outcome(call(wait4, (long)getpid(), &status, 0L, NULL)));
  say("parent: %s\n", outcome(call(wait4, (long)getppid(), &status, 0L, NULL)));
  say("a group of nobody: %s\n", outcome(call(wait4, -12345678L, &status, 0L, NULL)));
  say("the least number: %s\n", outcome(call(wait4, -2147483648L, &status, 0L, NULL)));
  say("unknown option: %s\n", outcome(call(wait4, -1L, &status, 0x100L, NULL)));
  say("status untouched: %d\n", status);
  siginfo_t info;
  say("waitid of nothing: %s\n", outcome(call(waitid, (long)P_ALL, 0L, &info, 0L, NULL)));
  say("waitid any: %s\n", outcome(call(waitid, (long)P_ALL, 0L, &info, (long)WEXITED, NULL)));
  say("waitid of no kind: %s\n", outcome(call(waitid, 99L, 1L, &info, (long)WEXITED, NULL)));
  say("waitid pid 0: %s\n", outcome(call(waitid, (long)P_PID, 0L, &info, (long)WEXITED, NULL)));
  say("waitid pid -1: %s\n", outcome(call(waitid, (long)P_PID, -1L, &info, (long)WEXITED, NULL)));
  say("waitid group -1: %s\n",
      outcome(call(waitid, (long)P_PGID, -1L, &info, (long)WEXITED, NULL)));
  say("waitid options: %s\n",
      outcome(call(waitid, (long)P_ALL, 0L, &info, (long)(WEXITED | 0x100), NULL)));

  test_case("pointers that lead nowhere");
  pid_t child = start_exit(3);
  say("status: %s\n", outcome(call(wait4, (long)child, 8L, 0L, NULL)));
  say("then: %s\n", outcome(call(wait4, (long)child, &status, (long)WNOHANG, NULL)));
  child = start_exit(3);
  say("usage: %s\n", outcome(call(wait4, (long)child, &status, 0L, 8L)));
  child = start_exit(3);
  say("waitid: %s\n", outcome(call(waitid, (long)P_PID, (long)child, 8L, (long)WEXITED, NULL)));
  say("left: %s\n", outcome(call(wait4, -1L, &status, (long)WNOHANG, NULL)));
}

static void tell(const char* text, long result, const siginfo_t* info, pid_t child) {
  say("%s: %s, %s", text, outcome(result),
      info->si_signo == 0 ? "nothing" : signal_name(info->si_signo));
  if (info->si_signo != 0) {
    say(", %s %d, its number %d, own user %d", child_code(info->si_code), info->si_status,
        info->si_pid == child, info->si_uid == getuid());
  }
  say("\n");
}

static void waitid_looks(void) {
  siginfo_t info;
  struct rusage usage;
  test_case("waitid");
  pid_t child = start_exit(9);
  memset(&info, 0, sizeof info);
  tell("look", call(waitid, (long)P_PID, (long)child, &info, (long)(WEXITED | WNOWAIT), NULL),
       &info, child);
  memset(&info, 0, sizeof info);
  tell("take", call(waitid, (long)P_PID, (long)child, &info, (long)WEXITED, &usage), &info, child);
  memset(&info, 0, sizeof info);
  tell("again", call(waitid, (long)P_PID, (long)child, &info, (long)WEXITED, NULL), &info, child);
  child = start_sleeper();
  memset(&info, 0x11, sizeof info);
  say("nothing yet: %s",
      outcome(call(waitid, (long)P_PID, (long)child, &info, (long)(WEXITED | WNOHANG), NULL)));
  say(", signal %d, number %d\n", info.si_signo, info.si_pid);
  require(kill(child, SIGSTOP) == 0);
  tell("stopped", call(waitid, (long)P_PID, (long)child, &info, (long)WSTOPPED, NULL), &info,
       child);
  say("told once: %s\n",
      outcome(call(waitid, (long)P_PID, (long)child, &info, (long)(WSTOPPED | WNOHANG), NULL)));
  say("exited only: %s\n",
      outcome(call(waitid, (long)P_PID, (long)child, &info, (long)(WEXITED | WNOHANG), NULL)));
  require(kill(child, SIGCONT) == 0);
  tell("continued", call(waitid, (long)P_PID, (long)child, &info, (long)WCONTINUED, NULL), &info,
       child);
  require(kill(child, SIGTERM) == 0);
  tell("killed", call(waitid, (long)P_ALL, 0L, &info, (long)WEXITED, NULL), &info, child);
}

static void stopped_and_continued(void) {
  test_case("stopped and continued");
  int status = 0;
  // This process leads its session: nobody could continue a group of it, so terminal stops are
  // void.
  const pid_t orphan = start_sleeper();
  require(kill(orphan, SIGTSTP) == 0 && kill(orphan, SIGTTIN) == 0 && kill(orphan, SIGTTOU) == 0);
  require(kill(orphan, SIGUSR1) == 0);
  require(wait4(orphan, &status, WUNTRACED, NULL) == orphan);
  say("SIGTSTP in an orphaned group: %s\n", status_text(status));

  const pid_t child = start_sleeper();
  require(setpgid(child, child) == 0);
  say("running: %ld\n", call(wait4, (long)child, &status, (long)(WNOHANG | WUNTRACED), NULL));
  require(kill(child, SIGTSTP) == 0);
  require(wait4(child, &status, WUNTRACED, NULL) == child);
  say("%s 0x%04x\n", status_text(status), (unsigned)status);
  say("only once: %ld\n", call(wait4, (long)child, &status, (long)(WNOHANG | WUNTRACED), NULL));
  say("without asking: %ld\n", call(wait4, (long)child, &status, (long)WNOHANG, NULL));
  require(kill(child, SIGTERM) == 0);
  say("a stopped process dies of nothing but SIGKILL: %ld\n",
      call(wait4, (long)child, &status, (long)WNOHANG, NULL));
  require(kill(child, SIGCONT) == 0);
  require(wait4(child, &status, 0, NULL) == child);
  say("%s\n", status_text(status));

  const pid_t other = start_sleeper();
  require(kill(other, SIGSTOP) == 0);
  require(wait4(other, &status, WUNTRACED, NULL) == other);
  require(kill(other, SIGCONT) == 0);
  require(wait4(other, &status, WCONTINUED, NULL) == other);
  say("%s 0x%04x\n", status_text(status), (unsigned)status);
  require(kill(other, SIGSTOP) == 0);
  require(wait4(other, &status, WUNTRACED, NULL) == other);
  require(kill(other, SIGKILL) == 0);
  require(wait4(other, &status, 0, NULL) == other);
  say("stopped, then %s\n", status_text(status));
}

static void zombies(void) {
  test_case("zombies");
  int status;
  siginfo_t info;
  const pid_t child = start_exit(5);
  require(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
  say("a signal to it: %s\n", outcome(call(kill, (long)child, 0L)));
  say("its group: %d\n", getpgid(child) == getpgid(0));
  say("SIGKILL: %s\n", outcome(call(kill, (long)child, (long)SIGKILL)));
  require(wait4(child, &status, 0, NULL) == child);
  say("%s\n", status_text(status));
  say("gone: %s, %s\n", outcome(call(kill, (long)child, 0L)), outcome(call(getpgid, (long)child)));

  test_case("nobody waits when SIGCHLD is ignored");
  signal(SIGCHLD, SIG_IGN);
  const pid_t lost = start_exit(1);
  say("%s\n", outcome(call(wait4, (long)lost, &status, 0L, NULL)));
  signal(SIGCHLD, SIG_DFL);
  struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
  require(sigaction(SIGCHLD, &action, NULL) == 0);
  const pid_t unwanted = start_exit(1);
  say("%s\n", outcome(call(wait4, (long)unwanted, &status, 0L, NULL)));
  action.sa_flags = 0;
  require(sigaction(SIGCHLD, &action, NULL) == 0);
}

static void groups(void) {
  test_case("process groups");
  int status;
  const pid_t me = getpid();
  say("leader of a session: %d, of a group: %d\n", getsid(0) == me, getpgid(0) == me);
  const pid_t first = start_sleeper();
  const pid_t second = start_sleeper();
  say("own group: %s", outcome(call(setpgid, (long)first, 0L)));
  say(" %d\n", getpgid(first) == first);
  say("joined: %s", outcome(call(setpgid, (long)second, (long)first)));
  say(" %d\n", getpgid(second) == first);
  say("a group of nobody: %s\n", outcome(call(setpgid, (long)second, 12345678L)));
  say("negative: %s\n", outcome(call(setpgid, (long)second, -1L)));
  say("somebody else: %s\n", outcome(call(setpgid, 12345678L, 0L)));
  say("a session's leader: %s\n", outcome(call(setpgid, 0L, (long)first)));
  say("in another group nothing: %s\n", outcome(call(wait4, 0L, &status, (long)WNOHANG, NULL)));
  say("in that group: %ld\n", call(wait4, -(long)first, &status, (long)WNOHANG, NULL));
  require(kill(-first, SIGUSR2) == 0);
  for (int i = 0; i < 2; ++i) {
    const pid_t one = wait4(-first, &status, 0, NULL);
    require(one == first || one == second);
    say("%s\n", status_text(status));
  }
  say("empty: %s\n", outcome(call(kill, -(long)first, 0L)));
  const pid_t third = fork();
  require(third >= 0);
  if (third == 0) {
    say("a session of its own: %d", setsid() == getpid());
    say(", again: %s", outcome(call(setsid)));
    say(", group %d, session %d\n", getpgid(0) == getpid(), getsid(0) == getpid());
    _exit(0);
  }
  require(wait4(third, &status, 0, NULL) == third);
  say("getsid of nobody: %s, getpgid of nobody: %s, getpgid -1: %s\n",
      outcome(call(getsid, 12345678L)), outcome(call(getpgid, 12345678L)),
      outcome(call(getpgid, -1L)));
}

int main(void) {
  encodings();
  errors();
  waitid_looks();
  stopped_and_continued();
  zombies();
  groups();
  return 0;
}
