// circles.c: daemons that wait for themselves.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
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
