// circles.c: daemons that wait for themselves.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/villain/crimes.h"
#include "user/villain/stage.h"

static int opens(const char* path) {
  return open(path, O_RDWR) >= 0 ? 0 : errno;
}

// ---- One

static void open_its_own(int queue) {
  struct scheme_submission call;
  expect_error("its own file", open("/scheme/villain/own", O_RDWR), EDEADLK);
  until(queue, SCHEME_OPEN, &call);
  expect_error("its own file, while it is called", open("/scheme/villain/own", O_RDWR), EDEADLK);
  politely(queue, &call);
  serve(queue);
}

void calls_itself(void) {
  const pid_t daemon = daemon_of("villain", open_its_own);
  expect("the caller", end_of(caller_of(opens, "villain")), 0);
  kill_it(daemon);
}

// ---- Several

enum { circle = 3 };
static const char* const names[circle] = {"villain0", "villain1", "villain2"};

// Serves the `number`th; to open a file it opens one of the next.
static void pass_on(int queue, unsigned number) {
  char path[64];
  snprintf(path, sizeof(path), "/scheme/%s/file", names[(number + 1) % circle]);
  struct scheme_submission call;
  for (;;) {
    until(queue, SCHEME_OPEN, &call);
    const int file = open(path, O_RDWR);
    (void)answer(queue, call.tag, file < 0 ? -errno : 1, 0, 1);
    if (file >= 0) {
      close(file);
    }
  }
}
static void pass_on_0(int queue) {
  pass_on(queue, 0);
}
static void pass_on_1(int queue) {
  pass_on(queue, 1);
}
static void pass_on_2(int queue) {
  pass_on(queue, 2);
}

void calls_in_a_circle(void) {
  void (*const plays[circle])(int) = {pass_on_0, pass_on_1, pass_on_2};
  pid_t daemons[circle];
  for (unsigned i = 0; i < circle; ++i) {
    daemons[i] = daemon_of(names[i], plays[i]);
  }
  for (unsigned i = 0; i < circle; ++i) {
    expect("a caller", end_of(caller_of(opens, names[i])), EDEADLK);
  }
  for (unsigned i = 0; i < circle; ++i) {
    kill_it(daemons[i]);
  }
}

// ---- Memory that it would have to give itself

static char* mapped;
static volatile int tried;

static void* map_own(void* arg) {
  (void)arg;
  const int file = open("/scheme/villain/own", O_RDWR);
  char* const at = mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  mapped = file >= 0 && at != MAP_FAILED ? at : 0;
  tried = 1;
  return 0;
}

// Another thread maps the file while this one serves it; then it touches the page alone.
static void touch_its_own(int queue) {
  pthread_t other;
  struct scheme_submission call;
  if (pthread_create(&other, 0, map_own, 0) != 0) {
    _exit(2);
  }
  struct pollfd waiting = {queue, POLLIN, 0};
  while (!tried) {
    if (poll(&waiting, 1, 10) == 1 && next_call(queue, &call)) {
      politely(queue, &call);
    }
  }
  pthread_join(other, 0);
  if (mapped == 0) {
    _exit(0);  // refused
  }
  usleep(50000);  // until the other thread is gone
  *(volatile char*)mapped = 'x';
  printf("a daemon got its own page from itself\n");
  _exit(1);
}

void is_backed_by_itself(void) {
  const pid_t daemon = daemon_of("villain", touch_its_own);
  const int end = end_of(daemon);
  expect("the daemon is refused, or ended", end == 0 || end == 128 + SIGBUS, 1);
}

// ---- Circles that close after the wait has begun

static pthread_t start_thread(void* (*run)(void*), void* argument) {
  pthread_t thread;
  if (pthread_create(&thread, 0, run, argument) != 0) {
    _exit(2);
  }
  return thread;
}

static int own_file;

static void* open_own(void* arg) {
  (void)arg;
  own_file = open("/scheme/villain/own", O_RDWR);
  tried = 1;
  return 0;
}

// Another thread opens a file of this daemon's, which this one serves.
static void have_own_file(int queue) {
  tried = 0;
  const pthread_t other = start_thread(open_own, 0);
  struct scheme_submission call;
  until(queue, SCHEME_OPEN, &call);
  politely(queue, &call);
  pthread_join(other, 0);
  expect("its own file", own_file >= 0, 1);
}

static char own_buffer[8 * page];
static long own_result;

static void* read_own_short(void* arg) {
  (void)arg;
  own_result = read(own_file, own_buffer, 10) < 0 ? errno : 0;
  _exit(own_result == EDEADLK ? 0 : 1);
}

static void* read_own_long(void* arg) {
  (void)arg;
  memset(own_buffer, '#', sizeof(own_buffer));
  own_result = read(own_file, own_buffer + 100, 5 * page) < 0 ? errno : 0;
  // The buffer is back, and its memory is a program's as any other.
  memset(own_buffer, 'm', sizeof(own_buffer));
  const pid_t child = fork();
  if (child == 0) {
    own_buffer[page] = 'c';
    _exit(own_buffer[2 * page]);
  }
  const int kept = end_of(child) == 'm' && own_buffer[page] == 'm';
  _exit(own_result == EDEADLK && kept ? 0 : 1);
}

static void* touch_mapped(void* arg) {
  (void)arg;
  *(volatile char*)mapped = 'x';
  _exit(1);
}

// Another thread waits for this one, which ends: before it has read the call, or after.
static void leave_alone(int queue, void* (*waits)(void*), uint32_t opcode) {
  have_own_file(queue);
  const pthread_t other = start_thread(waits, 0);
  pthread_detach(other);
  struct scheme_submission call;
  if (opcode != 0) {
    until(queue, opcode, &call);
  } else {
    usleep(50000);
  }
  pthread_exit(0);
}
static void leave_before_a_short_read(int queue) {
  leave_alone(queue, read_own_short, 0);
}
static void leave_with_a_short_read(int queue) {
  leave_alone(queue, read_own_short, SCHEME_READ);
}
static void leave_before_a_long_read(int queue) {
  leave_alone(queue, read_own_long, 0);
}
static void leave_with_a_long_read(int queue) {
  leave_alone(queue, read_own_long, SCHEME_READ);
}

// Of the daemon beside it, which calls this one before it gives a page.
static void call_back_for_a_page(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_READ_PAGES, &call);
  (void)open("/scheme/villain/file", O_RDWR);
  serve(queue);
}

static void leave_with_a_fault(int queue) {
  (void)queue;
  mapped = map_file("/scheme/villain1/file", 1);
  pthread_detach(start_thread(touch_mapped, 0));
  usleep(100000);
  pthread_exit(0);
}

void loses_who_could_help(void) {
  void (*const ways[])(int) = {leave_before_a_short_read, leave_with_a_short_read,
                               leave_before_a_long_read, leave_with_a_long_read};
  for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); ++i) {
    expect("the thread that is left", end_of(daemon_of("villain", ways[i])), 0);
  }
  const pid_t other = daemon_of("villain1", call_back_for_a_page);
  const pid_t daemon = daemon_of("villain", leave_with_a_fault);
  expect("the thread that faults", end_of(daemon), 128 + SIGBUS);
  kill_it(other);
}

// ---- Daemons whose memory is each other's files

// Gives its pages when it has looked at one of the other's, and tells a caller who writes what that
// came to.
static void give_after_a_look(int queue, const volatile char* other, int wanted) {
  struct scheme_submission call;
  until(queue, SCHEME_READ_PAGES, &call);
  expect("a page of the other's", look_at(other), wanted);
  politely(queue, &call);
  serve(queue);
}

static void stand_on_the_second(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_WRITE, &call);
  const char* const other = map_file("/scheme/villain1/file", 1);
  politely(queue, &call);
  give_after_a_look(queue, other, -'p');
}

static void stand_on_the_first(int queue) {
  give_after_a_look(queue, mapped, SIGBUS);
}

static int faults_in_the_circle(const char* path) {
  const int file = open(path, O_RDWR);
  expect("the beginning", write(file, "x", 1), 1);
  expect("a page", look_at(map_file(path, 1)), -'p');
  return 0;
}

void stand_on_each_other(void) {
  const pid_t first = daemon_of("villain", stand_on_the_second);
  mapped = map_file("/scheme/villain/file", 1);  // the second one's too
  const pid_t second = daemon_of("villain1", stand_on_the_first);
  expect("the caller", end_of(caller_of(faults_in_the_circle, "villain")), 0);
  expect("both go on", goes_on(first) && goes_on(second), 1);
  kill_it(first);
  kill_it(second);
}

// ---- The position of a file that somebody reads is waited for

static void* read_own(void* arg) {
  (void)arg;
  own_result = read(own_file, own_buffer, 10);
  return 0;
}

static void take_its_turn(int queue) {
  have_own_file(queue);
  const pthread_t other = start_thread(read_own, 0);
  struct scheme_submission call;
  until(queue, SCHEME_READ, &call);
  char bytes[10];
  expect_error("the turn of who waits for this thread", read(own_file, bytes, 10), EDEADLK);
  politely(queue, &call);
  pthread_join(other, 0);
  expect("the other thread's bytes", own_result, 10);
}

void waits_for_its_own_turn(void) {
  expect("the daemon", end_of(daemon_of("villain", take_its_turn)), 0);
}

// ---- A child that borrows the daemon's only thread

static void run_its_own(int queue) {
  (void)queue;
  char* const words[] = {(char*)"program", 0};
  pid_t child = 0;
  expect("a program", posix_spawn(&child, "/scheme/villain/program", 0, 0, words, 0), EDEADLK);
}

void runs_its_own_programs(void) {
  expect("the daemon", end_of(daemon_of("villain", run_its_own)), 0);
}

// ---- Not a circle: who is answered goes on, though it has not run since

enum { calls_back = 200 };

static void answer_and_call_back(int queue) {
  struct scheme_submission call;
  for (unsigned i = 0; i < calls_back; ++i) {
    until(queue, SCHEME_STAT, &call);
    politely(queue, &call);
    const int file = open("/scheme/villain1/file", O_RDWR);
    if (file < 0) {
      printf("call %u back: %s\n", i, strerror(errno));
      _exit(1);
    }
    close(file);
  }
  serve(queue);
}

// Calls the other one, and then serves what it is asked.
static void call_and_serve(int queue) {
  struct scheme_submission call;
  for (unsigned i = 0; i < calls_back; ++i) {
    expect("a call", access("/scheme/villain0/file", R_OK), 0);
    until(queue, SCHEME_OPEN, &call);
    politely(queue, &call);
    until(queue, SCHEME_CLOSE, &call);
  }
}

void calls_back_after_answering(void) {
  const pid_t first = daemon_of("villain0", answer_and_call_back);
  const pid_t second = daemon_of("villain1", call_and_serve);
  expect("who called first", end_of(second), 0);
  kill_it(first);
}
