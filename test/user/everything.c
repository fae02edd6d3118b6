// Threads, signals, mappings, processes, futexes and pipes at once, with a result that does not
// depend on who runs when.
//
// A parent hands out blocks of work by a ring in shared memory. Worker processes, of several
// threads each, take them under a futex lock, compute in memory that a SIGSEGV handler brings in
// page by page, and report by a pipe. An interval timer interrupts everybody all the time; the
// parent stops, continues and replaces workers.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "case.h"

enum { workers = 4, threads = 3, blocks = 300, slots = 16, scratch_pages = 8 };

struct ring {
  int lock;    // 0 free, 1 taken, 2 taken and waited for
  int filled;  // futex word: how many slots are filled
  int room;    // futex word: how many are free
  int head, tail;
  int closed;
  uint32_t slot[slots];
  long done[workers];
};

struct report {
  uint32_t block;
  uint32_t worker;
  uint64_t hash;
};

static struct ring* ring;
static int reports[2];
static volatile long ticks;
static volatile long faults;
static char* scratch;  // per thread, reserved without access

static long futex(int* word, int operation, int value) {
  return call(futex, word, (long)operation, (long)value, NULL, NULL, 0L);
}

static void take_lock(void) {
  int seen = 0;
  if (__atomic_compare_exchange_n(&ring->lock, &seen, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return;
  while (__atomic_exchange_n(&ring->lock, 2, __ATOMIC_ACQUIRE) != 0) {
    futex(&ring->lock, FUTEX_WAIT, 2);
  }
}

static void drop_lock(void) {
  if (__atomic_exchange_n(&ring->lock, 0, __ATOMIC_RELEASE) == 2) futex(&ring->lock, FUTEX_WAKE, 1);
}

static void put(uint32_t block) {
  for (;;) {
    take_lock();
    if (ring->room > 0) {
      ring->slot[ring->head++ % slots] = block;
      --ring->room;
      ++ring->filled;
      drop_lock();
      futex(&ring->filled, FUTEX_WAKE, 1);
      return;
    }
    drop_lock();
    futex(&ring->room, FUTEX_WAIT, 0);
  }
}

// 0 when there is no more.
static uint32_t take(void) {
  for (;;) {
    take_lock();
    if (ring->filled > 0) {
      const uint32_t block = ring->slot[ring->tail++ % slots];
      --ring->filled;
      ++ring->room;
      drop_lock();
      futex(&ring->room, FUTEX_WAKE, 1);
      return block;
    }
    const int closed = ring->closed;
    drop_lock();
    if (closed) return 0;
    futex(&ring->filled, FUTEX_WAIT, 0);
  }
}

static void tick(int number) {
  (void)number;
  ++ticks;
}

static void bring_in(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)context;
  char* const page = (char*)((uintptr_t)info->si_addr & -(uintptr_t)page_bytes);
  if (info->si_code != SEGV_ACCERR || page < scratch ||
      page >= scratch + threads * scratch_pages * page_bytes) {
    _exit(77);
  }
  if (mprotect(page, page_bytes, PROT_READ | PROT_WRITE) != 0) _exit(78);
  memset(page, 0x5a, page_bytes);
  __atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
}

static uint64_t compute(uint32_t block, char* memory) {
  uint64_t state = block;
  for (int i = 0; i < 64; ++i) {
    const uint64_t value = next_random(&state);
    char* const page = memory + value % scratch_pages * page_bytes;
    page[value >> 16 & (page_bytes - 1)] ^= (char)(value >> 40);
  }
  uint64_t hash = 0;
  for (int i = 0; i < scratch_pages; ++i)
    hash = hash_bytes(memory + i * page_bytes, page_bytes, hash);
  // Next time it faults again and begins anew.
  require(madvise(memory, scratch_pages * page_bytes, MADV_DONTNEED) == 0);
  require(mprotect(memory, scratch_pages * page_bytes, PROT_NONE) == 0);
  return hash;
}

static int worker_number;

static void* works(void* argument) {
  char* const memory = scratch + (long)argument * scratch_pages * page_bytes;
  long done = 0;
  uint32_t block;
  while ((block = take()) != 0) {
    const struct report report = {block, (uint32_t)worker_number, compute(block, memory)};
    // Smaller than PIPE_BUF: whole or, interrupted before it began, again.
    ssize_t count;
    while ((count = write(reports[1], &report, sizeof report)) < 0 && errno == EINTR) {
    }
    require(count == sizeof report);
    ++done;
  }
  return (void*)done;
}

static void start_timer(void) {
  struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
  require(sigaction(SIGALRM, &action, NULL) == 0);
  const struct itimerval often = {{0, 3000}, {0, 3000}};
  require(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

static int work(int number) {
  worker_number = number;
  close(reports[0]);
  start_timer();
  struct sigaction action = {.sa_sigaction = bring_in, .sa_flags = SA_SIGINFO};
  require(sigaction(SIGSEGV, &action, NULL) == 0);
  scratch = mmap(NULL, threads * scratch_pages * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
  require(scratch != MAP_FAILED);
  pthread_t all[threads];
  long done = 0;
  for (long i = 0; i < threads; ++i) require(pthread_create(&all[i], NULL, works, (void*)i) == 0);
  for (int i = 0; i < threads; ++i) {
    void* result;
    require(pthread_join(all[i], &result) == 0);
    done += (long)result;
  }
  ring->done[number] = done;
  return faults > 0 || done == 0 ? 40 + number : 1;
}

static pid_t start_worker(int number) {
  const pid_t child = fork();
  require(child >= 0);
  if (child == 0) _exit(work(number));
  return child;
}

static uint64_t hashes[blocks + 1];
static int seen[blocks + 1];
static int received;

// Takes what reports there are; with `wait` at least one, unless there will be none.
static int collect(int wait) {
  for (;;) {
    struct pollfd entry = {reports[0], POLLIN, 0};
    const int ready = poll(&entry, 1, wait ? -1 : 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return 1;
    struct report all[32];
    const ssize_t count = read(reports[0], all, sizeof all);
    if (count < 0 && errno == EINTR) continue;
    require(count >= 0 && count % (ssize_t)sizeof all[0] == 0);
    if (count == 0) return 0;
    for (size_t i = 0; i < (size_t)count / sizeof all[0]; ++i) {
      require(all[i].block >= 1 && all[i].block <= blocks);
      hashes[all[i].block] = all[i].hash;
      ++seen[all[i].block];
      ++received;
    }
    return 1;
  }
}

static pid_t children[workers];

static void stop_and_continue(int number) {
  int status;
  pid_t waited;
  require(kill(children[number], SIGSTOP) == 0);
  while ((waited = waitpid(children[number], &status, WUNTRACED)) < 0 && errno == EINTR) {
  }
  require(waited == children[number]);
  if (!WIFSTOPPED(status)) give_up("a worker ended early");
  require(kill(children[number], SIGCONT) == 0);
}

int main(void) {
  test_case("everything at once");
  ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(ring != MAP_FAILED && pipe(reports) == 0);
  ring->room = slots;
  for (int i = 0; i < workers; ++i) children[i] = start_worker(i);
  close(reports[1]);
  start_timer();
  for (uint32_t block = 1; block <= blocks; ++block) {
    put(block);
    if (block % 25 == 0) stop_and_continue((int)(block / 25 % workers));
    if (block % 7 == 0) collect(0);
  }
  take_lock();
  ring->closed = 1;
  drop_lock();
  // A word that changes, for those about to wait for it; the order of `filled` does not matter now.
  for (int i = 0; i < workers; ++i) {
    int status;
    pid_t waited;
    while ((waited = waitpid(children[i], &status, WNOHANG)) <= 0) {
      require(waited == 0 || errno == EINTR);
      futex(&ring->filled, FUTEX_WAKE, 1000);
      collect(0);
      const struct timespec pause = {0, 1000000};
      nanosleep(&pause, NULL);
    }
    say("worker %d: %s\n", i, status_text(status));
  }
  while (collect(1)) {
  }
  long done = 0;
  for (int i = 0; i < workers; ++i) done += ring->done[i];
  int once = 0;
  uint64_t hash = 0;
  for (int i = 1; i <= blocks; ++i) {
    once += seen[i] == 1;
    hash = hash_bytes(&hashes[i], sizeof hashes[i], hash);
  }
  say("%d of %d blocks once, %ld done, %d reports, hash %016lx\n", once, blocks, done, received,
      (unsigned long)hash);
  say("interrupted meanwhile: %d\n", ticks > 0);
  return 0;
}
