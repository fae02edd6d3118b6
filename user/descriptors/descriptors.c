// descriptors: address spaces and processes as descriptors, case by case: every name, every error,
// all or nothing. A line a case: "NAME: good", or what was wrong. `descriptors NAME`: that one;
// `descriptors measure`: what fork and a snapshot cost.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/descriptors/check.h"

void expect_at(bool good, const char* what, int line) {
  if (good) return;
  printf("line %d: not so: %s (%s)\n", line, what, strerror(errno));
  fflush(stdout);
  _exit(1);
}

int process_of(int pid) {
  char path[32];
  snprintf(path, sizeof(path), "proc:%d", pid);
  return open(path, O_RDONLY | O_CLOEXEC);
}

int own_process(void) {
  return open("proc:self", O_RDONLY | O_CLOEXEC);
}

int own_space(void) {
  return open("addrspace:", O_RDWR | O_CLOEXEC);
}

int new_space(void) {
  const int own = own_space();
  const int fresh = dup_named(own, "empty");
  close(own);
  return fresh;
}

int status_of(int pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void look(int space, struct layout* to) {
  memset(to, 0, sizeof(*to));
  EXPECT(lseek(space, 0, SEEK_SET) == 0);
  const ssize_t size = read(space, to->mappings, sizeof(to->mappings));
  EXPECT(size >= 0);
  to->count = (unsigned)((size_t)size / sizeof(to->mappings[0]));
  for (unsigned i = 0; i < to->count; i++) {
    struct space_mapping* mapping = &to->mappings[i];
    mapping->resident = mapping->shared = mapping->swapped = 0;
    mapping->tables = mapping->tables_shared = 0;
  }
}

bool same(const struct layout* a, const struct layout* b) {
  return memcmp(a, b, sizeof(*a)) == 0;
}

struct space_change map_at(uint64_t base, uint64_t length, unsigned access) {
  struct space_change change = space_change_of(SPACE_MAP, base, length);
  change.access = access;
  return change;
}

int apply(int space, const struct space_change* changes, unsigned count) {
  return put(space, changes, count * sizeof(changes[0]));
}

static int run(const struct test_case* test) {
  printf("%s: ", test->name);
  fflush(stdout);
  const int child = fork();
  if (child == 0) {
    alarm(60);
    test->run();
    puts("good");
    exit(0);
  }
  const int status = status_of(child);
  if (status > 1) printf("ended with %d\n", status);
  return status == 0 ? 0 : 1;
}

static const struct test_case* const all[] = {space_cases, batch_cases, process_cases};

static int run_all(const char* only) {
  int failed = 0;
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    for (const struct test_case* test = all[i]; test->name != NULL; test++) {
      if (only == NULL || strcmp(only, test->name) == 0) failed += run(test);
    }
  }
  return failed;
}

// Frames, heap blocks, processes and threads, once all that waits to be freed has been.
static void audit(char* to, size_t size) {
  memset(to, 0, size);
  const int file = open("/scheme/sys/audit", O_RDONLY | O_CLOEXEC);
  EXPECT(file >= 0 && read(file, to, size - 1) > 0);
  close(file);
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "measure") == 0) return measure();
  char before[512];
  char after[512];
  int failed = run_all(argc == 2 ? argv[1] : NULL);
  // The first round has made what stays: caches, the shell's pages. The second must leave nothing.
  puts("again");
  audit(before, sizeof(before));
  audit(before, sizeof(before));
  failed += run_all(argc == 2 ? argv[1] : NULL);
  audit(after, sizeof(after));
  printf("audit: %s\n", strcmp(before, after) == 0 ? "good" : "not as before");
  if (strcmp(before, after) != 0) printf("%s%s", before, after);
  return failed != 0;
}
