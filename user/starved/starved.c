// starved: does one thing after another with its first, second, third ... kernel allocation
// failing, until it succeeds without: each failure must be an error number, the next try must find
// everything as it was, and at the end no memory may be missing. `starved [NAME]`: only that one.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/starved/starved.h"
#include "user/villain/stage.h"

enum { most_allocations = 2000 };

static int control;
static int zero;

void arm(unsigned nth) {
  char text[16];
  const int size = snprintf(text, sizeof(text), "%u\n", nth);
  if (write(control, text, (size_t)size) != size) {
    perror("/scheme/fail");
    exit(2);
  }
}

unsigned left(void) {
  char text[16] = "";
  if (pread(control, text, sizeof(text) - 1, 0) <= 0) {
    exit(2);
  }
  return (unsigned)atoi(text);
}

// Each returns 0, or the error number; what it made is gone again.
int ended(pid_t child) {
  int status = 0;
  if (child < 0) {
    return errno;
  }
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return errno;
    }
  }
  return WIFSIGNALED(status) ? EPROTO : WEXITSTATUS(status);
}

static int do_fork(void) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  return ended(child);
}

static int do_vfork_exec(void) {
  const pid_t child = vfork();
  if (child == 0) {
    execl("/bin/true", "true", (char*)0);
    _exit(errno);
  }
  return ended(child);
}

static char* const no_environment[] = {0};

// The program that calls execve must live on when that fails: only then can it tell its error.
static int do_exec(void) {
  const unsigned nth = left();
  arm(0);
  const pid_t child = fork();
  if (child == 0) {
    arm(nth);
    char* const words[] = {(char*)"true", (char*)"one", (char*)"two", 0};
    execve("/bin/true", words, no_environment);
    const int error = errno;
    arm(0);
    _exit(error);
  }
  // Whether it failed is the child's affair: nothing is left to see here but its status.
  const int result = ended(child);
  arm(result == 0 ? 1 : 0);
  return result;
}

static int do_map_touch(void) {
  char* at =
      mmap(0, 64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (at == MAP_FAILED) {
    return errno;
  }
  return munmap(at, 64 * page) < 0 ? errno : 0;
}

// Pages that the kernel itself touches first, for a read.
static int touch_by_kernel(int flags) {
  char* at = mmap(0, 16 * page, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (at == MAP_FAILED) {
    return errno;
  }
  const ssize_t got = read(zero, at, 16 * page);
  const int result = got == 16 * page ? 0 : got < 0 && errno != EFAULT ? errno : ENOMEM;
  munmap(at, 16 * page);
  return result;
}

static int do_fault(void) {
  return touch_by_kernel(MAP_PRIVATE | MAP_ANONYMOUS);
}
static int do_shared_fault(void) {
  return touch_by_kernel(MAP_SHARED | MAP_ANONYMOUS);
}
// Shared with a child that sleeps.
static int do_copy_on_write(void) {
  const unsigned nth = left();
  arm(0);
  char* at = mmap(0, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(at, 7, 8 * page);
  const pid_t child = fork();
  if (child == 0) {
    pause();
  }
  arm(nth);
  const ssize_t got = read(zero, at, 8 * page);
  const int result = got == 8 * page ? 0 : ENOMEM;
  const unsigned rest = left();
  arm(0);
  if (result != 0 && at[8 * page - 1] != 7) {
    printf("starved: a page changed that was not copied\n");
    exit(1);
  }
  kill(child, SIGKILL);
  (void)ended(child);
  munmap(at, 8 * page);
  arm(rest);
  return result;
}

// Memory made by the caller, without a failure; each try must leave it usable.
static char* ground;

static int check_ground(int result) {
  for (int i = 0; i < 32; ++i) {
    if (ground[i * page] != (char)(i + 1)) {
      printf("starved: contents changed\n");
      exit(1);
    }
  }
  return result;
}

static int do_protect(void) {
  const int result = mprotect(ground + 8 * page, 4 * page, PROT_READ) < 0 ? errno : 0;
  const unsigned rest = left();
  arm(0);
  if (mprotect(ground, 32 * page, PROT_READ | PROT_WRITE) < 0) {
    exit(1);
  }
  arm(rest);
  return check_ground(result);
}

static int do_unmap_middle(void) {
  char* at = mmap(0, 8 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    return errno;
  }
  const int result = munmap(at + 2 * page, page) < 0 ? errno : 0;
  const unsigned rest = left();
  arm(0);
  if (munmap(at, 8 * page) < 0) {
    exit(1);
  }
  arm(rest);
  return result;
}

static int do_remap(void) {
  char* at =
      mmap(0, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (at == MAP_FAILED) {
    return errno;
  }
  char* to = mremap(at, 4 * page, 1024 * page, MREMAP_MAYMOVE);
  const int result = to == MAP_FAILED ? errno : 0;
  const unsigned rest = left();
  arm(0);
  munmap(result != 0 ? at : to, (result != 0 ? 4UL : 1024UL) * page);
  arm(rest);
  return result;
}

static int do_map_file(void) {
  const int fd = open("/bin/busybox", O_RDONLY);
  if (fd < 0) {
    return errno;
  }
  char* at = mmap(0, 64 * page, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  const int result = at == MAP_FAILED ? errno : 0;
  close(fd);
  if (result == 0) {
    munmap(at, 64 * page);
  }
  return result;
}

static int do_break(void) {
  const long before = syscall(SYS_brk, 0);
  const long after = syscall(SYS_brk, before + 64 * page);
  syscall(SYS_brk, before);
  return after == before + 64 * page ? 0 : ENOMEM;
}

static int do_pipe(void) {
  int ends[2];
  if (pipe(ends) < 0) {
    return errno;
  }
  static char block[60000];
  const ssize_t written = write(ends[1], block, sizeof(block));
  const int result = written < 0 ? errno : 0;
  ssize_t read_back = 0;
  while (written > read_back) {
    const ssize_t now = read(ends[0], block, sizeof(block));
    if (now <= 0) {
      printf("starved: a pipe lost bytes\n");
      exit(1);
    }
    read_back += now;
  }
  close(ends[0]);
  close(ends[1]);
  return result;
}

static int do_open(void) {
  const int fd = open("/etc/../etc/passwd", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return errno;
  }
  char text[64];
  const int result = read(fd, text, sizeof(text)) < 0 ? errno : 0;
  close(fd);
  return result;
}

static int do_open_special(void) {
  const int fd = open("/dev/zero", O_RDONLY);
  if (fd < 0) {
    return errno;
  }
  struct stat status;
  const int result = fstat(fd, &status) < 0 ? errno : 0;
  close(fd);
  return result;
}

static int do_many_descriptors(void) {
  const int fd = dup2(1, 700);
  if (fd < 0) {
    return errno;
  }
  close(fd);
  return 0;
}

static int do_poll(void) {
  struct pollfd asked[64];
  for (int i = 0; i < 64; ++i) {
    asked[i] = (struct pollfd){.fd = 1, .events = POLLOUT};
  }
  return poll(asked, 64, 0) < 0 ? errno : 0;
}

static int do_directory(void) {
  char path[256];
  const int result = chdir("/etc") < 0 || getcwd(path, sizeof(path)) == 0 ? errno : 0;
  const unsigned rest = left();
  arm(0);
  if (chdir("/") < 0) {
    exit(1);
  }
  arm(rest);
  return result;
}

static void* do_nothing(void* argument) {
  return argument;
}

// On a stack that is there already: the kernel alone has to find memory.
static int do_thread(void) {
  static _Alignas(16) char stack[64 * 1024];
  memset(stack, 1, sizeof(stack));
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, sizeof(stack));
  const int result = pthread_create(&thread, &attributes, do_nothing, 0);
  if (result == 0) {
    pthread_join(thread, 0);
  }
  return result;
}

static int do_memory_file(void) {
  const int fd = memfd_create("starved", 0);
  if (fd < 0) {
    return errno;
  }
  int result = ftruncate(fd, 8 * page) < 0 ? errno : 0;
  if (result == 0) {
    char* at = mmap(0, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    result = at == MAP_FAILED ? errno : 0;
    if (result == 0) {
      munmap(at, 8 * page);
    }
  }
  close(fd);
  return result;
}

static const struct {
  const char* name;
  int (*run)(void);
} things[] = {
    {"fork", do_fork},
    {"vfork_exec", do_vfork_exec},
    {"exec", do_exec},
    {"map_touch", do_map_touch},
    {"fault", do_fault},
    {"shared_fault", do_shared_fault},
    {"copy_on_write", do_copy_on_write},
    {"protect", do_protect},
    {"unmap_middle", do_unmap_middle},
    {"remap", do_remap},
    {"map_file", do_map_file},
    {"break", do_break},
    {"pipe", do_pipe},
    {"open", do_open},
    {"open_special", do_open_special},
    {"many_descriptors", do_many_descriptors},
    {"poll", do_poll},
    {"directory", do_directory},
    {"thread", do_thread},
    {"memory_file", do_memory_file},
    {"scheme_files", do_scheme_files},
    {"scheme_buffers", do_scheme_buffers},
    {"scheme_mapping", do_scheme_mapping},
    {"scheme_passing", do_scheme_passing},
    {"scheme_registration", do_scheme_registration},
    {"scheme_serving", do_scheme_serving},
};

// How many allocations were refused in turn before the thing went through.
static int starve(const char* name, int (*run)(void)) {
  for (unsigned nth = 1; nth <= most_allocations; ++nth) {
    arm(nth);
    const int error = run();
    const unsigned rest = left();
    arm(0);
    if (rest != 0) {
      if (error != 0) {
        printf("starved: %s: without a failure: %s\n", name, strerror(error));
        return -1;
      }
      return (int)nth - 1;
    }
    if (error != 0 && error != ENOMEM && error != EAGAIN && error != ENFILE && error != ENOSPC) {
      printf("starved: %s: allocation %u refused: %s\n", name, nth, strerror(error));
      return -1;
    }
  }
  printf("starved: %s: no end of allocations\n", name);
  return -1;
}

static int run_all(const char* only, int tell) {
  for (unsigned i = 0; i < sizeof(things) / sizeof(things[0]); ++i) {
    if (only != 0 && strcmp(only, things[i].name) != 0) {
      continue;
    }
    const int refused = starve(things[i].name, things[i].run);
    if (refused < 0) {
      return 1;
    }
    if (tell) {
      printf("%s: %d refused\n", things[i].name, refused);
      fflush(stdout);
    }
  }
  return 0;
}

int main(int count, char** words) {
  setvbuf(stdout, 0, _IOLBF, 0);
  control = open("/scheme/fail", O_RDWR);
  if (control < 0) {
    perror("/scheme/fail");
    return 2;
  }
  zero = open("/dev/zero", O_RDONLY);
  ground = mmap(0, 32 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 32; ++i) {
    ground[i * page] = (char)(i + 1);
  }
  const pid_t daemon = start_honest_daemon();
  const char* only = count > 1 ? words[1] : 0;
  // The first time round fills caches, and brings in this program's pages.
  if (run_all(only, 1) != 0) {
    return 1;
  }
  held();  // brings in the pages of this program that it needs itself
  const struct Held before = held();
  if (run_all(only, 0) != 0) {
    return 1;
  }
  const struct Held after = held();
  if (after.free_frames < before.free_frames || after.heap_blocks > before.heap_blocks) {
    printf("starved: %ld frames and %ld heap blocks are missing\n",
           (long)(before.free_frames - after.free_frames),
           (long)(after.heap_blocks - before.heap_blocks));
    return 1;
  }
  kill_it(daemon);
  printf("nothing is missing\n");
  return 0;
}
