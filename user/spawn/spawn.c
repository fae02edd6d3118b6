// spawn FILE [WORD]...: runs a program in a process built from descriptors alone: fresh space,
// mapped segments, stack, registers, files, start. Ends with its status, as a shell gives it.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/spawn/build.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    fputs("usage: spawn FILE [WORD]...\n", stderr);
    return 2;
  }
  const int process = build_process(argv[1], argv + 1, environ);
  const int id = process < 0 ? -1 : start_process(process);
  int status = 0;
  if (id < 0 || waitpid(id, &status, 0) != id) {
    fprintf(stderr, "spawn: %s: %s\n", argv[1], strerror(errno));
    return 126;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
