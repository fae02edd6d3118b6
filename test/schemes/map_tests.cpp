// map_tests.cpp: files of a daemon in memory: shared, private, cut off, stored, torn down.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "check.h"
#include "files.h"
#include "tests.h"

namespace {

constexpr size_t page = 4096;

sigjmp_buf fault_return;

void on_fault(int number) {
  siglongjmp(fault_return, number);
}

// What touching it ends in: 0 or a signal.
int touch(volatile char* at) {
  const int number = sigsetjmp(fault_return, 1);
  if (number == 0) {
    (void)*at;
  }
  return number;
}

char* map(int file, size_t size, int protection, int flags, off_t offset = 0) {
  void* at = mmap(nullptr, size, protection, flags, file, offset);
  CHECK(at != MAP_FAILED);
  return static_cast<char*>(at);
}

}  // namespace

void test_mappings() {
  signal(SIGBUS, on_fault);
  signal(SIGSEGV, on_fault);
  Child child([](int ready) {
    static Files files("m");
    serve(files, ready);
  });
  CHECK(child.started());
  const int file = open("m:file", O_RDWR | O_CREAT, 0600);
  const size_t size = 40 * page + 100;
  auto* bytes = static_cast<char*>(malloc(size));
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(i / page * 3 + i);
  }
  CHECK(write(file, bytes, size) == ssize_t(size));

  // What is there, and what is not.
  char* one = map(file, 42 * page, PROT_READ | PROT_WRITE, MAP_SHARED);
  CHECK(memcmp(one, bytes, size) == 0);
  CHECK(one[size] == 0 && one[41 * page - 1] == 0);
  CHECK(touch(one + 41 * page) == SIGBUS);

  // Everybody sees a write, whoever makes it and how.
  const int again = open("m:file", O_RDWR);
  char* two = map(again, page * 2, PROT_READ | PROT_WRITE, MAP_SHARED, page);
  one[page + 5] = 'A';
  CHECK(two[5] == 'A');
  char text[8];
  CHECK(pread(again, text, 1, page + 5) == 1 && text[0] == 'A');
  CHECK(pwrite(again, "BCD", 3, page + 4) == 3);
  CHECK(memcmp(one + page + 4, "BCD", 3) == 0 && memcmp(two + 4, "BCD", 3) == 0);
  const int process = fork();
  if (process == 0) {
    two[6] = 'x';
    _exit(one[page + 4] == 'B' ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(process, &status, 0) == process && status == 0);
  CHECK(one[page + 6] == 'x');

  // A private copy is its own from the first write on.
  char* own = map(file, page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  own[page + 4] = 'P';
  CHECK(one[page + 4] == 'B' && own[page + 4] == 'P');
  one[7] = 'S';
  CHECK(own[7] == 'S');

  // Cut off while mapped, and grown again: zeroes.
  CHECK(ftruncate(file, page + 10) == 0);
  CHECK(touch(one + 2 * page) == SIGBUS && touch(one + page) == 0);
  CHECK(one[page + 9] == bytes[page + 9] && one[page + 10] == 0 && two[20] == 0);
  CHECK(ftruncate(file, 5 * page) == 0);
  CHECK(touch(one + 3 * page) == 0 && one[3 * page] == 0 && one[page + 10] == 0);
  CHECK(own[page + 4] == 'P');

  // Stored: a fresh look at the file, with nobody mapping it, finds what was written to memory.
  strcpy(one + 3 * page, "stored");
  CHECK(msync(one, 5 * page, MS_SYNC) == 0);
  strcpy(one + 4 * page, "last");
  CHECK(munmap(one, 42 * page) == 0 && munmap(two, 2 * page) == 0 && munmap(own, 2 * page) == 0);
  CHECK(pread(file, text, 7, 3 * page) == 7 && strcmp(text, "stored") == 0);
  CHECK(pread(file, text, 5, 4 * page) == 5 && strcmp(text, "last") == 0);

  // Rights are the descriptor's.
  const int reader = open("m:file", O_RDONLY);
  CHECK_ERROR(long(mmap(nullptr, page, PROT_WRITE, MAP_SHARED, reader, 0)), EACCES);
  char* seen = map(reader, page, PROT_READ, MAP_SHARED);
  CHECK_ERROR(mprotect(seen, page, PROT_READ | PROT_WRITE), EACCES);
  CHECK(seen[7] == 'S');

  // The daemon dies: what is here stays, what is not cannot come.
  CHECK(pwrite(file, bytes, size, 0) == ssize_t(size));
  char* left = map(file, 40 * page, PROT_READ | PROT_WRITE, MAP_SHARED);
  CHECK(touch(left) == 0);
  child.stop();
  CHECK(touch(left) == 0 && left[1] == bytes[1]);
  CHECK(touch(left + 39 * page) == SIGBUS);
  CHECK_ERROR(read(file, text, 1), ENODEV);
  left[2] = 1;
  CHECK_ERROR(msync(left, page, MS_SYNC), EIO);
  CHECK(munmap(left, 40 * page) == 0 && munmap(seen, page) == 0);
  free(bytes);
  close(file);
  close(again);
  close(reader);
  signal(SIGBUS, SIG_DFL);
  signal(SIGSEGV, SIG_DFL);
}
