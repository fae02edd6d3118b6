#include "arena.h"

#include <stdio.h>
#include <sys/mman.h>

enum { alignment = 2 << 20 };

char* arena_create(void) {
  const size_t room = 2 * (size_t)alignment + arena_pages * page_bytes;
  char* const start =
      mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(start != MAP_FAILED);
  char* const arena =
      (char*)(((uintptr_t)start + page_bytes + alignment - 1) & ~(uintptr_t)(alignment - 1));
  // What surrounds the arena stays reserved, but for a page on either side: a mapping that grows
  // finds nothing there to merge with, and nobody else gets those pages while others are free.
  require(munmap(arena - page_bytes, (arena_pages + 2) * page_bytes) == 0);
  return arena;
}

static void map_fixed(char* at, size_t pages, int protection, int flags) {
  require(mmap(at, pages * page_bytes, protection, flags | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == at);
}

void arena_reset(char* arena) {
  require(munmap(arena - page_bytes, (arena_pages + 2) * page_bytes) == 0);
  map_fixed(arena, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  map_fixed(arena + 8 * page_bytes, 4, PROT_READ, MAP_PRIVATE);
  map_fixed(arena + 12 * page_bytes, 4, PROT_NONE, MAP_PRIVATE);
  map_fixed(arena + 24 * page_bytes, 8, PROT_READ | PROT_WRITE, MAP_SHARED);
}

const char* arena_place(const char* arena, long result) {
  static char text[48];
  if (result < 0 && result >= -4095) return error_name((int)-result);
  const uintptr_t at = (uintptr_t)result;
  const uintptr_t start = (uintptr_t)arena;
  if (at < start || at >= start + arena_pages * page_bytes) return "elsewhere";
  const uintptr_t offset = at - start;
  if (offset % page_bytes == 0) {
    snprintf(text, sizeof text, "arena+%lu", (unsigned long)(offset / page_bytes));
  } else {
    snprintf(text, sizeof text, "arena+%lu and %lu bytes", (unsigned long)(offset / page_bytes),
             (unsigned long)(offset % page_bytes));
  }
  return text;
}

uintptr_t user_end(void) {
  // The sizes of the user half that the two architectures have.
  static const int bits[] = {47, 48, 52, 56};
  for (size_t i = 0; i < sizeof bits / sizeof bits[0]; ++i) {
    const uintptr_t end = (uintptr_t)1 << bits[i];
    if (munmap((void*)end, page_bytes) != 0) return end;
  }
  give_up("the user half has no end");
}

void arena_show(const char* arena, const char* text) {
  char states[arena_pages + 1];
  page_states(arena, arena_pages, states);
  say("%s %s\n", text, states);
}
