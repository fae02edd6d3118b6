// Every combination of interesting arguments of mremap: the error or the place, and the layout.
//
// Not here: a range over several mappings that moves to a fixed place, which Linux allows
// since 6.17 and refused before.
#include <string.h>
#include <sys/mman.h>

#include "arena.h"

#define count_of(array) (sizeof(array) / sizeof(array)[0])

struct number {
  const char* name;
  unsigned long value;
};

static char* arena;
static char standard[arena_pages + 1];

static const struct number old_lengths[] = {{"0", 0},
                                            {"1", 1},
                                            {"2", 2 * page_bytes},
                                            {"8", 8 * page_bytes},
                                            {"12", 12 * page_bytes},
                                            {"-1", -(unsigned long)page_bytes}};
static const struct number new_lengths[] = {{"0", 0},
                                            {"1", 1},
                                            {"2", 2 * page_bytes},
                                            {"8", 8 * page_bytes},
                                            {"10", 10 * page_bytes},
                                            {"2^48", 1ul << 48},
                                            {"-1", -(unsigned long)page_bytes}};

static void one(unsigned long at, unsigned long old_length, const struct number* length, long flags,
                unsigned long to) {
  const long result = call(mremap, at, old_length, length->value, flags, to);
  say(" %s=%s", length->name, arena_place(arena, result));
  // What a call that failed has done before it failed is left out: here nothing.
  if (result >= 0) {
    char states[arena_pages + 1];
    page_states(arena, arena_pages, states);
    if (memcmp(states, standard, arena_pages) != 0) say("(%.48s)", states);
    munmap((void*)result, length->value);
  }
  arena_reset(arena);
}

static void all(const char* title, long flags, unsigned long to) {
  const struct number addresses[] = {
      {"writable", (unsigned long)arena},
      {"inside", (unsigned long)arena + 2 * page_bytes},
      {"unaligned", (unsigned long)arena + 1},
      {"no access, then nothing", (unsigned long)arena + 12 * page_bytes},
      {"nothing", (unsigned long)arena + 16 * page_bytes},
      {"shared", (unsigned long)arena + 24 * page_bytes},
      {"null", 0},
      {"kernel", 0xffff800000000000u},
  };
  test_case(title);
  for (size_t a = 0; a < count_of(addresses); ++a) {
    for (size_t o = 0; o < count_of(old_lengths); ++o) {
      say("%s, %s pages to:", addresses[a].name, old_lengths[o].name);
      for (size_t n = 0; n < count_of(new_lengths); ++n) {
        // Several mappings.
        if ((flags & MREMAP_FIXED) != 0 && old_lengths[o].value > 4 * page_bytes) continue;
        one(addresses[a].value, old_lengths[o].value, &new_lengths[n], flags, to);
      }
      say("\n");
    }
  }
}

static void contents(void) {
  test_case("contents move along");
  arena_reset(arena);
  for (int page = 0; page < 8; ++page) arena[page * page_bytes + 5] = (char)('a' + page);
  char* const to = arena + 40 * page_bytes;
  long result = call(mremap, arena + 2 * page_bytes, 3l * page_bytes, 5l * page_bytes,
                     (long)(MREMAP_MAYMOVE | MREMAP_FIXED), to);
  say("%s: ", arena_place(arena, result));
  for (int page = 0; page < 5; ++page) say("%d ", to[page * page_bytes + 5]);
  say("\n");
  arena_show(arena, "after");
  result = call(mremap, to, 5l * page_bytes, 2l * page_bytes, 0L);
  say("shrunk: %s: %d %d\n", arena_place(arena, result), to[5], to[page_bytes + 5]);
  arena_show(arena, "after");

  test_case("shared memory mapped twice");
  arena_reset(arena);
  char* const shared = arena + 24 * page_bytes;
  shared[page_bytes] = 'x';
  result = call(mremap, shared, 0L, 3l * page_bytes, (long)(MREMAP_MAYMOVE | MREMAP_FIXED), to);
  say("%s\n", arena_place(arena, result));
  if (result > 0) {
    to[page_bytes + 1] = 'y';
    say("%c%c %c%c\n", to[page_bytes], to[page_bytes + 1], shared[page_bytes],
        shared[page_bytes + 1]);
    arena_show(arena, "after");
  }

  test_case("the old place stays");
  arena_reset(arena);
  arena[5] = 'z';
  result = call(mremap, arena, 2l * page_bytes, 2l * page_bytes,
                (long)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP), to);
  say("%s\n", arena_place(arena, result));
  if (result > 0) say("there %d, here %d\n", to[5], arena[5]);
  arena_show(arena, "after");

  test_case("growing in place ends at a neighbour");
  arena_reset(arena);
  say("%s\n", arena_place(arena, call(mremap, arena + 6 * page_bytes, 2l * page_bytes,
                                      3l * page_bytes, 0L)));
  say("%s\n", arena_place(arena, call(mremap, arena + 14 * page_bytes, 2l * page_bytes,
                                      6l * page_bytes, 0L)));
  arena_show(arena, "after");
}

int main(void) {
  arena = arena_create();
  arena_reset(arena);
  page_states(arena, arena_pages, standard);
  const unsigned long there = (unsigned long)arena + 40 * page_bytes;
  all("in place", 0, 0);
  all("to a free place", MREMAP_MAYMOVE | MREMAP_FIXED, there);
  all("onto itself", MREMAP_MAYMOVE | MREMAP_FIXED, (unsigned long)arena + page_bytes);
  all("onto others", MREMAP_MAYMOVE | MREMAP_FIXED, (unsigned long)arena + 26 * page_bytes);
  all("to an unaligned place", MREMAP_MAYMOVE | MREMAP_FIXED, there + 1);
  all("to the kernel", MREMAP_MAYMOVE | MREMAP_FIXED, 0xffff800000000000u);
  all("fixed alone", MREMAP_FIXED, there);
  all("unknown flag", 8, there);
  contents();
  return 0;
}
