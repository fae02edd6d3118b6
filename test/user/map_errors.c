// Every combination of interesting arguments of mmap: the error, or where the mapping went.
//
// Not here, because Linux leaves it to settings of the machine: memory beyond what it has, huge
// pages; and because this system differs on purpose: pages both writable and executable.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "arena.h"

static char* arena;

struct address {
  const char* name;
  uintptr_t at;
};
struct number {
  const char* name;
  unsigned long value;
};

#define count_of(array) (sizeof(array) / sizeof(array)[0])

static const struct number lengths[] = {
    {"0", 0},
    {"1", 1},
    {"page", page_bytes},
    {"page+1", page_bytes + 1},
    {"4 pages", 4 * page_bytes},
    {"2^48", 1ul << 48},
    {"2^63", 1ul << 63},
    {"-page", -(unsigned long)page_bytes},
    {"-1", -1ul},
};

static const struct number kinds[] = {
    {"private anonymous", MAP_PRIVATE | MAP_ANONYMOUS},
    {"shared anonymous", MAP_SHARED | MAP_ANONYMOUS},
    {"anonymous of no kind", MAP_ANONYMOUS},
    {"validated anonymous", MAP_SHARED_VALIDATE | MAP_ANONYMOUS},
    {"private noreserve", MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE},
    {"private stack", MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK},
    {"private populate", MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE},
    {"private unknown bit", MAP_PRIVATE | MAP_ANONYMOUS | 0x1000000},
};

static struct address addresses[16];
static size_t address_count;

static void add_address(const char* name, uintptr_t at) {
  addresses[address_count++] = (struct address){name, at};
}

// The result, and the arena as it was again. What went elsewhere is unmapped.
static const char* take_back(long result, unsigned long length) {
  if (result < 0 && result >= -4095) return error_name((int)-result);
  const char* place = arena_place(arena, result);
  munmap((void*)result, length);
  arena_reset(arena);
  return place;
}

static void anonymous(const char* title, unsigned long flags, uintptr_t end) {
  test_case(title);
  for (size_t a = 0; a < address_count; ++a) {
    const uintptr_t at = addresses[a].at;
    for (size_t k = 0; k < count_of(kinds); ++k) {
      say("%s, %s:", addresses[a].name, kinds[k].name);
      for (size_t l = 0; l < count_of(lengths); ++l) {
        const unsigned long length = lengths[l].value;
        // The pages below the end may be the stack's.
        if (at < end && end - at < 16 * page_bytes && length <= end - at) continue;
        const long result =
            call(mmap, at, length, PROT_READ | PROT_WRITE, kinds[k].value | flags, -1L, 0L);
        // A hint is taken or not; where else it leads is the system's choice.
        const int taken = result < 0 || (uintptr_t)result == (at & -(uintptr_t)page_bytes);
        const char* place = take_back(result, length);
        say(" %s=%s", lengths[l].name, taken ? place : "elsewhere");
      }
      say("\n");
    }
  }
}

static void protections(void) {
  test_case("protections");
  static const int values[] = {PROT_NONE,  PROT_READ,
                               PROT_WRITE, PROT_READ | PROT_WRITE,
                               PROT_EXEC,  PROT_READ | PROT_EXEC,
                               0x10,       PROT_READ | 0x80};
  for (size_t i = 0; i < count_of(values); ++i) {
    for (size_t k = 0; k < count_of(kinds); ++k) {
      const long result = call(mmap, arena + 16 * page_bytes, (long)page_bytes, values[i],
                               kinds[k].value | MAP_FIXED, -1L, 0L);
      char state[2];
      page_states(arena + 16 * page_bytes, 1, state);
      say("protection 0x%x, %s: %s %s\n", values[i], kinds[k].name, arena_place(arena, result),
          state);
      arena_reset(arena);
    }
  }
}

static void offsets(void) {
  test_case("offsets of anonymous memory");
  static const struct number values[] = {
      {"1", 1}, {"page", page_bytes}, {"-page", -(unsigned long)page_bytes}, {"-1", -1ul}};
  for (size_t i = 0; i < count_of(values); ++i) {
    for (size_t k = 0; k < 2; ++k) {
      const long result = call(mmap, arena + 16 * page_bytes, (long)page_bytes, PROT_READ,
                               kinds[k].value | MAP_FIXED, -1L, values[i].value);
      say("offset %s, %s: %s\n", values[i].name, kinds[k].name, take_back(result, page_bytes));
    }
  }
}

static int descriptors[8];
static const char* const descriptor_names[] = {"none",      "not open",   "directory", "read-only",
                                               "pipe read", "pipe write", "path only"};

static void open_descriptors(const char* own_name) {
  int ends[2];
  descriptors[0] = -1;
  descriptors[1] = 99;
  descriptors[2] = open("/", O_RDONLY | O_DIRECTORY);
  descriptors[3] = open(own_name, O_RDONLY);
  require(descriptors[2] >= 0 && descriptors[3] >= 0 && pipe(ends) == 0);
  descriptors[4] = ends[0];
  descriptors[5] = ends[1];
  descriptors[6] = open(own_name, O_PATH);
  require(descriptors[6] >= 0);
}

static void files(void) {
  static const struct number sharing[] = {
      {"private", MAP_PRIVATE},
      {"shared", MAP_SHARED},
      {"validated", MAP_SHARED_VALIDATE},
      {"validated with a bit that is unknown", MAP_SHARED_VALIDATE | 0x1000000},
      {"of no kind", 0},
      {"private anonymous", MAP_PRIVATE | MAP_ANONYMOUS}};
  static const int rights[] = {PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE};
  static const struct number file_offsets[] = {{"0", 0},
                                               {"page", page_bytes},
                                               {"1", 1},
                                               {"-page", -(unsigned long)page_bytes},
                                               {"2^62", 1ul << 62}};
  test_case("descriptors");
  for (size_t d = 0; d < 7; ++d) {
    for (size_t s = 0; s < count_of(sharing); ++s) {
      say("%s, %s:", descriptor_names[d], sharing[s].name);
      for (size_t r = 0; r < count_of(rights); ++r) {
        const long result = call(mmap, arena + 16 * page_bytes, (long)page_bytes, rights[r],
                                 sharing[s].value | MAP_FIXED, (long)descriptors[d], 0L);
        say(" %x=%s", rights[r], take_back(result, page_bytes));
      }
      say("\n");
    }
  }
  test_case("offsets of files");
  for (size_t d = 0; d < 4; ++d) {
    for (size_t o = 0; o < count_of(file_offsets); ++o) {
      say("%s at %s:", descriptor_names[d], file_offsets[o].name);
      for (size_t l = 0; l < count_of(lengths); ++l) {
        const long result =
            call(mmap, arena + 16 * page_bytes, lengths[l].value, PROT_READ,
                 MAP_PRIVATE | MAP_FIXED, (long)descriptors[d], file_offsets[o].value);
        say(" %s=%s", lengths[l].name, take_back(result, lengths[l].value));
      }
      say("\n");
    }
  }
}

static void replaced_layout(void) {
  test_case("layout after a fixed mapping");
  static const struct number starts[] = {{"0", 0}, {"6", 6}, {"11", 11}, {"15", 15}, {"22", 22}};
  for (size_t i = 0; i < count_of(starts); ++i) {
    char text[48];
    const long result = call(mmap, arena + starts[i].value * page_bytes, 3l * page_bytes, PROT_READ,
                             (long)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED), -1L, 0L);
    snprintf(text, sizeof text, "3 pages at %s: %s", starts[i].name, arena_place(arena, result));
    arena_show(arena, text);
    arena_reset(arena);
  }
  arena_show(arena, "reset");
}

int main(int argc, char** argv) {
  require(argc >= 1);
  arena = arena_create();
  arena_reset(arena);
  open_descriptors(argv[0]);
  const uintptr_t end = user_end();

  add_address("nothing there", (uintptr_t)(arena + 17 * page_bytes));
  add_address("unaligned", (uintptr_t)(arena + 17 * page_bytes + 1));
  add_address("mapped", (uintptr_t)(arena + 2 * page_bytes));
  add_address("half mapped", (uintptr_t)(arena + 6 * page_bytes));
  add_address("across the end", end - 2 * page_bytes);
  add_address("the end", end);
  add_address("kernel", 0xffff800000000000u);
  add_address("last page", -(uintptr_t)page_bytes);
  anonymous("fixed", MAP_FIXED, end);
  anonymous("fixed where nothing is", MAP_FIXED_NOREPLACE, end);

  // A hint that cannot be taken leads to an address of the system's choice. Hints inside the arena
  // are taken where there is room.
  address_count = 0;
  add_address("null", 0);
  add_address("nothing there", (uintptr_t)(arena + 17 * page_bytes));
  add_address("unaligned", (uintptr_t)(arena + 17 * page_bytes + 1));
  add_address("mapped", (uintptr_t)(arena + 2 * page_bytes));
  add_address("kernel", 0xffff800000000000u);
  add_address("last page", -(uintptr_t)page_bytes);
  anonymous("hints", 0, end);

  // Nobody may map the first page.
  address_count = 0;
  add_address("null", 0);
  add_address("one", 1);
  anonymous("the first page", MAP_FIXED, end);

  protections();
  offsets();
  files();
  replaced_layout();
  return 0;
}
