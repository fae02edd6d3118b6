// Mappings of files and of shared memory: contents, the end of the file, privacy, coherence.
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "arena.h"

static char* arena;
static char buffer[4 * page_bytes];

static void show(const char* text, const void* at, size_t pages) {
  char states[arena_pages + 1];
  page_states(at, pages, states);
  say("%s %s\n", text, states);
}

static void own_program(const char* name) {
  test_case("a file mapped privately");
  const int fd = open(name, O_RDONLY | O_CLOEXEC);
  struct stat info;
  require(fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 3 * page_bytes);
  require(pread(fd, buffer, sizeof buffer, page_bytes) == sizeof buffer);
  char* at =
      mmap(arena, 4 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, page_bytes);
  require(at == arena);
  say("same as read: %d\n", memcmp(at, buffer, sizeof buffer) == 0);
  memset(at + page_bytes, 0x55, page_bytes);
  say("written: %d, the rest the same: %d\n", at[page_bytes + 9],
      memcmp(at, buffer, page_bytes) == 0 &&
          memcmp(at + 2 * page_bytes, buffer + 2 * page_bytes, 2 * page_bytes) == 0);
  const uint64_t before = hash_bytes(buffer, sizeof buffer, 0);
  require(pread(fd, buffer, sizeof buffer, page_bytes) == sizeof buffer);
  say("the file is as it was: %d\n", hash_bytes(buffer, sizeof buffer, 0) == before);
  say("discarded: %s, ", outcome(call(madvise, at, 2l * page_bytes, MADV_DONTNEED)));
  say("the file's again: %d\n", memcmp(at, buffer, sizeof buffer) == 0);
  close(fd);
  say("without the descriptor: %d\n", memcmp(at, buffer, sizeof buffer) == 0);

  test_case("the end of a file");
  const int again = open(name, O_RDONLY | O_CLOEXEC);
  const size_t size = (size_t)info.st_size;
  const size_t last = size / page_bytes * page_bytes;
  require(size % page_bytes != 0);
  at = mmap(arena, 3 * page_bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED, again, (off_t)last);
  require(at == arena);
  require(pread(again, buffer, page_bytes, (off_t)last) == (ssize_t)(size - last));
  size_t slack = 0;
  for (size_t i = size - last; i < page_bytes; ++i) slack += at[i] != 0;
  say("the last page: %d, bytes after the end that are not zero: %zu\n",
      memcmp(at, buffer, size - last) == 0, slack);
  show("pages", at, 3);
  say("kernel reads past it: %s\n", outcome(call(faccessat, AT_FDCWD, at + page_bytes, 0L)));
  close(again);
  require(munmap(arena, 4 * page_bytes) == 0);
}

static void rights(const char* name) {
  test_case("rights of a shared mapping of a file opened for reading");
  const int fd = open(name, O_RDONLY | O_CLOEXEC);
  require(fd >= 0);
  long result =
      call(mmap, arena, (long)page_bytes, PROT_READ, (long)(MAP_SHARED | MAP_FIXED), (long)fd, 0L);
  say("read: %s\n", arena_place(arena, result));
  say("then write: %s\n", outcome(call(mprotect, arena, (long)page_bytes, PROT_WRITE)));
  say("then execute: %s\n",
      outcome(call(mprotect, arena, (long)page_bytes, PROT_READ | PROT_EXEC)));
  say("write at once: %s\n",
      arena_place(arena, call(mmap, arena, (long)page_bytes, (long)(PROT_READ | PROT_WRITE),
                              (long)(MAP_SHARED | MAP_FIXED), (long)fd, 0L)));
  say("a private one is writable later: ");
  require(call(mmap, arena, (long)page_bytes, PROT_READ, (long)(MAP_PRIVATE | MAP_FIXED), (long)fd,
               0L) > 0);
  say("%s\n", outcome(call(mprotect, arena, (long)page_bytes, (long)(PROT_READ | PROT_WRITE))));
  close(fd);
}

static int add_one(void* at) {
  ++*(volatile char*)at;
  return *(volatile char*)at;
}

static void shared_memory(void) {
  test_case("a memory file");
  const int fd = memfd_create("test", 0);
  say("%s\n", fd >= 0 ? "made" : error_name(errno));
  if (fd < 0) return;
  say("length: %s\n", outcome(call(ftruncate, fd, 3l * page_bytes)));
  char* at = mmap(arena, 4 * page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  require(at == arena);
  show("pages", at, 4);
  memcpy(at + 10, "through memory", 14);
  memset(buffer, 0, sizeof buffer);
  say("read: %ld '%s'\n", (long)pread(fd, buffer, 14, 10), buffer);
  say("write: %ld", (long)pwrite(fd, "by file", 7, page_bytes));
  say(" '%.7s'\n", at + page_bytes);
  char* const other = mmap(arena + 8 * page_bytes, 2 * page_bytes, PROT_READ,
                           MAP_SHARED | MAP_FIXED, fd, page_bytes);
  char* const own = mmap(arena + 12 * page_bytes, 3 * page_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_FIXED, fd, 0);
  require(other != MAP_FAILED && own != MAP_FAILED);
  say("another mapping: '%.7s'\n", other);
  at[page_bytes] = 'B';
  say("sees a change: '%.7s', so does a private one: '%.7s'\n", other, own + page_bytes);
  own[page_bytes + 1] = 'Y';
  at[page_bytes + 1] = '-';
  say("private: '%.7s', shared: '%.7s'\n", own + page_bytes, other);

  test_case("a memory file that becomes shorter and longer");
  at[2 * page_bytes] = 's';
  say("%s\n", outcome(call(ftruncate, fd, (long)page_bytes + 100)));
  show("shared", at, 4);
  show("private", own, 3);
  say("bytes kept: '%.4s', after the end: %d\n", at + page_bytes, at[page_bytes + 100]);
  say("%s\n", outcome(call(ftruncate, fd, 3l * page_bytes)));
  show("shared", at, 4);
  say("new pages are zero: %d\n", at[2 * page_bytes] == 0);
  say("longer than memory: %s\n", outcome(call(ftruncate, fd, -1L)));

  test_case("shared memory and children");
  at[5] = 1;
  own[5] = 1;
  say("shared: child %s", status_text(in_child(add_one, at + 5)));
  say(", parent %d\n", at[5]);
  say("private: child %s", status_text(in_child(add_one, own + 5)));
  say(", parent %d\n", own[5]);
  char* const nameless = mmap(arena + 20 * page_bytes, page_bytes, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  require(nameless != MAP_FAILED);
  say("anonymous: child %s", status_text(in_child(add_one, nameless)));
  say(", parent %d\n", nameless[0]);
  say("discarding a shared page keeps it: %s",
      outcome(call(madvise, nameless, (long)page_bytes, MADV_DONTNEED)));
  say(" %d\n", nameless[0]);
  say("removing it does not: %s", outcome(call(madvise, nameless, (long)page_bytes, MADV_REMOVE)));
  say(" %d\n", nameless[0]);
  close(fd);
}

int main(int argc, char** argv) {
  require(argc >= 1);
  arena = arena_create();
  own_program(argv[0]);
  rights(argv[0]);
  shared_memory();
  return 0;
}
