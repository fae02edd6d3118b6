// hog WHAT...: takes more of something than there is, as a program gone wrong or hostile would, in
// a process group of its own; ends it; and says what became of it and how many pages of memory are
// missing afterwards. WHAT is one of the names in `all` below, or `all`.
//
// Each WHAT runs twice, the audit is about the second time: the first may leave behind what the
// system keeps for the next one. Status 1 when memory is lost or a hog was not refused.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page_bytes = 4096, refused = 0, not_refused = 1 };

static volatile long* count;  // shared with the hog, for the report

static void pause_ms(long milliseconds) {
  nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

static void wait_for_ever(void) {
  for (;;) pause();
}

// Every process makes processes, until none is to be had.
static int bomb(void) {
  for (;;) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child > 0) __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
  }
  wait_for_ever();
  return 0;
}

// Until the system refuses a page or ends the process for it.
static int memory(void) {
  for (;;) {
    char* const more =
        mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (more == MAP_FAILED) return refused;
    for (int i = 0; i < 1 << 20; i += page_bytes) more[i] = 1;
    ++*count;
  }
}

// The same in memory that outlives its mapping as long as anybody maps it, from many processes.
static int shared_memory(void) {
  for (int i = 0; i < 4; ++i) {
    if (fork() == 0) break;
  }
  for (;;) {
    char* const more =
        mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (more == MAP_FAILED) wait_for_ever();
    for (int i = 0; i < 1 << 20; i += page_bytes) more[i] = 1;
    __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
  }
}

static int descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int ends[2];
  while (pipe2(ends, O_NONBLOCK) == 0) {
    ++*count;
    static char block[65536];
    if (write(ends[1], block, sizeof block) < 0) return refused;
  }
  return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? refused : not_refused;
}

// Every second page has other rights, so each is a mapping of its own.
static int mappings(void) {
  const long wanted = 1000000;
  char* const start = mmap(NULL, wanted * page_bytes, PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return 2;
  for (long i = 0; i < wanted; i += 2) {
    if (mprotect(start + i * page_bytes, page_bytes, PROT_NONE) != 0) {
      return errno == ENOMEM ? refused : not_refused;
    }
    *count += 2;
  }
  return not_refused;
}

static void* sits(void* argument) {
  wait_for_ever();
  return argument;
}

static int threads(void) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 16384);
  pthread_t thread;
  while (pthread_create(&thread, &attributes, sits, NULL) == 0) ++*count;
  return refused;
}

static int short_lives(void) {
  for (int i = 0; i < 1000; ++i) {
    const pid_t child = fork();
    if (child < 0) return not_refused;
    if (child == 0) _exit(i & 63);
    int status;
    if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != (i & 63)) return not_refused;
    ++*count;
  }
  return refused;
}

static int short_programs(void) {
  for (int i = 0; i < 200; ++i) {
    const pid_t child = vfork();
    if (child < 0) return not_refused;
    if (child == 0) {
      execl("/bin/true", "true", NULL);
      _exit(9);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) return not_refused;
    ++*count;
  }
  return refused;
}

// Little is left: whatever is called then, an error or an answer.
static int calls_without_memory(void) {
  const pid_t eater = fork();
  if (eater == 0) {
    for (;;) {
      char* const more =
          mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (more == MAP_FAILED) wait_for_ever();
      for (int i = 0; i < 1 << 20; i += page_bytes) more[i] = 1;
    }
  }
  for (int round = 0; round < 300; ++round) {
    int ends[2];
    const int made = pipe(ends);
    const int file = open("/dev/null", O_RDWR);
    void* const memory = mmap(NULL, 8 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/true", "true", NULL);
      _exit(9);
    }
    if (made == 0) {
      (void)!write(ends[1], "x", 1);
      close(ends[0]);
      close(ends[1]);
    }
    if (file >= 0) close(file);
    if (memory != MAP_FAILED) munmap(memory, 8 << 20);
    if (child > 0) waitpid(child, NULL, 0);
    ++*count;
  }
  return refused;
}

static const struct {
  const char* name;
  int (*run)(void);
  long most_ms;  // then it is ended: some hogs do not end by themselves
} all[] = {
    {"bomb", bomb, 4000},
    {"memory", memory, 20000},
    {"shared-memory", shared_memory, 8000},
    {"descriptors", descriptors, 20000},
    {"mappings", mappings, 30000},
    {"threads", threads, 15000},
    {"short-lives", short_lives, 30000},
    {"short-programs", short_programs, 30000},
    {"no-memory", calls_without_memory, 15000},
};

static unsigned long free_pages(void) {
  struct sysinfo info;
  if (sysinfo(&info) != 0) return 0;
  return info.freeram * info.mem_unit / page_bytes;
}

// What ended a moment ago may be still on its way out.
static unsigned long settled_pages(unsigned long wanted) {
  unsigned long now = free_pages();
  for (int i = 0; i < 200 && now < wanted; ++i) {
    pause_ms(10);
    now = free_pages();
  }
  return now;
}

static int run_once(size_t which, char* text, size_t room) {
  *count = 0;
  int status = -1;
  const pid_t child = fork();
  if (child < 0) {
    snprintf(text, room, "not even begun");
    return 1;
  }
  if (child == 0) {
    setpgid(0, 0);
    _exit(all[which].run());
  }
  setpgid(child, child);
  pid_t waited = 0;
  for (long spent = 0; spent < all[which].most_ms && waited == 0; spent += 10) {
    waited = waitpid(child, &status, WNOHANG);
    if (waited == 0) pause_ms(10);
  }
  // Until nobody is left: a bomb makes new ones while it is defused.
  while (kill(-child, SIGKILL) == 0 || errno != ESRCH) {
    if (waited == 0) waited = waitpid(child, &status, WNOHANG);
    pause_ms(5);
  }
  if (waited == 0) waitpid(child, &status, 0);
  if (WIFEXITED(status)) {
    snprintf(text, room, "%s", WEXITSTATUS(status) == refused ? "refused" : "NOT REFUSED");
    return WEXITSTATUS(status) != refused;
  }
  snprintf(text, room, "killed");
  return 0;
}

static int audit(size_t which) {
  char text[32];
  int bad = run_once(which, text, sizeof text);
  unsigned long before = settled_pages(~0ul);
  unsigned long lost = 1;
  for (int round = 0; round < 4 && lost != 0; ++round) {
    bad |= run_once(which, text, sizeof text);
    const unsigned long after = settled_pages(before);
    lost = after < before ? before - after : 0;
    before = after;
  }
  printf("%s: %s after %ld, pages lost: %lu\n", all[which].name, text, *count, lost);
  fflush(stdout);
  return bad || lost != 0;
}

int main(int argc, char** argv) {
  count = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (count == MAP_FAILED) return 2;
  int bad = 0;
  for (int i = 1; i < argc; ++i) {
    int found = 0;
    for (size_t which = 0; which < sizeof all / sizeof all[0]; ++which) {
      if (strcmp(argv[i], "all") != 0 && strcmp(argv[i], all[which].name) != 0) continue;
      found = 1;
      bad |= audit(which);
    }
    if (!found) {
      fprintf(stderr, "hog: %s: not one of all", argv[i]);
      for (size_t which = 0; which < sizeof all / sizeof all[0]; ++which) {
        fprintf(stderr, ", %s", all[which].name);
      }
      fputc('\n', stderr);
      return 2;
    }
  }
  return bad;
}
