// What fork and a snapshot by descriptor cost with 8 MiB to 1 GiB resident: a line a size,
// "OPERATION MIB COUNT". The counter counts instructions in a machine that is run so (tools/run
// --icount).
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/descriptors/check.h"

static uint64_t counter(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  uint64_t value;
  __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value));
  return value;
#endif
}

static uint64_t cost_of_fork(void) {
  const uint64_t start = counter();
  const int child = fork();
  const uint64_t end = counter();
  if (child == 0) _exit(0);
  EXPECT(child > 0 && status_of(child) == 0);
  return end - start;
}

static uint64_t cost_of_snapshot(void) {
  const int space = own_space();
  const uint64_t start = counter();
  const int snapshot = dup_named(space, "exclusive");
  const uint64_t end = counter();
  EXPECT(snapshot >= 0);
  close(snapshot);
  close(space);
  return end - start;
}

// A timer's interrupt may fall into some.
static uint64_t least(uint64_t (*cost)(void)) {
  uint64_t best = ~(uint64_t)0;
  for (int i = 0; i < 7; i++) {
    const uint64_t now = cost();
    best = now < best ? now : best;
  }
  return best;
}

int measure(void) {
  static const size_t sizes[] = {8, 64, 256, 1024};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    const size_t bytes = sizes[i] << 20;
    char* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    EXPECT(memory != MAP_FAILED);
    const int space = own_space();
    struct space_mapping mapping;
    EXPECT(pread(space, &mapping, sizeof(mapping), (off_t)(uintptr_t)memory) == sizeof(mapping));
    EXPECT(mapping.resident * page >= bytes);
    close(space);
    printf("fork %zu %llu\n", sizes[i], (unsigned long long)least(cost_of_fork));
    printf("snapshot %zu %llu\n", sizes[i], (unsigned long long)least(cost_of_snapshot));
    fflush(stdout);
    EXPECT(munmap(memory, bytes) == 0);
  }
  return 0;
}
