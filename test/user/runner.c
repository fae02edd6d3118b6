// runner [-u USER] [-t SECONDS] PROGRAM...: runs the test programs of its own folder one after the
// other, each in a session of its own, with that folder as its working directory, standard input at
// its end and standard error where standard output is. Before each the line "@@ run NAME", after it
// "@@ end NAME STATUS". One that runs for longer than SECONDS (60) is killed with its process
// group.
//
// With -u the programs run as that user, so that a privileged user gets the answers of a plain one.
//
// No signal is ignored in them, though whoever starts the runner may ignore some: a shell does for
// what it runs in the background.
//
// It needs little of a system: fork, execve, wait4, kill, clocks, and signals to be set to what
// they are. No pipes, no handlers, no threads.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "case.h"

static void start(const char* program, long user) {
  char path[256];
  snprintf(path, sizeof path, "./%s", program);
  setsid();
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0) {
    dup2(null, 0);
    if (null > 2) close(null);
  }
  dup2(1, 2);
  for (int fd = 3; fd < 256; ++fd) close(fd);
  if (user > 0 && (setgid((gid_t)user) != 0 || setuid((uid_t)user) != 0)) give_up("setuid");
  char* const arguments[] = {path, NULL};
  char* const environment[] = {"PATH=/bin", NULL};
  execve(path, arguments, environment);
  say("%s: %s\n", path, error_name(errno));
  _exit(127);
}

static int wait_for(pid_t child, time_t seconds) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const time_t last = now.tv_sec + seconds;
  int status = -1;
  for (long pause = 200000;;) {
    const pid_t waited = waitpid(child, &status, WNOHANG);
    if (waited == child || (waited < 0 && errno != EINTR)) return status;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec > last) {
      say("\nkilled after %ld seconds\n", (long)seconds);
      kill(-child, SIGKILL);
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return status;
    }
    nanosleep(&(struct timespec){0, pause}, NULL);
    if (pause < 20000000) pause *= 2;
  }
}

int main(int argc, char** argv) {
  long user = 0;
  time_t seconds = 60;
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
    if (argv[at][1] == 'u') user = atol(argv[at + 1]);
    if (argv[at][1] == 't') seconds = atol(argv[at + 1]);
  }
  char folder[256];
  snprintf(folder, sizeof folder, "%s", argv[0]);
  char* const slash = strrchr(folder, '/');
  if (slash != NULL) {
    slash[slash == folder] = 0;
    if (chdir(folder) != 0) give_up(folder);
  }
  for (; at < argc; ++at) {
    say("@@ run %s\n", argv[at]);
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child == 0) start(argv[at], user);
    const int status = wait_for(child, seconds);
    say("@@ end %s %s\n", argv[at], status_text(status));
  }
  return 0;
}
