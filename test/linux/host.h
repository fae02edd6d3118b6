// Host: the Linux side of the oracle: processes that make calls on themselves (agent.cpp).
//
// Answers come in order; every failure of the machinery itself throws std::runtime_error.
#pragma once

#include <sys/types.h>

#include <string>

#include "linux/call.h"

namespace linux_oracle {

class Host {
 public:
  // Starts process 0 from the executable at `agent`.
  explicit Host(const std::string& agent);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // One process, nothing mapped in the arena, a file of that many pages of zeros.
  void reset(uint64_t file_pages);
  [[nodiscard]] bool lives(unsigned process) const { return lives_[process]; }
  // Of a process that lives. A fork replaces the other process.
  Answer make(const Call& call);

 private:
  Answer ask(const Call& call);

  pid_t keeper_ = -1;
  int requests_[2] = {-1, -1};
  int answers_[2] = {-1, -1};
  bool lives_[2] = {false, false};
};

}  // namespace linux_oracle
