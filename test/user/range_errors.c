// Every combination of interesting arguments of the calls that take an address range: munmap,
// mprotect, madvise, msync, mincore, mlock, munlock, mlock2. Prints the error and, where it
// changed, the layout of the arena.
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "arena.h"

#define count_of(array) (sizeof(array) / sizeof(array)[0])

static char* arena;
static char standard[arena_pages + 1];

struct number {
  const char* name;
  unsigned long value;
};

static struct number addresses[16];
static size_t address_count;

static const struct number lengths[] = {
    {"0", 0},
    {"1", 1},
    {"page", page_bytes},
    {"page+1", page_bytes + 1},
    {"8 pages", 8 * page_bytes},
    {"2^63", 1ul << 63},
    {"-page", -(unsigned long)page_bytes},
    {"-1", -1ul},
};

// The answer, with the layout when it differs from the standard one, which is there again
// afterwards.
static void told(const char* what, long result) {
  say(" %s=%s", what, outcome(result));
  if (result < 0) {
    arena_reset(arena);
    return;
  }
  char states[arena_pages + 1];
  page_states(arena, arena_pages, states);
  if (memcmp(states, standard, arena_pages) != 0) {
    say("(%.32s)", states);
    arena_reset(arena);
  }
}

enum which { unmap, protect, advise, sync_range, in_core, lock, unlock, lock_on_fault, lock_odd };

static long run(enum which which, unsigned long at, unsigned long length, long argument) {
  static unsigned char vector[64];
  switch (which) {
    case unmap: return call(munmap, at, length);
    case protect: return call(mprotect, at, length, argument);
    case advise: return call(madvise, at, length, argument);
    case sync_range: return call(msync, at, length, argument);
    case in_core: return call(mincore, at, length, vector);
    case lock: return call(mlock, at, length);
    case unlock: return call(munlock, at, length);
    case lock_on_fault: return call(mlock2, at, length, 1L);
    case lock_odd: return call(mlock2, at, length, 2L);
  }
  return 0;
}

static void all(const char* title, enum which which, long argument) {
  test_case(title);
  for (size_t a = 0; a < address_count; ++a) {
    say("%s:", addresses[a].name);
    for (size_t l = 0; l < count_of(lengths); ++l) {
      // Advice goes on after a hole: a range that reaches this program's own memory is left out.
      const unsigned long at = addresses[a].value;
      const unsigned long length = lengths[l].value;
      if (which == advise && length >= 1ul << 63 && at + length > at) continue;
      const long result = run(which, at, length, argument);
      told(lengths[l].name, result);
      if (result == 0 && (which == lock || which == lock_on_fault)) call(munlockall);
    }
    say("\n");
  }
}

static void add(const char* name, unsigned long value) {
  addresses[address_count++] = (struct number){name, value};
}

// Which advice and flags there are, on a writable page.
static void arguments(void) {
  test_case("advice values");
  static const struct number places[] = {
      {"writable", 0}, {"read-only", 8}, {"no access", 12}, {"nothing", 16}, {"shared", 24}};
  // Huge pages, merging, poisoning and what came after Linux 5.4 depend on how Linux was built.
  static const int values[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 16, 17, 18, 19, 26, 50, -1};
  for (size_t p = 0; p < count_of(places); ++p) {
    say("%s:", places[p].name);
    for (size_t v = 0; v < count_of(values); ++v) {
      say(" %d=%s", values[v],
          outcome(call(madvise, arena + places[p].value * page_bytes, 2l * page_bytes,
                       (long)values[v])));
    }
    say("\n");
    arena_reset(arena);
  }
  test_case("msync flags");
  for (size_t p = 0; p < count_of(places); ++p) {
    say("%s:", places[p].name);
    for (long flags = 0; flags <= 16; ++flags) {
      say(" %ld=%s", flags,
          outcome(call(msync, arena + places[p].value * page_bytes, 2l * page_bytes, flags)));
    }
    say("\n");
  }
  test_case("mprotect values");
  static const int protections[] = {
      PROT_NONE, PROT_READ, PROT_WRITE,     PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
      0x20,      0x40,      PROT_GROWSDOWN, PROT_GROWSUP,           PROT_GROWSDOWN | PROT_GROWSUP};
  for (size_t p = 0; p < count_of(places); ++p) {
    say("%s:", places[p].name);
    for (size_t v = 0; v < count_of(protections); ++v) {
      const long result = call(mprotect, arena + places[p].value * page_bytes, (long)page_bytes,
                               (long)protections[v]);
      say(" 0x%x=%s", protections[v], outcome(result));
      arena_reset(arena);
    }
    say("\n");
  }
}

static void bad_vectors(void) {
  test_case("mincore vectors");
  say("null: %s\n", outcome(call(mincore, arena, (long)page_bytes, NULL)));
  say("read-only: %s\n", outcome(call(mincore, arena, (long)page_bytes, arena + 8 * page_bytes)));
  say("nothing there: %s\n",
      outcome(call(mincore, arena, (long)page_bytes, arena + 16 * page_bytes)));
  say("kernel: %s\n", outcome(call(mincore, arena, (long)page_bytes, (void*)0xffff800000000000u)));
  say("half there: %s\n",
      outcome(call(mincore, arena, 8l * page_bytes, arena + 8 * page_bytes - 4)));
  test_case("mincore sees what was touched");
  arena_reset(arena);
  unsigned char vector[8];
  *(volatile char*)(arena + page_bytes) = 1;
  *(volatile char*)(arena + 3 * page_bytes) = 1;
  say("%s:", outcome(call(mincore, arena, 8l * page_bytes, vector)));
  for (int i = 0; i < 8; ++i) say(" %d", vector[i] & 1);
  say("\n");
  say("discard: %s:", outcome(call(madvise, arena, 2l * page_bytes, MADV_DONTNEED)));
  require(call(mincore, arena, 8l * page_bytes, vector) == 0);
  for (int i = 0; i < 8; ++i) say(" %d", vector[i] & 1);
  say("\n");
  arena_reset(arena);
}

static void lock_limit(void) {
  test_case("locked memory has a limit");
  const struct rlimit limit = {4 * page_bytes, 4 * page_bytes};
  require(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
  say("4 pages: %s\n", outcome(call(mlock, arena, 4l * page_bytes)));
  say("the same again: %s\n", outcome(call(mlock, arena, 4l * page_bytes)));
  say("a fifth: %s\n", outcome(call(mlock, arena + 4 * page_bytes, (long)page_bytes)));
  say("one back: %s\n", outcome(call(munlock, arena, (long)page_bytes)));
  say("then the fifth: %s\n", outcome(call(mlock, arena + 4 * page_bytes, (long)page_bytes)));
  say("mapped locked: %s\n",
      outcome(call(mmap, arena + 40 * page_bytes, 2l * page_bytes, PROT_READ,
                   (long)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED), -1L, 0L)));
  say("locked memory is not discarded: %s\n",
      outcome(call(madvise, arena + page_bytes, (long)page_bytes, MADV_DONTNEED)));
  say("all, now: %s\n", outcome(call(mlockall, MCL_CURRENT)));
  say("nothing of all: %s\n", outcome(call(mlockall, 0L)));
  say("unknown: %s\n", outcome(call(mlockall, 8L)));
  say("on fault alone: %s\n", outcome(call(mlockall, 4L)));
  say("back: %s\n", outcome(call(munlockall)));
  say("discarded: %s\n",
      outcome(call(madvise, arena + page_bytes, (long)page_bytes, MADV_DONTNEED)));
}

int main(void) {
  arena = arena_create();
  const unsigned long end = user_end();
  const struct rlimit limit = {1 << 20, 1 << 20};
  require(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
  arena_reset(arena);
  page_states(arena, arena_pages, standard);
  say("%s\n", standard);

  add("writable", (unsigned long)arena);
  add("unaligned", (unsigned long)arena + 1);
  add("read-only, then no access", (unsigned long)arena + 8 * page_bytes);
  add("no access, then nothing", (unsigned long)arena + 12 * page_bytes);
  add("nothing", (unsigned long)arena + 16 * page_bytes);
  add("nothing, then shared", (unsigned long)arena + 20 * page_bytes);
  add("shared", (unsigned long)arena + 24 * page_bytes);
  add("null", 0);
  add("one", 1);
  add("the end", end);
  add("the end and one", end + 1);
  add("kernel", 0xffff800000000000u);
  add("last page", -(unsigned long)page_bytes);

  all("munmap", unmap, 0);
  all("mprotect none", protect, PROT_NONE);
  all("mprotect read", protect, PROT_READ);
  all("mprotect write", protect, PROT_READ | PROT_WRITE);
  all("mprotect unknown", protect, 0x40);
  all("madvise normal", advise, MADV_NORMAL);
  all("madvise willneed", advise, MADV_WILLNEED);
  all("madvise dontneed", advise, MADV_DONTNEED);
  all("madvise free", advise, MADV_FREE);
  all("madvise remove", advise, MADV_REMOVE);
  all("madvise dontfork", advise, MADV_DONTFORK);
  all("madvise unknown", advise, 1000);
  all("msync", sync_range, MS_SYNC);
  all("msync both", sync_range, MS_SYNC | MS_ASYNC);
  all("msync unknown", sync_range, 8);
  all("mincore", in_core, 0);
  all("mlock", lock, 0);
  all("munlock", unlock, 0);
  all("mlock2 on fault", lock_on_fault, 0);
  all("mlock2 unknown", lock_odd, 0);
  arguments();
  bad_vectors();
  lock_limit();
  return 0;
}
