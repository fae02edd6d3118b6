/* shootdowns: what munmap costs other processors, counted by the kernel (/scheme/sys/interrupts).

   For 1, 16, 512 and 10,000 pages, all of them present: munmap by a process that runs on processor
   0 alone, and by one of which a thread runs on every processor and has touched every page. Each is
   done several times; a line is

     PAGES PROCESSORS NAME MOST NAME MOST ...

   with the most that one call made of each. Ends with 0 and the line `end`. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { page = 4096, times = 3, most_processors = 64, counters = 6 };

static const char* const names[counters] = {"shootdown_rounds", "shootdown_ipis", "tlb_ranges",
                                            "tlb_pages",        "tlb_tags",       "tlb_everything"};
static int view;
static char text[4096];
static char* volatile area;
static size_t area_pages;
static atomic_int turn, touched, stop;

static void require(int condition, const char* what) {
  if (!condition) {
    perror(what);
    exit(1);
  }
}

static void count(long* values) {
  const ssize_t size = pread(view, text, sizeof text - 1, 0);
  require(size > 0, "/scheme/sys/interrupts");
  text[size] = '\0';
  for (int i = 0; i < counters; ++i) {
    const char* at = strstr(text, names[i]);
    require(at != NULL, names[i]);
    values[i] = atol(at + strlen(names[i]));
  }
}

static void run_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  require(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

/* Stays in user mode on its processor, and touches the area when it is told to. */
static void* touch(void* number) {
  run_on((int)(long)number);
  int seen = 0;
  for (;;) {
    const int now = atomic_load(&turn);
    if (now != seen) {
      seen = now;
      for (size_t i = 0; i < area_pages; ++i) {
        (void)*(volatile char*)(area + i * page);
      }
      atomic_fetch_add(&touched, 1);
    }
    if (atomic_load(&stop)) {
      return NULL;
    }
  }
}

static void measure(size_t pages, int processors) {
  long most[counters] = {0};
  for (int try = 0; try < times; ++try) {
    area = mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    require(area != MAP_FAILED, "mmap");
    area_pages = pages;
    for (size_t i = 0; i < pages; ++i) {
      (void)*(volatile char*)(area + i * page);
    }
    atomic_store(&touched, 0);
    atomic_fetch_add(&turn, 1);
    while (atomic_load(&touched) != processors - 1) {
      sched_yield();
    }
    long before[counters], after[counters];
    count(before);
    require(munmap(area, pages * page) == 0, "munmap");
    count(after);
    for (int i = 0; i < counters; ++i) {
      const long made = after[i] - before[i];
      most[i] = made > most[i] ? made : most[i];
    }
  }
  printf("%zu %d", pages, processors);
  for (int i = 0; i < counters; ++i) {
    printf(" %s %ld", names[i], most[i]);
  }
  printf("\n");
}

static void measure_all(int processors) {
  static const size_t sizes[] = {1, 16, 512, 10000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    measure(sizes[i], processors);
  }
}

int main(void) {
  const int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
  require(processors <= most_processors, "processors");
  view = open("/scheme/sys/interrupts", O_RDONLY);
  require(view >= 0, "/scheme/sys/interrupts");
  run_on(0);
  measure_all(1);
  atomic_store(&turn, 0);
  pthread_t threads[most_processors];
  for (int i = 1; i < processors; ++i) {
    require(pthread_create(&threads[i], NULL, touch, (void*)(long)i) == 0, "pthread_create");
  }
  if (processors > 1) {
    measure_all(processors);
  }
  atomic_store(&stop, 1);
  for (int i = 1; i < processors; ++i) {
    pthread_join(threads[i], NULL);
  }
  printf("end\n");
  return 0;
}
