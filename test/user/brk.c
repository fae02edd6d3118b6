// The break: grows, shrinks, zeroes, refuses. All relative to where it began.
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "case.h"

static unsigned long first;

static unsigned long set(unsigned long at) {
  return (unsigned long)syscall(SYS_brk, at);
}

static void to(const char* what, long distance) {
  const unsigned long before = set(0);
  const unsigned long wanted = first + (unsigned long)distance;
  const unsigned long now = set(wanted);
  say("%s: %s, %+ld\n", what,
      now == wanted   ? "moved"
      : now == before ? "stays"
                      : "elsewhere",
      (long)(now - first));
}

static int in_the_child(void* at) {
  const int seen = *(char*)at;
  *(char*)at = 9;
  return set(first + 8 * page_bytes) == first + 8 * page_bytes && seen == 4 ? 0 : 1;
}

int main(void) {
  first = (set(0) + page_bytes - 1) & -(unsigned long)page_bytes;
  require(set(first) == first);
  test_case("moving the break");
  to("nowhere", 0);
  to("three pages", 3 * page_bytes);
  char* const memory = (char*)first;
  size_t set_bytes = 0;
  for (size_t i = 0; i < 3 * page_bytes; ++i) set_bytes += memory[i] != 0;
  say("bytes that are not zero: %zu\n", set_bytes);
  memset(memory, 4, 3 * page_bytes);
  to("one and a half", page_bytes * 3 / 2);
  char states[5];
  page_states(memory, 4, states);
  say("pages %s\n", states);
  to("three again", 3 * page_bytes);
  say("kept %d, kept in the page that stayed %d, new %d\n", memory[0],
      memory[page_bytes * 3 / 2 + 1], memory[2 * page_bytes]);
  page_states(memory, 4, states);
  say("pages %s\n", states);

  test_case("refusals");
  to("below the start", -(64l << 20));
  say("one: %s\n", set(1) == set(0) ? "stays" : "moved");
  say("kernel: %s\n", set(0xffff800000000000u) == set(0) ? "stays" : "moved");
  say("last byte: %s\n", set(-1ul) == set(0) ? "stays" : "moved");
  char* const wall = mmap(memory + 6 * page_bytes, page_bytes, PROT_READ,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  require(wall == memory + 6 * page_bytes);
  to("up to a mapping", 6 * page_bytes);
  to("into a mapping", 7 * page_bytes);
  to("over a mapping", 9 * page_bytes);
  require(munmap(wall, page_bytes) == 0);
  to("where it was", 7 * page_bytes);

  test_case("holes");
  to("three", 3 * page_bytes);
  say("hole: %s\n", outcome(munmap(memory + page_bytes, page_bytes)));
  page_states(memory, 4, states);
  say("pages %s\n", states);
  to("four", 4 * page_bytes);
  to("none", 0);
  page_states(memory, 4, states);
  say("pages %s\n", states);

  test_case("children");
  to("one", page_bytes);
  memory[0] = 4;
  say("child: %s", status_text(in_child(in_the_child, memory)));
  say(", here %d, %+ld\n", memory[0], (long)(set(0) - first));

  test_case("limit");
  const struct rlimit limit = {1, 1};
  require(setrlimit(RLIMIT_DATA, &limit) == 0);
  to("more", 16 * page_bytes);
  return 0;
}
