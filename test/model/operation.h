// Operation: one step of a test sequence: what to do, in which space, to which pages. Small numbers
// only, so that sequences are drawn at random, enumerated, read from a fuzzer's bytes, and printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/access.h"
#include "sim/random.h"
#include "vm/space/requests.h"

namespace model {

enum class Kind : uint8_t {
  map,      // fixed; replaces
  map_new,  // fixed, refused when something is there
  map_any,  // anywhere
  unmap,
  protect,
  remap,       // to `target`, `new_count` pages
  remap_grow,  // in place, to `new_count` pages
  clone,       // into another space, which is emptied first
  dont_need,
  inherit,   // how children get it: `choice`
  populate,  // as for writing (choice 1) or reading
  write,
  read,
  execute,
  reset,      // empties the space and starts it anew
  run,        // the third CPU runs this space from now on
  idle,       // the space's own CPU stops running it, and runs it again at the next access
  pass_time,  // epochs advance, what waits to be freed is
  borrow,     // pages of another space at `target`, with half of `choice` as rights
  transfer,   // pages of another space to `target`
  discard,    // from the objects too
  sync,       // write back
  will_need,
  batch,      // several of the others as one: changes_of()
  hold,       // the host is lent the page, for writing (choice 1) or reading, and keeps it
  give_back,  // the host gives back what it holds of the space
};
inline constexpr unsigned kind_count = unsigned(Kind::give_back) + 1;

enum class Backing : uint8_t {
  zero_fill,
  shared_object,
  private_object,
  shared_paged,
  private_paged,
};
inline constexpr unsigned backing_count = 5;

struct Operation {
  Kind kind = Kind::read;
  uint8_t space = 0;
  uint8_t page = 0;
  uint8_t count = 1;
  uint8_t target = 0;
  uint8_t new_count = 1;
  uint8_t choice = 0;  // access, inheritance, CPU
  Backing backing = Backing::zero_fill;
};

// What `choice` means for map and protect.
inline base::Access access_of(uint8_t choice) {
  using base::Right;
  switch (choice % 5) {
    case 0: return base::Access::none();
    case 1: return Right::read;
    case 2: return Right::read | Right::write;
    case 3: return Right::read | Right::execute;
    default: return Right::read | Right::write | Right::execute;
  }
}

std::string describe(const Operation& operation);
// For the report of a failure; a batch with its changes.
std::string describe(const std::vector<Operation>& operations, unsigned pages, unsigned spaces);

// Spaces 0 .. spaces-1, pages 0 .. pages-1; mostly sensible.
Operation draw(sim::Random& random, unsigned pages, unsigned spaces);
// What a batch is made of: one to four operations of its space, all with the same other space.
std::vector<Operation> changes_of(const Operation& batch, unsigned pages, unsigned spaces);
// From a fuzzer: every byte string is a sequence.
std::vector<Operation> decode(const uint8_t* bytes, size_t size, unsigned pages, unsigned spaces);
// What `choice` means for inherit, and for borrow.
inline vm::Advice inherit_advice(const Operation& operation) {
  static constexpr vm::Advice advices[] = {vm::Advice::dont_fork, vm::Advice::wipe_on_fork,
                                           vm::Advice::do_fork, vm::Advice::keep_on_fork};
  return advices[operation.choice % 4];
}
inline base::Access borrowed_access(const Operation& operation) {
  return access_of(uint8_t(operation.choice / 2));
}
// The other space of clone, borrow and transfer.
inline unsigned other_space(const Operation& operation, unsigned spaces) {
  return (operation.space + 1u + operation.choice % (spaces - 1)) % spaces;
}

}  // namespace model
