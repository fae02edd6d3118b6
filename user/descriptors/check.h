// check.h: one case of the test of descriptors: what it expects, and the first thing that was not
// so. Each case runs in a process of its own.
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "user/spawn/build.h"

enum { page = 4096 };

// Ends the case as failed, with the line and errno.
void expect_at(bool good, const char* what, int line);
#define EXPECT(condition) expect_at((condition), #condition, __LINE__)
// The call failed with that error.
#define EXPECT_ERROR(call, error) \
  do {                            \
    errno = 0;                    \
    EXPECT((call) < 0);           \
    EXPECT(errno == (error));     \
  } while (0)

int own_process(void);
int own_space(void);
int new_space(void);
int process_of(int pid);
// How the child ended, as a shell has it.
int status_of(int pid);

// All mappings of a space, to compare; the counts of pages are left out.
struct layout {
  unsigned count;
  struct space_mapping mappings[64];
};
void look(int space, struct layout* to);
bool same(const struct layout* a, const struct layout* b);

struct space_change map_at(uint64_t base, uint64_t length, unsigned access);
int apply(int space, const struct space_change* changes, unsigned count);

struct test_case {
  const char* name;
  void (*run)(void);
};
extern const struct test_case batch_cases[];
extern const struct test_case space_cases[];
extern const struct test_case process_cases[];
// Prints instructions of fork and snapshot at several sizes.
int measure(void);
