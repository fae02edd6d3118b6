// Descriptors: numbers, duplicates, flags, limits; lists of buffers; polling.
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "case.h"

static void duplicates(const char* name) {
  test_case("duplicates");
  const int fd = open(name, O_RDONLY);
  require(fd == 3);
  say("dup %d, ", dup(fd));
  say("F_DUPFD 10: %d, 10: %d\n", fcntl(fd, F_DUPFD, 10), fcntl(fd, F_DUPFD, 10));
  say("dup2 to 20: %d, to itself: %d, to a bad one: %s, of a bad one: %s\n", dup2(fd, 20),
      dup2(fd, fd), outcome(error_or(dup2(fd, -1))), outcome(error_or(dup2(77, 21))));
  say("dup2 of a bad one to itself: %s\n", outcome(error_or(dup2(77, 77))));
  say("dup3 to itself: %s, with a flag: %s, unknown flag: %s\n", outcome(call(dup3, fd, fd, 0L)),
      outcome(call(dup3, fd, 22L, (long)O_CLOEXEC)), outcome(call(dup3, fd, 23L, 1L)));
  say("close on exec: %d %d\n", fcntl(20, F_GETFD), fcntl(22, F_GETFD));
  say("F_SETFD 1: %s", outcome(error_or(fcntl(20, F_SETFD, 1))));
  say(", now %d, the other %d; F_SETFD 2: %s, now %d\n", fcntl(20, F_GETFD), fcntl(fd, F_GETFD),
      outcome(error_or(fcntl(20, F_SETFD, 2))), fcntl(20, F_GETFD));
  char byte;
  require(lseek(fd, 100, SEEK_SET) == 100 && read(20, &byte, 1) == 1);
  say("one offset: %ld\n", (long)lseek(fd, 0, SEEK_CUR));
  const int other = open(name, O_RDONLY);
  say("lowest free number: %d, offset of its own: %ld\n", other, (long)lseek(other, 0, SEEK_CUR));
  say("status: 0x%x, append and nonblock: %s", (unsigned)fcntl(fd, F_GETFL) & 0xfff,
      outcome(error_or(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK))));
  say(", now 0x%x, the duplicate 0x%x, the other 0x%x\n", (unsigned)fcntl(fd, F_GETFL) & 0xfff,
      (unsigned)fcntl(20, F_GETFL) & 0xfff, (unsigned)fcntl(other, F_GETFL) & 0xfff);
  say("unknown: %s, of a bad one: %s, F_DUPFD -1: %s, huge: %s\n",
      outcome(error_or(fcntl(fd, 9999, 0))), outcome(error_or(fcntl(77, F_GETFD))),
      outcome(error_or(fcntl(fd, F_DUPFD, -1))), outcome(error_or(fcntl(fd, F_DUPFD, 1 << 30))));
  say("close twice: %s %s, close -1: %s\n", outcome(error_or(close(other))),
      outcome(error_or(close(other))), outcome(error_or(close(-1))));
  for (int i = 3; i < 30; ++i) close(i);
}

static void limits(const char* name) {
  test_case("as many as the limit");
  const struct rlimit limit = {32, 32};
  require(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  int last = -1;
  int count = 0;
  int fd;
  while ((fd = open(name, O_RDONLY)) >= 0) {
    last = fd;
    ++count;
  }
  say("%s after %d, the last %d\n", error_name(errno), count, last);
  int ends[2];
  say("pipe: %s, dup: %s, F_DUPFD: %s\n", outcome(error_or(pipe(ends))), outcome(error_or(dup(0))),
      outcome(error_or(fcntl(0, F_DUPFD, 5))));
  say("dup2 to a higher one: %s, to one there is: %d\n", outcome(error_or(dup2(0, 32))),
      dup2(0, 31));
  close(31);
  say("one free: pipe %s, open %d\n", outcome(error_or(pipe(ends))), open(name, O_RDONLY));
  for (int i = 3; i < 32; ++i) close(i);
  const struct rlimit fewer = {4, 32};
  require(setrlimit(RLIMIT_NOFILE, &fewer) == 0);
  say("four: %d, %s\n", open(name, O_RDONLY), outcome(error_or(open(name, O_RDONLY))));
  close(3);
  const struct rlimit all = {32, 32};
  require(setrlimit(RLIMIT_NOFILE, &all) == 0);
}

static char room[3][8];

static void lists(const char* name) {
  test_case("lists of buffers");
  const int fd = open(name, O_RDONLY);
  int ends[2];
  require(fd >= 0 && pipe2(ends, O_NONBLOCK) == 0);
  struct iovec parts[4] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
  say("writev: %ld\n", (long)error_or(writev(ends[1], parts, 4)));
  struct iovec into[3] = {{room[0], 3}, {room[1], 7}, {room[2], 8}};
  say("readv: %ld '%.3s' '%.7s' '%.3s'\n", (long)error_or(readv(ends[0], into, 3)), room[0],
      room[1], room[2]);
  say("none: %s, -1: %s, 1025: %s\n", outcome(error_or(call(writev, ends[1], parts, 0L))),
      outcome(call(writev, ends[1], parts, -1L)), outcome(call(writev, ends[1], parts, 1025L)));
  say("list from nowhere: %s, kernel: %s\n", outcome(call(writev, ends[1], 8L, 1L)),
      outcome(call(readv, ends[0], 0xffff800000000000u, 1L)));
  const struct iovec negative[] = {{room[0], 1}, {room[1], (size_t)-1}};
  const struct iovec huge[] = {{room[0], 1}, {room[1], SSIZE_MAX}};
  say("negative length: %s, %s\n", outcome(call(writev, ends[1], negative, 2L)),
      outcome(call(readv, fd, negative, 2L)));
  say("nothing went in: %s\n", outcome(error_or(read(ends[0], room[0], 1))));
  say("lengths that overflow, read: %s\n", outcome(call(readv, fd, huge, 2L)));
  const struct iovec bad_first[] = {{(void*)8, 4}, {room[0], 4}};
  const struct iovec bad_second[] = {{room[0], 4}, {(void*)8, 4}};
  require(lseek(fd, 0, SEEK_SET) == 0);
  say("bad first: %s", outcome(call(readv, fd, bad_first, 2L)));
  say(", offset %ld; bad second: %ld", (long)lseek(fd, 0, SEEK_CUR),
      call(readv, fd, bad_second, 2L));
  say(", offset %ld\n", (long)lseek(fd, 0, SEEK_CUR));
  say("preadv: %ld", (long)error_or(preadv(fd, into, 2, 1)));
  say(" '%.3s', offset %ld, negative: %s\n", room[0], (long)lseek(fd, 0, SEEK_CUR),
      outcome(error_or(preadv(fd, into, 2, -1))));
  say("writev to a file opened for reading: %s\n", outcome(error_or(writev(fd, parts, 4))));
  close(fd);
  close(ends[0]);
  close(ends[1]);
}

static void offsets(const char* name) {
  test_case("offsets");
  const int fd = open(name, O_RDONLY);
  struct stat info;
  require(fd >= 0 && fstat(fd, &info) == 0);
  say("end: %d", lseek(fd, 0, SEEK_END) == info.st_size);
  char byte;
  say(", read there: %ld", (long)read(fd, &byte, 1));
  say(", beyond: %d, read: %ld\n", lseek(fd, 1000, SEEK_END) == info.st_size + 1000,
      (long)read(fd, &byte, 1));
  say("before the start: %s, %s; unknown: %s\n", outcome(error_or(lseek(fd, -1, SEEK_SET))),
      outcome(error_or(lseek(fd, -info.st_size - 1, SEEK_END))),
      outcome(error_or(lseek(fd, 0, 99))));
  say("kept: %d\n", lseek(fd, 0, SEEK_CUR) == info.st_size + 1000);
  require(lseek(fd, 5, SEEK_SET) == 5);
  say("relative: %ld, too far: %s\n", (long)lseek(fd, -2, SEEK_CUR),
      outcome(error_or(lseek(fd, LONG_MAX, SEEK_CUR))));
  say("pread: %ld, offset %ld, negative: %s\n", (long)pread(fd, &byte, 1, 100),
      (long)lseek(fd, 0, SEEK_CUR), outcome(error_or(pread(fd, &byte, 1, -1))));
  say("write: %s, pwrite: %s, truncate: %s\n", outcome(error_or(write(fd, &byte, 1))),
      outcome(error_or(pwrite(fd, &byte, 1, 0))), outcome(error_or(ftruncate(fd, 0))));
  say("huge read: %d\n", pread(fd, &byte, 0, LONG_MAX - 10) == 0);
  close(fd);
}

static void polling(const char* name) {
  test_case("poll");
  const int fd = open(name, O_RDONLY);
  int ends[2];
  require(fd == 3 && pipe(ends) == 0);
  struct pollfd entries[] = {{fd, POLLIN | POLLOUT, 0}, {-1, POLLIN, 77},      {99, POLLIN, 0},
                             {ends[0], POLLIN, 0},      {ends[1], POLLOUT, 0}, {ends[1], 0, 0}};
  say("%d:", poll(entries, 6, -1));
  for (int i = 0; i < 6; ++i) say(" 0x%x", (unsigned)entries[i].revents);
  say("\n");
  const struct timespec odd = {0, -1};
  const struct timespec zero = {0, 0};
  say("from nowhere: %s, none: %s, too many: %s\n", outcome(call(ppoll, 8L, 1L, &zero, NULL, 8L)),
      outcome(call(ppoll, NULL, 0L, &zero, NULL, 8L)),
      outcome(call(ppoll, entries, 1000000l, &zero, NULL, 8L)));
  say("time: %s, from nowhere: %s, mask from nowhere: %s, its size: %s\n",
      outcome(call(ppoll, entries, 1L, &odd, NULL, 8L)),
      outcome(call(ppoll, entries, 1L, 8L, NULL, 8L)),
      outcome(call(ppoll, entries, 1L, &zero, 8L, 8L)),
      outcome(call(ppoll, entries, 1L, &zero, &zero, 4L)));
  entries[0] = (struct pollfd){ends[0], POLLIN, 0};
  say("nothing to read: %d\n", poll(entries, 1, 1));
  require(write(ends[1], "x", 1) == 1);
  say("then: %d\n", poll(entries, 1, -1));
  test_case("select");
  fd_set reading;
  fd_set writing;
  FD_ZERO(&reading);
  FD_ZERO(&writing);
  FD_SET(ends[0], &reading);
  FD_SET(fd, &reading);
  FD_SET(ends[1], &writing);
  struct timeval time = {0, 0};
  say("%s", outcome(error_or(select(ends[1] + 1, &reading, &writing, NULL, &time))));
  say(" %d %d %d\n", FD_ISSET(ends[0], &reading), FD_ISSET(fd, &reading),
      FD_ISSET(ends[1], &writing));
  FD_SET(20, &reading);
  say("a bad one: %s, negative: %s\n", outcome(error_or(select(21, &reading, NULL, NULL, &time))),
      outcome(error_or(select(-1, NULL, NULL, NULL, &time))));
  close(fd);
  close(ends[0]);
  close(ends[1]);
}

int main(int argc, char** argv) {
  require(argc >= 1);
  duplicates(argv[0]);
  lists(argv[0]);
  offsets(argv[0]);
  polling(argv[0]);
  limits(argv[0]);
  return 0;
}
