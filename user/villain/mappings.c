// mappings.c: what a daemon does to those who map its files.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/villain/crimes.h"
#include "user/villain/stage.h"

enum { taken = sizeof(struct scheme_answer) };

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

// Threads of a few processes: each has a kernel stack, on which it waits for its page.
enum { faulters = 10000, faulters_each = 1000, faulting = faulters / faulters_each };

static char* shared_mapping;
static unsigned* begun;  // shared

static void* faults(void* argument) {
  const uintptr_t number = (uintptr_t)argument;
  __atomic_add_fetch(begun, 1, __ATOMIC_SEQ_CST);
  const int met = look_at(shared_mapping + (number % file_pages) * page);
  return (void*)(intptr_t)met;
}

static int faults_in_many_threads(const char* path) {
  (void)path;
  static pthread_t threads[faulters_each];
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 4 * page);
  for (uintptr_t i = 0; i < faulters_each; ++i) {
    expect("a thread", pthread_create(&threads[i], &attributes, faults, (void*)i), 0);
  }
  for (unsigned i = 0; i < faulters_each; ++i) {
    void* met = 0;
    pthread_join(threads[i], &met);
    expect("a fault", (long)(intptr_t)met, SIGBUS);
  }
  return 0;
}

void dies_with_ten_thousand_faulters(void) {
  const pid_t daemon = daemon_of("villain", give_nothing);
  shared_mapping = map_file("/scheme/villain/file", file_pages);
  begun = mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  expect("memory to count in", begun != MAP_FAILED, 1);
  pid_t callers[faulting];
  for (unsigned i = 0; i < faulting; ++i) {
    callers[i] = caller_of(faults_in_many_threads, "villain");
  }
  for (unsigned i = 0; i < 6000 && __atomic_load_n(begun, __ATOMIC_SEQ_CST) != faulters; ++i) {
    usleep(10000);
  }
  expect("faulters", *begun, faulters);
  expect("the last one waits", goes_on(callers[faulting - 1]), 1);
  kill_it(daemon);
  for (unsigned i = 0; i < faulting; ++i) {
    expect("a process of faulters", end_of(callers[i]), 0);
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
