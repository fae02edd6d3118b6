// What the kernel makes of ESR_EL1 (values as the processor reports them).
#include <catch2/catch.hpp>
#include <string>

#include "cpu/syndrome.h"

namespace {

using kernel::ExceptionKind;
using kernel::FaultAccess;

constexpr uint64_t esr(unsigned exception_class, unsigned specific) {
  return uint64_t{exception_class} << 26 | 1u << 25 | specific;
}

struct PageFaultCase {
  uint64_t esr;
  FaultAccess access;
  bool user;
  bool present;
};

struct ExceptionCase {
  uint64_t esr;
  ExceptionKind kind;
};

}  // namespace

TEST_CASE("aborts of translation and rights are page faults") {
  constexpr PageFaultCase cases[] = {
      {0x9200'0004, FaultAccess::read, true, false},     // user read, level 0 translation
      {0x9200'0047, FaultAccess::write, true, false},    // user write, level 3 translation
      {0x9200'004f, FaultAccess::write, true, true},     // user write, permission
      {0x8200'000f, FaultAccess::execute, true, true},   // user fetch, permission
      {0x8600'000f, FaultAccess::execute, false, true},  // kernel fetch, permission
      {0x9600'000f, FaultAccess::read, false, true},     // kernel read, PAN
      {0x9600'002b, FaultAccess::read, false, false},    // kernel read, level -1 translation
      {0x9600'0069, FaultAccess::write, false, false},   // kernel write, level -1 address size
      {0x9200'000b, FaultAccess::read, true, true},      // access flag
  };
  for (const PageFaultCase& known : cases) {
    INFO(std::hex << known.esr);
    const cpu::Syndrome syndrome{known.esr};
    REQUIRE(syndrome.is_page_fault());
    cpu::TrapFrame frame{};
    frame.far = 0x1234;
    const kernel::FaultInfo fault = syndrome.page_fault(frame);
    CHECK(fault.address == 0x1234);
    CHECK(fault.access == known.access);
    CHECK(fault.user == known.user);
    CHECK(fault.present == known.present);
    CHECK(fault.code == known.esr);
  }
}

TEST_CASE("cache maintenance by a program counts as reading") {
  constexpr unsigned maintenance_and_write = 1u << 8 | 1u << 6;
  const cpu::Syndrome syndrome{esr(0x24, maintenance_and_write | 0x07)};
  REQUIRE(syndrome.is_page_fault());
  REQUIRE(syndrome.page_fault(cpu::TrapFrame{}).access == FaultAccess::read);
}

TEST_CASE("other aborts are exceptions, not page faults") {
  constexpr ExceptionCase cases[] = {
      {esr(0x24, 0x21), ExceptionKind::alignment}, {esr(0x24, 0x10), ExceptionKind::hardware},
      {esr(0x25, 0x17), ExceptionKind::hardware},  {esr(0x24, 0x30), ExceptionKind::hardware},
      {esr(0x20, 0x18), ExceptionKind::hardware},
  };
  for (const ExceptionCase& known : cases) {
    INFO(std::hex << known.esr);
    REQUIRE_FALSE(cpu::Syndrome{known.esr}.is_page_fault());
    CHECK(cpu::Syndrome{known.esr}.exception().kind == known.kind);
  }
}

TEST_CASE("every exception class has a name and a kind") {
  for (unsigned exception_class = 0; exception_class < 64; ++exception_class) {
    const kernel::ExceptionInfo info = cpu::Syndrome{esr(exception_class, 0x21)}.exception();
    CHECK(std::string(info.name).size() > 2);
  }
  CHECK(cpu::Syndrome{esr(0x00, 0)}.exception().kind == ExceptionKind::illegal_instruction);
  CHECK(cpu::Syndrome{esr(0x19, 0)}.exception().kind == ExceptionKind::illegal_instruction);
  CHECK(cpu::Syndrome{esr(0x3c, 0)}.exception().kind == ExceptionKind::breakpoint);
  CHECK(cpu::Syndrome{esr(0x26, 0)}.exception().kind == ExceptionKind::alignment);
}

TEST_CASE("only SVC is a system call") {
  for (unsigned exception_class = 0; exception_class < 64; ++exception_class) {
    CHECK(cpu::Syndrome{esr(exception_class, 0)}.is_system_call() == (exception_class == 0x15));
  }
}
