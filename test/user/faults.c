// Faults told to a program: SIGSEGV and SIGBUS with code and address, on an alternate stack,
// handlers that mend the mapping and return, handlers that jump out, handlers that cannot run.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "arena.h"

static char* arena;
static sigjmp_buf back;
static volatile uintptr_t expected;

static const char* code_of(int number, int code) {
  if (number == SIGSEGV && code == SEGV_MAPERR) return "SEGV_MAPERR";
  if (number == SIGSEGV && code == SEGV_ACCERR) return "SEGV_ACCERR";
  if (number == SIGBUS && code == BUS_ADRERR) return "BUS_ADRERR";
  if (code == SI_KERNEL) return "SI_KERNEL";
  return "another code";
}

static void jumps(int number, siginfo_t* info, void* context) {
  (void)context;
  say("%s %s, address as expected %d\n", signal_name(number), code_of(number, info->si_code),
      (uintptr_t)info->si_addr == expected);
  siglongjmp(back, 1);
}

static void set_handler(int number, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigemptyset(&action.sa_mask);
  require(sigaction(number, &action, NULL) == 0);
}

static void reads(const char* what, const void* at) {
  say("%s: read: ", what);
  expected = (uintptr_t)at;
  if (sigsetjmp(back, 1) == 0) say("%d\n", *(volatile const char*)at);
}

static void writes(const char* what, void* at) {
  say("%s: write: ", what);
  expected = (uintptr_t)at;
  if (sigsetjmp(back, 1) == 0) {
    *(volatile char*)at = 1;
    say("done\n");
  }
}

static void executes(const char* what, const void* at) {
  say("%s: execute: ", what);
  expected = (uintptr_t)at;
  if (sigsetjmp(back, 1) == 0) {
    ((void (*)(void))(uintptr_t)at)();
    say("done\n");
  }
}

static void codes(const char* own_name) {
  test_case("codes and addresses");
  set_handler(SIGSEGV, jumps, 0);
  set_handler(SIGBUS, jumps, 0);
  arena_reset(arena);
  reads("writable", arena + 77);
  writes("writable", arena + 77);
  executes("writable", arena + 16);
  reads("read-only", arena + 8 * page_bytes + 5);
  writes("read-only", arena + 8 * page_bytes + 5);
  reads("no access", arena + 12 * page_bytes + 5);
  writes("no access", arena + 12 * page_bytes + 5);
  executes("no access", arena + 12 * page_bytes + 16);
  reads("nothing", arena + 16 * page_bytes + 4095);
  writes("nothing", arena + 16 * page_bytes);
  executes("nothing", arena + 16 * page_bytes);
  reads("null", (void*)(uintptr_t)8);
  writes("null", (void*)(uintptr_t)8);
  executes("null", (void*)(uintptr_t)8);
  writes("own text", (void*)((uintptr_t)code_of & ~(uintptr_t)15));
  const int fd = open(own_name, O_RDONLY);
  require(fd >= 0);
  const off_t end = (lseek(fd, 0, SEEK_END) + page_bytes - 1) & -(off_t)page_bytes;
  char* const file = mmap(arena, 4 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                          fd, end - page_bytes);
  require(file == arena);
  reads("the last page of a file", file + page_bytes - 1);
  reads("after the end of a file", file + page_bytes);
  writes("after the end of a file", file + 2 * page_bytes + 9);
  close(fd);
}

// ---- a handler that mends what is wrong
// ----------------------------------------------------------

static volatile int mended;

// A pager in user space: fills the page with its number and lets the access happen again.
static void pager(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)context;
  char* const page = (char*)((uintptr_t)info->si_addr & -(uintptr_t)page_bytes);
  if (page < arena || page >= arena + arena_pages * page_bytes) _exit(90);
  if (mprotect(page, page_bytes, PROT_READ | PROT_WRITE) != 0) _exit(91);
  memset(page, (int)((page - arena) / page_bytes), page_bytes);
  ++mended;
}

static void map_when_needed(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)context;
  char* const page = (char*)((uintptr_t)info->si_addr & -(uintptr_t)page_bytes);
  if (mmap(page, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
           0) != page) {
    _exit(92);
  }
  page[100] = 42;
  ++mended;
}

static void pagers(void) {
  test_case("a pager in user space");
  require(munmap(arena, arena_pages * page_bytes) == 0);
  require(mmap(arena, arena_pages * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
               -1, 0) == arena);
  set_handler(SIGSEGV, pager, 0);
  mended = 0;
  long sum = 0;
  for (int i = 0; i < arena_pages; ++i) sum += *(volatile char*)(arena + i * page_bytes + 8 * i);
  say("sum %ld, mended %d\n", sum, mended);
  for (int i = 0; i < arena_pages; ++i) sum -= *(volatile char*)(arena + i * page_bytes + 8 * i);
  say("again: sum %ld, mended %d\n", sum, mended);
  const int refused = madvise(arena, 4 * page_bytes, MADV_DONTNEED);
  say("discarded %d: %d\n", refused, arena[2 * page_bytes]);

  test_case("a handler that maps");
  require(munmap(arena, arena_pages * page_bytes) == 0);
  set_handler(SIGSEGV, map_when_needed, 0);
  mended = 0;
  sum = 0;
  for (int i = 0; i < 16; ++i) sum += *(volatile char*)(arena + i * page_bytes + 100);
  *(volatile char*)(arena + 20 * page_bytes) = 5;
  say("sum %ld, mended %d, written %d\n", sum, mended, arena[20 * page_bytes]);

  test_case("the kernel does not call a handler for its own accesses");
  require(munmap(arena, arena_pages * page_bytes) == 0);
  mended = 0;
  int ends[2];
  require(pipe(ends) == 0);
  say("write: %s", outcome(error_or(write(ends[1], arena, 10))));
  require(write(ends[1], "0123456789", 10) == 10);
  say(", read: %s", outcome(error_or(read(ends[0], arena, 10))));
  say(", mended %d\n", mended);
  close(ends[0]);
  close(ends[1]);
}

// ---- stacks
// ---------------------------------------------------------------------------------------

static char alternate[32768];
static volatile int on_alternate;
static stack_t seen_inside;
static volatile int change_inside;

static void looks_at_stack(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  (void)context;
  const char local = 0;
  on_alternate = &local >= alternate && &local < alternate + sizeof alternate;
  sigaltstack(NULL, &seen_inside);
  const stack_t other = {.ss_sp = alternate, .ss_size = sizeof alternate / 2};
  change_inside = sigaltstack(&other, NULL) == 0 ? 0 : errno;
}

static int overflow(volatile char* above) {
  volatile char frame[512];
  frame[0] = above[0];
  return above[0] == 1 ? 0 : overflow(frame) + frame[1];
}

static void overflowed(int number, siginfo_t* info, void* context) {
  (void)context;
  const char local = 0;
  say("%s %s, on the alternate stack %d\n", signal_name(number), code_of(number, info->si_code),
      &local >= alternate && &local < alternate + sizeof alternate);
  _exit(4);
}

static int runs_off_its_stack(void* with_alternate) {
  const struct rlimit limit = {1 << 20, 1 << 20};
  require(setrlimit(RLIMIT_STACK, &limit) == 0);
  const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  if (with_alternate != NULL) require(sigaltstack(&stack, NULL) == 0);
  set_handler(SIGSEGV, overflowed, SA_ONSTACK);
  set_handler(SIGBUS, overflowed, SA_ONSTACK);
  volatile char start = 0;
  return overflow(&start);
}

static void stacks(void) {
  test_case("alternate stacks");
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  stack_t old;
  require(sigaltstack(NULL, &old) == 0);
  say("at first: disabled %d, size %zu\n", old.ss_flags == SS_DISABLE, old.ss_size);
  set_handler(SIGUSR1, looks_at_stack, SA_ONSTACK);
  raise(SIGUSR1);
  say("without one: on it %d\n", on_alternate);
  say("set: %s\n", outcome(error_or(sigaltstack(&stack, NULL))));
  raise(SIGUSR1);
  say("on it %d, told so %d, changing it there: %s\n", on_alternate,
      seen_inside.ss_flags == SS_ONSTACK, error_name(change_inside));
  set_handler(SIGUSR1, looks_at_stack, 0);
  raise(SIGUSR1);
  say("without the flag: on it %d\n", on_alternate);
  require(sigaltstack(NULL, &old) == 0);
  say("read back: %d, flags %d\n", old.ss_sp == alternate && old.ss_size == sizeof alternate / 2,
      old.ss_flags);
  stack.ss_size = 100;
  say("too small: %s\n", outcome(error_or(sigaltstack(&stack, NULL))));
  stack.ss_size = sizeof alternate;
  stack.ss_flags = 77;
  say("flags: %s\n", outcome(call(sigaltstack, &stack, NULL)));
  stack.ss_flags = SS_DISABLE;
  say("off: %s\n", outcome(error_or(sigaltstack(&stack, NULL))));
  say("from nowhere: %s, to nowhere: %s\n", outcome(call(sigaltstack, 8L, NULL)),
      outcome(call(sigaltstack, NULL, 8L)));
  test_case("a stack that overflows");
  say("with an alternate one: %s\n", status_text(in_child(runs_off_its_stack, (void*)1)));
  say("without: %s\n", status_text(in_child(runs_off_its_stack, NULL) & ~0x80));
}

// ---- handlers that cannot run
// ---------------------------------------------------------------------

static void faults_again(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  (void)context;
  say("in the handler\n");
  *(volatile char*)8 = 1;
}

static int double_fault(void* nothing) {
  (void)nothing;
  set_handler(SIGSEGV, faults_again, 0);
  *(volatile char*)8 = 1;
  return 0;
}

static int blocked(void* nothing) {
  (void)nothing;
  set_handler(SIGSEGV, faults_again, 0);
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
  *(volatile char*)8 = 1;
  return 0;
}

static int ignored(void* nothing) {
  (void)nothing;
  signal(SIGSEGV, SIG_IGN);
  *(volatile char*)8 = 1;
  return 0;
}

static int no_stack_for_it(void* nothing) {
  (void)nothing;
  char* const gone = mmap(NULL, 32768, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const stack_t stack = {.ss_sp = gone, .ss_size = 32768};
  require(gone != MAP_FAILED && sigaltstack(&stack, NULL) == 0 && munmap(gone, 32768) == 0);
  signal(SIGSEGV, SIG_DFL);
  set_handler(SIGUSR1, faults_again, SA_ONSTACK);
  raise(SIGUSR1);
  return 0;
}

static int by_kill(void* nothing) {
  (void)nothing;
  set_handler(SIGSEGV, overflowed, 0);
  kill(getpid(), SIGSEGV);
  return 0;
}

static void deaths(void) {
  test_case("handlers that cannot run");
  say("a fault in the handler: %s\n", status_text(in_child(double_fault, NULL) & ~0x80));
  say("blocked: %s\n", status_text(in_child(blocked, NULL) & ~0x80));
  say("ignored: %s\n", status_text(in_child(ignored, NULL) & ~0x80));
  say("no stack for it: %s\n", status_text(in_child(no_stack_for_it, NULL) & ~0x80));
  say("sent: %s\n", status_text(in_child(by_kill, NULL)));
}

int main(int argc, char** argv) {
  require(argc >= 1);
  arena = arena_create();
  codes(argv[0]);
  pagers();
  stacks();
  deaths();
  return 0;
}
