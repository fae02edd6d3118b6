// Pipes: contents, capacity, ends, blocking and not, whole small writes, poll.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "case.h"

enum { capacity = 65536 };

static char block[2 * capacity];
static int ends[2];

static void open_pipe(int flags) {
  require(pipe2(ends, flags) == 0);
}
static void close_pipe(void) {
  close(ends[0]);
  close(ends[1]);
}

static long put(size_t length) {
  return error_or(write(ends[1], block, length));
}
static long take(size_t length) {
  return error_or(read(ends[0], block, length));
}

static void polled(const char* text) {
  struct pollfd entries[] = {{ends[0], POLLIN | POLLOUT, 0}, {ends[1], POLLIN | POLLOUT, 0}};
  const int count = poll(entries, 2, 0);
  say("%s: %d, read end 0x%x, write end 0x%x\n", text, count, (unsigned)entries[0].revents,
      (unsigned)entries[1].revents);
}

static void making(void) {
  test_case("making one");
  say("flags: %s\n", outcome(call(pipe2, ends, 0x1000L)));
  say("to nowhere: %s\n", outcome(call(pipe2, 8L, 0L)));
  say("to the kernel: %s\n", outcome(call(pipe2, 0xffff800000000000u, 0L)));
  int next[2];
  open_pipe(O_CLOEXEC | O_NONBLOCK);
  require(pipe(next) == 0);
  say("descriptors in order: %d\n", ends[1] == ends[0] + 1 && next[0] == ends[1] + 1);
  say("close on exec %d %d, status 0x%x 0x%x\n", fcntl(ends[0], F_GETFD), fcntl(ends[1], F_GETFD),
      (unsigned)fcntl(ends[0], F_GETFL) & 0xfff, (unsigned)fcntl(ends[1], F_GETFL) & 0xfff);
  struct stat info;
  require(fstat(ends[0], &info) == 0);
  say("a pipe %d, %ld bytes, rights %03o\n", S_ISFIFO(info.st_mode), (long)info.st_size,
      (unsigned)info.st_mode & 0777);
  say("seek: %s, pread: %s, pwrite: %s\n", outcome(error_or(lseek(ends[0], 0, SEEK_CUR))),
      outcome(error_or(pread(ends[0], block, 1, 0))),
      outcome(error_or(pwrite(ends[1], block, 1, 0))));
  say("truncate: %s, read of the write end: %s, write to the read end: %s\n",
      outcome(error_or(ftruncate(ends[1], 0))), outcome(error_or(read(ends[1], block, 1))),
      outcome(error_or(write(ends[0], block, 1))));
  close(next[0]);
  close(next[1]);
  close_pipe();
}

static void contents(void) {
  test_case("contents");
  open_pipe(O_NONBLOCK);
  say("empty: %s\n", outcome(take(10)));
  say("write: %ld", put(0));
  memcpy(block, "hello world", 11);
  say(" %ld\n", put(11));
  memset(block, 0, 11);
  say("read: %ld", take(5));
  say(" '%s', %ld", block, take(100));
  say(" '%s'\n", block);
  int waiting = -1;
  require(put(1000) == 1000);
  say("FIONREAD: %s", outcome(error_or(ioctl(ends[0], FIONREAD, &waiting))));
  say(" %d\n", waiting);
  say("read of nothing: %ld\n", take(0));
  require(take(2000) == 1000);
  int order = 1;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 3000; ++i) block[i] = (char)(round * 7 + i);
    require(put(3000) == 3000);
    memset(block, 0, 3000);
    require(take(1000) == 1000 && take(5000) == 2000);
    for (int i = 0; i < 2000; ++i) order &= block[i] == (char)(round * 7 + i + 1000);
  }
  say("around and around: %d\n", order);
  close_pipe();
}

static void full(void) {
  test_case("a full pipe");
  open_pipe(O_NONBLOCK);
  polled("empty");
  say("more than fits: %ld", put(2 * capacity));
  say(", then one byte: %s\n", outcome(put(1)));
  polled("full");
  require(take(4095) == 4095);
  say("4095 free, a write of 4096: %s\n", outcome(put(4096)));
  say("of 1, when 4096 are free: ");
  require(take(1) == 1);
  polled("4096 free");
  say("a write of 4096: %ld\n", put(4096));
  polled("full again");
  while (take(sizeof block) > 0) {
  }
  say("F_GETPIPE_SZ: %d\n", fcntl(ends[0], F_GETPIPE_SZ));
  close_pipe();
}

static void ended(void) {
  test_case("ends that are closed");
  signal(SIGPIPE, SIG_IGN);
  open_pipe(O_NONBLOCK);
  require(put(3) == 3);
  close(ends[1]);
  say("what is left: %ld, then the end: %ld, again: %ld\n", take(10), take(10), take(10));
  ends[1] = -1;
  polled("no writer");
  close(ends[0]);
  open_pipe(O_NONBLOCK);
  close(ends[0]);
  say("nobody reads: %s\n", outcome(put(1)));
  ends[0] = -1;
  polled("no reader");
  close(ends[1]);
  open_pipe(O_NONBLOCK);
  const int copy = dup(ends[1]);
  close(ends[1]);
  say("one of two writers is gone: %s", outcome(take(1)));
  close(copy);
  say(", both: %ld\n", take(1));
  close(ends[0]);
  signal(SIGPIPE, SIG_DFL);
}

static void blocking(void) {
  test_case("who waits is woken");
  open_pipe(0);
  pid_t child = fork();
  require(child >= 0);
  if (child == 0) {
    close(ends[1]);
    long all = 0;
    long count;
    while ((count = take(3000)) > 0) all += count;
    _exit(all == 300000 && count == 0 ? 0 : 1);
  }
  close(ends[0]);
  long written = 0;
  for (int i = 0; i < 3; ++i) written += put(100000);
  close(ends[1]);
  int status;
  require(waitpid(child, &status, 0) == child);
  say("written %ld, reader %s\n", written, status_text(status));

  open_pipe(0);
  child = fork();
  if (child == 0) {
    struct pollfd entry = {ends[0], POLLIN, 0};
    const int ready = poll(&entry, 1, -1);
    _exit(ready == 1 && entry.revents == POLLIN && take(1) == 1 ? 3 : 1);
  }
  const struct timespec pause = {0, 20000000};
  nanosleep(&pause, NULL);
  require(put(1) == 1);
  require(waitpid(child, &status, 0) == child);
  say("polls: %s\n", status_text(status));
  close_pipe();

  test_case("small writes stay whole");
  open_pipe(0);
  enum { writers = 4, each = 64, length = 1000 };
  for (int writer = 0; writer < writers; ++writer) {
    if (fork() == 0) {
      memset(block, 'a' + writer, length);
      for (int i = 0; i < each; ++i) require(put(length) == length);
      _exit(0);
    }
  }
  int whole = 0;
  int counts[writers] = {0};
  for (int i = 0; i < writers * each; ++i) {
    size_t got = 0;
    while (got < length) {
      const long count = error_or(read(ends[0], block + got, length - got));
      require(count > 0);
      got += (size_t)count;
    }
    int same = 1;
    for (int k = 1; k < length; ++k) same &= block[k] == block[0];
    whole += same;
    if (same) ++counts[block[0] - 'a'];
  }
  for (int writer = 0; writer < writers; ++writer) require(wait(NULL) > 0);
  say("whole %d of %d; %d %d %d %d\n", whole, writers * each, counts[0], counts[1], counts[2],
      counts[3]);
  close_pipe();
}

static void bad_memory(void) {
  test_case("memory that is not there");
  char* const pages =
      mmap(NULL, 3 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(pages != MAP_FAILED && munmap(pages + page_bytes, page_bytes) == 0);
  memset(pages, 'q', page_bytes);
  open_pipe(O_NONBLOCK);
  say("write: %s", outcome(error_or(write(ends[1], (void*)8, 10))));
  say(", kernel: %s", outcome(error_or(write(ends[1], (void*)0xffff800000000000u, 10))));
  say(", nothing went in: %s\n", outcome(take(1)));
  require(put(100) == 100);
  say("read: %s", outcome(error_or(read(ends[0], (void*)8, 10))));
  say(", to read-only memory: %s\n", outcome(error_or(read(ends[0], (void*)"constant", 8))));
  say("nothing is lost: %ld\n", take(1000));
  // How much of a write that runs into nothing goes in, Linux leaves open; at least nothing else
  // does.
  const struct iovec parts[] = {{pages, 10}, {(void*)8, 10}, {pages, 10}};
  const long written = error_or(writev(ends[1], parts, 3));
  say("a list with a bad part: %ld, %ld\n", written, take(1000));
  say("read of 0 bytes to nowhere: %s, write: %s\n", outcome(error_or(read(ends[0], (void*)8, 0))),
      outcome(error_or(write(ends[1], (void*)8, 0))));
  close_pipe();
}

int main(void) {
  making();
  contents();
  full();
  ended();
  blocking();
  bad_memory();
  return 0;
}
