// schemes: tests of user schemes. `schemes NAME...` runs some, without arguments all.
#include <fcntl.h>
#include <signal.h>

#include "check.h"
#include "tests.h"

unsigned failures = 0;

int Child::stop() {
  kill(process_, SIGKILL);
  return wait();
}

int Child::wait() {
  int status = -1;
  waitpid(process_, &status, 0);
  process_ = -1;
  return status;
}

Audit audit() {
  char text[512] = "";
  const int file = open("/scheme/sys/audit", O_RDONLY);
  (void)!read(file, text, sizeof(text) - 1);
  close(file);
  Audit found{-1, -1};
  sscanf(text, "frames_free %ld\nheap_blocks %ld", &found.frames, &found.blocks);
  return found;
}

int main(int count, char** words) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  unsigned failed = 0;
  for (const Test& test : tests) {
    bool wanted = count < 2;
    for (int i = 1; i < count; ++i) {
      wanted = wanted || strcmp(words[i], test.name) == 0;
    }
    if (!wanted) {
      continue;
    }
    failures = 0;
    test.run();
    printf("%s %s\n", failures == 0 ? "ok" : "FAILED", test.name);
    failed += failures != 0 ? 1 : 0;
  }
  return failed == 0 ? 0 : 1;
}
