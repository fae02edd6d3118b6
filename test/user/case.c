#include "case.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

void test_case(const char* name) {
  say("== %s\n", name);
}

static char line[2048];
static size_t filled;

static void flush_line(void) {
  for (size_t done = 0; done < filled;) {
    const ssize_t count = write(1, line + done, filled - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) _exit(250);
    done += (size_t)count;
  }
  filled = 0;
}

void say(const char* format, ...) {
  const int kept = errno;
  va_list arguments;
  va_start(arguments, format);
  const int count = vsnprintf(line + filled, sizeof line - filled, format, arguments);
  va_end(arguments);
  if (count > 0) filled += (size_t)count;
  if (filled >= sizeof line) filled = sizeof line - 1;
  if (filled > 0 && line[filled - 1] == '\n') flush_line();
  if (filled == sizeof line - 1) flush_line();
  errno = kept;
}

const char* error_name(int error) {
  static const struct {
    int number;
    const char* name;
  } names[] = {
      {EPERM, "EPERM"},
      {ENOENT, "ENOENT"},
      {ESRCH, "ESRCH"},
      {EINTR, "EINTR"},
      {EIO, "EIO"},
      {ENXIO, "ENXIO"},
      {E2BIG, "E2BIG"},
      {ENOEXEC, "ENOEXEC"},
      {EBADF, "EBADF"},
      {ECHILD, "ECHILD"},
      {EAGAIN, "EAGAIN"},
      {ENOMEM, "ENOMEM"},
      {EACCES, "EACCES"},
      {EFAULT, "EFAULT"},
      {EBUSY, "EBUSY"},
      {EEXIST, "EEXIST"},
      {EXDEV, "EXDEV"},
      {ENODEV, "ENODEV"},
      {ENOTDIR, "ENOTDIR"},
      {EISDIR, "EISDIR"},
      {EINVAL, "EINVAL"},
      {ENFILE, "ENFILE"},
      {EMFILE, "EMFILE"},
      {ENOTTY, "ENOTTY"},
      {ETXTBSY, "ETXTBSY"},
      {EFBIG, "EFBIG"},
      {ENOSPC, "ENOSPC"},
      {ESPIPE, "ESPIPE"},
      {EROFS, "EROFS"},
      {EMLINK, "EMLINK"},
      {EPIPE, "EPIPE"},
      {EDOM, "EDOM"},
      {ERANGE, "ERANGE"},
      {EDEADLK, "EDEADLK"},
      {ENAMETOOLONG, "ENAMETOOLONG"},
      {ENOSYS, "ENOSYS"},
      {ENOTEMPTY, "ENOTEMPTY"},
      {ELOOP, "ELOOP"},
      {ELIBBAD, "ELIBBAD"},
      {EOVERFLOW, "EOVERFLOW"},
      {EOPNOTSUPP, "EOPNOTSUPP"},
      {ETIMEDOUT, "ETIMEDOUT"},
      {EOWNERDEAD, "EOWNERDEAD"},
      {ENOTRECOVERABLE, "ENOTRECOVERABLE"},
      {ENOTSOCK, "ENOTSOCK"},
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (names[i].number == error) return names[i].name;
  }
  static char number[16];
  snprintf(number, sizeof number, "error %d", error);
  return number;
}

const char* outcome(long result) {
  return result >= 0 ? "ok" : error_name((int)-result);
}

const char* signal_name(int number) {
  static const char* const names[] = {
      "none",    "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
      "SIGFPE",  "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
      "SIG16",   "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
      "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};
  if (number >= 0 && number < 32) return names[number];
  static char text[16];
  snprintf(text, sizeof text, "SIG%d", number);
  return text;
}

const char* status_text(int status) {
  static char text[2][48];
  static int turn;
  char* const into = text[turn ^= 1];
  if (WIFEXITED(status)) {
    snprintf(into, sizeof text[0], "exit %d", WEXITSTATUS(status));
  } else if (WIFSIGNALED(status)) {
    snprintf(into, sizeof text[0], "signal %s", signal_name(WTERMSIG(status)));
  } else if (WIFSTOPPED(status)) {
    snprintf(into, sizeof text[0], "stopped %s", signal_name(WSTOPSIG(status)));
  } else if (WIFCONTINUED(status)) {
    snprintf(into, sizeof text[0], "continued");
  } else {
    snprintf(into, sizeof text[0], "status 0x%x", (unsigned)status);
  }
  return into;
}

long error_or(long result) {
  return result == -1 ? -(long)errno : result;
}

// The kernel reads a path there: EFAULT when it may not. Any other answer is a yes.
static int readable(const char* at) {
  return call(faccessat, AT_FDCWD, at, F_OK) != -EFAULT;
}

// The kernel writes the eight bytes of the signal mask there.
static int writable(char* at) {
  uint64_t kept;
  memcpy(&kept, at, sizeof kept);
  const long result = call(rt_sigprocmask, SIG_SETMASK, NULL, at, sizeof kept);
  if (result == 0) memcpy(at, &kept, sizeof kept);
  return result == 0;
}

void page_states(const void* start, size_t count, char* text) {
  char* at = (char*)(uintptr_t)start;
  for (size_t i = 0; i < count; ++i, at += page_bytes) {
    unsigned char resident;
    if (call(mincore, at, (size_t)page_bytes, &resident) != 0) {
      text[i] = '.';
    } else if (!readable(at)) {
      text[i] = '-';
    } else {
      text[i] = writable(at) ? 'w' : 'r';
    }
  }
  text[count] = 0;
}

uint64_t hash_bytes(const void* start, size_t length, uint64_t seed) {
  const unsigned char* at = start;
  uint64_t hash = seed ^ 0xcbf29ce484222325u;
  for (size_t i = 0; i < length; ++i) hash = (hash ^ at[i]) * 0x100000001b3u;
  return hash;
}

uint64_t next_random(uint64_t* state) {
  uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

_Noreturn void give_up(const char* what) {
  say("\nthe test cannot go on: %s (%s)\n", what, error_name(errno));
  _exit(251);
}

int in_child(int (*body)(void*), void* argument) {
  const pid_t child = fork();
  require(child >= 0);
  if (child == 0) _exit(body(argument));
  int status = -1;
  pid_t waited;
  do {
    waited = waitpid(child, &status, 0);
  } while (waited < 0 && errno == EINTR);
  require(waited == child);
  return status;
}
