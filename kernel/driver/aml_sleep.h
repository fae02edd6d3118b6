// aml_sleep.h: the one thing the kernel reads from AML: the values of \_S5 (soft off).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace kernel {

struct SleepTypes {
  uint8_t type_a;
  uint8_t type_b;
};

// Finds `Name (_S5, Package { a, b, ... })` with constant elements in a whole DSDT. AML is not
// interpreted: a DSDT that computes the package yields nothing.
[[nodiscard]] std::optional<SleepTypes> find_s5(std::span<const uint8_t> dsdt);

}  // namespace kernel
