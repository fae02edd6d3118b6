// buffers.c: what a daemon does with the memory that callers lend it.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/villain/crimes.h"
#include "user/villain/stage.h"

enum { taken = sizeof(struct scheme_answer), large = 5 * page, offset = 100 };

// ---- Whether an access faults

static sigjmp_buf back;

static void on_fault(int signal) {
  siglongjmp(back, signal);
}

static int fault_of(volatile char* at, int writes) {
  signal(SIGSEGV, on_fault);
  signal(SIGBUS, on_fault);
  const int fault = sigsetjmp(back, 1);
  if (fault == 0) {
    const char byte = *at;
    if (writes) {
      *at = byte;
    }
  }
  signal(SIGSEGV, SIG_DFL);
  signal(SIGBUS, SIG_DFL);
  return fault;
}

// A caller's buffer amid bytes that are nobody's business.
static char* make_buffer(char fill) {
  char* const all = mmap(0, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) {
    _exit(2);
  }
  memset(all, '#', 8 * page);
  memset(all + offset, fill, large);
  return all + offset;
}

static void check_surroundings(const char* buffer) {
  const char* const all = buffer - offset;
  for (unsigned i = 0; i < 8 * page; ++i) {
    if ((i < offset || i >= offset + large) && all[i] != '#') {
      printf("byte %u around the buffer is %d\n", i, all[i]);
      exit(1);
    }
  }
}

static void check_buffer(const char* buffer, char wanted) {
  for (unsigned i = 0; i < large; ++i) {
    if (buffer[i] != wanted) {
      printf("byte %u of the buffer is %d\n", i, buffer[i]);
      exit(1);
    }
  }
}

static int writes_large(const char* path) {
  char* const buffer = make_buffer('w');
  const int file = open(path, O_RDWR);
  const ssize_t done = write(file, buffer, large);
  const int error = done < 0 ? errno : 0;
  check_buffer(buffer, 'w');
  check_surroundings(buffer);
  return error;
}

static int reads_large(const char* path) {
  char* const buffer = make_buffer('.');
  const int file = open(path, O_RDWR);
  const ssize_t done = read(file, buffer, large);
  const int error = done < 0 ? errno : 0;
  check_surroundings(buffer);
  if (error == 0) {
    check_buffer(buffer, 'r');
  }
  return error;
}

// ---- Another page in the buffer's place

// Whatever the kernel says to it, and whatever the caller gets of the buffer: nothing else changes.
static void replace_the_buffer(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_READ, &call);
  char* const first = (char*)(((uintptr_t)buffer_of(&call)) / page * page);
  void* const fresh = mmap(first + page, page, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (fresh != MAP_FAILED) {
    memset(fresh, 'f', page);
  }
  expect("the answer", answer(queue, call.tag, large, 0, 0) == taken, 1);
  until(queue, SCHEME_READ, &call);
  (void)munmap((char*)((uintptr_t)buffer_of(&call) / page * page), 2 * page);
  expect("the answer", answer(queue, call.tag, large, 0, 0) == taken, 1);
  until(queue, SCHEME_READ, &call);
  (void)mremap((char*)((uintptr_t)buffer_of(&call) / page * page), page, page,
               MREMAP_MAYMOVE | MREMAP_FIXED, first + 64 * page);
  expect("the answer", answer(queue, call.tag, large, 0, 0) == taken, 1);
  serve(queue);
}

static int reads_something(const char* path) {
  for (unsigned i = 0; i < 3; ++i) {
    char* const buffer = make_buffer('.');
    const int file = open(path, O_RDWR);
    expect("read", read(file, buffer, large), large);
    check_surroundings(buffer);
  }
  return reads_large(path);
}

void replies_with_foreign_page(void) {
  const pid_t daemon = daemon_of("villain", replace_the_buffer);
  expect("the caller", end_of(caller_of(reads_something, "villain")), 0);
  kill_it(daemon);
}

// ---- After the answer

static void keep_the_buffer(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_READ, &call);
  char* const buffer = buffer_of(&call);
  memset(buffer, 'r', call.size);
  int hold[2];
  if (pipe(hold) != 0) {
    _exit(2);
  }
  const pid_t heir = fork();
  if (heir == 0) {
    char byte;
    close(hold[1]);
    (void)read(hold[0], &byte, 1);
    for (unsigned i = 0; i < large; i += page) {
      if (fault_of(buffer + i, 1) == 0) {
        buffer[i] = 'K';  // its own copy at most
      }
    }
    _exit(0);
  }
  expect("the answer", answer(queue, call.tag, (int64_t)call.size, 0, 0), taken);
  for (unsigned i = 0; i < large; i += page) {
    expect("an access afterwards", fault_of(buffer + i, 0), SIGSEGV);
  }
  (void)write(hold[1], "g", 1);
  expect("a child with the buffer", end_of(heir), 0);
  until(queue, SCHEME_WRITE, &call);  // the caller looks again
  politely(queue, &call);
  serve(queue);
}

static int reads_and_looks_later(const char* path) {
  char* const buffer = make_buffer('.');
  const int file = open(path, O_RDWR);
  expect("read", read(file, buffer, large), large);
  expect("write", write(file, "x", 1), 1);
  check_buffer(buffer, 'r');
  check_surroundings(buffer);
  return 0;
}

void keeps_a_borrowed_page(void) {
  const pid_t daemon = daemon_of("villain", keep_the_buffer);
  expect("the caller", end_of(caller_of(reads_and_looks_later, "villain")), 0);
  kill_it(daemon);
}

static void write_to_the_source(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_WRITE, &call);
  char* const buffer = buffer_of(&call);
  for (unsigned i = 0; i < large; i += page) {
    if (fault_of(buffer + i, 1) == 0) {
      buffer[i] = 'V';
    }
  }
  (void)mprotect((char*)((uintptr_t)buffer / page * page), large, PROT_READ | PROT_WRITE);
  for (unsigned i = page; i < large - page; i += page) {
    if (fault_of(buffer + i, 1) == 0) {
      buffer[i] = 'V';
    }
  }
  expect("the answer", answer(queue, call.tag, large, 0, 0), taken);
  serve(queue);
}

void writes_what_it_may_only_read(void) {
  const pid_t daemon = daemon_of("villain", write_to_the_source);
  expect("the caller", end_of(caller_of(writes_large, "villain")), 0);
  kill_it(daemon);
}

// ---- Death

static void die_when_read(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_READ, &call);
  memset(buffer_of(&call), 'd', call.size / 2);
  _exit(0);
}

static void die_when_written(int queue) {
  struct scheme_submission call, more;
  until(queue, SCHEME_WRITE, &call);
  until(queue, SCHEME_WRITE, &more);
  until(queue, SCHEME_WRITE, &more);
  *(volatile char*)16 = 1;
}

void dies_holding_borrows(void) {
  pid_t daemon = daemon_of("villain", die_when_read);
  expect("who reads", end_of(caller_of(reads_large, "villain")), ENODEV);
  expect("the daemon", end_of(daemon), 0);
  daemon = daemon_of("villain", die_when_written);
  pid_t callers[3];
  for (unsigned i = 0; i < 3; ++i) {
    callers[i] = caller_of(writes_large, "villain");
  }
  for (unsigned i = 0; i < 3; ++i) {
    expect("who writes", end_of(callers[i]), ENODEV);
  }
  expect("the daemon", end_of(daemon), 128 + SIGSEGV);
}

static void die_with_an_heir(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_READ, &call);
  if (fork() == 0) {
    for (;;) {
      pause();  // keeps the queue, which it cannot serve
    }
  }
  _exit(0);
}

static int opens(const char* path) {
  return open(path, O_RDWR) >= 0 ? 0 : errno;
}

void dies_and_leaves_the_queue(void) {
  const pid_t daemon = daemon_of("villain", die_with_an_heir);
  const pid_t caller = caller_of(reads_large, "villain");
  expect("the daemon", end_of(daemon), 0);
  expect("the caller", end_of(caller), ENODEV);
  expect("the next", end_of(caller_of(opens, "villain")), ENOENT);
  kill_it(daemon_of("villain", serve));  // the name is free
}

// The queue stays with who opened it; a child has started it and dies of it.
void dies_before_its_parent(void) {
  const int queue = open("scheme:villain", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const pid_t server = fork();
  if (server == 0) {
    const struct scheme_answer start = word_of(SCHEME_START, 0, 0);
    expect("the start", say(queue, &start, 1), taken);
    die_when_read(queue);
  }
  int end = ENODEV;
  while (end == ENODEV) {  // until it has started
    end = end_of(caller_of(opens, "villain"));
  }
  expect("a caller", end, 0);
  const pid_t caller = caller_of(reads_large, "villain");
  expect("the server", end_of(server), 0);
  expect("who reads", end_of(caller), ENODEV);
  expect("the next", end_of(caller_of(opens, "villain")), ENOENT);
  const struct scheme_answer again = word_of(SCHEME_START, 0, 0);
  expect("a second start", say(queue, &again, 1), -EINVAL);
  const int other = start_scheme("villain");
  close(queue);  // does not free a name that is another's now
  const pid_t late = fork();
  if (late == 0) {
    _exit(open("scheme:villain", O_RDWR | O_CREAT | O_EXCL, 0600) < 0 ? errno : 0);
  }
  expect("the name", end_of(late), EEXIST);
  close(other);
}

// ---- Neighbours of the buffer

static void look_around(int queue) {
  struct scheme_submission call;
  for (unsigned i = 0; i < 2; ++i) {
    until(queue, i == 0 ? SCHEME_WRITE : SCHEME_READ, &call);
    char* const buffer = buffer_of(&call);
    char* const first = (char*)((uintptr_t)buffer / page * page);
    char* const last = (char*)(((uintptr_t)buffer + call.size - 1) / page * page + page);
    for (char* at = first; at != last; ++at) {
      const int inside = at >= buffer && at < buffer + call.size;
      if (!inside && *at != 0) {
        printf("the daemon sees byte %d beside the buffer\n", *at);
        exit(1);
      }
      if (i == 1) {
        *at = inside ? 'r' : '!';
      }
    }
    expect("the answer", answer(queue, call.tag, (int64_t)call.size, 0, 0), taken);
  }
}

static int writes_and_reads(const char* path) {
  const int error = writes_large(path);
  return error != 0 ? error : reads_large(path);
}

void looks_beyond_the_buffer(void) {
  const pid_t daemon = daemon_of("villain", look_around);
  expect("the caller", end_of(caller_of(writes_and_reads, "villain")), 0);
  expect("the daemon", end_of(daemon), 0);
}
