// credentials.h: who a process acts as. Kept and changed by Linux's rules; nothing is refused for
// it but further changes, because this system has one user.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kernel {

// Of users or of groups.
struct Identity {
  uint32_t real = 0;
  uint32_t effective = 0;
  uint32_t saved = 0;
  uint32_t file_system = 0;

  [[nodiscard]] bool has(uint32_t id) const { return id == real || id == effective || id == saved; }
};

struct Credentials {
  static constexpr size_t max_groups = 32;

  Identity user;
  Identity group;
  uint32_t groups[max_groups]{};
  uint32_t group_count = 0;

  // User 0 may become anybody.
  [[nodiscard]] bool is_privileged() const { return user.effective == 0; }
};

// What else a program says of its process (prctl, personality, nice).
struct Traits {
  uint32_t parent_death_signal = 0;
  uint32_t personality = 0;
  int32_t nice = 0;  // -20 to 19; kept only
  bool dumpable = true;
  bool no_new_privileges = false;
  bool keeps_capabilities = false;
};

}  // namespace kernel
