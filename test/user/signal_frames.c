// What a handler finds and leaves: every register comes back, its changes to the frame count, and
// what a hostile one writes into the frame gives it nothing.
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "arena.h"
#include "context.h"

int registers_kept(const char* address);
void vectors_kept(const char* address, const unsigned char* pattern, unsigned char* out);
void vectors_clear(void);
void return_from_nowhere(void* stack);

static char* arena;
static volatile int runs;
static unsigned char pattern[vector_bytes];
static unsigned char after[vector_bytes];

static void set_handler(int number, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  require(sigaction(number, &action, NULL) == 0);
}

static void mends(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)context;
  ++runs;
  char* const page = (char*)((uintptr_t)info->si_addr & -(uintptr_t)page_bytes);
  require(mprotect(page, page_bytes, PROT_READ | PROT_WRITE) == 0);
  set_rounding(1);
  vectors_clear();
}

static void hide(void) {
  require(mmap(arena, page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          arena);
}

static void registers(void) {
  test_case("registers come back");
  set_handler(SIGSEGV, mends);
  hide();
  say("general: %d\n", registers_kept(arena));
  for (int i = 0; i < vector_bytes; ++i) pattern[i] = (unsigned char)(i * 7 + 1);
  set_rounding(2);
  hide();
  vectors_kept(arena, pattern, after);
  const unsigned mode = rounding();
  set_rounding(0);
  say("vectors: %d, rounding: %u, runs %d\n", memcmp(pattern, after, vector_bytes) == 0, mode,
      runs);
  int good = 0;
  for (int i = 0; i < 200; ++i) {
    hide();
    memset(after, 0, sizeof after);
    vectors_kept(arena, pattern, after);
    good += memcmp(pattern, after, vector_bytes) == 0;
  }
  say("again and again: %d\n", good);
}

static sigjmp_buf landing;
static void lands(void) {
  siglongjmp(landing, 5);
}

static void moves_pc(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  ucontext_t* const frame = context;
  // The stack as a call would leave it does not matter: it is never returned to.
  set_pc(frame, (uintptr_t)lands);
}

static void changes_mask(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  sigaddset(&((ucontext_t*)context)->uc_sigmask, SIGUSR2);
}

static void changes(void) {
  test_case("changes to the frame count");
  set_handler(SIGUSR1, moves_pc);
  const int how = sigsetjmp(landing, 1);
  if (how == 0) {
    raise(SIGUSR1);
    say("came back\n");
  } else {
    say("another program counter: %d\n", how);
  }
  set_handler(SIGUSR1, changes_mask);
  raise(SIGUSR1);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("another mask: SIGUSR2 %d, SIGUSR1 %d\n", sigismember(&now, SIGUSR2),
      sigismember(&now, SIGUSR1));
}

static void impossible(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  set_pc(context, impossible_pc);
}

static void privilege(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  forge_privilege(context);
}

static void vector_state(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  forge_vector_state(context);
}

static int forge(void* handler) {
  set_handler(SIGUSR1, (void (*)(int, siginfo_t*, void*))(uintptr_t)handler);
  signal(SIGSEGV, SIG_DFL);
  raise(SIGUSR1);
  return 5;
}

static int forge_and_look(void* handler) {
  forge(handler);
  return privileged() ? 6 : 0;
}

static int from_nowhere(void* stack) {
  signal(SIGSEGV, SIG_DFL);
  return_from_nowhere(stack);
  return 5;
}

static void forged(void) {
  test_case("forged frames");
  say("a program counter that cannot be: %s\n",
      status_text(in_child(forge, (void*)impossible) & ~0x80));
  const int status = in_child(forge_and_look, (void*)privilege) & ~0x80;
  // The bits are dropped, or the frame is refused.
  say("privilege: %s\n", status == 0 || status == SIGSEGV ? "none" : status_text(status));
  say("vector state: %s\n", status_text(in_child(forge, (void*)vector_state) & ~0x80));
  static char zeroes[8192] __attribute__((aligned(16)));
  static char noise[8192] __attribute__((aligned(16)));
  memset(noise, 0x5a, sizeof noise);
  say("no frame at all: %s\n", status_text(in_child(from_nowhere, (void*)16) & ~0x80));
  say("in the kernel: %s\n",
      status_text(in_child(from_nowhere, (void*)0xffff800000000000u) & ~0x80));
  say("zeroes: %s\n", status_text(in_child(from_nowhere, zeroes + 1024) & ~0x80));
  say("noise: %s\n", status_text(in_child(from_nowhere, noise + 1024) & ~0x80));
}

int main(void) {
  arena = arena_create();
  registers();
  changes();
  forged();
  return 0;
}
