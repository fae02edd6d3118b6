// count_instructions: exactly how many instructions a piece of code executes, by single-stepping it
// in a child process. Of no use for code that makes threads.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace bench {

// Steps of a child that runs `body` and exits.
template <class Body>
long steps_of(Body&& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
    raise(SIGSTOP);
    body();
    _exit(0);
  }
  int status = 0;
  long steps = 0;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    if (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) break;
    ++steps;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "single-stepping failed\n");
    std::exit(1);
  }
  return steps;
}

// Instructions of one call of `body`, without the loop around it, in the steady state: after `warm`
// calls, the mean of `more`. A step costs microseconds, so keep the total below a million.
template <class Body>
double count_instructions(Body&& body, long warm = 10, long more = 10) {
  const auto repeat = [&](long times) {
    for (volatile long i = 0; i < times; i = i + 1) body();
  };
  const auto empty = [](long times) {
    for (volatile long i = 0; i < times; i = i + 1) {
    }
  };
  const long loop = steps_of([&] { empty(warm + more); }) - steps_of([&] { empty(warm); });
  const long all = steps_of([&] { repeat(warm + more); }) - steps_of([&] { repeat(warm); });
  return double(all - loop) / double(more);
}

}  // namespace bench
