// See operation.h.
#include "model/operation.h"

namespace model {

namespace {
const char* const names[kind_count] = {"map",      "map_new",    "map_any",  "unmap",     "protect",
                                       "remap",    "remap_grow", "clone",    "dont_need", "inherit",
                                       "populate", "write",      "read",     "execute",   "reset",
                                       "run",      "idle",       "pass_time"};

uint8_t at_most(uint64_t value, unsigned limit) {
  return uint8_t(value % (limit + 1));
}

// Cuts the numbers down to the pages that there are.
void fit(Operation& operation, unsigned pages) {
  operation.space %= 2;
  operation.page = at_most(operation.page, pages - 1);
  operation.count = uint8_t(1 + operation.count % (pages - operation.page));
  operation.target = at_most(operation.target, pages - 1);
  operation.new_count = uint8_t(1 + operation.new_count % (pages - operation.target));
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

Operation draw(sim::Random& random, unsigned pages) {
  // How often each kind comes, in Kind's order.
  static constexpr unsigned weights[kind_count] = {12, 3, 2,  8,  10, 6, 3, 5, 5,
                                                   4,  4, 30, 16, 2,  2, 3, 3, 1};
  unsigned sum = 0;
  for (const unsigned weight : weights) sum += weight;
  auto pick = unsigned(random.below(sum));
  unsigned kind = 0;
  while (pick >= weights[kind]) pick -= weights[kind++];
  Operation operation;
  operation.kind = Kind(kind);
  operation.space = uint8_t(random.below(2));
  operation.page = uint8_t(random.below(pages));
  operation.count = uint8_t(random.below(pages));
  operation.target = uint8_t(random.below(pages));
  operation.new_count = uint8_t(random.below(pages));
  operation.choice = uint8_t(random.below(16));
  if (operation.kind <= Kind::map_any && random.below(3) != 0) operation.choice = 2;
  operation.backing = Backing(random.below(4) % 3);
  fit(operation, pages);
  return operation;
}

std::vector<Operation> decode(const uint8_t* bytes, size_t size, unsigned pages) {
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
    operation.backing = Backing((bytes[i + 3] >> 4) % 3);
    fit(operation, pages);
    operations.push_back(operation);
  }
  return operations;
}

}  // namespace model
