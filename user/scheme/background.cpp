#include "user/scheme/background.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace scheme {

int64_t serve_in_background(Daemon& daemon) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return -errno;
  }
  const pid_t child = fork();
  if (child < 0) {
    const int64_t failed = -errno;
    ::close(ends[0]);
    ::close(ends[1]);
    return failed;
  }
  if (child == 0) {
    ::close(ends[0]);
    (void)setsid();
    int64_t started = daemon.start();
    (void)::write(ends[1], &started, sizeof(started));
    ::close(ends[1]);
    _exit(started == 0 && daemon.run() == 0 ? 0 : 1);
  }
  ::close(ends[1]);
  int64_t started = 0;
  const ssize_t got = ::read(ends[0], &started, sizeof(started));
  ::close(ends[0]);
  return got == sizeof(started) ? started : -EIO;
}

}  // namespace scheme
