// See call.h.
#include "linux/call.h"

namespace linux_oracle {

namespace {
const char* const kinds[] = {"mmap",  "munmap",  "mprotect", "mremap", "madvise",
                             "mlock", "munlock", "fork",     "write",  "read"};
const char* const placements[] = {"fixed", "no_replace", "hint", "anywhere"};
const char* const backing_names[] = {"anonymous", "shared_anonymous", "shared_file", "private_file",
                                     "shared_read_only_file"};
const char* const move_names[] = {"never", "may", "fixed", "may_leave", "fixed_leave"};
const char* const advice_names[] = {
    "normal",       "random",     "sequential",    "will_need",     "dont_need",     "free",
    "remove",       "huge_pages", "no_huge_pages", "dont_fork",     "do_fork",       "wipe_on_fork",
    "keep_on_fork", "cold",       "page_out",      "populate_read", "populate_write"};
}  // namespace

std::string describe(const Call& it) {
  std::string text = "process " + std::to_string(it.process) + ": " + kinds[unsigned(it.kind)] +
                     " " + std::to_string(it.page) + "+" + std::to_string(it.count);
  switch (it.kind) {
    case Kind::mmap:
      return text + " rights " + std::to_string(it.rights) + " " +
             backing_names[unsigned(it.backing)] + " from " + std::to_string(it.target) + ", " +
             placements[unsigned(it.placement)];
    case Kind::mprotect: return text + " rights " + std::to_string(it.rights);
    case Kind::mremap:
      return text + " to " + std::to_string(it.target) + "+" + std::to_string(it.new_count) + ", " +
             move_names[unsigned(it.move)];
    case Kind::madvise: return text + " " + advice_names[unsigned(it.advice)];
    default: return text;
  }
}

std::string describe(const std::vector<Call>& calls) {
  std::string text;
  for (const Call& call : calls) text += "  " + describe(call) + "\n";
  return text;
}

Call draw(sim::Random& random) {
  // How often each kind comes, in Kind's order.
  static constexpr unsigned weights[drawn_kinds] = {16, 7, 11, 11, 14, 2, 2, 4, 24, 14};
  unsigned sum = 0;
  for (const unsigned weight : weights) sum += weight;
  auto pick = unsigned(random.below(sum));
  unsigned kind = 0;
  while (pick >= weights[kind]) pick -= weights[kind++];
  Call call;
  call.kind = Kind(kind);
  call.process = uint8_t(random.below(2));
  call.page = uint8_t(random.below(arena_pages));
  call.count = uint8_t(1 + random.below(arena_pages - call.page));
  call.target = uint8_t(random.below(arena_pages));
  call.new_count = uint8_t(1 + random.below(arena_pages - call.target));
  call.rights = all_rights[random.once_in(2) ? 2 : random.below(rights_count)];
  call.backing = random.once_in(2) ? Backing::anonymous : Backing(random.below(backings));
  call.placement = random.below(4) != 0 ? Placement::fixed : Placement(random.below(4));
  call.move = Move(random.below(moves));
  call.advice = Advice(random.below(advices));
  if (call.kind == Kind::mremap && random.once_in(3)) call.new_count = call.count;
  // Neither the target nor what grows in place leaves the arena.
  const unsigned most = arena_pages - call.page;
  if (call.new_count > most && call.move != Move::fixed && call.move != Move::fixed_leave) {
    call.new_count = uint8_t(most);
  }
  if (call.target + call.new_count > arena_pages)
    call.target = uint8_t(arena_pages - call.new_count);
  return call;
}

}  // namespace linux_oracle
