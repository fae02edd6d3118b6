/* torture SECONDS: threads of one process on all processors take memory away from each other while
   others write through every mapping they find.

   Every page that can be taken away is a page of a memory file, or private; its words carry stamps.
   Writers write and read at every address of the arena all the time; where nothing is mapped they
   are told by SIGSEGV and go on. Owners, each with addresses of its own, take away and look:

   unmap, protect  once the call has returned nobody may change the page any more: the owner watches
                   it through a mapping of its own, elsewhere
   replace         another page is put in place of one: the same, and the address shows the new one
   discard         private memory is given up; the frames come back as other processors' new pages,
                   which must be zero, and then hold what their owner wrote and nothing else
   fork            a child's private memory must not change although its parent goes on writing

   Ends with 0 and a line of figures, or 1 and what was seen. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, owned = 16, max_threads = 16, looks = 200 };

static char* const arena = (char*)0x200000000ULL;
static int file;
static int owners, writers;
static atomic_int stop;
static atomic_ulong revocations, writes, forks;
static _Thread_local sigjmp_buf out;

static void fail(const char* what, int owner, uint64_t seen, uint64_t expected) {
  char line[160];
  const int size = snprintf(line, sizeof line, "torture: owner %d: %s: %llx instead of %llx\n",
                            owner, what, (unsigned long long)seen, (unsigned long long)expected);
  (void)!write(2, line, (size_t)size);
  _exit(1);
}

static void require(int condition, const char* what) {
  if (!condition) {
    fprintf(stderr, "torture: %s: %s\n", what, strerror(errno));
    _exit(1);
  }
}

static void refused(int signal) {
  (void)signal;
  siglongjmp(out, 1);
}

static volatile uint64_t* words(char* at) {
  return (volatile uint64_t*)at;
}
static char* place(int owner, int index) {
  return arena + ((size_t)owner * owned + (size_t)index) * page;
}
static off_t offset_of(int owner, int index) {
  return ((off_t)owner * owned + index) * page;
}

static uint32_t next(uint32_t* state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* Word 0 of a page is its owner's, the others are the writers'. */
static void* write_everywhere(void* number) {
  const int self = (int)(intptr_t)number;
  uint32_t random = 77u + (uint32_t)self;
  uint64_t count = 0;
  while (!stop) {
    const int at = (int)(next(&random) % (uint32_t)(owners * owned));
    if (sigsetjmp(out, 0) == 0) {
      for (int i = 0; i < 50; ++i) words(arena + (size_t)at * page)[1 + self] = ++count;
      atomic_fetch_add(&writes, 50);
    }
  }
  return NULL;
}

/* The page behind `mine` must not change any more. */
static void watch(const char* what, int owner, char* mine) {
  uint64_t before[max_threads];
  for (int w = 0; w < writers; ++w) before[w] = words(mine)[1 + w];
  for (int look = 0; look < looks; ++look) {
    for (int w = 0; w < writers; ++w) {
      if (words(mine)[1 + w] != before[w]) fail(what, owner, words(mine)[1 + w], before[w]);
    }
  }
}

static void put_back(int owner, int index) {
  void* const at = mmap(place(owner, index), page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                        file, offset_of(owner, index));
  require(at != MAP_FAILED, "mmap");
}

static void discard_and_reuse(int owner, uint32_t* random) {
  const size_t size = 8 * page;
  char* const fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(fresh != MAP_FAILED, "mmap");
  const uint64_t stamp = ((uint64_t)(owner + 1) << 56) | next(random);
  for (int round = 0; round < 2; ++round) {
    for (size_t at = 0; at < size; at += 512) {
      if (*words(fresh + at) != 0) fail("a new page is not zero", owner, *words(fresh + at), 0);
      *words(fresh + at) = stamp;
    }
    sched_yield();
    for (size_t at = 0; at < size; at += 512) {
      if (*words(fresh + at) != stamp)
        fail("a private page changed", owner, *words(fresh + at), stamp);
    }
    require(madvise(fresh, size, MADV_DONTNEED) == 0, "madvise");
  }
  require(munmap(fresh, size) == 0, "munmap");
}

/* Private pages in the arena, which the writers find and write as well. */
static void fork_and_compare(int owner, int index) {
  void* const at = mmap(place(owner, index), page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  require(at != MAP_FAILED, "mmap");
  words(at)[0] = 1;
  sched_yield();
  const pid_t child = fork();
  require(child >= 0, "fork");
  if (child == 0) {
    watch("a child's memory changed", owner, at);
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) _exit(1);
  atomic_fetch_add(&forks, 1);
  put_back(owner, index);
}

static void* take_away(void* number) {
  const int self = (int)(intptr_t)number;
  uint32_t random = 1u + (uint32_t)self;
  char* const mine =
      mmap(NULL, owned * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset_of(self, 0));
  require(mine != MAP_FAILED, "mmap");
  for (int i = 0; i < owned; ++i) words(mine + i * page)[0] = (uint64_t)(self * owned + i);
  while (!stop) {
    const int index = (int)(next(&random) % owned);
    const int other = (index + 1) % owned;
    char* const at = place(self, index);
    char* const seen = mine + index * page;
    switch (next(&random) % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
        require(munmap(at, page) == 0, "munmap");
        watch("written after munmap", self, seen);
        put_back(self, index);
        break;
      case 4:
      case 5:
      case 6:
      case 7:
        require(mprotect(at, page, PROT_READ) == 0, "mprotect");
        watch("written after mprotect", self, seen);
        require(mprotect(at, page, PROT_READ | PROT_WRITE) == 0, "mprotect");
        break;
      case 8:
      case 9:
      case 10: {
        void* const there = mmap(at, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                                 offset_of(self, other));
        require(there != MAP_FAILED, "mmap");
        const uint64_t stamp = words(at)[0];
        if (stamp != (uint64_t)(self * owned + other)) {
          fail("the old page is still there", self, stamp, (uint64_t)(self * owned + other));
        }
        watch("written after it was replaced", self, seen);
        put_back(self, index);
        break;
      }
      case 11:
      case 12:
      case 13:
      case 14: discard_and_reuse(self, &random); break;
      default: fork_and_compare(self, index); break;
    }
    atomic_fetch_add(&revocations, 1);
  }
  return NULL;
}

int main(int count, char** words_given) {
  const int seconds = count > 1 ? atoi(words_given[1]) : 20;
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  owners = processors > 1 ? (int)(processors + 1) / 2 : 1;
  writers = processors > 2 ? (int)processors / 2 : 1;
  if (owners > max_threads / 2) owners = max_threads / 2;
  if (writers > max_threads / 2) writers = max_threads / 2;
  file = memfd_create("torture", 0);
  require(file >= 0 && ftruncate(file, offset_of(owners, 0)) == 0, "memory file");
  struct sigaction action = {.sa_handler = refused, .sa_flags = SA_NODEFER};
  require(sigaction(SIGSEGV, &action, NULL) == 0, "sigaction");
  for (int o = 0; o < owners; ++o) {
    for (int i = 0; i < owned; ++i) put_back(o, i);
  }
  pthread_t threads[2 * max_threads];
  int started = 0;
  for (int w = 0; w < writers; ++w) {
    require(pthread_create(&threads[started++], NULL, write_everywhere, (void*)(intptr_t)w) == 0,
            "pthread_create");
  }
  for (int o = 0; o < owners; ++o) {
    require(pthread_create(&threads[started++], NULL, take_away, (void*)(intptr_t)o) == 0,
            "pthread_create");
  }
  struct timespec left = {.tv_sec = seconds};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  stop = 1;
  for (int i = 0; i < started; ++i) pthread_join(threads[i], NULL);
  printf("torture: %ld processors, %d owners, %d writers: %lu revocations, %lu forks, %lu writes\n",
         processors, owners, writers, revocations, forks, writes);
  return revocations == 0 || writes == 0;
}
