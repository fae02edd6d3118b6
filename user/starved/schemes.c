// schemes.c: calls of a scheme's daemon, and what a daemon does, without memory.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/starved/starved.h"
#include "user/villain/stage.h"

enum { dup_named_call = 0x1000 };

static const char honest_path[] = "/scheme/starved/file";

// Politely; what is passed to it is closed.
static void serve_and_close(int queue) {
  struct scheme_submission call;
  while (next_call(queue, &call)) {
    if (call.opcode == SCHEME_PASS) {
      close((int)call.value[0]);
    }
    politely(queue, &call);
  }
}

pid_t start_honest_daemon(void) {
  return daemon_of("starved", serve_and_close);
}

static int open_honest(void) {
  return open(honest_path, O_RDWR);
}

// What a file of the daemon's can do, when something before it has failed too: nothing is held.
int do_scheme_files(void) {
  const int file = open_honest();
  if (file < 0) {
    return errno;
  }
  struct stat status;
  int result = fstat(file, &status) < 0 || stat(honest_path, &status) < 0 ? errno : 0;
  if (result == 0 && (ftruncate(file, 5) < 0 || fsync(file) < 0)) {
    result = errno;
  }
  if (result == 0 && (lseek(file, 0, SEEK_END) < 0 || fchmod(file, 0600) < 0)) {
    result = errno;
  }
  close(file);
  return result;
}

int do_scheme_buffers(void) {
  static char bytes[6 * page];
  const int file = open_honest();
  if (file < 0) {
    return errno;
  }
  int result = 0;
  // Short ones, and long ones with a head, a middle and a tail.
  const size_t sizes[] = {1, 3000, sizeof(bytes) - 300};
  for (unsigned i = 0; i < 3 && result == 0; ++i) {
    memset(bytes, '.', sizeof(bytes));
    const ssize_t put = pwrite(file, bytes + 100, sizes[i], 0);
    const ssize_t got = put < 0 ? -1 : pread(file, bytes + 100, sizes[i], 0);
    result = got < 0 ? errno : 0;
    const int whole = got == (ssize_t)sizes[i] && bytes[100] == 'r' && bytes[99 + sizes[i]] == 'r';
    if ((result == 0 && !whole) || bytes[99] != '.' || bytes[100 + sizes[i]] != '.') {
      expect("the bytes of a call", 0, 1);
    }
  }
  close(file);
  // The pages are this program's own again, whatever came of the calls.
  memset(bytes, 'm', sizeof(bytes));
  return result;
}

// The kernel touches the pages, which are asked of the daemon, read and written to.
int do_scheme_mapping(void) {
  const int file = open_honest();
  if (file < 0) {
    return errno;
  }
  char* const at = mmap(0, file_pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  int result = at == MAP_FAILED ? errno : 0;
  close(file);
  if (result != 0) {
    return result;
  }
  const int zero = open("/dev/zero", O_RDONLY);
  const ssize_t got = zero < 0 ? -1 : read(zero, at + 3 * page, 100);
  result = got == 100 ? 0 : got >= 0 || errno == EFAULT ? ENOMEM : errno;
  if (result == 0 && msync(at, file_pages * page, MS_SYNC) < 0) {
    result = errno == EIO ? ENOMEM : errno;  // a page could not be stored
  }
  if (zero >= 0) {
    close(zero);
  }
  munmap(at, file_pages * page);
  return result;
}

int do_scheme_passing(void) {
  const int file = open_honest();
  if (file < 0) {
    return errno;
  }
  int result = 0;
  const long other = syscall(dup_named_call, file, "name", 0);
  if (other < 0) {
    result = errno;
  } else {
    close((int)other);
  }
  if (result == 0 && fcntl(file, SCHEME_PASS_FD, 1) < 0) {
    result = errno;
  }
  close(file);
  return result;
}

int do_scheme_registration(void) {
  const int queue = open("scheme:starved2", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (queue < 0) {
    return errno;
  }
  const struct scheme_answer start = word_of(SCHEME_START, 0, 0);
  int said = say(queue, &start, 1);
  if (said == -ENOMEM) {
    // It has not started: it can be tried again.
    const unsigned rest = left();
    arm(0);
    expect("the start", say(queue, &start, 1), sizeof(start));
    arm(rest);
  }
  close(queue);
  return said < 0 ? -said : 0;
}

// ---- The daemon has none

// Each result is right, or that memory is missing; then 12.
static int calls_starved_daemon(const char* path) {
  static char bytes[6 * page];
  int result = 0;
  int file = open(path, O_RDWR);
  for (unsigned i = 0; i < 10 && file < 0; ++i) {
    result = errno;
    file = open(path, O_RDWR);
  }
  if (file < 0) {
    return errno;
  }
  if (pread(file, bytes + 100, 5 * page, 0) < 0 || pwrite(file, bytes + 100, 5 * page, 0) < 0) {
    result = errno;
  }
  char* const at = mmap(0, file_pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) {
    result = errno;
  } else if (look_at(at) == SIGBUS) {
    result = ENOMEM;
  } else {
    *at = 'x';
    if (msync(at, page, MS_SYNC) < 0) {
      result = errno == EIO ? ENOMEM : errno;
    }
  }
  if (fcntl(file, SCHEME_PASS_FD, 1) < 0) {
    result = errno;
  }
  (void)ftruncate(file, 77);  // the last call
  return result;
}

int do_scheme_serving(void) {
  const unsigned nth = left();
  arm(0);
  const int queue = start_scheme("starved2");
  const pid_t caller = caller_of(calls_starved_daemon, "starved2");
  struct scheme_submission call;
  call.opcode = 0;
  arm(nth);
  while (call.opcode != SCHEME_FTRUNCATE) {
    if (next_call(queue, &call)) {
      if (call.opcode == SCHEME_PASS) {
        close((int)call.value[0]);
      }
      politely(queue, &call);
    }
  }
  const unsigned rest = left();
  arm(0);
  const int result = ended(caller);
  close(queue);
  arm(rest);
  return result;
}
