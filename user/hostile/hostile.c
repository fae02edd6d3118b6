// hostile: system calls with arguments that no honest program passes. Each must fail as Linux's
// does (this program passes there, too), and the kernel must live on. Prints what went wrong, at
// the end the number of checks; status 0 when all held.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int checks, failures;

static void fails_with(const char* what, long result, int wanted, int other) {
  ++checks;
  const int got = result == -1 ? errno : 0;
  if (got != wanted && got != other) {
    ++failures;
    printf("%s: result %ld, error %d, not %d\n", what, result, got, wanted);
  }
}

static void holds(const char* what, int condition) {
  ++checks;
  if (!condition) {
    ++failures;
    printf("%s: does not hold\n", what);
  }
}

#define FAILS(wanted, ...) fails_with(#__VA_ARGS__, syscall(__VA_ARGS__), wanted, wanted)
#define FAILS_EITHER(wanted, other, ...) \
  fails_with(#__VA_ARGS__, syscall(__VA_ARGS__), wanted, other)

static const uint64_t bad_addresses[] = {
    1,               // the null page
    0x7fffffffe000,  // x86_64: the last page but one, the stack's top; nothing there yet
    0x7ffffffff000,  // x86_64: the first that is not the user's
    0x7fffffffffff,
    0x800000000000,   // x86_64: not canonical; aarch64: in the middle
    0xfffffffff000,   // aarch64: the last page
    0x1000000000000,  // aarch64: past the user half
    0x00ff800000000000,
    0x8000000000000000,
    0xffff800000000000,  // kernel halves
    0xffffffff80000000,
    0xfffffffffffff000,
    UINT64_MAX - 7,
    UINT64_MAX,
};

static char* one_page;  // with nothing mapped behind it

static void bad_pointers(void) {
  const int file = open("/bin/hostile", O_RDONLY);
  const int directory = open("/", O_RDONLY | O_DIRECTORY);
  for (unsigned i = 0; i < sizeof(bad_addresses) / sizeof(bad_addresses[0]); ++i) {
    void* const bad = (void*)bad_addresses[i];
    if (i == 1) {
      continue;  // may be the stack
    }
    FAILS(EFAULT, SYS_write, 1, bad, 8UL);
    FAILS(EFAULT, SYS_write, 1, bad, 300UL);
    if (file >= 0) {
      FAILS(EFAULT, SYS_read, file, bad, 8UL);
      FAILS(EFAULT, SYS_read, file, bad, 300UL);
      FAILS(EFAULT, SYS_fstat, file, bad);
      lseek(file, 0, SEEK_SET);
    }
    if (directory >= 0) {
      FAILS(EFAULT, SYS_getdents64, directory, bad, 512UL);
      lseek(directory, 0, SEEK_SET);
    }
    FAILS(EFAULT, SYS_writev, 1, bad, 1UL);
    FAILS(EFAULT, SYS_readv, 0, bad, 1UL);
    FAILS(EFAULT, SYS_uname, bad);
    FAILS(EFAULT, SYS_sysinfo, bad);
    FAILS(EFAULT, SYS_clock_gettime, CLOCK_MONOTONIC, bad);
    FAILS(EFAULT, SYS_nanosleep, bad, 0UL);
    FAILS(EFAULT, SYS_getrandom, bad, 16UL, 0);
    FAILS(EFAULT, SYS_getcwd, bad, 4096UL);
    FAILS(EFAULT, SYS_openat, AT_FDCWD, bad, O_RDONLY);
    FAILS(EFAULT, SYS_newfstatat, AT_FDCWD, bad, one_page, 0);
    FAILS(EFAULT, SYS_newfstatat, AT_FDCWD, "/", bad, 0);
    FAILS(EFAULT, SYS_readlinkat, AT_FDCWD, bad, one_page, 16UL);
    FAILS(EFAULT, SYS_faccessat, AT_FDCWD, bad, 0);
    FAILS(EFAULT, SYS_rt_sigaction, 10, bad, 0UL, 8UL);
    FAILS(EFAULT, SYS_rt_sigaction, 10, 0UL, bad, 8UL);
    FAILS(EFAULT, SYS_rt_sigprocmask, 0, bad, 0UL, 8UL);
    FAILS(EFAULT, SYS_rt_sigprocmask, 0, 0UL, bad, 8UL);
    FAILS(EFAULT, SYS_prlimit64, 0, 7, 0UL, bad);
  }
  close(file);
  close(directory);
}

// A structure that the end of a mapping cuts in two.
static void half_mapped(void) {
  char* const edge = one_page + 4096;
  FAILS(EFAULT, SYS_clock_gettime, CLOCK_MONOTONIC, edge - 8);
  FAILS(EFAULT, SYS_uname, edge - 100);
  FAILS(EFAULT, SYS_nanosleep, edge - 8, 0UL);
  FAILS(EFAULT, SYS_writev, 1, edge - 8, 1UL);
  memset(one_page, 'x', 4096);
  FAILS(EFAULT, SYS_openat, AT_FDCWD, edge - 100, O_RDONLY);
  edge[-1] = 0;
  FAILS(ENOENT, SYS_openat, AT_FDCWD, edge - 100, O_RDONLY);
}

static void vectors(void) {
  struct iovec parts[2] = {{one_page, (size_t)-1}, {one_page, 1}};
  FAILS(EINVAL, SYS_writev, 1, parts, 1UL);
  FAILS(EINVAL, SYS_writev, 1, parts, 1025UL);
  FAILS(EINVAL, SYS_writev, 1, parts, ULONG_MAX);
  FAILS(EINVAL, SYS_readv, 0, parts, 1UL);
  parts[0].iov_len = (size_t)1 << 63;
  FAILS(EINVAL, SYS_writev, 1, parts, 2UL);
  FAILS(EBADF, SYS_writev, 77, parts, 1UL);
}

static void descriptors(void) {
  static const int bad[] = {-1, 63, 1 << 20, INT_MAX, INT_MIN};
  for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i) {
    FAILS(EBADF, SYS_read, bad[i], one_page, 1UL);
    FAILS(EBADF, SYS_write, bad[i], one_page, 1UL);
    FAILS(EBADF, SYS_close, bad[i]);
    FAILS(EBADF, SYS_dup, bad[i]);
    FAILS(EBADF, SYS_dup3, bad[i], 5, 0);
    FAILS(EBADF, SYS_lseek, bad[i], 0L, SEEK_SET);
    FAILS(EBADF, SYS_fcntl, bad[i], F_GETFD);
    FAILS(EBADF, SYS_openat, bad[i], "etc", O_RDONLY);
  }
  FAILS(EBADF, SYS_dup3, 1, 1 << 24, 0);
  FAILS(EBADF, SYS_dup3, 1, -1, 0);
}

static void paths(void) {
  static char longest[8192];
  memset(longest, 'a', sizeof(longest) - 1);
  FAILS(ENAMETOOLONG, SYS_openat, AT_FDCWD, longest, O_RDONLY);
  FAILS(ENOENT, SYS_openat, AT_FDCWD, "", O_RDONLY);
  const int file = open("/bin/hostile", O_RDONLY);
  if (file < 0) {
    return;  // elsewhere
  }
  FAILS_EITHER(ENOTDIR, ENOENT, SYS_openat, file, "x", O_RDONLY);
  FAILS(EINVAL, SYS_lseek, file, -1L, SEEK_SET);
  FAILS(EINVAL, SYS_lseek, file, 0L, 77);
  lseek(file, 100, SEEK_SET);
  FAILS_EITHER(EINVAL, EOVERFLOW, SYS_lseek, file, LONG_MAX, SEEK_CUR);
  // From far behind the end there is nothing to read, and more is asked than memory can hold.
  lseek(file, LONG_MAX - 4096, SEEK_SET);
  holds("reading far behind the end", read(file, one_page, 4096) == 0);
  lseek(file, 0, SEEK_SET);
  close(file);
  // Places in a directory that no directory reader gave.
  const int directory = open("/", O_RDONLY | O_DIRECTORY);
  for (long place = 1; place < 4000; place += 37) {
    lseek(directory, place, SEEK_SET);
    syscall(SYS_getdents64, directory, one_page, 4096UL);
  }
  lseek(directory, LONG_MAX, SEEK_SET);
  holds("a directory has an end", syscall(SYS_getdents64, directory, one_page, 4096UL) <= 0);
  close(directory);
}

static void mappings(void) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  FAILS(EINVAL, SYS_mmap, 0UL, 0UL, PROT_READ, flags, -1, 0L);
  FAILS_EITHER(ENOMEM, EINVAL, SYS_mmap, 0UL, ULONG_MAX, PROT_READ, flags, -1, 0L);
  FAILS(ENOMEM, SYS_mmap, 0UL, 1UL << 52, PROT_READ, flags, -1, 0L);
  FAILS_EITHER(ENOMEM, EINVAL, SYS_mmap, 0UL, 1UL << 63, PROT_READ, flags, -1, 0L);
  FAILS(EINVAL, SYS_mmap, 0x10000001UL, 4096UL, PROT_READ, flags | MAP_FIXED, -1, 0L);
  FAILS_EITHER(ENOMEM, EINVAL, SYS_mmap, 0xfffffffff000UL, 4096UL, PROT_READ, flags | MAP_FIXED, -1,
               0L);
  FAILS_EITHER(ENOMEM, EINVAL, SYS_mmap, 0xfffffffffffff000UL, 4096UL, PROT_READ, flags | MAP_FIXED,
               -1, 0L);
  FAILS_EITHER(ENOMEM, EINVAL, SYS_mmap, 0xfffffffffffff000UL, 8192UL, PROT_READ, flags | MAP_FIXED,
               -1, 0L);
#ifdef __x86_64__
  FAILS_EITHER(ENOMEM, EINVAL, SYS_mmap, 0x7ffffffff000UL, 4096UL, PROT_READ, flags | MAP_FIXED, -1,
               0L);
#endif
  FAILS(EBADF, SYS_mmap, 0UL, 4096UL, PROT_READ, MAP_PRIVATE, 77, 0L);
  FAILS(EINVAL, SYS_munmap, one_page, 0UL);
  FAILS(EINVAL, SYS_munmap, one_page + 1, 4096UL);
  FAILS(EINVAL, SYS_munmap, one_page, ULONG_MAX - 4095);
  FAILS(EINVAL, SYS_munmap, 0xfffffffffffff000UL, 8192UL);
  FAILS(EINVAL, SYS_mprotect, one_page + 1, 4096UL, PROT_READ);
  FAILS(ENOMEM, SYS_mprotect, one_page, 8192UL, PROT_READ);
  FAILS_EITHER(ENOMEM, EINVAL, SYS_mprotect, one_page, 1UL << 63, PROT_READ);
  // What precedes the hole has changed, as on Linux.
  holds("mprotect back", mprotect(one_page, 4096, PROT_READ | PROT_WRITE) == 0);
  const long end = syscall(SYS_brk, 0UL);
  holds("brk(everything)", syscall(SYS_brk, ULONG_MAX) == end);
  holds("brk(2^63)", syscall(SYS_brk, 1UL << 63) == end);
  holds("brk(below the start)", syscall(SYS_brk, 1UL) == end);
}

// A mapped file is what read() says, wherever it is mapped and from whatever offset.
static void mapped_files(void) {
  const int file = open("/bin/hostile", O_RDONLY);
  if (file < 0) {
    return;
  }
  for (long offset = 0; offset <= 4096; offset += 4096) {
    for (int fixed = 0; fixed < 2; ++fixed) {
      void* const where = fixed ? (void*)0x20000000 : NULL;
      const unsigned char* const mapped =
          mmap(where, 4096, PROT_READ, MAP_PRIVATE | (fixed ? MAP_FIXED : 0), file, offset);
      holds("mapping a file", mapped != MAP_FAILED);
      if (mapped != MAP_FAILED) {
        lseek(file, offset, SEEK_SET);
        holds("reading it", read(file, one_page, 4096) == 4096);
        holds("a mapped file is the file", memcmp(mapped, one_page, 4096) == 0);
        munmap((void*)mapped, 4096);
      }
    }
  }
  FAILS(EINVAL, SYS_mmap, 0UL, 4096UL, PROT_READ, MAP_PRIVATE, file, 1L);
  close(file);
}

static void times_and_signals(void) {
  struct timespec bad = {0, 1000000000};
  FAILS(EINVAL, SYS_nanosleep, &bad, 0UL);
  bad = (struct timespec){-1, 0};
  FAILS(EINVAL, SYS_nanosleep, &bad, 0UL);
  bad = (struct timespec){0, -1};
  FAILS(EINVAL, SYS_nanosleep, &bad, 0UL);
  FAILS(EINVAL, SYS_clock_gettime, 12345, &bad);
  FAILS(EINVAL, SYS_rt_sigaction, 0, 0UL, 0UL, 8UL);
  FAILS(EINVAL, SYS_rt_sigaction, 65, 0UL, 0UL, 8UL);
  FAILS(EINVAL, SYS_rt_sigaction, 10, 0UL, 0UL, 1UL << 40);
  FAILS(EINVAL, SYS_rt_sigprocmask, 0, 0UL, 0UL, 16UL);
  FAILS(EINVAL, SYS_prlimit64, 0, 99, 0UL, 0UL);
  FAILS(ENOSYS, 511);
  FAILS(ENOSYS, 0x7fffffffL);
  FAILS(ENOSYS, -2L);
#ifdef __x86_64__
  FAILS(EPERM, SYS_arch_prctl, 0x1002, 0x800000000000UL);
  FAILS(EPERM, SYS_arch_prctl, 0x1002, 0xffffffff80000000UL);
  FAILS(EINVAL, SYS_arch_prctl, -1, 0UL);
#endif
}

int main(void) {
  one_page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (one_page == MAP_FAILED || munmap(one_page, 4096) || munmap(one_page + 2 * 4096, 4096)) {
    return 2;
  }
  one_page += 4096;
  bad_pointers();
  half_mapped();
  vectors();
  descriptors();
  paths();
  mappings();
  mapped_files();
  times_and_signals();
  printf("hostile: %d checks, %d failures\n", checks, failures);
  return failures != 0;
}
