// See host.h.
#include "linux/host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "linux/descriptors.h"

namespace linux_oracle {

namespace {

[[noreturn]] void give_up(const char* what) {
  throw std::runtime_error(std::string("Linux side: ") + what + ": " + std::strerror(errno));
}

// Puts `from` at a number above all that the agent expects, so that no two are in each other's way.
int above(int from) {
  const int to = fcntl(from, F_DUPFD, 64);
  close(from);
  return to;
}

}  // namespace

Host::Host(const std::string& agent) {
  int theirs[6];
  for (unsigned i = 0; i < 2; ++i) {
    int request[2];
    int answer[2];
    if (pipe2(request, O_CLOEXEC) != 0 || pipe2(answer, O_CLOEXEC) != 0) give_up("pipe");
    requests_[i] = request[1];
    answers_[i] = answer[0];
    theirs[i] = above(request[0]);
    theirs[2 + i] = above(answer[1]);
  }
  const int file = memfd_create("oracle", 0);
  if (file < 0) give_up("memfd_create");
  const std::string name = "/proc/self/fd/" + std::to_string(file);
  theirs[5] = above(open(name.c_str(), O_RDONLY));
  theirs[4] = above(file);
  keeper_ = fork();
  if (keeper_ < 0) give_up("fork");
  if (keeper_ == 0) {
    static constexpr int wanted[6] = {requests[0], requests[1], answers[0],
                                      answers[1],  the_file,    read_only_file};
    for (unsigned i = 0; i < 6; ++i) dup2(theirs[i], wanted[i]);
    for (const int descriptor : theirs) close(descriptor);
    execl(agent.c_str(), agent.c_str(), nullptr);
    _exit(127);
  }
  for (const int descriptor : theirs) close(descriptor);
  lives_[0] = true;
}

Host::~Host() {
  for (unsigned i = 0; i < 2; ++i) {
    close(requests_[i]);
    close(answers_[i]);
  }
  waitpid(keeper_, nullptr, 0);
}

Answer Host::ask(const Call& call) {
  const unsigned to = call.process;
  if (write(requests_[to], &call, sizeof call) != ssize_t(sizeof call)) give_up("request");
  pollfd waiting = {answers_[to], POLLIN, 0};
  if (poll(&waiting, 1, 60'000) != 1) give_up("no answer");
  Answer answer;
  if (read(answers_[to], &answer, sizeof answer) != ssize_t(sizeof answer)) give_up("answer");
  return answer;
}

void Host::reset(uint64_t file_pages) {
  Call call;
  call.kind = Kind::quit;
  call.process = 1;
  if (lives_[1]) ask(call);
  lives_[1] = false;
  call.kind = Kind::reset;
  call.process = 0;
  call.value = file_pages;
  if (ask(call).error != 0) give_up("reset");
}

Answer Host::make(const Call& call) {
  if (call.kind == Kind::fork) {
    Call quit;
    quit.kind = Kind::quit;
    quit.process = uint8_t(1 - call.process);
    if (lives_[quit.process]) ask(quit);
    lives_[quit.process] = false;
  }
  const Answer answer = ask(call);
  if (call.kind == Kind::fork && answer.error == 0) lives_[1 - call.process] = true;
  return answer;
}

}  // namespace linux_oracle
