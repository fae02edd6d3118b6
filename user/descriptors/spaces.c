// Cases about address-space descriptors: names, listing, borrowed pages, snapshots.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/descriptors/check.h"

static const unsigned both = PROT_READ | PROT_WRITE;
static const uint64_t there = 0x10000000;

static void names(void) {
  const int process = own_process();
  static const char* const of_process[] = {"addrspace",         "files",  "regs", "name", "status",
                                           "current-addrspace", "program"};
  for (size_t i = 0; i < sizeof(of_process) / sizeof(of_process[0]); i++) {
    const int fd = dup_named(process, of_process[i]);
    EXPECT(fd >= 0);
    EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    EXPECT_ERROR(dup_named(fd, "write"), EINVAL);
    close(fd);
  }
  EXPECT_ERROR(dup_named(process, "address-space"), EINVAL);
  EXPECT_ERROR(dup_named(process, ""), EINVAL);
  EXPECT_ERROR(dup_named(-1, "addrspace"), EBADF);
  const int folder = open("/proc/self/fd", O_RDONLY);
  EXPECT_ERROR(dup_named(folder, "addrspace"), EINVAL);
  EXPECT_ERROR(open("proc:new/thing", O_RDONLY), ENOENT);
  EXPECT_ERROR(open("addrspace:thing", O_RDONLY), ENOENT);
  const int space = dup_named(process, "addrspace");
  static const char* const of_space[] = {"empty", "exclusive", "min-address"};
  for (size_t i = 0; i < sizeof(of_space) / sizeof(of_space[0]); i++) {
    const int fd = dup_named(space, of_space[i]);
    EXPECT(fd >= 0);
    close(fd);
  }
  EXPECT_ERROR(dup_named(space, "grant-"), EINVAL);
  EXPECT_ERROR(dup_named(space, "grant-12345678123456789"), EINVAL);
  EXPECT_ERROR(dup_named(space, "grant-xyz"), EINVAL);
  EXPECT_ERROR(dup_named(space, "grant-ffffffffffffffff"), ENOENT);
  EXPECT_ERROR(dup_named(space, "addrspace"), EINVAL);
}

static void bounds(void) {
  const int space = own_space();
  const int fd = dup_named(space, "min-address");
  struct space_bounds values;
  EXPECT(take(fd, &values, sizeof(values)) == 0);
  EXPECT(values.version == SPACE_VERSION && values.size == sizeof(values));
  EXPECT(values.lowest == 0x10000 && values.end > (uint64_t)1 << 46);
  EXPECT(values.stack_top <= values.end && values.stack_top % page == 0);
  EXPECT(values.break_start <= values.break_end);
  EXPECT_ERROR(read(fd, &values, sizeof(values) - 1), EINVAL);
  EXPECT_ERROR(write(fd, &values, sizeof(values)), EBADF);
}

static void listing(void) {
  const int space = new_space();
  struct space_mapping one;
  EXPECT(read(space, &one, sizeof(one)) == 0);
  EXPECT_ERROR(read(space, &one, sizeof(one) - 1), EINVAL);
  struct space_change changes[3];
  changes[0] = map_at(there, 4 * page, PROT_READ);
  changes[1] = map_at(there + 4 * page, 8 * page, both);
  changes[1].flags = SPACE_SHARED;
  changes[2] = map_at(there + 64 * page, page, both);
  changes[2].use = SPACE_USE_HEAP;
  EXPECT(apply(space, changes, 3) == 0);
  struct space_mapping list[4];
  EXPECT(read(space, list, sizeof(list)) == 3 * sizeof(list[0]));
  EXPECT(list[0].version == SPACE_VERSION && list[0].size == sizeof(list[0]));
  EXPECT(list[0].base == there && list[0].length == 4 * page && list[0].access == PROT_READ);
  EXPECT(list[0].kind == SPACE_ANONYMOUS && list[0].object == 0 &&
         list[0].flags == SPACE_UNCHARGED);
  EXPECT(list[1].kind == SPACE_MEMORY && list[1].object != 0 && (list[1].flags & SPACE_SHARED));
  EXPECT(list[2].use == SPACE_USE_HEAP && list[2].resident == 0);
  EXPECT(read(space, list, sizeof(list)) == 0);
  // The position is an address, also inside a mapping.
  EXPECT(lseek(space, (off_t)(there + 5 * page), SEEK_SET) == (off_t)(there + 5 * page));
  EXPECT(read(space, &one, sizeof(one)) == sizeof(one) && one.base == there + 4 * page);
  EXPECT(lseek(space, 0, SEEK_CUR) == (off_t)(there + 12 * page));
  EXPECT(pread(space, &one, sizeof(one), (off_t)(there + 63 * page)) == sizeof(one));
  EXPECT(one.base == there + 64 * page);
  EXPECT_ERROR(lseek(space, -1, SEEK_SET), EINVAL);
  EXPECT_ERROR(read(space, (void*)8, sizeof(one)), EFAULT);
}

// What is shared with whom.
static void residency(void) {
  char* memory = mmap((void*)(there), 16 * page, both,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  EXPECT(memory == (char*)there);
  memset(memory, 1, 4 * page);
  const int space = own_space();
  struct space_mapping mapping;
  EXPECT(pread(space, &mapping, sizeof(mapping), (off_t)there) == sizeof(mapping));
  EXPECT(mapping.base == there && mapping.resident == 4 && mapping.shared == 0);
  EXPECT(mapping.tables >= 2 && mapping.tables_shared == 0);
  const int snapshot = dup_named(space, "exclusive");
  EXPECT(pread(space, &mapping, sizeof(mapping), (off_t)there) == sizeof(mapping));
  EXPECT(mapping.resident == 4 && mapping.shared == 4 && mapping.tables_shared != 0);
  memory[0] = 2;
  EXPECT(pread(space, &mapping, sizeof(mapping), (off_t)there) == sizeof(mapping));
  EXPECT(mapping.shared == 3);
  close(snapshot);
  EXPECT(pread(space, &mapping, sizeof(mapping), (off_t)there) == sizeof(mapping));
  EXPECT(mapping.shared == 0 && mapping.tables_shared == 0);
}

static void borrowing(void) {
  const int space = new_space();
  struct space_change changes[2];
  changes[0] = map_at(there, 2 * page, both);
  changes[1] = map_at(there + 2 * page, page, PROT_READ);
  EXPECT(apply(space, changes, 2) == 0);
  const off_t offset = (off_t)there;
  char* first = mmap(NULL, 2 * page, both, MAP_SHARED, space, offset);
  char* second = mmap(NULL, 3 * page, PROT_READ, MAP_SHARED, space, offset);
  char* copy = mmap(NULL, 2 * page, both, MAP_PRIVATE, space, offset);
  EXPECT(first != MAP_FAILED && second != MAP_FAILED && copy != MAP_FAILED);
  first[5] = 'a';
  EXPECT(second[5] == 'a' && copy[5] == 'a');
  copy[5] = 'b';
  copy[page] = 'c';
  EXPECT(second[5] == 'a' && second[page] == 0);
  first[page] = 'd';
  EXPECT(second[page] == 'd' && copy[page] == 'c' && second[2 * page] == 0);
  // Rights only shrink.
  EXPECT_ERROR(mprotect(second, page, both), EACCES);
  EXPECT(mmap(NULL, 3 * page, both, MAP_SHARED, space, offset) == MAP_FAILED && errno == EACCES);
  EXPECT(mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_SHARED, space, offset) == MAP_FAILED &&
         errno == EACCES);
  EXPECT(mmap(NULL, 4 * page, PROT_READ, MAP_SHARED, space, offset) == MAP_FAILED &&
         errno == ENXIO);
  EXPECT(mmap(NULL, page, PROT_READ, MAP_SHARED, space, offset - page) == MAP_FAILED &&
         errno == ENXIO);
  const int own = own_space();
  EXPECT(mmap(NULL, page, PROT_READ, MAP_SHARED, own, (off_t)((uint64_t)first & ~4095ull)) ==
             MAP_FAILED &&
         errno == EDEADLK);
  const int read_only = open("addrspace:", O_RDONLY);
  EXPECT_ERROR(apply(read_only, changes, 1), EBADF);
  // The space lives as long as somebody borrows, and what it unmaps is gone.
  const int child = fork();
  if (child == 0) {
    struct space_change gone = space_change_of(SPACE_UNMAP, there, page);
    EXPECT(apply(space, &gone, 1) == 0);
    const volatile char* at = second;
    _exit(at[0] == 'a');
  }
  EXPECT(status_of(child) == 128 + SIGBUS);
  EXPECT(second[page] == 'd');
  EXPECT(munmap(first, 2 * page) == 0 && munmap(second, 3 * page) == 0);
}

static void grants(void) {
  const int space = new_space();
  const int file = memfd_create("object", 0);
  EXPECT(ftruncate(file, 4 * page) == 0 && pwrite(file, "hello", 5, page) == 5);
  struct space_change changes[3];
  changes[0] = map_at(there, 2 * page, both);
  changes[0].file = file;
  changes[0].offset = page;
  changes[0].flags = SPACE_SHARED;
  changes[1] = map_at(there + 2 * page, page, PROT_READ);
  changes[1].file = file;
  changes[2] = map_at(there + 3 * page, page, both);
  EXPECT(apply(space, changes, 3) == 0);
  const int writable = dup_named(space, "grant-10000000");
  const int readable = dup_named(space, "grant-10002000");
  EXPECT(writable >= 0 && readable >= 0);
  EXPECT_ERROR(dup_named(space, "grant-10003000"), ENOENT);
  EXPECT_ERROR(dup_named(space, "grant-10004000"), ENOENT);
  struct space_mapping mapping;
  EXPECT(pread(space, &mapping, sizeof(mapping), (off_t)there) == sizeof(mapping));
  EXPECT(mapping.offset == page);
  char* pages = mmap(NULL, page, both, MAP_SHARED, writable, (off_t)mapping.offset);
  EXPECT(pages != MAP_FAILED && memcmp(pages, "hello", 5) == 0);
  pages[0] = 'j';
  char text[5];
  EXPECT(pread(file, text, 5, page) == 5 && memcmp(text, "jello", 5) == 0);
  EXPECT(mmap(NULL, page, both, MAP_SHARED, readable, 0) == MAP_FAILED && errno == EACCES);
  EXPECT(mmap(NULL, page, PROT_READ, MAP_SHARED, readable, 0) != MAP_FAILED);
}

// A snapshot keeps what was there while the original writes on.
static void snapshot(void) {
  enum { pages = 64 };
  volatile uint64_t* memory = mmap((void*)there, pages * page, both,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  EXPECT(memory == (void*)there);
  int ready[2];
  EXPECT(pipe(ready) == 0);
  const int child = fork();
  if (child == 0) {
    for (uint64_t round = 1;; round++) {
      for (unsigned i = 0; i < pages; i++) memory[i * page / 8] = round;
      if (round == 2) (void)!write(ready[1], "r", 1);
    }
  }
  char byte;
  EXPECT(read(ready[0], &byte, 1) == 1);
  const int space = dup_named(process_of(child), "addrspace");
  const int frozen = dup_named(space, "exclusive");
  EXPECT(frozen >= 0);
  const volatile uint64_t* past =
      mmap(NULL, pages * page, PROT_READ, MAP_SHARED, frozen, (off_t)there);
  const volatile uint64_t* now =
      mmap(NULL, pages * page, PROT_READ, MAP_SHARED, space, (off_t)there);
  EXPECT(past != MAP_FAILED && now != MAP_FAILED);
  const uint64_t first = past[0];
  const uint64_t last = past[(pages - 1) * page / 8];
  EXPECT(first >= 2 && (last == first || last + 1 == first));
  // The original runs on.
  while (now[0] < first + 3) usleep(1000);
  unsigned changes = 0;
  for (unsigned i = 0; i < pages; i++) {
    const uint64_t value = past[i * page / 8];
    EXPECT(value == first || value == last);
    changes += i != 0 && value != past[(i - 1) * page / 8];
  }
  EXPECT(changes <= 1);
  EXPECT(past[0] == first);
  kill(child, SIGKILL);
  EXPECT(status_of(child) == 128 + SIGKILL);
  EXPECT(past[0] == first && now[0] >= first + 3);  // spaces live as long as their descriptors
}

const struct test_case space_cases[] = {
    {"names", names},         {"bounds", bounds}, {"listing", listing},   {"residency", residency},
    {"borrowing", borrowing}, {"grants", grants}, {"snapshot", snapshot}, {NULL, NULL}};
