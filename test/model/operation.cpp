// See operation.h.
#include "model/operation.h"

#include <iterator>

namespace model {

namespace {
const char* const names[kind_count] = {
    "map",   "map_new",   "map_any", "unmap",     "protect",  "remap",    "remap_grow",
    "clone", "dont_need", "inherit", "populate",  "write",    "read",     "execute",
    "reset", "run",       "idle",    "pass_time", "borrow",   "transfer", "discard",
    "sync",  "will_need", "batch",   "hold",      "give_back"};
// Those that a fuzzer names by its first byte, which the corpus depends on.
constexpr unsigned first_kinds = unsigned(Kind::will_need) + 1;

uint8_t at_most(uint64_t value, unsigned limit) {
  return uint8_t(value % (limit + 1));
}

// Cuts the numbers down to the pages that there are.
void fit(Operation& operation, unsigned pages, unsigned spaces) {
  operation.space = uint8_t(operation.space % spaces);
  operation.page = at_most(operation.page, pages - 1);
  operation.count = uint8_t(1 + operation.count % (pages - operation.page));
  operation.target = at_most(operation.target, pages - 1);
  operation.new_count = uint8_t(1 + operation.new_count % (pages - operation.target));
  if (operation.kind == Kind::borrow || operation.kind == Kind::transfer) {
    operation.target = at_most(operation.target, pages - operation.count);
  }
}
}  // namespace

std::string describe(const Operation& it) {
  return std::string(names[unsigned(it.kind)]) + "{space " + std::to_string(it.space) + ", pages " +
         std::to_string(it.page) + "+" + std::to_string(it.count) + ", target " +
         std::to_string(it.target) + "+" + std::to_string(it.new_count) + ", choice " +
         std::to_string(it.choice) + ", backing " + std::to_string(unsigned(it.backing)) + "}";
}

std::string describe(const std::vector<Operation>& operations, unsigned pages, unsigned spaces) {
  std::string text;
  for (const Operation& operation : operations) {
    text += "  " + describe(operation) + "\n";
    if (operation.kind != Kind::batch) continue;
    for (const Operation& change : changes_of(operation, pages, spaces)) {
      text += "    " + describe(change) + "\n";
    }
  }
  return text;
}

std::vector<Operation> changes_of(const Operation& batch, unsigned pages, unsigned spaces) {
  static constexpr Kind kinds[] = {Kind::map,     Kind::map,      Kind::map_new,
                                   Kind::unmap,   Kind::protect,  Kind::dont_need,
                                   Kind::inherit, Kind::transfer, Kind::borrow};
  uint64_t seed = uint64_t(batch.backing);
  for (const unsigned part :
       {unsigned(batch.choice), unsigned(batch.new_count), unsigned(batch.target),
        unsigned(batch.count), unsigned(batch.page)}) {
    seed = seed << 8 | part;
  }
  sim::Random random(seed);
  std::vector<Operation> changes(1 + random.below(4));
  for (Operation& change : changes) {
    change.kind = kinds[random.below(std::size(kinds))];
    change.space = batch.space;
    change.page = uint8_t(random.below(pages));
    change.count = uint8_t(random.below(random.once_in(2) ? 3 : pages));
    if (change.kind >= Kind::borrow) change.count = uint8_t(random.below(2));
    change.target = uint8_t(random.below(pages));
    // Which other space it is is its lowest bit; a borrow's rights are the rest.
    change.choice = uint8_t((random.once_in(2) ? 4 : random.below(16)) & ~1U) | (batch.choice & 1);
    if (change.kind <= Kind::map_new && random.below(3) != 0) change.choice = 2;
    change.backing = random.once_in(3) ? Backing::zero_fill : Backing(random.below(backing_count));
    fit(change, pages, spaces);
  }
  return changes;
}

Operation draw(sim::Random& random, unsigned pages, unsigned spaces) {
  // How often each kind comes, in Kind's order.
  static constexpr unsigned weights[kind_count] = {12, 3, 2, 7, 9, 6, 3, 4, 5, 4, 4, 30, 16,
                                                   2,  1, 3, 3, 1, 8, 4, 6, 4, 1, 8, 3,  3};
  unsigned sum = 0;
  for (const unsigned weight : weights) sum += weight;
  auto pick = unsigned(random.below(sum));
  unsigned kind = 0;
  while (pick >= weights[kind]) pick -= weights[kind++];
  Operation operation;
  operation.kind = Kind(kind);
  operation.space = uint8_t(random.below(spaces));
  operation.page = uint8_t(random.below(pages));
  // Half of the ranges are short: such ones are more often all of a kind.
  operation.count = uint8_t(random.below(random.once_in(2) ? 3 : pages));
  operation.target = uint8_t(random.below(pages));
  operation.new_count = uint8_t(random.below(pages));
  if (operation.kind >= Kind::borrow && operation.kind <= Kind::will_need) {
    operation.count = uint8_t(random.below(2));
  }
  operation.choice = uint8_t(random.below(16));
  if (operation.kind <= Kind::map_any && random.below(3) != 0) operation.choice = 2;
  operation.backing = random.once_in(3) ? Backing::zero_fill : Backing(random.below(backing_count));
  fit(operation, pages, spaces);
  return operation;
}

std::vector<Operation> decode(const uint8_t* bytes, size_t size, unsigned pages, unsigned spaces) {
  std::vector<Operation> operations;
  for (size_t i = 0; i + 4 <= size; i += 4) {
    Operation operation;
    operation.kind = Kind(bytes[i] % first_kinds);
    operation.space = uint8_t(bytes[i] / first_kinds);
    operation.page = bytes[i + 1] & 15;
    operation.count = bytes[i + 1] >> 4;
    operation.target = bytes[i + 2] & 15;
    operation.new_count = bytes[i + 2] >> 4;
    operation.choice = bytes[i + 3] & 15;
    const unsigned high = bytes[i + 3] >> 4;
    operation.backing = Backing(high % backing_count);
    constexpr unsigned others = 16 - (kind_count - first_kinds);
    if (high >= others) operation.kind = Kind(first_kinds + high - others);
    fit(operation, pages, spaces);
    operations.push_back(operation);
  }
  return operations;
}

}  // namespace model
