// libFuzzer harness: every byte string is a sequence of operations on two address spaces, made on
// the adversarial machine and on the oracle (test/model). The first byte chooses format and
// features.
#include <cstdio>
#include <cstdlib>

#include "model/rig.h"

namespace {

template <class F>
void run(uint8_t choice, const uint8_t* bytes, size_t size) {
  model::RigOptions options;
  options.pages = 8;
  options.object_pages = 6;
  options.spaces = (choice & 8) != 0 ? 3 : 2;
  options.stride = (choice & 16) != 0 ? 128 : 1;
  if (options.stride > 1) options.huge_pages = vm::HugePages::always;
  options.machine.features.levels = (choice & 2) != 0 ? 5 : 4;
  options.machine.features.physical_bits = options.machine.features.levels == 5 ? 52 : 48;
  options.machine.features.tag_bits = (choice & 4) != 0 ? 2 : 12;
  options.machine.seed = choice;
  const auto operations = model::decode(bytes, size, options.pages, options.spaces);
  try {
    sim::run_abandonable([&] {
      model::Rig<F> rig(options);
      for (const model::Operation& operation : operations) rig.apply(operation);
      rig.read_everything();
    });
  } catch (const sim::Failure& failure) {
    std::fprintf(stderr, "%s: %s\n%s", F::name, failure.what(),
                 model::describe(operations, options.pages, options.spaces).c_str());
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 5 || size > 1 + 4 * 64) return 0;
  if ((bytes[0] & 1) != 0) {
    run<aarch64::Format>(bytes[0], bytes + 1, size - 1);
  } else {
    run<x86_64::Format>(bytes[0], bytes + 1, size - 1);
  }
  return 0;
}
