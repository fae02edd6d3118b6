// See operation.h.
#include "model/operation.h"

namespace model {

namespace {
const char* const names[kind_count] = {
    "map",       "map_new",   "map_any",  "unmap",    "protect", "remap",   "remap_grow", "clone",
    "dont_need", "inherit",   "populate", "write",    "read",    "execute", "reset",      "run",
    "idle",      "pass_time", "borrow",   "transfer", "discard", "sync",    "will_need"};

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

std::string describe(const std::vector<Operation>& operations) {
  std::string text;
  for (const Operation& operation : operations) text += "  " + describe(operation) + "\n";
  return text;
}

Operation draw(sim::Random& random, unsigned pages, unsigned spaces) {
  // How often each kind comes, in Kind's order.
  static constexpr unsigned weights[kind_count] = {12, 3, 2, 7, 9, 6, 3, 4, 5, 4, 4, 30,
                                                   16, 2, 1, 3, 3, 1, 8, 4, 6, 4, 1};
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
  if (operation.kind >= Kind::borrow) operation.count = uint8_t(random.below(2));
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
    operation.kind = Kind(bytes[i] % kind_count);
    operation.space = uint8_t(bytes[i] / kind_count);
    operation.page = bytes[i + 1] & 15;
    operation.count = bytes[i + 1] >> 4;
    operation.target = bytes[i + 2] & 15;
    operation.new_count = bytes[i + 2] >> 4;
    operation.choice = bytes[i + 3] & 15;
    operation.backing = Backing((bytes[i + 3] >> 4) % backing_count);
    fit(operation, pages, spaces);
    operations.push_back(operation);
  }
  return operations;
}

}  // namespace model
