#include "kernel/process/initial_stack.h"

#include "base/bits.h"
#include "cpu/features.h"
#include "kernel/host/random.h"

namespace kernel {

namespace {

// Auxiliary vector keys (Linux's numbers).
enum class Aux : uint64_t {
  end = 0,
  program_headers = 3,
  program_header_size = 4,
  program_header_count = 5,
  page_size = 6,
  entry = 9,
  user = 11,
  effective_user = 12,
  group = 13,
  effective_group = 14,
  platform = 15,
  hardware = 16,
  clock_ticks = 17,
  secure = 23,
  random = 25,
  hardware2 = 26,
  file_name = 31,
};

constexpr uint64_t max_bytes = UserSpace::stack_size / 4;
constexpr uint64_t program_header_bytes = 56;
constexpr uint64_t stack_start_pages = 33;  // 132 KiB, as on Linux
constexpr size_t max_auxiliary_words = 2 * 20;

// Puts things at descending addresses.
class StackWriter {
 public:
  StackWriter(UserSpace& space, uint64_t top) : space_(space), at_(top) {}

  [[nodiscard]] base::Result<uint64_t> push_bytes(std::span<const uint8_t> bytes) {
    at_ -= bytes.size();
    BASE_TRY(space_.write_initial(base::UserAddr(at_), bytes));
    return at_;
  }
  // With a NUL (the stack is fresh: zero).
  [[nodiscard]] base::Result<uint64_t> push_string(Text text) {
    at_ -= 1;
    return push_text(text);
  }
  [[nodiscard]] base::Result<uint64_t> push_text(Text text) {
    return push_bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  void align_down_to(uint64_t alignment) { at_ = base::align_down(at_, alignment); }

 private:
  UserSpace& space_;
  uint64_t at_;
};

// The words at the stack pointer, in ascending order.
class Vector {
 public:
  static base::Result<Vector> create(size_t strings) {
    Vector vector;
    const size_t words = 1 + strings + 2 + max_auxiliary_words;
    BASE_TRY_ASSIGN(void* block, heap_allocate(words * sizeof(uint64_t)));
    vector.words_ = static_cast<uint64_t*>(block);
    return vector;
  }
  Vector(Vector&& other) noexcept
      : words_(base::exchange(other.words_, nullptr)), count_(other.count_) {}
  ~Vector() { heap_free(words_); }

  void add(uint64_t word) { words_[count_++] = word; }
  void add(Aux key, uint64_t value) {
    add(uint64_t(key));
    add(value);
  }
  // Pointers to the strings, which are in memory from `address` on, and the zero at their end.
  void add_strings(const StringList& list, uint64_t address) {
    size_t offset = 0;
    for (size_t i = 0; i < list.count(); ++i) {
      add(address + offset);
      offset += list.at(offset).size() + 1;
    }
    add(0);
  }
  [[nodiscard]] std::span<const uint8_t> bytes() const {
    return {reinterpret_cast<const uint8_t*>(words_), count_ * sizeof(uint64_t)};
  }

 private:
  Vector() = default;
  uint64_t* words_ = nullptr;
  size_t count_ = 0;
};

void add_auxiliary(Vector& vector, const LoadedProgram& program, uint64_t random, uint64_t platform,
                   uint64_t file_name) {
  vector.add(Aux::program_headers, program.headers);
  vector.add(Aux::program_header_size, program_header_bytes);
  vector.add(Aux::program_header_count, program.header_count);
  vector.add(Aux::page_size, base::page_size);
  vector.add(Aux::entry, program.entry);
  vector.add(Aux::user, 0);
  vector.add(Aux::effective_user, 0);
  vector.add(Aux::group, 0);
  vector.add(Aux::effective_group, 0);
  vector.add(Aux::secure, 0);
  vector.add(Aux::clock_ticks, 100);
  vector.add(Aux::hardware, cpu::user_hwcap());
  vector.add(Aux::hardware2, cpu::user_hwcap2());
  vector.add(Aux::random, random);
  vector.add(Aux::platform, platform);
  vector.add(Aux::file_name, file_name);
  vector.add(Aux::end, 0);
}

// Small at first; faults below it extend it as far as its limit goes.
base::Status map_stack(UserSpace& space, uint64_t top) {
  vm::MapRequest request;
  request.count = base::PageCount(stack_start_pages);
  request.access = base::Right::read | base::Right::write;
  request.placement = vm::Placement::fixed_no_replace_at(base::UserAddr(top).page() -
                                                         base::PageCount(stack_start_pages));
  request.growth = vm::MapRequest::Growth::down;
  request.tag = uint32_t(MemoryTag::stack);
  const auto mapped = space.vm().map(request);
  return mapped.ok() ? base::Status() : base::Status(mapped.error());
}

}  // namespace

base::Result<InitialStack> build_initial_stack(UserSpace& space, const StringList& arguments,
                                               const StringList& environment, Text path,
                                               const LoadedProgram& program) {
  const uint64_t top = space.stack_top();
  const size_t strings = arguments.count() + environment.count();
  const uint64_t string_bytes = arguments.bytes().size() + environment.bytes().size();
  if (string_bytes + path.size() + strings * sizeof(uint64_t) > max_bytes) {
    return base::Error::limit_exceeded;
  }
  BASE_TRY_ASSIGN(Vector vector, Vector::create(strings));
  BASE_TRY(map_stack(space, top));

  StackWriter stack(space, top);
  InitialStack result;
  BASE_TRY_ASSIGN(const uint64_t file_name, stack.push_string(path));
  BASE_TRY_ASSIGN(result.words.environment, stack.push_text(environment.bytes()));
  result.words.environment_end = result.words.environment + environment.bytes().size();
  BASE_TRY_ASSIGN(result.words.arguments, stack.push_text(arguments.bytes()));
  result.words.arguments_end = result.words.arguments + arguments.bytes().size();
  uint8_t seed[16];
  random_bytes(seed);
  BASE_TRY_ASSIGN(const uint64_t random, stack.push_bytes(seed));
  BASE_TRY_ASSIGN(const uint64_t platform, stack.push_string(cpu::machine_name));
  vector.add(arguments.count());
  vector.add_strings(arguments, result.words.arguments);
  vector.add_strings(environment, result.words.environment);
  add_auxiliary(vector, program, random, platform, file_name);
  stack.align_down_to(16);
  constexpr uint8_t padding[8] = {};
  if (vector.bytes().size() % 16 != 0) {
    BASE_TRY(stack.push_bytes(padding));
  }
  BASE_TRY_ASSIGN(const uint64_t pointer, stack.push_bytes(vector.bytes()));
  result.pointer = base::UserAddr(pointer);
  return result;
}

}  // namespace kernel
