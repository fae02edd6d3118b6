// mappings.c: what a daemon does to those who map its files.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/villain/crimes.h"
#include "user/villain/stage.h"

enum { taken = sizeof(struct scheme_answer) };

static char* map_file(const char* path, size_t pages) {
  const int file = open(path, O_RDWR);
  char* const at = mmap(0, pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file < 0 || at == MAP_FAILED) {
    printf("no mapping: %s\n", strerror(errno));
    _exit(2);
  }
  close(file);
  return at;
}

static sigjmp_buf back;

static void on_fault(int signal) {
  siglongjmp(back, signal);
}

// The signal that reading a byte ends with, else -byte.
static int look_at(const volatile char* at) {
  signal(SIGSEGV, on_fault);
  signal(SIGBUS, on_fault);
  const int fault = sigsetjmp(back, 1);
  return fault != 0 ? fault : -*at;
}

// ---- Truncation

// A write tells it to cut the file.
static void cut_when_written(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_WRITE, &call);
  struct scheme_answer word = word_of(SCHEME_RESIZED, 0, 0);
  word.value[0] = 1;
  word.value[1] = 2 * page + 100;
  expect("the file is cut", say(queue, &word, 1), taken);
  word.value[0] = 77;
  (void)say(queue, &word, 1);  // of no file
  word.value[0] = 1;
  word.value[1] = UINT64_MAX;
  (void)say(queue, &word, 1);
  word = word_of(SCHEME_STALE, 0, 0);
  word.value[0] = 1;
  word.value[1] = 3;
  word.value[2] = UINT64_MAX;
  (void)say(queue, &word, 1);
  word = word_of(SCHEME_RESIZED, 0, 0);
  word.value[0] = 1;
  word.value[1] = 2 * page + 100;
  expect("the file is cut again", say(queue, &word, 1), taken);
  politely(queue, &call);
  serve(queue);
}

static int maps_and_is_cut(const char* path) {
  char* const at = map_file(path, 8);
  for (unsigned i = 0; i < 8; ++i) {
    expect("a page before", look_at(at + i * page), -'p');
  }
  const int file = open(path, O_RDWR);
  expect("write", pwrite(file, "c", 1, page / 2), 1);
  for (unsigned i = 0; i < 8; ++i) {
    expect("a page afterwards", look_at(at + i * page), i < 3 ? -'p' : SIGBUS);
  }
  return 0;
}

void truncates_while_mapped(void) {
  const pid_t daemon = daemon_of("villain", cut_when_written);
  expect("the caller", end_of(caller_of(maps_and_is_cut, "villain")), 0);
  kill_it(daemon);
}

// ---- Pages that are none

static const int64_t bad_pages[] = {-EIO, 0, -ENOENT, INT64_MIN, INT64_MAX, (int64_t)1 << 33};
enum { bad_count = sizeof(bad_pages) / sizeof(bad_pages[0]) };

static void answer_with_bad_pages(int queue) {
  struct scheme_submission call;
  for (unsigned i = 0; i < bad_count; ++i) {
    until(queue, SCHEME_READ_PAGES, &call);
    (void)answer(queue, call.tag, bad_pages[i], 0, 0);
  }
  serve(queue);
}

static int meets_bad_pages(const char* path) {
  char* const at = map_file(path, file_pages);
  for (unsigned i = 0; i < bad_count; ++i) {
    const int met = look_at(at);
    expect("a bad page", met == SIGBUS || met == 0, 1);
    if (met == 0) {
      break;  // a page of zeroes that is there stays
    }
  }
  return 0;
}

void gives_bad_pages(void) {
  for (unsigned i = 0; i < 2; ++i) {
    const pid_t daemon = daemon_of("villain", answer_with_bad_pages);
    expect("the caller", end_of(caller_of(meets_bad_pages, "villain")), 0);
    kill_it(daemon);
  }
}

static void give_nothing(int queue) {
  struct scheme_submission call;
  for (;;) {
    until(queue, SCHEME_READ_PAGES, &call);
  }
}

static int faults_once(const char* path) {
  return look_at(map_file(path, 1));
}

static int copies_through_the_kernel(const char* path) {
  char* const at = map_file(path, 1);
  int ends[2];
  if (pipe(ends) != 0) {
    return 1;
  }
  return write(ends[1], at, 10) < 0 ? errno : 0;
}

void never_gives_a_page(void) {
  const pid_t daemon = daemon_of("villain", give_nothing);
  const pid_t first = caller_of(faults_once, "villain");
  const pid_t second = caller_of(copies_through_the_kernel, "villain");
  const pid_t third = caller_of(faults_once, "villain");
  expect("the faulters wait", goes_on(first) && goes_on(second) && goes_on(third), 1);
  kill_it(first);
  expect("the others wait on", goes_on(second) && goes_on(third), 1);
  kill_it(daemon);
  expect("a copy by the kernel", end_of(second), EFAULT);
  expect("a fault", end_of(third), SIGBUS);
}

// ---- Ten thousand

enum { faulters = 500, faults_each = 20 };

static char* shared_mapping;

static int faults_often(const char* path) {
  (void)path;
  for (unsigned i = 0; i < faults_each; ++i) {
    expect("a fault", look_at(shared_mapping + (i % file_pages) * page), SIGBUS);
  }
  return 0;
}

void dies_with_ten_thousand_faulters(void) {
  const pid_t daemon = daemon_of("villain", give_nothing);
  shared_mapping = map_file("/scheme/villain/file", file_pages);
  static pid_t callers[faulters];
  for (unsigned i = 0; i < faulters; ++i) {
    callers[i] = caller_of(faults_often, "villain");
  }
  expect("the last one waits", goes_on(callers[faulters - 1]), 1);
  kill_it(daemon);
  for (unsigned i = 0; i < faulters; ++i) {
    expect("a faulter", end_of(callers[i]), 0);
  }
}

// ---- Dirty pages

static void refuse_dirty_pages(int queue) {
  struct scheme_submission call;
  while (next_call(queue, &call)) {
    if (call.opcode == SCHEME_WRITE_PAGES) {
      (void)answer(queue, call.tag, -ENOSPC, 0, 0);
    } else {
      politely(queue, &call);
    }
  }
}

static int dirties(const char* path) {
  char* const at = map_file(path, 4);
  for (unsigned i = 0; i < 4; ++i) {
    at[i * page] = 'D';
  }
  expect("msync fails", msync(at, 4 * page, MS_SYNC), -1);
  for (unsigned i = 0; i < 4; ++i) {
    expect("the page is still there", at[i * page], 'D');
  }
  return 0;
}

void forgets_what_is_dirty(void) {
  const pid_t daemon = daemon_of("villain", refuse_dirty_pages);
  expect("the caller", end_of(caller_of(dirties, "villain")), 0);
  kill_it(daemon);
}
