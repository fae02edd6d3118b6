// clone: which flags go together, and what each of those does that threads are made of.
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "case.h"

enum { stack_bytes = 64 * 1024 };

static char* stack_memory;

// A child that ends at once when its memory is its own.
static long try_flags(unsigned long flags) {
#ifdef __x86_64__
  const long child = call(clone, flags, 0L, NULL, NULL, 0L);
#else
  const long child = call(clone, flags, 0L, NULL, 0L, NULL);
#endif
  if (child == 0) _exit(0);
  return child;
}

static void refusals(void) {
  static const struct {
    const char* name;
    unsigned long flags;
  } cases[] = {
      {"handlers without memory", CLONE_SIGHAND},
      {"thread without handlers", CLONE_THREAD},
      {"thread without memory", CLONE_THREAD | CLONE_SIGHAND},
      {"file system context in a new namespace", CLONE_FS | CLONE_NEWNS},
      {"nothing", SIGCHLD},
      {"files", CLONE_FILES | SIGCHLD},
      {"file system context", CLONE_FS | SIGCHLD},
      {"parent's parent", CLONE_PARENT | SIGCHLD},
      {"detached, an old flag", CLONE_DETACHED | SIGCHLD},
      {"system V semaphores", CLONE_SYSVSEM | SIGCHLD},
  };
  test_case("flags");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const long child = try_flags(cases[i].flags);
    say("%s: %s", cases[i].name, outcome(child));
    if (child > 0 && (cases[i].flags & CLONE_PARENT) == 0) {
      int status;
      const long waited = call(wait4, child, &status, (long)__WALL, NULL);
      say(", %s", waited == child ? status_text(status) : outcome(waited));
    }
    say("\n");
  }
}

static int* shared_fd;  // in memory that is shared always

static int writes(void* argument) {
  *(int*)argument = 2;
  *shared_fd = open("/dev/null", O_RDONLY);
  umask(001);
  if (chdir("/") != 0) return 1;
  return 5;
}

static void run(const char* name, int flags) {
  int* const value = (int*)stack_memory;
  *value = 1;
  *shared_fd = -1;
  umask(022);
  const int home = open(".", O_RDONLY | O_DIRECTORY);
  require(home >= 0);
  pid_t parent_tid = -1;
  pid_t child_tid = -1;
  const pid_t child =
      clone(writes, stack_memory + stack_bytes, flags, value, &parent_tid, NULL, &child_tid);
  require(child > 0);
  int status = 0;
  const pid_t waited = waitpid(child, &status, __WALL);
  say("%s: %s, value %d", name, waited == child ? status_text(status) : error_name(errno), *value);
  say(", descriptor %s", outcome(error_or(fcntl(*shared_fd, F_GETFD))));
  close(*shared_fd);
  say(", umask %03o", umask(022));
  struct stat here;
  struct stat root;
  require(stat(".", &here) == 0 && stat("/", &root) == 0);
  say(", in the root %d", here.st_ino == root.st_ino && here.st_dev == root.st_dev);
  say(", told the parent %d, told in the child %d\n", parent_tid == child, child_tid == child);
  require(fchdir(home) == 0);
  close(home);
}

static void sharing(void) {
  test_case("what is shared");
  run("nothing", SIGCHLD);
  run("memory", CLONE_VM | CLONE_VFORK | SIGCHLD);
  run("descriptors", CLONE_FILES | SIGCHLD);
  run("file system context", CLONE_FS | SIGCHLD);
  run("number for the parent", CLONE_PARENT_SETTID | SIGCHLD);
  run("number in the child's memory", CLONE_CHILD_SETTID | SIGCHLD);
  run("number in shared memory", CLONE_CHILD_SETTID | CLONE_VM | CLONE_VFORK | SIGCHLD);
  run("cleared at the end",
      CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_VM | CLONE_VFORK | SIGCHLD);
  run("no signal at the end", 0);
  run("another signal at the end", SIGUSR1);
}

static int thread_number;

static int says_thread(void* argument) {
  volatile int* const seen = argument;
  seen[0] = getpid() == (pid_t)syscall(SYS_gettid);
  seen[1] = getppid();
  syscall(SYS_exit, 3);
  return 0;
}

static void thread(void) {
  test_case("a thread without a library");
  volatile int seen[2] = {-1, -1};
  pid_t parent_tid = 0;
  thread_number = 1;
  const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                    CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  const int tid = clone(says_thread, stack_memory + stack_bytes, flags, (void*)seen, &parent_tid,
                        NULL, &thread_number);
  require(tid > 0);
  // Woken when the thread is gone: its number is cleared then.
  for (;;) {
    const int now = __atomic_load_n(&thread_number, __ATOMIC_ACQUIRE);
    if (now == 0) break;
    syscall(SYS_futex, &thread_number, FUTEX_WAIT, now, NULL);
  }
  say("its number is the process's: %d, its parent the same: %d, told: %d, cleared: %d\n", seen[0],
      seen[1] == getppid(), parent_tid == tid, thread_number);
  say("not a child: %s\n", outcome(error_or(waitpid(tid, NULL, __WALL))));
}

static int signal_seen;
static void on_signal(int number) {
  signal_seen = number;
}

static void exit_signals(void) {
  test_case("the signal at the end of a child");
  signal(SIGUSR1, on_signal);
  const long child = try_flags(SIGUSR1);
  require(child > 0);
  int status;
  long waited;
  while ((waited = call(wait4, child, &status, (long)__WALL, NULL)) == -EINTR) {
  }
  say("waited for: %d, %s, signal %s\n", waited == child, status_text(status),
      signal_name(signal_seen));

  test_case("which waits see which child");
  static const struct {
    const char* name;
    long options;
  } waits[] = {
      {"plain", 0}, {"__WCLONE", __WCLONE}, {"__WALL", __WALL}, {"both", __WALL | __WCLONE}};
  static const int signals[] = {0, SIGCHLD, SIGUSR1};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
    const long one = try_flags(signals[i]);
    require(one > 0);
    siginfo_t info;
    while (call(waitid, (long)P_PID, one, &info, (long)(WEXITED | WNOWAIT | __WALL), NULL) != 0) {
    }
    for (size_t j = 0; j < sizeof waits / sizeof waits[0]; ++j) {
      const long options = WEXITED | WNOWAIT | WNOHANG | waits[j].options;
      say("%s, told by %s: %s\n", waits[j].name,
          signals[i] == 0 ? "nothing" : signal_name(signals[i]),
          outcome(call(waitid, (long)P_PID, one, &info, options, NULL)));
    }
    require(call(wait4, one, &status, (long)__WALL, NULL) == one);
  }
}

static void bad_pointers(void) {
  test_case("numbers written to nowhere");
  int status;
  const pid_t child = clone(writes, stack_memory + stack_bytes, CLONE_CHILD_SETTID | SIGCHLD,
                            stack_memory, NULL, NULL, (void*)8);
  say("%s", outcome(error_or(child)));
  require(waitpid(child, &status, 0) == child);
  say(", %s\n", status_text(status));
}

int main(void) {
  stack_memory =
      mmap(NULL, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  shared_fd = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(stack_memory != MAP_FAILED && shared_fd != MAP_FAILED);
  signal(SIGUSR1, SIG_IGN);
  refusals();
  sharing();
  thread();
  exit_signals();
  bad_pointers();
  return 0;
}
