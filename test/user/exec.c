// execve: what the new program gets and what it does not, and every way to be refused.
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "case.h"

static const char* own_name;

// ---- the program that was started ---------------------------------------------------------------

static void handler(int number) {
  (void)number;
}

static int started(int argc, char** argv, char** environment) {
  const char* const what = argv[1];
  if (strcmp(what, "arguments") == 0) {
    say("argc %d\n", argc);
    for (int i = 1; i < argc; ++i) say("argv[%d] '%s'\n", i, argv[i]);
    say("end %d\n", argv[argc] == NULL);
    for (char** at = environment; *at != NULL; ++at) say("environment '%s'\n", *at);
    say("base name of AT_EXECFN: %s\n", strrchr((char*)getauxval(AT_EXECFN), '/') + 1);
    say("page %lu, entries of headers %lu, random %d, secure %lu\n", getauxval(AT_PAGESZ),
        getauxval(AT_PHENT), getauxval(AT_RANDOM) != 0, getauxval(AT_SECURE));
    return 0;
  }
  if (strcmp(what, "count") == 0) {
    size_t bytes = 0;
    for (int i = 0; i < argc; ++i) bytes += strlen(argv[i]) + 1;
    say("%d arguments, %zu bytes\n", argc, bytes);
    return 0;
  }
  if (strcmp(what, "state") == 0) {
    for (int fd = 3; fd < 10; ++fd) {
      say("descriptor %d: %s\n", fd, outcome(error_or(fcntl(fd, F_GETFD))));
    }
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    say("caught signal: %s", action.sa_handler == SIG_DFL ? "default" : "not default");
    sigaction(SIGUSR2, NULL, &action);
    say(", ignored signal: %s\n", action.sa_handler == SIG_IGN ? "ignored" : "not ignored");
    sigset_t set;
    sigprocmask(SIG_SETMASK, NULL, &set);
    say("blocked: SIGHUP %d, SIGTERM %d\n", sigismember(&set, SIGHUP), sigismember(&set, SIGTERM));
    sigpending(&set);
    say("pending: SIGTERM %d\n", sigismember(&set, SIGTERM));
    stack_t stack;
    sigaltstack(NULL, &stack);
    say("alternate stack: %d\n", stack.ss_flags == SS_DISABLE);
    say("umask %03o, parent the same %d\n", umask(0), getppid() == (pid_t)atol(argv[2]));
    say("same number: %d\n", getpid() == (pid_t)atol(argv[3]));
    const long mapped = strtol(argv[4], NULL, 16);
    unsigned char in_core;
    say("old mapping: %s\n", outcome(call(mincore, mapped, (long)page_bytes, &in_core)));
    return 6;
  }
  return 99;
}

// ---- starting it
// ---------------------------------------------------------------------------------

static int exec_arguments(void* nothing) {
  (void)nothing;
  char* const arguments[] = {"zero", "arguments", "", "two words", "\xc3\xa4\x01", NULL};
  char* const environment[] = {"A=1", "", "no equals sign", "A=2", NULL};
  execve(own_name, arguments, environment);
  return 98;
}

static int exec_nothing(void* nothing) {
  (void)nothing;
  char* const arguments[] = {"x", "count", NULL};
  execve(own_name, arguments, NULL);
  return 98;
}

static int exec_large(void* nothing) {
  (void)nothing;
  // 300 arguments of 400 bytes: more than one page of strings and of pointers.
  static char text[400];
  static char* arguments[303];
  memset(text, 'x', sizeof text - 1);
  arguments[0] = "x";
  arguments[1] = "count";
  for (int i = 2; i < 302; ++i) arguments[i] = text;
  execve(own_name, arguments, NULL);
  return 98;
}

static char number_text[3][32];

static int exec_state(void* nothing) {
  (void)nothing;
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  require(fd == 3 && dup(fd) == 4 && fcntl(fd, F_DUPFD_CLOEXEC, 5) == 5);
  require(dup3(fd, 7, 0) == 7 && dup3(fd, 8, O_CLOEXEC) == 8 && fcntl(8, F_SETFD, 0) == 0);
  signal(SIGUSR1, handler);
  signal(SIGUSR2, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_SETMASK, &set, NULL);
  raise(SIGTERM);
  static char stack_memory[16384];
  const stack_t stack = {.ss_sp = stack_memory, .ss_size = sizeof stack_memory};
  require(sigaltstack(&stack, NULL) == 0);
  umask(027);
  void* const mapped = mmap(NULL, page_bytes, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  snprintf(number_text[0], 32, "%d", getppid());
  snprintf(number_text[1], 32, "%d", getpid());
  snprintf(number_text[2], 32, "%lx", (long)mapped);
  char* const arguments[] = {"x", "state", number_text[0], number_text[1], number_text[2], NULL};
  execve(own_name, arguments, NULL);
  return 98;
}

static void* from_thread(void* nothing) {
  (void)nothing;
  snprintf(number_text[0], 32, "%d", getppid());
  char* const arguments[] = {"x", "count", NULL};
  execve(own_name, arguments, NULL);
  return NULL;
}

static void* sleeps(void* nothing) {
  (void)nothing;
  for (;;) pause();
  return NULL;
}

// exec by another thread than the first ends all others and takes the first one's number.
static int exec_thread(void* nothing) {
  (void)nothing;
  pthread_t thread;
  for (int i = 0; i < 3; ++i) require(pthread_create(&thread, NULL, sleeps, NULL) == 0);
  require(pthread_create(&thread, NULL, from_thread, NULL) == 0);
  for (;;) pause();
}

static void passes(void) {
  test_case("arguments and environment");
  say("%s\n", status_text(in_child(exec_arguments, NULL)));
  test_case("no environment");
  say("%s\n", status_text(in_child(exec_nothing, NULL)));
  test_case("many arguments");
  say("%s\n", status_text(in_child(exec_large, NULL)));
  test_case("what stays and what goes");
  say("%s\n", status_text(in_child(exec_state, NULL)));
}

static void by_thread(void) {
  test_case("exec by a thread");
  say("%s\n", status_text(in_child(exec_thread, NULL)));
}

static char* const two[] = {"x", "count", NULL};

static long try_path(const void* path) {
  return call(execve, path, two, NULL);
}

static void refusals(void) {
  test_case("paths");
  static char long_name[5000];
  memset(long_name, 'a', sizeof long_name - 1);
  char below[300];
  snprintf(below, sizeof below, "%s/x", own_name);
  say("nothing there: %s\n", outcome(try_path("./nothing-of-that-name")));
  say("empty: %s\n", outcome(try_path("")));
  say("folder: %s\n", outcome(try_path("/")));
  say("below a file: %s\n", outcome(try_path(below)));
  say("a file with a slash behind: %s\n",
      outcome((snprintf(below, sizeof below, "%s/", own_name), try_path(below))));
  say("device: %s\n", outcome(try_path("/dev/null")));
  say("long path: %s\n", outcome(try_path(long_name)));
  long_name[300] = 0;
  say("long name: %s\n", outcome(try_path(long_name)));

  test_case("pointers that lead nowhere");
  char* const bad_string[] = {"x", (char*)8, NULL};
  say("path: %s\n", outcome(try_path((void*)8)));
  say("kernel path: %s\n", outcome(try_path((void*)0xffff800000000000u)));
  say("arguments: %s\n", outcome(call(execve, own_name, 8L, NULL)));
  say("an argument: %s\n", outcome(call(execve, own_name, bad_string, NULL)));
  say("environment: %s\n", outcome(call(execve, own_name, two, 8L)));
  say("a string of it: %s\n", outcome(call(execve, own_name, two, bad_string)));
  char* const pages =
      mmap(NULL, 2 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(pages != MAP_FAILED && munmap(pages + page_bytes, page_bytes) == 0);
  memset(pages, 'a', page_bytes);
  char* const unended[] = {"x", pages, NULL};
  say("a string that runs off: %s\n", outcome(call(execve, own_name, unended, NULL)));
  say("a path that runs off: %s\n", outcome(try_path(pages + page_bytes - 8)));
  for (size_t i = 0; i < page_bytes; i += sizeof(char*)) *(char**)(pages + i) = "x";
  say("a list that runs off: %s\n", outcome(call(execve, own_name, pages, NULL)));

  test_case("too much");
  // One string may have 128 KiB; all together a quarter of the stack's limit.
  const size_t most = 128 * 1024;
  char* const text =
      mmap(NULL, most + page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(text != MAP_FAILED);
  memset(text, 'a', most);
  char* const one_long[] = {"x", text, NULL};
  say("a string of 128 KiB: %s\n", outcome(call(execve, own_name, one_long, NULL)));
  text[most / 2] = 0;
  static char* many[200];
  for (int i = 0; i < 199; ++i) many[i] = text;
  say("199 strings of 64 KiB: %s\n", outcome(call(execve, own_name, many, NULL)));
  const long pointers = 3l << 20;
  char** const list =
      mmap(NULL, (size_t)pointers, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(list != MAP_FAILED);
  for (long i = 0; i < pointers / 8 - 1; ++i) list[i] = "";
  say("393,215 empty strings: %s\n", outcome(call(execve, own_name, list, NULL)));
}

int main(int argc, char** argv, char** environment) {
  own_name = argv[0];
  if (argc > 1) return started(argc, argv, environment);
  const struct rlimit stack = {8 << 20, 8 << 20};
  require(setrlimit(RLIMIT_STACK, &stack) == 0);
  passes();
  refusals();
  by_thread();
  return 0;
}
