// Report: the loader test kernel's lines on the debug channel, and its count of failures.
//
//   PASS name
//   FAIL name: detail value value
//   NOTE name value
#pragma once

#include <stdint.h>

#include "cpu.h"

namespace loader_test {

class Report {
 public:
  void line(const char* text) {
    write(text);
    cpu::put('\n');
  }

  void note(const char* name, uint64_t value) {
    write("NOTE ");
    write(name);
    write_number(value);
    cpu::put('\n');
  }

  // One line per name: a check that holds many times over says PASS once, by `end`.
  void begin(const char* name) {
    name_ = name;
    failed_ = false;
  }

  void expect(bool holds, const char* detail, uint64_t a = 0, uint64_t b = 0) {
    if (holds) return;
    failed_ = true;
    if (++lines_ > 40) return;
    write("FAIL ");
    write(name_);
    write(": ");
    write(detail);
    write_number(a);
    write_number(b);
    cpu::put('\n');
  }

  void end() {
    if (failed_) {
      ++failures_;
      return;
    }
    write("PASS ");
    line(name_);
  }

  unsigned failures() const { return failures_; }

 private:
  void write(const char* text) {
    while (*text != '\0') cpu::put(*text++);
  }

  void write_number(uint64_t value) {
    write(" 0x");
    int shift = 60;
    while (shift > 0 && (value >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) cpu::put("0123456789abcdef"[(value >> shift) & 15]);
  }

  const char* name_ = "";
  bool failed_ = false;
  unsigned failures_ = 0;
  unsigned lines_ = 0;
};

}  // namespace loader_test
