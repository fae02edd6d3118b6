// futex: waiting, waking, moving waiters, sets of bits, times, words shared between processes.
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "case.h"

enum { waiters = 6 };

static int words[4];
static int* shared;

static long futex(int* word, int operation, int value, const void* time_or_count, int* other,
                  unsigned last) {
  return call(futex, word, (long)operation, (long)value, time_or_count, other, (long)last);
}

static void errors(void) {
  test_case("errors");
  const struct timespec odd = {0, 1000000000};
  const struct timespec negative = {-1, 0};
  const struct timespec soon = {0, 1000000};
  int* const askew = (int*)((char*)words + 1);
  say("another value: %s\n", outcome(futex(words, FUTEX_WAIT, 1, NULL, NULL, 0)));
  say("askew: %s, %s\n", outcome(futex(askew, FUTEX_WAIT, 0, NULL, NULL, 0)),
      outcome(futex(askew, FUTEX_WAKE, 1, NULL, NULL, 0)));
  say("nowhere: %s, %s\n", outcome(futex((int*)8, FUTEX_WAIT, 0, NULL, NULL, 0)),
      outcome(futex((int*)8, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0)));
  say("waking nowhere: %s, privately: %s\n", outcome(futex((int*)8, FUTEX_WAKE, 1, NULL, NULL, 0)),
      outcome(futex((int*)8, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0)));
  say("kernel: %s, %s\n", outcome(futex((int*)0xffff800000000000u, FUTEX_WAIT, 0, NULL, NULL, 0)),
      outcome(futex((int*)0xffff800000000000u, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0)));
  say("time: %s, %s, from nowhere: %s\n", outcome(futex(words, FUTEX_WAIT, 0, &odd, NULL, 0)),
      outcome(futex(words, FUTEX_WAIT, 0, &negative, NULL, 0)),
      outcome(futex(words, FUTEX_WAIT, 0, (void*)8, NULL, 0)));
  say("no bits: %s, %s\n", outcome(futex(words, FUTEX_WAIT_BITSET, 0, &soon, NULL, 0)),
      outcome(futex(words, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0)));
  say("unknown: %s\n", outcome(futex(words, 77, 0, NULL, NULL, 0)));
  say("a clock for waking: %s\n",
      outcome(futex(words, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0)));
  say("nobody waits: %ld\n", futex(words, FUTEX_WAKE, 1, NULL, NULL, 0));
  say("moving with another value: %s\n",
      outcome(futex(words, FUTEX_CMP_REQUEUE, 1, (void*)1, words + 1, 5)));
  say("moving to nowhere: %s\n", outcome(futex(words, FUTEX_CMP_REQUEUE, 1, (void*)1, (int*)8, 0)));
  say("moving nobody: %ld\n", futex(words, FUTEX_CMP_REQUEUE, 1, (void*)1, words + 1, 0));
  say("moving -1: %s\n", outcome(futex(words, FUTEX_REQUEUE, -1, (void*)1, words + 1, 0)));

  test_case("time runs out");
  struct timespec now;
  say("soon: %s\n", outcome(futex(words, FUTEX_WAIT, 0, &soon, NULL, 0)));
  clock_gettime(CLOCK_MONOTONIC, &now);
  say("until now: %s\n", outcome(futex(words, FUTEX_WAIT_BITSET, 0, &now, NULL, ~0u)));
  clock_gettime(CLOCK_REALTIME, &now);
  say("until now, real time: %s\n",
      outcome(futex(words, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &now, NULL, ~0u)));
}

struct waiter {
  int* word;
  int operation;
  unsigned bits;
  long result;
  pthread_t thread;
  volatile int tid;
};

static void* waits(void* argument) {
  struct waiter* const waiter = argument;
  waiter->tid = gettid();
  do {
    waiter->result = futex(waiter->word, waiter->operation, 0, NULL, NULL, waiter->bits);
  } while (waiter->result == -EINTR);
  return NULL;
}

// Until `count` wait: waking none of them tells nothing, so moves them onto themselves and counts.
static void until_waiting(int* word, int private, int count) {
  for (;;) {
    if (futex(word, FUTEX_CMP_REQUEUE | private, 0, (void*)100l, word, 0) == count) return;
    const struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
  }
}

static struct waiter all[waiters];

static void start(int* word, int operation) {
  for (int i = 0; i < waiters; ++i) {
    all[i] = (struct waiter){.word = word, .operation = operation, .bits = 1u << i};
    require(pthread_create(&all[i].thread, NULL, waits, &all[i]) == 0);
  }
  until_waiting(word, operation & FUTEX_PRIVATE_FLAG, waiters);
}

static void finish(const char* text) {
  int woken = 0;
  for (int i = 0; i < waiters; ++i) {
    require(pthread_join(all[i].thread, NULL) == 0);
    woken += all[i].result == 0;
  }
  say("%s: %d of %d woken\n", text, woken, waiters);
}

static void waking(const char* name, int* word, int flag) {
  test_case(name);
  start(word, FUTEX_WAIT | flag);
  say("one: %ld\n", futex(word, FUTEX_WAKE | flag, 1, NULL, NULL, 0));
  say("two: %ld\n", futex(word, FUTEX_WAKE | flag, 2, NULL, NULL, 0));
  say("none: %ld\n", futex(word + 1, FUTEX_WAKE | flag, 5, NULL, NULL, 0));
  say("all: %ld\n", futex(word, FUTEX_WAKE | flag, 1000, NULL, NULL, 0));
  finish("all");

  start(word, FUTEX_WAIT | flag);
  say("moved: %ld\n", futex(word, FUTEX_CMP_REQUEUE | flag, 1, (void*)3, word + 1, 0));
  say("left: %ld\n", futex(word, FUTEX_WAKE | flag, 100, NULL, NULL, 0));
  say("there: %ld\n", futex(word + 1, FUTEX_WAKE | flag, 100, NULL, NULL, 0));
  finish("moved");

  start(word, FUTEX_WAIT_BITSET | flag);
  say("bit 2: %ld\n", futex(word, FUTEX_WAKE_BITSET | flag, 100, NULL, NULL, 4));
  say("bits 0 and 1, one: %ld\n", futex(word, FUTEX_WAKE_BITSET | flag, 1, NULL, NULL, 3));
  say("bit 2 again: %ld\n", futex(word, FUTEX_WAKE_BITSET | flag, 100, NULL, NULL, 4));
  say("all: %ld\n", futex(word, FUTEX_WAKE | flag, 100, NULL, NULL, 0));
  finish("bits");

  start(word, FUTEX_WAIT | flag);
  word[1] = 5;
  // Adds 3 to the other word; wakes one here, and two there because it was 5.
  say("two words: %ld", futex(word, FUTEX_WAKE_OP | flag, 1, (void*)2, word + 1,
                              FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)));
  say(", now %d\n", word[1]);
  word[1] = 0;
  say("rest: %ld\n", futex(word, FUTEX_WAKE | flag, 100, NULL, NULL, 0));
  finish("two words");
}

static int waits_in_child(void* argument) {
  int* const word = argument;
  const long result = futex(word, FUTEX_WAIT, 0, NULL, NULL, 0);
  return result == 0 ? 5 : 6;
}

static void processes(void) {
  test_case("between processes");
  pid_t children[3];
  for (int i = 0; i < 3; ++i) {
    children[i] = fork();
    require(children[i] >= 0);
    if (children[i] == 0) _exit(waits_in_child(shared));
  }
  until_waiting(shared, 0, 3);
  // The same page at another address is the same word.
  int* const elsewhere = (int*)call(mremap, shared, 0L, (long)page_bytes, 1L, NULL);
  say("a second mapping: %d\n", (long)elsewhere > 0);
  say("privately, somebody else's: %ld\n", futex(shared, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
  say("one: %ld\n", futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0));
  say("through the other mapping: %ld\n", futex(elsewhere, FUTEX_WAKE, 10, NULL, NULL, 0));
  for (int i = 0; i < 3; ++i) {
    int status;
    require(waitpid(children[i], &status, 0) == children[i]);
    say("%s\n", status_text(status));
  }
  test_case("private memory is another word after fork");
  const pid_t child = fork();
  require(child >= 0);
  if (child == 0) {
    const struct timespec time = {0, 50000000};
    const long result = futex(words, FUTEX_WAIT, 0, &time, NULL, 0);
    _exit(result == -ETIMEDOUT ? 7 : 8);
  }
  long woken = 0;
  int status;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const struct timespec pause = {0, 1000000};
    woken += futex(words, FUTEX_WAKE, 10, NULL, NULL, 0);
    nanosleep(&pause, NULL);
  }
  say("woken %ld, child %s\n", woken, status_text(status));

  test_case("a killed waiter is gone");
  const pid_t killed = fork();
  if (killed == 0) _exit(waits_in_child(shared));
  until_waiting(shared, 0, 1);
  require(kill(killed, SIGKILL) == 0 && waitpid(killed, &status, 0) == killed);
  say("%s, woken %ld\n", status_text(status), futex(shared, FUTEX_WAKE, 10, NULL, NULL, 0));
}

int main(void) {
  shared = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(shared != MAP_FAILED);
  errors();
  waking("waking threads, private words", words, FUTEX_PRIVATE_FLAG);
  waking("waking threads, words told by address", words, 0);
  waking("waking threads, words in shared memory", shared, 0);
  processes();
  return 0;
}
