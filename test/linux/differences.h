// The differences from Linux that are intended, one by one. docs/testing.md has the same list.
#pragma once

#include <cstdint>

namespace linux_oracle {

enum class Difference : uint8_t {
  protect_whole,
  advise_whole,
  lock_whole,
  free_at_once,
  joined,
  several_mappings,
  write_only,
  leave_unlocks,
  charge_stays,
  count,
};
inline constexpr unsigned difference_count = unsigned(Difference::count);

struct DifferenceText {
  const char* what;
  const char* why;
};

inline constexpr DifferenceText difference_texts[difference_count] = {
    {"mprotect over a hole or beyond the rights changes what is before it on Linux, nothing here",
     "operations are all-or-nothing; the test then makes the change of the part before"},
    {"madvise that one mapping refuses has taken effect before it on Linux, nowhere here",
     "the same"},
    {"mlock and munlock over a hole have changed what is before it on Linux, nothing here",
     "the same"},
    {"MADV_FREE may keep the contents on Linux, drops them at once here",
     "allowed by its definition; the test makes Linux drop them"},
    {"Linux keeps mappings apart that are alike (moved, or touched on both sides of a fork), so "
     "that "
     "mremap over both is EFAULT",
     "what is alike is one mapping here; the call is left out on both sides"},
    {"mremap moves several mappings at once since Linux 6.17, before and here it is EFAULT",
     "the ABI is that of 6.12; the call is left out on both sides"},
    {"MADV_POPULATE_READ of memory mapped with PROT_WRITE alone is EINVAL on Linux, done here",
     "a program can read it on every processor, so the rights given to libvm include reading"},
    {"mremap with MREMAP_DONTUNMAP unlocks the whole mapping on Linux, what has moved away here",
     "nothing says so; the test then unlocks the whole"},
    {"Linux since 6.5 takes back the commit charge of memory that loses the write right before it "
     "was written, and joins it with memory that never had it; mremap over both is EFAULT here",
     "the map does not know what was written; the call is left out on both sides"},
};

}  // namespace linux_oracle
