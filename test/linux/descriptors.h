// The descriptors that the agent is started with.
#pragma once

namespace linux_oracle {

inline constexpr int requests[2] = {10, 11};  // of process 0 and 1: calls come in
inline constexpr int answers[2] = {12, 13};   // answers go out
inline constexpr int the_file = 14;
inline constexpr int read_only_file = 15;  // the same, opened for reading

}  // namespace linux_oracle
