// vmmap PID: what is mapped in a process, a line a mapping: addresses, pages, rights now and at
// most, private or shared, what is behind it; pages resident, shared with others, swapped out; page
// tables, and how many of them another space shares.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/spawn/build.h"

static const char* const kinds[] = {"zero-fill", "memory", "physical", "borrowed", "file"};
static const char* const uses[] = {"",     "heap",   "stack",  "text",   "rodata",
                                   "data", "mapped", "shared", "signals"};

static void show_rights(char* to, unsigned access) {
  to[0] = (access & PROT_READ) ? 'r' : '-';
  to[1] = (access & PROT_WRITE) ? 'w' : '-';
  to[2] = (access & PROT_EXEC) ? 'x' : '-';
  to[3] = '\0';
}

static const char* name_in(const char* const* names, size_t count, unsigned index) {
  return index < count ? names[index] : "?";
}

static void show(const struct space_mapping* mapping) {
  char now[4];
  char most[4];
  char object[64] = "";
  show_rights(now, mapping->access);
  show_rights(most, mapping->max_access);
  if (mapping->object != 0) {
    snprintf(object, sizeof(object), " %08x+%llx", (unsigned)mapping->object,
             (unsigned long long)mapping->offset);
  }
  printf("%012llx-%012llx %8llu %s/%s %s %8llu %8llu %4llu %4llu/%-4llu %s%s%s%s%s\n",
         (unsigned long long)mapping->base, (unsigned long long)(mapping->base + mapping->length),
         (unsigned long long)mapping->length / 4096, now, most,
         (mapping->flags & SPACE_SHARED) ? "shared " : "private",
         (unsigned long long)mapping->resident, (unsigned long long)mapping->shared,
         (unsigned long long)mapping->swapped, (unsigned long long)mapping->tables,
         (unsigned long long)mapping->tables_shared,
         name_in(kinds, sizeof(kinds) / sizeof(kinds[0]), mapping->kind), object,
         mapping->use == SPACE_USE_NONE ? "" : " ",
         name_in(uses, sizeof(uses) / sizeof(uses[0]), mapping->use),
         (mapping->flags & SPACE_LOCKED) ? " locked" : "");
}

int main(int argc, char** argv) {
  char path[32];
  if (argc != 2) {
    fputs("usage: vmmap PID\n", stderr);
    return 2;
  }
  snprintf(path, sizeof(path), "/proc/%s", argv[1]);
  const int process = open(path, O_RDONLY | O_CLOEXEC);
  const int space = process < 0 ? -1 : dup_named(process, "addrspace");
  if (space < 0) {
    fprintf(stderr, "vmmap: %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  printf("%-25s %8s %7s %-7s %8s %8s %4s %9s behind\n", "addresses", "pages", "rights", "sharing",
         "resident", "shared", "swap", "tables/sh");
  struct space_mapping total = {0};
  struct space_mapping list[16];
  ssize_t size;
  while ((size = read(space, list, sizeof(list))) > 0) {
    for (size_t i = 0; i < (size_t)size / sizeof(list[0]); i++) {
      show(&list[i]);
      total.length += list[i].length;
      total.resident += list[i].resident;
      total.shared += list[i].shared;
      total.swapped += list[i].swapped;
    }
  }
  if (size < 0) {
    perror("vmmap: read");
    return 1;
  }
  printf("%-25s %8llu %15s %8llu %8llu %4llu\n", "total", (unsigned long long)total.length / 4096,
         "", (unsigned long long)total.resident, (unsigned long long)total.shared,
         (unsigned long long)total.swapped);
  return 0;
}
