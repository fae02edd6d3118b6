// Paths, files and folders that are there: opening, looking, listing, the working directory.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "case.h"

static char own[256];

static const char* opened(const char* path, int flags) {
  const int fd = openat(AT_FDCWD, path, flags, 0600);
  const char* text = outcome(error_or(fd));
  if (fd >= 0) close(fd);
  return text;
}

static void opening(void) {
  test_case("opening");
  char path[600];
  static const int flags[] = {O_RDONLY,
                              O_RDONLY | O_DIRECTORY,
                              O_PATH,
                              O_PATH | O_DIRECTORY,
                              O_RDONLY | O_NOFOLLOW,
                              O_RDONLY | O_CLOEXEC,
                              O_RDONLY | O_NONBLOCK};
  static const char* const paths[] = {"/",
                                      ".",
                                      "..",
                                      "./",
                                      "/.",
                                      "/..",
                                      "//",
                                      "/dev",
                                      "/dev/",
                                      "/dev/null",
                                      "/dev/null/",
                                      "/dev/null/x",
                                      "/dev/../dev/./null",
                                      "/nothing",
                                      "/nothing/x",
                                      "nothing",
                                      ""};
  for (size_t p = 0; p < sizeof paths / sizeof paths[0]; ++p) {
    say("'%s':", paths[p]);
    for (size_t f = 0; f < sizeof flags / sizeof flags[0]; ++f)
      say(" %s", opened(paths[p], flags[f]));
    say("\n");
  }
  say("own: %s, as a folder: %s\n", opened(own, O_RDONLY), opened(own, O_RDONLY | O_DIRECTORY));
  snprintf(path, sizeof path, "%s/", own);
  say("with a slash: %s\n", opened(path, O_RDONLY));
  snprintf(path, sizeof path, "%s/../%s", own, own);
  say("through itself: %s\n", opened(path, O_RDONLY));
  snprintf(path, sizeof path, "./././/%s", own);
  say("with dots: %s\n", opened(path, O_RDONLY));
  say("a folder for writing: %s, %s\n", opened("/", O_WRONLY), opened("/", O_RDWR));
  say("creating one that is there: %s\n", opened("/", O_RDONLY | O_CREAT));
  say("exclusively: %s, %s\n", opened(own, O_RDWR | O_CREAT | O_EXCL),
      opened("/dev/null", O_RDWR | O_CREAT | O_EXCL));
  static char name[5000];
  memset(name, 'n', sizeof name - 1);
  name[255] = 0;
  say("name of 255: %s", opened(name, O_RDONLY));
  name[255] = 'n';
  name[256] = 0;
  say(", of 256: %s", opened(name, O_RDONLY));
  name[256] = 'n';
  for (int i = 100; i < 4999; i += 100) name[i] = '/';
  name[4095] = 0;
  say(", path of 4095: %s", opened(name, O_RDONLY));
  name[4095] = 'n';
  name[4096] = 0;
  say(", of 4096: %s\n", opened(name, O_RDONLY));
}

static void at_folders(void) {
  test_case("relative to a folder");
  const int home = open(".", O_RDONLY | O_DIRECTORY);
  const int root = open("/", O_RDONLY | O_DIRECTORY);
  const int path = open("/dev", O_PATH);
  const int file = open(own, O_RDONLY);
  require(root >= 0 && path >= 0 && file >= 0);
  const int fds[] = {root, path, file, 99, -1, AT_FDCWD};
  static const char* const names[] = {"dev/null", "null", ".", "/dev/null", ""};
  for (size_t f = 0; f < sizeof fds / sizeof fds[0]; ++f) {
    for (size_t n = 0; n < sizeof names / sizeof names[0]; ++n) {
      const int fd = openat(fds[f], names[n], O_RDONLY);
      say(" %s", outcome(error_or(fd)));
      if (fd >= 0) close(fd);
    }
    say("\n");
  }
  char byte;
  struct stat info;
  say("what only has a path: read %s, seek %s, stat %s, dup %s, fchdir %s, F_GETFL 0x%x\n",
      outcome(error_or(read(path, &byte, 1))), outcome(error_or(lseek(path, 0, SEEK_SET))),
      outcome(error_or(fstat(path, &info))), outcome(error_or(dup(path))),
      outcome(error_or(fchdir(path))), (unsigned)fcntl(path, F_GETFL) & O_PATH);
  say("stat of a descriptor: %s, without the flag: %s\n",
      outcome(error_or(fstatat(file, "", &info, AT_EMPTY_PATH))),
      outcome(error_or(fstatat(file, "", &info, 0))));
  say("flags: %s\n", outcome(error_or(fstatat(AT_FDCWD, "/", &info, 0x10))));
  require(fchdir(home) == 0);
  for (int fd = 3; fd < 20; ++fd) close(fd);
}

static void tell(const char* path) {
  struct stat info;
  const long result = error_or(stat(path, &info));
  say("%s: %s", path, outcome(result));
  if (result == 0) {
    say(", %s", S_ISREG(info.st_mode)   ? "file"
                : S_ISDIR(info.st_mode) ? "folder"
                : S_ISCHR(info.st_mode) ? "device"
                                        : "other");
    if (S_ISCHR(info.st_mode)) say(" %u:%u", major(info.st_rdev), minor(info.st_rdev));
    if (S_ISREG(info.st_mode)) {
      say(", size above 0 %d, runs %d", info.st_size > 0, (info.st_mode & 0111) != 0);
    }
    say(", links above 0 %d, number above 0 %d", info.st_nlink > 0, info.st_ino > 0);
  }
  say("\n");
}

static void looking(void) {
  test_case("looking");
  tell("/");
  tell("/dev");
  tell("/dev/null");
  tell("/dev/zero");
  tell("/dev/urandom");
  tell("/nothing");
  tell("/dev/null/x");
  struct stat one;
  struct stat two;
  const int fd = open(own, O_RDONLY);
  require(fd >= 0 && fstat(fd, &one) == 0 && stat(own, &two) == 0);
  tell(own);
  say("by path and by descriptor the same: %d\n",
      one.st_ino == two.st_ino && one.st_size == two.st_size);
  require(stat(".", &one) == 0 && stat("./.", &two) == 0);
  say("the folder is itself: %d", one.st_ino == two.st_ino);
  require(stat("/", &one) == 0 && stat("/..", &two) == 0);
  say(", above the root is the root: %d\n", one.st_ino == two.st_ino);
  say("access: %s %s %s %s, mode: %s\n", outcome(call(faccessat, AT_FDCWD, own, (long)F_OK)),
      outcome(call(faccessat, AT_FDCWD, own, (long)R_OK)),
      outcome(call(faccessat, AT_FDCWD, own, (long)X_OK)),
      outcome(call(faccessat, AT_FDCWD, "/nothing", (long)F_OK)),
      outcome(call(faccessat, AT_FDCWD, own, 8L)));
  char text[100];
  say("readlink of a file: %s, of nothing: %s, no room: %s\n",
      outcome(error_or(readlink(own, text, sizeof text))),
      outcome(error_or(readlink("/nothing", text, sizeof text))),
      outcome(call(readlinkat, AT_FDCWD, own, text, 0L)));
  say("terminal of a file: %s, of /dev/null: %s\n", isatty(fd) ? "yes" : error_name(errno),
      isatty(0) ? "yes" : error_name(errno));
  close(fd);
}

static void devices(void) {
  test_case("devices");
  static char data[10000];
  const int null = open("/dev/null", O_RDWR);
  const int zero = open("/dev/zero", O_RDWR);
  const int random = open("/dev/urandom", O_RDONLY);
  say("null: read %ld, write %ld, seek %ld\n", (long)read(null, data, 10),
      (long)write(null, data, 10), (long)lseek(null, 5, SEEK_SET));
  memset(data, 1, sizeof data);
  long sum = 0;
  say("zero: read %ld, write %ld", (long)read(zero, data, sizeof data), (long)write(zero, data, 7));
  for (size_t i = 0; i < sizeof data; ++i) sum += data[i];
  say(", sum %ld\n", sum);
  char* const shared = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
  say("zero mapped: %s", shared == MAP_FAILED ? error_name(errno) : "ok");
  if (shared != MAP_FAILED) {
    shared[5] = 3;
    say(" %d %d", shared[4], shared[5]);
  }
  say("\nurandom: %ld, null mapped: %s\n", (long)read(random, data, 100),
      outcome(call(mmap, NULL, (long)page_bytes, PROT_READ, (long)MAP_PRIVATE, (long)null, 0L)));
  say("bad memory: null write %s, zero read %s, random read %s\n",
      outcome(error_or(write(null, (void*)8, 10))), outcome(error_or(read(zero, (void*)8, 10))),
      outcome(error_or(read(random, (void*)8, 10))));
  close(null);
  close(zero);
  close(random);
}

static int compare(const void* left, const void* right) {
  return strcmp(*(const char* const*)left, *(const char* const*)right);
}

static void listing(void) {
  test_case("listing a folder");
  DIR* const folder = opendir(".");
  require(folder != NULL);
  static char names[200][64];
  static const char* sorted[200];
  int count = 0;
  struct dirent* entry;
  int types = 0;
  while ((entry = readdir(folder)) != NULL && count < 200) {
    snprintf(names[count], sizeof names[0], "%s", entry->d_name);
    types += entry->d_type == DT_DIR || entry->d_type == DT_REG;
    sorted[count] = names[count];
    ++count;
  }
  qsort(sorted, (size_t)count, sizeof sorted[0], compare);
  for (int i = 0; i < count; ++i) say("%s ", sorted[i]);
  say("\nkinds known: %d\n", types == count);
  rewinddir(folder);
  int again = 0;
  while (readdir(folder) != NULL) ++again;
  say("again from the start the same: %d\n", again == count);
  closedir(folder);
  // Few bytes at a time: each name comes once.
  const int fd = open(".", O_RDONLY | O_DIRECTORY);
  static char small[64];
  int single = 0;
  long got;
  while ((got = call(getdents64, fd, small, 48L)) > 0) {
    for (long at = 0; at < got; at += *(unsigned short*)(small + at + 16)) ++single;
  }
  say("in small steps: %d, ends with %s\n", single == count, outcome(got));
  require(lseek(fd, 0, SEEK_SET) == 0);
  say("no room: %s, a file: %s, bad: %s, read: %s\n", outcome(call(getdents64, fd, small, 10L)),
      outcome(call(getdents64, 0L, small, 48L)), outcome(call(getdents64, 99L, small, 48L)),
      outcome(error_or(read(fd, small, 10))));
  close(fd);
}

static void working_directory(void) {
  test_case("the working directory");
  char before[PATH_MAX];
  char text[PATH_MAX];
  require(getcwd(before, sizeof before) != NULL);
  const int home = open(".", O_RDONLY | O_DIRECTORY);
  say("chdir: %s", outcome(error_or(chdir("/dev"))));
  say(", getcwd: %ld", call(getcwd, text, (long)sizeof text));
  say(" '%s', one byte short: %s, exact: %s\n", text, outcome(call(getcwd, text, 4L)),
      outcome(call(getcwd, text, 5L)));
  say("above: %s", outcome(error_or(chdir(".."))));
  say(" '%s', above the root: %s", getcwd(text, sizeof text), outcome(error_or(chdir(".."))));
  say(" '%s'\n", getcwd(text, sizeof text));
  say("to a file: %s, to nothing: %s, empty: %s\n", outcome(error_or(chdir("/dev/null"))),
      outcome(error_or(chdir("/nothing"))), outcome(error_or(chdir(""))));
  say("back: %s", outcome(error_or(fchdir(home))));
  say(" %d, to a file: %s, bad: %s\n", strcmp(getcwd(text, sizeof text), before) == 0,
      outcome(error_or(fchdir(0))), outcome(error_or(fchdir(99))));
  close(home);
  test_case("umask");
  umask(027);
  say("%03o, ", umask(01777));
  say("%03o\n", umask(022));
}

int main(int argc, char** argv) {
  require(argc >= 1);
  const char* const slash = strrchr(argv[0], '/');
  snprintf(own, sizeof own, "%s", slash != NULL ? slash + 1 : argv[0]);
  opening();
  at_folders();
  looking();
  devices();
  listing();
  working_directory();
  return 0;
}
