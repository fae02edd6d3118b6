/* torture SECONDS: threads of one process on all processors take memory away from each other while
   others read and write through every mapping they find.

   Every page carries its owner's stamp in its first word. Of each address of the arena it is
   written down what is there now: nothing, or a page with that stamp, writable or not; and when
   that is about to change. The others read and write at every address all the time; where nothing
   is mapped they are told by SIGSEGV. Whatever one of them did while nothing changed must be what
   is written down: once a call that takes a page away has returned no processor may read or write
   the old one, and none may be refused what is there. Owners, each with addresses of its own:

   unmap, protect  nobody may change the page any more: the owner watches it through a mapping of
                   its own, elsewhere
   replace         another page is put in place of one
   discard         private memory is given up and is zero; elsewhere the frames come back as other
                   processors' new pages, which must be zero, and then hold what their owner wrote
   move            a page appears at another address and is gone from its own
   fork            a child's memory must not change although its parent goes on writing, and in the
                   parent every processor sees the parent's page
   files           pages of a file that nobody else has mapped come for all who want them at once

   Ends with 0 and a line of figures, or 1 and what was seen. */
#include <errno.h>
#include <fcntl.h>
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, owned = 16, max_threads = 16, looks = 200 };

static char* const arena = (char*)0x200000000ULL;
static const char* const library = "/lib/console.psf";
static int file;
static int owners, writers;
static atomic_int stop;
static atomic_ulong revocations, writes, forks, checked;
static _Thread_local sigjmp_buf out;

/* What is at an address. `changes` is odd while that changes. */
enum kind { nothing, read_only, writable };
static struct {
  atomic_ulong changes;
  atomic_int kind;
  atomic_ulong stamp;
} shown[max_threads / 2 * owned];

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

/* The stamp of a page of the memory file. */
static uint64_t stamp_of(int owner, int index) {
  return 1000 + (uint64_t)(owner * owned + index);
}

static void begin_change(int owner, int index) {
  atomic_fetch_add(&shown[owner * owned + index].changes, 1);
}
static void end_change(int owner, int index, enum kind kind, uint64_t stamp) {
  const int at = owner * owned + index;
  atomic_store(&shown[at].kind, kind);
  atomic_store(&shown[at].stamp, stamp);
  atomic_fetch_add(&shown[at].changes, 1);
}

/* Word 0 of a page is its owner's, the others are the writers'. */
static void* write_everywhere(void* number) {
  const int self = (int)(intptr_t)number;
  uint32_t random = 77u + (uint32_t)self;
  volatile uint64_t count = 0;
  while (!stop) {
    const int at = (int)(next(&random) % (uint32_t)(owners * owned));
    char* const page_at = arena + (size_t)at * page;
    const unsigned burst = next(&random) % 64;
    const uint64_t before = atomic_load(&shown[at].changes);
    const int kind = atomic_load(&shown[at].kind);
    const uint64_t stamp = atomic_load(&shown[at].stamp);
    volatile int was_read = 0;
    volatile int was_written = 0;
    volatile uint64_t seen = 0;
    if (sigsetjmp(out, 0) == 0) {
      seen = words(page_at)[0];
      was_read = 1;
      for (unsigned i = 0; i <= burst; ++i) {
        words(page_at)[1 + self] = ++count;
        was_written = 1;
      }
    }
    atomic_thread_fence(memory_order_seq_cst);
    if (before % 2 == 0 && atomic_load(&shown[at].changes) == before) {
      const int owner = at / owned;
      if (was_read && kind == nothing) fail("read though it was taken away", owner, seen, stamp);
      if (!was_read && kind != nothing) fail("not there", owner, 0, stamp);
      if (was_read && seen != stamp) fail("another page was read", owner, seen, stamp);
      if (was_written && kind != writable) fail("written though protected", owner, seen, stamp);
      if (!was_written && kind == writable) fail("not writable", owner, seen, stamp);
      atomic_fetch_add(&checked, 1);
    }
    atomic_fetch_add(&writes, was_written ? burst + 1 : 0);
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

static void map_file_page(int owner, int index, int shown_page) {
  void* const at = mmap(place(owner, index), page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                        file, offset_of(owner, shown_page));
  require(at != MAP_FAILED, "mmap");
}
static void put_back(int owner, int index) {
  begin_change(owner, index);
  map_file_page(owner, index, index);
  end_change(owner, index, writable, stamp_of(owner, index));
}

static void protect(int owner, int index, int rights, enum kind kind) {
  begin_change(owner, index);
  require(mprotect(place(owner, index), page, rights) == 0, "mprotect");
  end_change(owner, index, kind, stamp_of(owner, index));
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

/* A private page in the arena with a stamp of its own, which the others find. */
static uint64_t put_private(int owner, int index, uint32_t* random) {
  begin_change(owner, index);
  char* const at = mmap(place(owner, index), page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  require(at != MAP_FAILED, "mmap");
  const uint64_t stamp = ((uint64_t)(owner + 1) << 56) | next(random);
  words(at)[0] = stamp;
  end_change(owner, index, writable, stamp);
  sched_yield();
  return stamp;
}

static void stamp_anew(int owner, int index, uint64_t stamp) {
  begin_change(owner, index);
  words(place(owner, index))[0] = stamp;
  end_change(owner, index, writable, stamp);
}

static void discard(int owner, int index, uint32_t* random) {
  const uint64_t stamp = put_private(owner, index, random);
  for (int round = 1; round <= 3; ++round) {
    begin_change(owner, index);
    require(madvise(place(owner, index), page, MADV_DONTNEED) == 0, "madvise");
    end_change(owner, index, writable, 0);
    sched_yield();
    stamp_anew(owner, index, stamp + (uint64_t)round);
    sched_yield();
  }
  put_back(owner, index);
}

static void move(int owner, int index, int other, uint32_t* random) {
  const uint64_t stamp = put_private(owner, index, random);
  begin_change(owner, index);
  begin_change(owner, other);
  void* const at =
      mremap(place(owner, index), page, page, MREMAP_MAYMOVE | MREMAP_FIXED, place(owner, other));
  require(at == place(owner, other), "mremap");
  end_change(owner, other, writable, stamp);
  end_change(owner, index, nothing, 0);
  sched_yield();
  put_back(owner, other);
  put_back(owner, index);
}

static void fork_and_compare(int owner, int index, uint32_t* random) {
  const uint64_t stamp = put_private(owner, index, random);
  char* const at = place(owner, index);
  const pid_t child = fork();
  require(child >= 0, "fork");
  if (child == 0) {
    watch("a child's memory changed", owner, at);
    if (words(at)[0] != stamp) fail("a child has another page", owner, words(at)[0], stamp);
    _exit(0);
  }
  stamp_anew(owner, index, stamp + 1);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) _exit(1);
  atomic_fetch_add(&forks, 1);
  put_back(owner, index);
}

static uint64_t sum_of_file(void) {
  const int from = open(library, O_RDONLY | O_CLOEXEC);
  struct stat status;
  require(from >= 0 && fstat(from, &status) == 0, library);
  const size_t size = (size_t)status.st_size / sizeof(uint64_t);
  char* const at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, from, 0);
  require(at != MAP_FAILED, "mmap");
  uint64_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum = sum * 31 + words(at)[i];
  require(munmap(at, (size_t)status.st_size) == 0, "munmap");
  close(from);
  return sum;
}

static void* take_away(void* number) {
  const int self = (int)(intptr_t)number;
  uint32_t random = 1u + (uint32_t)self;
  const uint64_t sum = sum_of_file();
  char* const mine =
      mmap(NULL, owned * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset_of(self, 0));
  require(mine != MAP_FAILED, "mmap");
  while (!stop) {
    const int index = (int)(next(&random) % owned);
    const int other = (index + 1) % owned;
    char* const seen = mine + index * page;
    switch (next(&random) % 16) {
      case 0:
      case 1:
      case 2:
        begin_change(self, index);
        require(munmap(place(self, index), page) == 0, "munmap");
        end_change(self, index, nothing, 0);
        watch("written after munmap", self, seen);
        put_back(self, index);
        break;
      case 3:
      case 4:
      case 5:
        protect(self, index, PROT_READ, read_only);
        watch("written after mprotect", self, seen);
        protect(self, index, PROT_READ | PROT_WRITE, writable);
        break;
      case 6:
      case 7:
        protect(self, index, PROT_NONE, nothing);
        watch("written without any right", self, seen);
        protect(self, index, PROT_READ | PROT_WRITE, writable);
        break;
      case 8:
      case 9:
        begin_change(self, index);
        map_file_page(self, index, other);
        end_change(self, index, writable, stamp_of(self, other));
        watch("written after it was replaced", self, seen);
        put_back(self, index);
        break;
      case 10: discard_and_reuse(self, &random); break;
      case 11:
      case 12: discard(self, index, &random); break;
      case 13: move(self, index, other, &random); break;
      case 14:
        if (sum_of_file() != sum) fail("a file has changed", self, 0, sum);
        break;
      default: fork_and_compare(self, index, &random); break;
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
    for (int i = 0; i < owned; ++i) {
      put_back(o, i);
      words(place(o, i))[0] = stamp_of(o, i);
    }
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
  printf(
      "torture: %ld processors, %d owners, %d writers: %lu revocations, %lu forks, %lu writes, "
      "%lu times as written down\n",
      processors, owners, writers, revocations, forks, writes, checked);
  return revocations == 0 || writes == 0 || checked == 0;
}
