// vmbench: what memory, process and pipe calls cost in instructions of the guest, on this kernel
// and on Linux alike: one static binary, the same work. It is meant for a machine that counts
// instructions (QEMU's -icount), where its unit is one instruction; elsewhere its figures are those
// of the processor's counter, scaled by a loop of known length.
//
// vmbench [NAME...]: all rows, or those whose names begin so. A line a row: NAME SAMPLES MINIMUM
// MEDIAN. As process 1 (a machine that runs nothing else) it powers off at the end.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/vmbench/counting.h"

enum { page = 4096, mib = 1 << 20 };

static char* map(size_t bytes, int flags) {
  char* const memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

static void touch(char* memory, size_t bytes) {
  for (size_t at = 0; at < bytes; at += page) *(volatile char*)(memory + at) = 1;
}

static void read_pages(char* memory, size_t bytes) {
  for (size_t at = 0; at < bytes; at += page) (void)*(volatile char*)(memory + at);
}

// ---- calls and faults

static void system_call(void) {
  for (int i = 0; i < 200; ++i) SAMPLE(syscall(SYS_getppid));
}

// What the counter said when the program began; it counts from the machine's reset.
static uint64_t program_began;

static void power_on(void) {
  take(0, program_began);
}

// The work of a fault is that of its page: neighbours have brought its table in.
static void write_fault(void) {
  enum { pages = 400 };
  char* const memory = map(pages * page, MAP_PRIVATE);
  touch(memory, 64 * page);
  for (size_t i = 64; i < pages; ++i) SAMPLE(*(volatile char*)(memory + i * page) = 1);
  munmap(memory, pages * page);
}

static void read_fault(void) {
  enum { pages = 400 };
  char* const memory = map(pages * page, MAP_PRIVATE);
  read_pages(memory, 64 * page);
  for (size_t i = 64; i < pages; ++i) SAMPLE((void)*(volatile char*)(memory + i * page));
  munmap(memory, pages * page);
}

static void shared_fault(void) {
  enum { pages = 400 };
  char* const memory = map(pages * page, MAP_SHARED);
  touch(memory, 64 * page);
  for (size_t i = 64; i < pages; ++i) SAMPLE(*(volatile char*)(memory + i * page) = 1);
  munmap(memory, pages * page);
}

static pid_t fork_sleeper(int ready[2]) {
  if (pipe(ready) != 0) fail("pipe");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    char byte;
    close(ready[1]);
    (void)!read(ready[0], &byte, 1);
    _exit(0);
  }
  close(ready[0]);
  return child;
}

static void end_sleeper(pid_t child, int ready[2]) {
  close(ready[1]);
  waitpid(child, NULL, 0);
}

static void copy_on_write(void) {
  enum { pages = 400 };
  char* const memory = map(pages * page, MAP_PRIVATE);
  touch(memory, pages * page);
  int ready[2];
  const pid_t child = fork_sleeper(ready);
  touch(memory, 64 * page);  // the table is this process's own again
  for (size_t i = 64; i < pages; ++i) SAMPLE(*(volatile char*)(memory + i * page) = 2);
  end_sleeper(child, ready);
  munmap(memory, pages * page);
}

// The other side has ended: the page can be had without a copy.
static void copy_on_write_reused(void) {
  enum { pages = 400 };
  char* const memory = map(pages * page, MAP_PRIVATE);
  touch(memory, pages * page);
  int ready[2];
  const pid_t child = fork_sleeper(ready);
  end_sleeper(child, ready);
  touch(memory, 64 * page);
  for (size_t i = 64; i < pages; ++i) SAMPLE(*(volatile char*)(memory + i * page) = 2);
  munmap(memory, pages * page);
}

static void* const no_address = NULL;

static void map_unmap(void) {
  for (int i = 0; i < 200; ++i) {
    SAMPLE({
      char* const memory =
          mmap(no_address, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      munmap(memory, page);
    });
  }
}

static void map_touch_unmap(void) {
  for (int i = 0; i < 200; ++i) {
    SAMPLE({
      char* const memory =
          mmap(no_address, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      *(volatile char*)memory = 1;
      munmap(memory, page);
    });
  }
}

static void discard_touch(void) {
  char* const memory = map(16 * page, MAP_PRIVATE);
  touch(memory, 16 * page);
  for (int i = 0; i < 200; ++i) {
    SAMPLE({
      madvise(memory + 4 * page, page, MADV_DONTNEED);
      *(volatile char*)(memory + 4 * page) = 1;
    });
  }
  munmap(memory, 16 * page);
}

enum { run_pages = 1024 };

static void unmap_run(void) {
  for (int i = 0; i < 20; ++i) {
    char* const memory = map(run_pages * page, MAP_PRIVATE);
    touch(memory, run_pages * page);
    SAMPLE(munmap(memory, run_pages * page));
  }
}

static char* protect_memory(void) {
  char* const memory = map(run_pages * page, MAP_PRIVATE);
  touch(memory, run_pages * page);
  return memory;
}

static void protect_run(void) {
  char* const memory = protect_memory();
  for (int i = 0; i < 40; ++i) {
    SAMPLE(mprotect(memory, run_pages * page, PROT_READ));
    mprotect(memory, run_pages * page, PROT_READ | PROT_WRITE);
  }
  munmap(memory, run_pages * page);
}

static void unprotect_run(void) {
  char* const memory = protect_memory();
  for (int i = 0; i < 40; ++i) {
    mprotect(memory, run_pages * page, PROT_READ);
    SAMPLE(mprotect(memory, run_pages * page, PROT_READ | PROT_WRITE));
  }
  munmap(memory, run_pages * page);
}

static void protect_split_merge(void) {
  char* const memory = map(16 * page, MAP_PRIVATE);
  touch(memory, 16 * page);
  for (int i = 0; i < 200; ++i) {
    SAMPLE({
      mprotect(memory + 4 * page, page, PROT_READ);
      mprotect(memory + 4 * page, page, PROT_READ | PROT_WRITE);
    });
  }
  munmap(memory, 16 * page);
}

// Pages of a file that are in memory already, mapped and read one after another.
static void fault_around(void) {
  enum { pages = 1024 };
  const int file = memfd_create("vmbench", 0);
  if (file < 0 || ftruncate(file, pages * page) != 0) fail("memory file");
  char* memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) fail("mmap");
  touch(memory, pages * page);
  munmap(memory, pages * page);
  for (int i = 0; i < 20; ++i) {
    memory = mmap(NULL, pages * page, PROT_READ, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) fail("mmap");
    SAMPLE(read_pages(memory, pages * page));
    munmap(memory, pages * page);
  }
  close(file);
}

// ---- processes

// Without what a libc does around it.
static pid_t bare_fork(void) {
  return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void fork_call(int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const uint64_t began = counter();
    const pid_t child = bare_fork();
    const uint64_t ended = counter();
    if (child == 0) syscall(SYS_exit_group, 0);
    if (child < 0) fail("fork");
    take(began, ended);
    waitpid(child, NULL, 0);
  }
}

static void fork_exit_wait(int rounds) {
  for (int i = 0; i < rounds; ++i) {
    SAMPLE({
      const pid_t child = bare_fork();
      if (child == 0) syscall(SYS_exit_group, 0);
      if (child < 0) fail("fork");
      syscall(SYS_wait4, child, NULL, 0, NULL);
    });
  }
}

// What the parent pays for the first write after a fork into each 2 MiB: a page is copied, and
// whatever the kernel left undone in the fork.
static void first_writes(char* memory, size_t bytes) {
  enum { step = 2 * mib };
  for (int round = 0; round < 4; ++round) {
    int ready[2];
    const pid_t child = fork_sleeper(ready);
    for (size_t at = 0; at < bytes && sample_count < most_samples; at += step) {
      SAMPLE(*(volatile char*)(memory + at + (size_t)(round + 1) * page) = 3);
    }
    end_sleeper(child, ready);
  }
}

static void processes(void) {
  static const unsigned sizes[] = {0, 8, 64, 256, 2048};
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    char call[64], round[64], write[64];
    snprintf(call, sizeof call, "fork_call_%u_MiB", sizes[i]);
    snprintf(round, sizeof round, "fork_exit_wait_%u_MiB", sizes[i]);
    snprintf(write, sizeof write, "first_write_after_fork_%u_MiB", sizes[i]);
    const int writes = (sizes[i] == 64 || sizes[i] == 256) && is_wanted(write);
    if (!is_wanted(call) && !is_wanted(round) && !writes) continue;
    const size_t bytes = (size_t)sizes[i] * mib;
    const int rounds = sizes[i] <= 64 ? 60 : sizes[i] <= 256 ? 15 : 5;
    char* const memory = bytes == 0 ? NULL : map(bytes, MAP_PRIVATE);
    touch(memory, bytes);
    if (is_wanted(call)) {
      fork_call(rounds);
      report(call, 1);
    }
    if (is_wanted(round)) {
      fork_exit_wait(rounds);
      report(round, 1);
    }
    if (writes) {
      first_writes(memory, bytes);
      report(write, 1);
    }
    if (memory != NULL) munmap(memory, bytes);
  }
}

// ---- pipes

static char buffer[page];

static void pipe_bytes(size_t bytes) {
  int ends[2];
  if (pipe(ends) != 0) fail("pipe");
  for (int i = 0; i < 200; ++i) {
    SAMPLE({
      (void)!write(ends[1], buffer, bytes);
      (void)!read(ends[0], buffer, bytes);
    });
  }
  close(ends[0]);
  close(ends[1]);
}

static void pipe_byte(void) {
  pipe_bytes(1);
}

static void pipe_page(void) {
  memset(buffer, 1, sizeof buffer);
  pipe_bytes(page);
}

static void pipe_round_trip(void) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) fail("pipe");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    close(there[1]);
    close(back[0]);
    char byte;
    while (read(there[0], &byte, 1) == 1) (void)!write(back[1], &byte, 1);
    _exit(0);
  }
  close(there[0]);
  close(back[1]);
  char byte = 0;
  for (int i = 0; i < 220; ++i) {
    SAMPLE({
      (void)!write(there[1], &byte, 1);
      (void)!read(back[0], &byte, 1);
    });
  }
  close(there[1]);
  close(back[0]);
  waitpid(child, NULL, 0);
}

static const struct {
  const char* name;
  void (*run)(void);
  double share;
} rows[] = {
    {"power_on", power_on, 1},
    {"system_call", system_call, 1},
    {"write_fault", write_fault, 1},
    {"read_fault", read_fault, 1},
    {"shared_write_fault", shared_fault, 1},
    {"copy_on_write", copy_on_write, 1},
    {"copy_on_write_reused", copy_on_write_reused, 1},
    {"map_unmap", map_unmap, 1},
    {"map_touch_unmap", map_touch_unmap, 1},
    {"discard_touch", discard_touch, 1},
    {"unmap_per_page", unmap_run, run_pages},
    {"protect_per_page", protect_run, run_pages},
    {"unprotect_per_page", unprotect_run, run_pages},
    {"protect_split_merge", protect_split_merge, 1},
    {"fault_around_per_page", fault_around, 1024},
    {"pipe_1_B", pipe_byte, 1},
    {"pipe_4_KiB", pipe_page, 1},
    {"pipe_round_trip", pipe_round_trip, 1},
};

// Its address is where tools/bench --profile begins to count.
__attribute__((noinline)) void run_rows(void) {
  for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    if (!is_wanted(rows[i].name)) continue;
    rows[i].run();
    report(rows[i].name, rows[i].share);
  }
  processes();
}

int main(int count, char** words) {
  (void)count;
  program_began = counter();
  wanted = words + 1;
  calibrate();
  printf("units_of_instruction %.3f\n", units_of_instruction);
  run_rows();
  puts("end");
  fflush(stdout);
  if (getpid() == 1) reboot(RB_POWER_OFF);
  return 0;
}
