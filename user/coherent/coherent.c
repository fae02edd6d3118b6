// coherent: shared mappings of one file against read() and write() by others: `coherent PATH`. Each
// step is made by one process and seen by another. Prints the first that is not seen; status 0 if
// all were.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, pages = 20, rounds = 200 };

static void fail(const char* what, unsigned round) {
  printf("round %u: %s\n", round, what);
  exit(1);
}

// In a child: what it changes others must see.
static void in_child(void (*act)(const char* path, unsigned round), const char* path,
                     unsigned round) {
  const pid_t child = fork();
  if (child == 0) {
    act(path, round);
    exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) {
    fail("the other process failed", round);
  }
}

static size_t place(unsigned round) {
  return (round * 7919u) % (pages * page - 16);
}

static char* map(const char* path, int flags) {
  const int file = open(path, O_RDWR);
  char* const at = mmap(0, pages * page, PROT_READ | PROT_WRITE, flags, file, 0);
  if (file < 0 || at == MAP_FAILED) {
    perror(path);
    exit(1);
  }
  close(file);
  return at;
}

static void write_there(const char* path, unsigned round) {
  const int file = open(path, O_WRONLY);
  char text[17];
  snprintf(text, sizeof(text), "written %8u", round);
  if (pwrite(file, text, 16, (off_t)place(round)) != 16) {
    fail("pwrite", round);
  }
}

static void store_there(const char* path, unsigned round) {
  char* const at = map(path, MAP_SHARED);
  char text[17];
  snprintf(text, sizeof(text), "stored  %8u", round);
  memcpy(at + place(round), text, 16);
  if (round % 3 == 0 && msync(at, pages * page, MS_SYNC) != 0) {
    fail("msync", round);
  }
  if (round % 2 == 0) {
    munmap(at, pages * page);
  }
}

int main(int count, char** words) {
  if (count != 2) {
    return 2;
  }
  const char* const path = words[1];
  const int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || ftruncate(file, pages * page) != 0) {
    perror(path);
    return 1;
  }
  char* const shared = map(path, MAP_SHARED);
  char* const private = map(path, MAP_PRIVATE);
  memset(private, 'P', page);
  for (unsigned round = 0; round < rounds; ++round) {
    char wanted[17], got[17] = "";
    in_child(round % 2 == 0 ? write_there : store_there, path, round);
    snprintf(wanted, sizeof(wanted), round % 2 == 0 ? "written %8u" : "stored  %8u", round);
    if (memcmp(shared + place(round), wanted, 16) != 0) {
      fail("the mapping does not show it", round);
    }
    if (pread(file, got, 16, (off_t)place(round)) != 16 || memcmp(got, wanted, 16) != 0) {
      fail("read() does not show it", round);
    }
    if (private[round % page] != 'P') {
      fail("a private copy changed", round);
    }
    shared[place(round)] = 'X';
    if (pread(file, got, 1, (off_t)place(round)) != 1 || got[0] != 'X') {
      fail("read() does not show what was stored here", round);
    }
  }
  // A shorter file, and a longer one again: what was cut off is zeroes.
  memset(shared, 'a', pages * page);
  struct stat status;
  if (ftruncate(file, page + 10) != 0 || ftruncate(file, 3 * page) != 0 ||
      fstat(file, &status) != 0 || status.st_size != 3 * page) {
    fail("truncation", rounds);
  }
  if (shared[page + 9] != 'a' || shared[page + 10] != 0 || shared[2 * page] != 0) {
    fail("what was cut off is there again", rounds);
  }
  char bytes[2 * page];
  if (pread(file, bytes, sizeof(bytes), page) != sizeof(bytes) || bytes[9] != 'a' ||
      bytes[10] != 0 || bytes[page] != 0) {
    fail("what was cut off is read again", rounds);
  }
  unlink(path);
  shared[0] = 'u';
  if (pread(file, bytes, 1, 0) != 1 || bytes[0] != 'u') {
    fail("an unlinked file", rounds);
  }
  printf("coherent\n");
  return 0;
}
