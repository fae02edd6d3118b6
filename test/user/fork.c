// fork, vfork: what the child gets, who sees whose writes, many children, orphans.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "case.h"

enum { pages = 64 };

static int global = 1;
static char* memory;

static int stamp(int base) {
  int good = 0;
  for (int i = 0; i < pages; ++i) good += memory[i * page_bytes] == (char)(base + i);
  return good;
}

static void fill(int base) {
  for (int i = 0; i < pages; ++i) memory[i * page_bytes] = (char)(base + i);
}

static int child_writes(void* nothing) {
  (void)nothing;
  const int before = stamp(3);
  fill(100);
  global = 2;
  say("child: saw %d pages, wrote %d, global %d\n", before, stamp(100), global);
  return 3;
}

static int grandchildren(void* depth) {
  const long left = (long)depth;
  memory[left * page_bytes] = (char)(memory[(left + 1) * page_bytes] + 1);
  if (left == 0) return memory[0];
  const int status = in_child(grandchildren, (void*)(left - 1));
  say("depth %ld: %s, mine %d\n", left, status_text(status), memory[left * page_bytes]);
  return WEXITSTATUS(status);
}

static void copies(void) {
  test_case("a child's writes are its own");
  fill(3);
  say("%s\n", status_text(in_child(child_writes, NULL)));
  say("parent: %d pages as before, global %d\n", stamp(3), global);

  test_case("a parent's writes after fork are not the child's");
  int gate[2];
  require(pipe(gate) == 0);
  const pid_t child = fork();
  require(child >= 0);
  if (child == 0) {
    char byte;
    require(read(gate[0], &byte, 1) == 1);
    say("child: %d pages as they were\n", stamp(3));
    _exit(0);
  }
  fill(50);
  require(write(gate[1], "x", 1) == 1);
  int status;
  require(waitpid(child, &status, 0) == child);
  say("%s, parent: %d pages new\n", status_text(status), stamp(50));
  close(gate[0]);
  close(gate[1]);

  test_case("children of children");
  memory[9 * page_bytes] = 1;
  say("%s\n", status_text(in_child(grandchildren, (void*)8)));
  say("mine %d\n", memory[8 * page_bytes]);
}

static void many(void) {
  test_case("many children at once");
  enum { count = 40 };
  pid_t children[count];
  fill(0);
  for (int i = 0; i < count; ++i) {
    children[i] = fork();
    require(children[i] >= 0);
    if (children[i] == 0) {
      memory[i * page_bytes] = (char)(100 + i);
      int others = 0;
      for (int k = 0; k < pages; ++k) others += k != i && memory[k * page_bytes] == (char)k;
      _exit(others == pages - 1 ? i : 200);
    }
  }
  int good = 0;
  for (int i = 0; i < count; ++i) {
    int status;
    require(waitpid(children[i], &status, 0) == children[i]);
    good += WIFEXITED(status) && WEXITSTATUS(status) == i;
  }
  say("%d children ended with their numbers; parent's pages %d\n", good, stamp(0));
  say("no more: %s\n", outcome(error_or(wait(NULL))));

  test_case("one after the other");
  good = 0;
  for (int i = 0; i < 200; ++i) {
    const pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
      memory[0] = (char)i;
      _exit(i & 127);
    }
    int status;
    require(waitpid(child, &status, 0) == child);
    good += WEXITSTATUS(status) == (i & 127);
  }
  say("%d\n", good);
}

static int vfork_target;

static int writes_and_ends(void* nothing) {
  (void)nothing;
  vfork_target = 2;
  return 4;
}

static int execs_nothing(void* nothing) {
  (void)nothing;
  char* const none[] = {NULL};
  execve("./nothing-of-that-name", none, none);
  vfork_target = errno;
  return 5;
}

// As vfork(), which the library has not on every machine.
static void vforked(void) {
  test_case("vfork shares memory and waits");
  static char stack[16384] __attribute__((aligned(16)));
  const int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
  vfork_target = 1;
  pid_t child = clone(writes_and_ends, stack + sizeof stack, flags, NULL);
  require(child > 0);
  say("the child was first: %d\n", vfork_target);
  int status;
  require(waitpid(child, &status, 0) == child);
  say("%s\n", status_text(status));
  child = clone(execs_nothing, stack + sizeof stack, flags, NULL);
  require(child > 0);
  say("exec said %s", error_name(vfork_target));
  require(waitpid(child, &status, 0) == child);
  say(", %s\n", status_text(status));
}

static int inherits(void* argument) {
  const int fd = *(int*)argument;
  struct stat info;
  char byte;
  require(read(fd, &byte, 1) == 1);
  say("child reads byte 1 at offset %ld", (long)lseek(fd, 0, SEEK_CUR));
  say(", close-on-exec %d", fcntl(fd, F_GETFD));
  close(fd);
  umask(077);
  say(", after closing: %s", outcome(error_or(fstat(fd, &info))));
  char here[256];
  require(chdir("/") == 0 && getcwd(here, sizeof here) != NULL);
  say(", in %s\n", here);
  return 0;
}

static void shared_things(const char* name) {
  test_case("what parent and child share, and what not");
  char before[256];
  char after[256];
  int fd = open(name, O_RDONLY | O_CLOEXEC);
  require(fd >= 0 && getcwd(before, sizeof before) != NULL);
  umask(022);
  say("%s\n", status_text(in_child(inherits, &fd)));
  require(getcwd(after, sizeof after) != NULL);
  say("offset %ld, folder the same: %d, umask %03o\n", (long)lseek(fd, 0, SEEK_CUR),
      strcmp(before, after) == 0, umask(022));
  close(fd);
  const pid_t me = getpid();
  const pid_t child = fork();
  if (child == 0) {
    say("new number %d, parent is the parent %d, same group %d, same session %d\n", getpid() != me,
        getppid() == me, getpgid(0) == getpgid(me), getsid(0) == getsid(me));
    _exit(0);
  }
  require(waitpid(child, NULL, 0) == child);
}

static void orphans(void) {
  test_case("an orphan lives on and gets another parent");
  int pipe_ends[2];
  require(pipe(pipe_ends) == 0);
  const pid_t middle = fork();
  require(middle >= 0);
  if (middle == 0) {
    const pid_t me = getpid();
    const pid_t orphan = fork();
    if (orphan == 0) {
      close(pipe_ends[0]);
      while (getppid() == me) sched_yield();
      char text[64];
      const int length =
          snprintf(text, sizeof text, "another parent, child has memory %d", memory[page_bytes]);
      require(write(pipe_ends[1], text, (size_t)length) == length);
      _exit(0);
    }
    _exit(orphan > 0 ? 6 : 1);
  }
  close(pipe_ends[1]);
  int status;
  require(waitpid(middle, &status, 0) == middle);
  char text[64] = "";
  const ssize_t count = read(pipe_ends[0], text, sizeof text - 1);
  say("middle: %s, orphan: %ld '%s'\n", status_text(status), (long)count, text);
  say("end of the pipe: %ld\n", (long)read(pipe_ends[0], text, 1));
  say("no child of mine: %s\n", outcome(error_or(waitpid(-1, NULL, WNOHANG))));
  close(pipe_ends[0]);
}

int main(int argc, char** argv) {
  require(argc >= 1);
  memory =
      mmap(NULL, pages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED);
  copies();
  many();
  vforked();
  shared_things(argv[0]);
  orphans();
  return 0;
}
