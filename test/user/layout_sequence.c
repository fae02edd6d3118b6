// Sequences of mmap, munmap, mprotect, mremap, madvise, touches and forks, drawn from a seed: the
// result of every step, and after some the layout and a hash of all that can be read. A fork's
// child goes on with steps of its own, then the parent does.
//
// `layout_sequence FIRST COUNT` runs the seeds FIRST to FIRST+COUNT-1, to look for differences; the
// test runs a few with the numbers below. Left out: mremap of a range in which some step had a
// border, because Linux may or may not merge neighbours; mprotect and madvise over holes and, for
// the latter, borders, because what they refuse has here no effect and on Linux maybe some.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arena.h"

enum { steps = 120, child_steps = 15, show_every = 10 };

static char* arena;
static uint64_t random_state;
static int memory_file;

// border[i]: a step had a border between pages i-1 and i since page i was last mapped.
static char border[arena_pages + 1];

static unsigned draw(unsigned below) {
  return (unsigned)(next_random(&random_state) % below);
}

static char* page(unsigned index) {
  return arena + (size_t)index * page_bytes;
}

static void cut(unsigned start, unsigned count) {
  border[start] = 1;
  border[start + count] = 1;
}

static void mapped(unsigned start, unsigned count) {
  cut(start, count);
  for (unsigned i = start + 1; i < start + count; ++i) border[i] = 0;
}

static int whole(unsigned start, unsigned count) {
  for (unsigned i = start + 1; i < start + count; ++i) {
    if (border[i]) return 0;
  }
  return 1;
}

static int has_hole(unsigned start, unsigned count) {
  char states[arena_pages + 1];
  page_states(page(start), count, states);
  return strchr(states, '.') != NULL;
}

static void contents(void) {
  char states[arena_pages + 1];
  page_states(arena, arena_pages, states);
  uint64_t hash = 0;
  for (unsigned i = 0; i < arena_pages; ++i) {
    if (states[i] == 'r' || states[i] == 'w') hash = hash_bytes(page(i), page_bytes, hash + i);
  }
  say("  %s %016lx\n", states, (unsigned long)hash);
}

static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
                                  PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE};

static void step_map(unsigned start, unsigned count) {
  const int protection = protections[draw(5)];
  const unsigned kind = draw(6);
  int flags = MAP_FIXED;
  int fd = -1;
  long offset = 0;
  if (kind < 3) {
    flags |= MAP_PRIVATE | MAP_ANONYMOUS;
  } else if (kind == 3) {
    flags |= MAP_SHARED | MAP_ANONYMOUS;
  } else {
    flags |= kind == 4 ? MAP_PRIVATE : MAP_SHARED;
    fd = memory_file;
    offset = (long)draw(8) * page_bytes;
  }
  if (draw(6) == 0) flags = (flags & ~MAP_FIXED) | MAP_FIXED_NOREPLACE;
  if (draw(6) == 0) flags |= MAP_POPULATE;
  const long result = call(mmap, page(start), (long)count * page_bytes, (long)protection,
                           (long)flags, (long)fd, offset);
  say("map %u+%u protection %d flags 0x%x%s: %s\n", start, count, protection, flags,
      fd >= 0 ? " file" : "", arena_place(arena, result));
  if (result > 0) mapped(start, count);
}

static void step_remap(unsigned start, unsigned count) {
  const unsigned new_count = 1 + draw(10);
  if (!whole(start, count) || has_hole(start, count)) return;
  unsigned to = draw(arena_pages - new_count);
  long flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  if (draw(2) == 0) {
    flags = 0;
    to = start;
  }
  const long result = call(mremap, page(start), (long)count * page_bytes,
                           (long)new_count * page_bytes, flags, page(to));
  say("remap %u+%u to %u+%u flags %ld: %s\n", start, count, to, new_count, flags,
      arena_place(arena, result));
  // Whether it worked or failed half way, what is there now may have new borders.
  cut(start, count);
  if (to + new_count <= arena_pages) {
    if (result > 0) {
      mapped(to, new_count);
    } else {
      cut(to, new_count);
    }
  }
}

static void step_touch(unsigned start, unsigned count) {
  char states[arena_pages + 1];
  page_states(page(start), count, states);
  unsigned written = 0;
  const char value = (char)draw(256);
  for (unsigned i = 0; i < count; ++i) {
    if (states[i] != 'w') continue;
    memset(page(start + i) + draw(64) * 8, value, 16);
    ++written;
  }
  say("touch %u+%u: %s, %u written\n", start, count, states, written);
}

static void step_advise(unsigned start, unsigned count) {
  static const int advice[] = {MADV_DONTNEED, MADV_DONTNEED, MADV_REMOVE, MADV_WILLNEED,
                               MADV_RANDOM,   MADV_DONTFORK, MADV_DOFORK};
  const int which = advice[draw(7)];
  if (!whole(start, count) || (count > 1 && has_hole(start, count))) return;
  const long result = call(madvise, page(start), (long)count * page_bytes, (long)which);
  say("advise %u+%u %d: %s\n", start, count, which, outcome(result));
  cut(start, count);
}

static int run_steps(void* argument);

static void step(int depth) {
  const unsigned start = draw(arena_pages - 12);
  const unsigned count = 1 + draw(12);
  const unsigned what = draw(depth == 0 ? 20 : 19);
  if (what < 5) {
    step_map(start, count);
  } else if (what < 7) {
    const long result = call(munmap, page(start), (long)count * page_bytes);
    say("unmap %u+%u: %s\n", start, count, outcome(result));
    cut(start, count);
  } else if (what < 10) {
    const int protection = protections[draw(5)];
    if (count > 1 && has_hole(start, count)) return;
    const long result = call(mprotect, page(start), (long)count * page_bytes, (long)protection);
    say("protect %u+%u %d: %s\n", start, count, protection, outcome(result));
    cut(start, count);
  } else if (what < 12) {
    step_remap(start, count);
  } else if (what < 14) {
    step_advise(start, count);
  } else if (what < 19) {
    step_touch(start, count);
  } else {
    say("fork\n");
    int count_of_steps = child_steps;
    say("  %s\n", status_text(in_child(run_steps, &count_of_steps)));
  }
}

static int run_steps(void* argument) {
  const int count = *(int*)argument;
  for (int i = 0; i < count; ++i) {
    step(count == steps ? 0 : 1);
    if (i % show_every == show_every - 1) contents();
  }
  contents();
  return 7;
}

static int run_seed(void* argument) {
  random_state = *(uint64_t*)argument;
  require(munmap(arena - page_bytes, (arena_pages + 2) * page_bytes) == 0);
  require(ftruncate(memory_file, 0) == 0 && ftruncate(memory_file, 8l * page_bytes) == 0);
  int count = steps;
  return run_steps(&count);
}

int main(int argc, char** argv) {
  const uint64_t first = argc > 2 ? strtoull(argv[1], NULL, 0) : 1;
  const uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : 8;
  arena = arena_create();
  memory_file = memfd_create("sequence", 0);
  require(memory_file >= 0);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    char name[32];
    snprintf(name, sizeof name, "seed %lu", (unsigned long)seed);
    test_case(name);
    say("%s\n", status_text(in_child(run_seed, &seed)));
  }
  return 0;
}
