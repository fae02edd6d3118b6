// futex: arguments that are wrong, words that are not there, comparisons and operations. One
// thread: nobody ever waits long. (FUTEX_LOCK_PI and its relatives are left out: here ENOSYS.)
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "case.h"

static uint32_t word = 5;
static uint32_t other = 7;

enum { own = FUTEX_PRIVATE_FLAG, wall = FUTEX_CLOCK_REALTIME };

static void futex(const char* what, void* at, int operation, long value, const void* limit,
                  void* second, unsigned last) {
  const long result = call(futex, at, operation, value, limit, second, last);
  if (result > 0) {
    say("%s: %ld\n", what, result);
  } else {
    say("%s: %s\n", what, outcome(result));
  }
}

static void waits(void) {
  static const struct timespec little = {0, 1000000}, none = {0, 0}, bad = {0, 1000000000},
                               negative = {-1, 0}, below = {0, -1};
  test_case("waiting");
  futex("in vain", &word, FUTEX_WAIT, 5, &little, 0, 0);
  futex("in vain, own", &word, FUTEX_WAIT | own, 5, &little, 0, 0);
  futex("no time", &word, FUTEX_WAIT, 5, &none, 0, 0);
  futex("another value", &word, FUTEX_WAIT, 4, &little, 0, 0);
  futex("another value, own", &word, FUTEX_WAIT | own, 4, 0, 0, 0);
  futex("a whole second of nanoseconds", &word, FUTEX_WAIT, 5, &bad, 0, 0);
  futex("negative", &word, FUTEX_WAIT, 5, &negative, 0, 0);
  futex("negative nanoseconds", &word, FUTEX_WAIT, 5, &below, 0, 0);
  futex("limit not there", &word, FUTEX_WAIT, 4, (void*)1, 0, 0);
  futex("not aligned", (char*)&word + 1, FUTEX_WAIT, 5, &little, 0, 0);
  futex("not aligned and not there", (void*)17, FUTEX_WAIT, 5, &little, 0, 0);
  futex("not there", (void*)16, FUTEX_WAIT, 5, &little, 0, 0);
  futex("not there, own", (void*)16, FUTEX_WAIT | own, 5, &little, 0, 0);
  futex("the kernel's", (void*)-4096, FUTEX_WAIT | own, 5, &little, 0, 0);
  futex("wall clock", &word, FUTEX_WAIT | wall, 5, &little, 0, 0);
  futex("bits", &word, FUTEX_WAIT_BITSET, 5, &none, 0, 1);
  futex("bits, another value", &word, FUTEX_WAIT_BITSET, 6, &none, 0, 1);
  futex("bits, wall clock", &word, FUTEX_WAIT_BITSET | wall, 5, &little, 0, 1);
  futex("no bits", &word, FUTEX_WAIT_BITSET, 5, &none, 0, 0);
}

static void wakes(void) {
  test_case("waking");
  futex("nobody", &word, FUTEX_WAKE, 1, 0, 0, 0);
  futex("nobody, own", &word, FUTEX_WAKE | own, 0x7fffffff, 0, 0, 0);
  futex("none", &word, FUTEX_WAKE, 0, 0, 0, 0);
  futex("fewer than none", &word, FUTEX_WAKE, -1, 0, 0, 0);
  futex("no bits", &word, FUTEX_WAKE_BITSET, 1, 0, 0, 0);
  futex("bits", &word, FUTEX_WAKE_BITSET, 1, 0, 0, 4);
  futex("wall clock", &word, FUTEX_WAKE | wall, 1, 0, 0, 0);
  futex("null", 0, FUTEX_WAKE, 1, 0, 0, 0);
  futex("null, own", 0, FUTEX_WAKE | own, 1, 0, 0, 0);
  futex("the kernel's, own", (void*)-4096, FUTEX_WAKE | own, 1, 0, 0, 0);
  futex("not aligned, own", (char*)&word + 2, FUTEX_WAKE | own, 1, 0, 0, 0);
}

static void requeues(void) {
  test_case("requeueing");
  futex("fewer than none", &word, FUTEX_REQUEUE, -1, 0, &other, 0);
  futex("fewer than none moved", &word, FUTEX_REQUEUE, 0, (void*)-1, &other, 0);
  futex("nobody", &word, FUTEX_REQUEUE, 1, (void*)1, &other, 0);
  futex("another value", &word, FUTEX_CMP_REQUEUE, 1, (void*)1, &other, 4);
  futex("the value", &word, FUTEX_CMP_REQUEUE, 1, (void*)1, &other, 5);
  futex("the same word", &word, FUTEX_CMP_REQUEUE, 1, (void*)1, &word, 5);
  futex("target not aligned", &word, FUTEX_CMP_REQUEUE, 1, (void*)1, (char*)&other + 2, 5);
  futex("target not there", &word, FUTEX_CMP_REQUEUE, 1, (void*)1, (void*)16, 5);
  futex("target not there, own", &word, FUTEX_CMP_REQUEUE | own, 1, (void*)1, (void*)16, 5);
  futex("not there, own", (void*)16, FUTEX_CMP_REQUEUE | own, 1, (void*)1, &word, 5);
}

static void operate(const char* what, void* at, int flags, uint32_t operation) {
  futex(what, &word, FUTEX_WAKE_OP | flags, 1, (void*)1, at, operation);
  say("  leaves %u\n", other);
}

static void operations(void) {
  test_case("operations");
  operate("add", &other, 0, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 7));
  operate("subtract", &other, own, FUTEX_OP(FUTEX_OP_ADD, 0xffe, FUTEX_OP_CMP_LT, 0xfff));
  operate("set", &other, 0, FUTEX_OP(FUTEX_OP_SET, 0x7f0, FUTEX_OP_CMP_NE, 7));
  operate("or", &other, 0, FUTEX_OP(FUTEX_OP_OR, 0xc, FUTEX_OP_CMP_LE, 7));
  operate("and not", &other, 0, FUTEX_OP(FUTEX_OP_ANDN, 0x30, FUTEX_OP_CMP_GT, 7));
  operate("exclusive or", &other, 0, FUTEX_OP(FUTEX_OP_XOR, 0xff, FUTEX_OP_CMP_GE, 7));
  operate("a bit", &other, 0, FUTEX_OP(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 31, 0, 7));
  operate("a bit beyond", &other, 0, FUTEX_OP(FUTEX_OP_XOR | FUTEX_OP_OPARG_SHIFT, 33, 0, 7));
  operate("unknown operation", &other, 0, FUTEX_OP(5, 1, 0, 7));
  operate("unknown comparison", &other, 0, FUTEX_OP(FUTEX_OP_ADD, 1, 6, 7));
  operate("not there", (void*)16, own, FUTEX_OP(FUTEX_OP_ADD, 1, 0, 7));
  operate("not aligned", (char*)&other + 1, 0, FUTEX_OP(FUTEX_OP_ADD, 1, 0, 7));
}

static void memory(const char* what, int protection, int kind) {
  static const struct timespec none = {0, 0};
  void* const at = mmap(0, page_bytes, protection, kind | MAP_ANONYMOUS, -1, 0);
  require(at != MAP_FAILED);
  char name[96];
  const char* const scopes[] = {"", ", own"};
  for (int scope = 0; scope < 2; ++scope) {
    const int flag = scope ? own : 0;
    snprintf(name, sizeof name, "wait on %s%s", what, scopes[scope]);
    futex(name, at, FUTEX_WAIT | flag, 0, &none, 0, 0);
    snprintf(name, sizeof name, "wake %s%s", what, scopes[scope]);
    futex(name, at, FUTEX_WAKE | flag, 1, 0, 0, 0);
    snprintf(name, sizeof name, "operate on %s%s", what, scopes[scope]);
    futex(name, &word, FUTEX_WAKE_OP | flag, 1, (void*)1, at, 0);
  }
  munmap(at, page_bytes);
}

static void lists(void) {
  test_case("robust lists");
  void* head = &word;
  size_t length = 0;
  say("a wrong length: %s\n", outcome(call(set_robust_list, 0, (size_t)23)));
  say("somewhere: %s\n", outcome(call(set_robust_list, (void*)16, (size_t)24)));
  say("asked: %s", outcome(call(get_robust_list, 0, &head, &length)));
  say(", %p of %zu bytes\n", head, length);
  say("nowhere: %s\n", outcome(call(set_robust_list, 0, (size_t)24)));
  say("of nobody: %s\n", outcome(call(get_robust_list, 0x7fffffff, &head, &length)));
  say("of a negative thread: %s\n", outcome(call(get_robust_list, -1, &head, &length)));
  say("told nowhere: %s\n", outcome(call(get_robust_list, 0, (void*)16, &length)));
  say("length told nowhere: %s\n", outcome(call(get_robust_list, 0, &head, (void*)16)));
}

int main(void) {
  waits();
  wakes();
  requeues();
  operations();
  test_case("memory");
  memory("private memory", PROT_READ | PROT_WRITE, MAP_PRIVATE);
  memory("private memory to read", PROT_READ, MAP_PRIVATE);
  memory("private memory not to touch", PROT_NONE, MAP_PRIVATE);
  memory("shared memory", PROT_READ | PROT_WRITE, MAP_SHARED);
  memory("shared memory to read", PROT_READ, MAP_SHARED);
  memory("shared memory not to touch", PROT_NONE, MAP_SHARED);
  test_case("unknown");
  futex("descriptor", &word, FUTEX_FD, 0, 0, 0, 0);
  futex("operation 99", &word, 99, 0, 0, 0, 0);
  futex("flag 512", &word, FUTEX_WAKE | 512, 0, 0, 0, 0);
  lists();
}
