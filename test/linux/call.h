// Call: one step of a sequence that is made both on Linux and on libvm: a memory system call, a
// fork, or an access. Small numbers only; pages count from the beginning of the arena. Plain data:
// it is sent to the Linux process as it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/random.h"

namespace linux_oracle {

enum class Kind : uint8_t {
  mmap,
  munmap,
  mprotect,
  mremap,
  madvise,
  mlock,
  munlock,
  fork,   // of this process; the other one ends, and the child takes its place
  write,  // `value` to the page
  read,
  // Not drawn.
  look,   // only say what is mapped
  reset,  // nothing is mapped afterwards, the file has `value` pages of zeros
  quit,
};
inline constexpr unsigned drawn_kinds = unsigned(Kind::read) + 1;

// Of mmap.
enum class Placement : uint8_t { fixed, no_replace, hint, anywhere };
enum class Backing : uint8_t {
  anonymous,         // MAP_PRIVATE | MAP_ANONYMOUS
  shared_anonymous,  // MAP_SHARED | MAP_ANONYMOUS
  shared_file,       // MAP_SHARED of the file, from page `target`
  private_file,
  shared_read_only_file,  // MAP_SHARED of the file opened for reading
};
inline constexpr unsigned backings = 5;

// Of mremap.
enum class Move : uint8_t { never, may, fixed, may_leave, fixed_leave };
inline constexpr unsigned moves = 5;

enum class Advice : uint8_t {
  normal,
  random,
  sequential,
  will_need,
  dont_need,
  free,
  remove,
  huge_pages,
  no_huge_pages,
  dont_fork,
  do_fork,
  wipe_on_fork,
  keep_on_fork,
  cold,
  page_out,
  populate_read,
  populate_write,
};
inline constexpr unsigned advices = unsigned(Advice::populate_write) + 1;

// Rights as mmap's PROT_ bits. Execution alone is left out: whether it can be read then depends on
// the processor.
inline constexpr uint8_t all_rights[] = {0, 1, 3, 5, 7, 2};
inline constexpr unsigned rights_count = sizeof all_rights;

inline constexpr unsigned arena_pages = 12;
// The arena begins so that its middle is the border of two page tables at two levels.
inline constexpr uint64_t arena_address = (0x2000ULL << 32) + (1ULL << 30) - arena_pages / 2 * 4096;

struct Call {
  Kind kind = Kind::read;
  uint8_t process = 0;
  uint8_t page = 0;
  uint8_t count = 1;
  uint8_t target = 0;
  uint8_t new_count = 1;
  uint8_t rights = 0;
  Backing backing = Backing::anonymous;
  Placement placement = Placement::fixed;
  Move move = Move::never;
  Advice advice = Advice::normal;
  uint64_t value = 0;
};

// What is mapped at a page, as /proc/self/maps has it.
struct MappedPage {
  uint8_t mapped;
  uint8_t rights;  // PROT_ bits
  uint8_t shared;
  uint8_t starts;  // a mapping begins here
  uint64_t inode;  // 0: anonymous
  uint64_t file_page;
};

enum class Touch : uint8_t { ok, unmapped, access, bus };

struct Answer {
  int32_t error = 0;  // errno
  Touch touch = Touch::ok;
  uint8_t elsewhere = 0;  // mmap, mremap: not in the arena (and undone)
  uint64_t value = 0;     // of a read
  MappedPage pages[arena_pages] = {};
};

std::string describe(const Call& call);
std::string describe(const std::vector<Call>& calls);
Call draw(sim::Random& random);

}  // namespace linux_oracle
