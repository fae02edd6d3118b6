// Cases about batches of changes: in order, all or nothing, every error.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/descriptors/check.h"

static const unsigned both = PROT_READ | PROT_WRITE;
static const uint64_t there = 0x10000000;

// A space with three mappings whose first bytes are written.
static int furnished(void) {
  const int space = new_space();
  struct space_change changes[3];
  changes[0] = map_at(there, 8 * page, both);
  changes[1] = map_at(there + 16 * page, 8 * page, PROT_READ);
  changes[2] = map_at(there + 600 * page, 600 * page, both);
  EXPECT(apply(space, changes, 3) == 0);
  char* pages = mmap(NULL, 8 * page, both, MAP_SHARED, space, (off_t)there);
  EXPECT(pages != MAP_FAILED);
  for (int i = 0; i < 8; i++) pages[i * page] = (char)('a' + i);
  EXPECT(munmap(pages, 8 * page) == 0);
  return space;
}

static char byte_at(int space, uint64_t address) {
  const off_t offset = (off_t)(address & ~(uint64_t)(page - 1));
  const volatile char* pages = mmap(NULL, page, PROT_READ, MAP_SHARED, space, offset);
  EXPECT(pages != MAP_FAILED);
  const char byte = pages[address % page];
  EXPECT(munmap((void*)(uintptr_t)pages, page) == 0);
  return byte;
}

// In order: what one does the next finds.
static void in_order(void) {
  const int space = furnished();
  struct space_change changes[6];
  changes[0] = space_change_of(SPACE_UNMAP, there + 2 * page, 4 * page);
  changes[1] = map_at(there + 3 * page, page, both);
  changes[2] = space_change_of(SPACE_PROTECT, there, 2 * page);
  changes[2].access = PROT_READ;
  changes[3] = map_at(there, page, both);
  changes[3].flags = SPACE_REPLACE;
  changes[4] = space_change_of(SPACE_ADVISE, there + 6 * page, page);
  changes[4].advice = MADV_DONTNEED;
  changes[5] = space_change_of(SPACE_SET_BREAK, there + 4096 * page, 0);
  EXPECT(apply(space, changes, 6) == 0);
  struct layout now;
  look(space, &now);
  EXPECT(now.count == 6);
  EXPECT(now.mappings[0].base == there && now.mappings[0].access == both);
  EXPECT(now.mappings[1].base == there + page && now.mappings[1].access == PROT_READ);
  EXPECT(now.mappings[2].base == there + 3 * page && now.mappings[2].length == page);
  EXPECT(now.mappings[3].base == there + 6 * page && now.mappings[3].length == 2 * page);
  EXPECT(byte_at(space, there) == 0 && byte_at(space, there + page) == 'b');
  EXPECT(byte_at(space, there + 6 * page) == 0 && byte_at(space, there + 7 * page) == 'h');
  struct space_bounds bounds;
  EXPECT(take(dup_named(space, "min-address"), &bounds, sizeof(bounds)) == 0);
  EXPECT(bounds.break_start == there + 4096 * page && bounds.break_end == bounds.break_start);
}

// `bad` after a good change: that error, and nothing has happened.
static void refused(int space, struct space_change bad, int error, int line) {
  struct layout before;
  struct layout after;
  look(space, &before);
  struct space_change changes[3];
  changes[0] = space_change_of(SPACE_UNMAP, there, 4 * page);
  changes[1] = map_at(there + 9 * page, page, both);
  changes[2] = bad;
  errno = 0;
  const bool failed = apply(space, changes, 3) < 0;
  expect_at(failed && errno == error, "the batch is refused", line);
  look(space, &after);
  expect_at(same(&before, &after), "nothing has changed", line);
  expect_at(byte_at(space, there) == 'a', "the page is as before", line);
}
#define REFUSED(change, error) refused(space, change, error, __LINE__)

static struct space_change with(struct space_change change, unsigned flags, int file,
                                uint64_t offset) {
  change.flags = flags;
  change.file = file;
  change.offset = offset;
  return change;
}

static void errors_of_form(void) {
  const int space = furnished();
  struct space_change good = map_at(there + 40 * page, page, both);
  struct space_change bad = good;
  bad.version = 0;
  REFUSED(bad, EINVAL);
  bad.version = SPACE_VERSION + 1;
  REFUSED(bad, EINVAL);
  bad = good;
  bad.size = sizeof(bad) - 8;
  REFUSED(bad, EINVAL);
  bad.size = sizeof(bad) + 8;
  REFUSED(bad, EINVAL);
  bad = good;
  bad.reserved = 1;
  REFUSED(bad, EINVAL);
  for (unsigned operation = 0; operation < 12; operation += 7) {
    bad = good;
    bad.operation = operation;
    REFUSED(bad, EINVAL);
  }
  struct space_change many[SPACE_CHANGES_MAX + 1];
  for (unsigned i = 0; i <= SPACE_CHANGES_MAX; i++) {
    many[i] = map_at(there + (100 + 2 * i) * page, page, both);
  }
  EXPECT_ERROR(apply(space, many, SPACE_CHANGES_MAX + 1), EINVAL);
  EXPECT_ERROR(write(space, many, sizeof(many[0]) - 1), EINVAL);
  EXPECT_ERROR(write(space, many, sizeof(many[0]) + 1), EINVAL);
  EXPECT_ERROR(write(space, many, 0), EINVAL);
  EXPECT_ERROR(write(space, (void*)8, sizeof(many[0])), EFAULT);
  EXPECT_ERROR(pwrite(space, many, sizeof(many[0]), 0), ESPIPE);
  EXPECT(apply(space, many, SPACE_CHANGES_MAX) == 0);
}

static void errors_of_range(void) {
  const int space = furnished();
  const uint64_t far = (uint64_t)1 << 56;
  REFUSED(map_at(there + 40 * page + 1, page, both), EINVAL);
  REFUSED(map_at(there + 40 * page, 0, both), EINVAL);
  REFUSED(map_at(there + 40 * page, ~(uint64_t)0, both), EINVAL);
  REFUSED(map_at(far, page, both), ENOMEM);
  REFUSED(map_at(0x1000, page, both), EACCES);
  REFUSED(map_at(there + 7 * page, 2 * page, both), EEXIST);
  REFUSED(map_at(there + 40 * page, page, PROT_WRITE | PROT_EXEC), EACCES);
  REFUSED(map_at(there + 40 * page, page, 8), EINVAL);
  REFUSED(with(map_at(there + 40 * page, page, both), 1024, -1, 0), EINVAL);
  REFUSED(with(map_at(there + 40 * page, page, both), SPACE_SHARED | SPACE_GROWS_DOWN, -1, 0),
          EINVAL);
  REFUSED(with(map_at(there + 40 * page, page, both), 0, 99, 0), EBADF);
  REFUSED(with(map_at(there + 40 * page, page, both), 0, -1, 1), EINVAL);
  const int busybox = open("/bin/busybox", O_RDONLY);
  REFUSED(with(map_at(there + 40 * page, page, both), SPACE_SHARED, busybox, 0), EACCES);
  const int null = open("/dev/null", O_RDWR);
  REFUSED(with(map_at(there + 40 * page, page, both), 0, null, 0), ENODEV);
  REFUSED(space_change_of(SPACE_UNMAP, far, page), EINVAL);
  REFUSED(space_change_of(SPACE_PROTECT, far, page), EINVAL);
  struct space_change protect = space_change_of(SPACE_PROTECT, there + 6 * page, 4 * page);
  REFUSED(protect, ENOMEM);  // a hole, as nothing above filled it
  protect = space_change_of(SPACE_PROTECT, there + 4 * page, page);
  protect.access = PROT_WRITE | PROT_EXEC;
  REFUSED(protect, EACCES);
  struct space_change advise = space_change_of(SPACE_ADVISE, there + 4 * page, page);
  const unsigned never[] = {MADV_REMOVE, 23 /* MADV_POPULATE_WRITE */, MADV_MERGEABLE, 999};
  for (unsigned i = 0; i < 4; i++) {
    advise.advice = never[i];
    REFUSED(advise, EINVAL);
  }
  advise = space_change_of(SPACE_ADVISE, there + 10 * page, page);
  advise.advice = MADV_DONTNEED;
  REFUSED(advise, ENOMEM);
  REFUSED(space_change_of(SPACE_SET_BREAK, there + 1, 0), EINVAL);
  REFUSED(space_change_of(SPACE_SET_BREAK, there, page), EINVAL);
  REFUSED(space_change_of(SPACE_SET_BREAK, far, 0), EINVAL);
}

static void transfers(void) {
  const int space = furnished();
  const int other = furnished();
  const int third = furnished();
  struct space_change move = space_change_of(SPACE_TRANSFER, there + 40 * page, 8 * page);
  REFUSED(with(move, 0, -1, there), EBADF);
  REFUSED(with(move, 0, space, there), EINVAL);
  REFUSED(with(move, 0, open("/dev/zero", O_RDWR), there), EINVAL);
  REFUSED(with(move, 0, other, there + 1), EINVAL);
  REFUSED(with(move, 0, other, there + page), ENOMEM);  // a hole at its end
  REFUSED(with(move, SPACE_SHARED, other, there), EINVAL);
  struct space_change over = space_change_of(SPACE_TRANSFER, there + 4 * page, 8 * page);
  REFUSED(with(over, 0, other, there), EEXIST);
  struct space_change two[2] = {
      with(move, 0, other, there),
      with(space_change_of(SPACE_TRANSFER, there + 60 * page, 8 * page), 0, third, there)};
  EXPECT_ERROR(apply(space, two, 2), EINVAL);
  // The other one lends a page.
  char* borrowed = mmap(NULL, page, both, MAP_SHARED, other, (off_t)there);
  EXPECT(borrowed != MAP_FAILED);
  REFUSED(with(move, 0, other, there), EBUSY);
  EXPECT(munmap(borrowed, page) == 0);
  two[0] = with(move, 0, other, there);
  two[1] = with(over, SPACE_REPLACE, other, there + 600 * page);
  EXPECT(apply(space, two, 2) == 0);
  for (unsigned i = 0; i < 8; i++) {
    EXPECT(byte_at(space, there + (40 + i) * page) == (char)('a' + i));
  }
  EXPECT(byte_at(space, there + 3 * page) == 'd' && byte_at(space, there + 4 * page) == 0);
  struct layout left;
  look(other, &left);
  EXPECT(left.count == 2 && left.mappings[1].base == there + 608 * page);
}

static int control;
static void arm(unsigned nth) {
  char text[16];
  const int size = snprintf(text, sizeof(text), "%u\n", nth);
  EXPECT(write(control, text, (size_t)size) == size);
}

// Every allocation of a batch fails once.
static void starved(void) {
  control = open("/scheme/fail", O_RDWR);
  EXPECT(control >= 0);
  const int file = memfd_create("object", 0);
  EXPECT(ftruncate(file, 8 * page) == 0);
  const int space = furnished();
  const int other = furnished();
  // Shared tables everywhere: the batch has to make its own.
  const int kept = dup_named(space, "exclusive");
  const int other_kept = dup_named(other, "exclusive");
  EXPECT(kept >= 0 && other_kept >= 0);
  struct space_change changes[6];
  changes[0] = space_change_of(SPACE_UNMAP, there + 2 * page, 2 * page);
  changes[1] = space_change_of(SPACE_PROTECT, there + 5 * page, 2 * page);
  changes[1].access = PROT_READ;
  changes[2] =
      with(map_at(there + 700 * page, 4 * page, both), SPACE_SHARED | SPACE_REPLACE, file, page);
  changes[3] = with(space_change_of(SPACE_TRANSFER, there + 0x40000000, 8 * page), 0, other, there);
  changes[4] = space_change_of(SPACE_ADVISE, there + 7 * page, page);
  changes[4].advice = MADV_DONTNEED;
  changes[5] = map_at(there + 0x80000000ull, page, both);
  struct layout before;
  struct layout other_before;
  struct layout now;
  look(space, &before);
  look(other, &other_before);
  unsigned nth = 1;
  for (;; nth++) {
    arm(nth);
    const int result = apply(space, changes, 6);
    const int error = errno;
    arm(0);
    if (result == 0) break;
    EXPECT(error == ENOMEM);
    look(space, &now);
    EXPECT(same(&before, &now));
    look(other, &now);
    EXPECT(same(&other_before, &now));
    EXPECT(nth < 500);
  }
  EXPECT(nth > 5);
  EXPECT(byte_at(space, there + 0x40000000) == 'a');
  EXPECT(byte_at(space, there + 4 * page) == 'e' && byte_at(space, there + 7 * page) == 0);
  EXPECT(byte_at(kept, there + 2 * page) == 'c' && byte_at(kept, there + 7 * page) == 'h');
  EXPECT(byte_at(other_kept, there + 7 * page) == 'h');
  look(other, &now);
  EXPECT(now.count == 2);
}

// A batch on the space that runs it.
static void at_home(void) {
  char* memory =
      mmap((void*)there, 8 * page, both, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  EXPECT(memory == (char*)there);
  memset(memory, 'x', 8 * page);
  const int own = own_space();
  struct space_change changes[3];
  changes[0] = space_change_of(SPACE_UNMAP, there, page);
  changes[1] = map_at(there, page, both);
  changes[2] = space_change_of(SPACE_PROTECT, there + page, page);
  changes[2].access = PROT_READ;
  EXPECT(apply(own, changes, 3) == 0);
  EXPECT(memory[0] == 0 && memory[page] == 'x' && memory[2 * page] == 'x');
  memory[0] = 'y';
  EXPECT_ERROR(read(open("/dev/zero", O_RDONLY), memory + page, 1), EFAULT);
}

const struct test_case batch_cases[] = {{"in-order", in_order},
                                        {"errors-of-form", errors_of_form},
                                        {"errors-of-range", errors_of_range},
                                        {"transfers", transfers},
                                        {"starved-batch", starved},
                                        {"at-home", at_home},
                                        {NULL, NULL}};
