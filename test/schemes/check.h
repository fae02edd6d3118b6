// check.h: tests in a program: each is a function; what it checks and what fails is printed.
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern unsigned failures;

inline void fail(const char* file, int line, const char* what) {
  ++failures;
  printf("  %s:%d: %s (errno %d)\n", file, line, what, errno);
}

#define CHECK(condition) ((condition) ? (void)0 : fail(__FILE_NAME__, __LINE__, #condition))
// A call that fails with `error`.
#define CHECK_ERROR(call, error)                     \
  (errno = 0, (long)(call) == -1 && errno == (error) \
                  ? (void)0                          \
                  : fail(__FILE_NAME__, __LINE__, #call " is not " #error))

// A daemon in a child process, ready when this is made.
class Child {
 public:
  template <typename Serve>
  explicit Child(Serve&& serve) {
    int ready[2];
    if (pipe(ready) != 0) {
      abort();
    }
    process_ = fork();
    if (process_ == 0) {
      close(ready[0]);
      serve(ready[1]);
      _exit(0);
    }
    close(ready[1]);
    char byte = 0;
    started_ = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
  }
  ~Child() {
    if (process_ > 0) {
      (void)stop();
    }
  }
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] int process() const { return process_; }
  // Kills it; how it ended, as waitpid() says.
  int stop();
  int wait();

 private:
  int process_;
  bool started_;
};

// Starts and serves a daemon; the byte for Child is written in between.
template <typename Daemon>
void serve(Daemon& daemon, int ready) {
  const int started = daemon.start();
  if (started == 0) {
    (void)!write(ready, "+", 1);
    close(ready);
    (void)daemon.run();
  } else {
    printf("  the daemon does not start: %d\n", started);
  }
}

// frames_free, heap_blocks of /scheme/sys/audit.
struct Audit {
  long frames;
  long blocks;
};
Audit audit();
