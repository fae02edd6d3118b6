// window_tests.cpp: a trap before every instruction of every primitive of libusercopy: nothing in
// it leaves user access open, or closed where it was open.
//
// Each primitive runs once undisturbed and once per kind of disturbance under single steps, over an
// untouched page (so that its first access faults and is resolved), up to the end of a mapping, and
// where nothing is mapped. At each step the interrupt or the NMI is taken exactly there, before the
// next instruction. Every trap must find user access closed, and in the frame what the window
// instructions executed so far imply; the results and all memory must be as without disturbance.
#include <cstring>

#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/probe.h"
#include "kernel/host/cpu_local.h"
#include "kernel/log/format.h"
#include "test/ktest/ktest.h"
#include "test/ktest/stepper.h"
#include "test/ktest/user_memory.h"

namespace kernel::test {

namespace {

enum class Disturbance : uint8_t { none, timer, nmi, moved };

struct Session {
  Disturbance disturbance = Disturbance::none;
  bool open = false;        // what the frame must say
  uint64_t pc = 0;          // the instruction that is next
  uint64_t steps = 0;       // steps
  uint64_t open_steps = 0;  // of these, with user access open
  uint64_t disturbances = 0;
  uint64_t landed = 0;  // disturbances taken exactly at `pc`
  uint64_t faults = 0;
  uint64_t moved = 0;        // times that a copy went on as if elsewhere
  bool nmi_resumes = false;  // the next NMI comes out of the step's handler and resumes `stepped`
  cpu::TrapFrame stepped{};
  const char* why = nullptr;
  uint64_t why_pc = 0;

  void fail(const char* reason, uint64_t at) {
    if (why == nullptr) {
      why = reason;
      why_pc = at;
    }
  }
};

Session session;

void check_frame(const cpu::TrapFrame& frame) {
  if (!cpu::user_access_is_closed()) {
    session.fail("user access is open in a handler", frame.pc());
    cpu::close_user_access();
  }
  if (frame.pc() == session.pc && had_user_access(frame) != session.open) {
    session.fail(session.open ? "user access was closed too early" : "user access was left open",
                 frame.pc());
  }
}

// While an NMI is handled none other is taken, so one sent now lands right behind this handler's
// return; which goes straight to the stepped instruction, past the handler of the step.
bool nmi(cpu::TrapFrame& frame) {
  if (session.nmi_resumes) {
    session.nmi_resumes = false;
    if (!cpu::user_access_is_closed()) {
      session.fail("user access is open in an NMI handler", frame.pc());
    }
    frame = session.stepped;
    send_nmi();
    return true;
  }
  check_frame(frame);
  session.landed += frame.pc() == session.pc ? 1 : 0;
  return true;
}

// The interrupt or the NMI is taken as soon as the trap at hand returns to `frame`.
void disturb_return(const cpu::TrapFrame& frame) {
  if (session.disturbance == Disturbance::none || session.disturbance == Disturbance::moved) {
    return;
  }
  ++session.disturbances;
  if (session.disturbance == Disturbance::timer) {
    make_timer_pending();
    return;
  }
  session.stepped = frame;
  session.nmi_resumes = true;
  send_nmi();
  for (unsigned i = 0; i < 1'000'000; ++i) {
    cpu::pause();
  }
  session.nmi_resumes = false;
  session.fail("the NMI did not come", frame.pc());
}

void step(cpu::TrapFrame& frame) {
  const uint64_t last = session.pc;
  const WindowEffect effect = last == 0 ? WindowEffect::none : window_effect(last);
  if (effect != WindowEffect::none) {
    session.open = effect == WindowEffect::opens;
  }
  session.pc = frame.pc();
  ++session.steps;
  session.open_steps += session.open ? 1 : 0;
  check_frame(frame);
  continue_stepping(frame, last);
  if (session.disturbance == Disturbance::moved && session.moved == 0) {
    session.moved = make_copy_foreign(frame) ? 1 : 0;
  }
  disturb_return(frame);
}

// The fault was resolved, or the primitive goes on at its fixup; without a step in between.
void page_fault(cpu::TrapFrame& frame) {
  ++session.faults;
  session.pc = frame.pc();
  check_frame(frame);
  disturb_return(frame);
}

bool observe(cpu::TrapFrame& frame, ObservedTrap trap) {
  switch (trap) {
    case ObservedTrap::step: step(frame); return true;
    case ObservedTrap::nmi: return nmi(frame);
    case ObservedTrap::timer:
      check_frame(frame);
      session.landed += frame.pc() == session.pc ? 1 : 0;
      return false;
    case ObservedTrap::page_fault: page_fault(frame); return false;
  }
  return false;
}

// ---- What is run

enum class Where : uint8_t { untouched, half, unmapped };
constexpr uint64_t bytes_before_end = 16;

// An argument of a primitive: a plain number, a kernel buffer, or a place in one of the two pages.
struct Argument {
  enum class Kind : uint8_t { number, kernel, text, zeroes } kind;
  uint64_t value = 0;

  [[nodiscard]] uint64_t at(Where where) const;
};

uint8_t kernel_buffer[512];

uint64_t place(uint64_t page, Where where) {
  switch (where) {
    case Where::untouched: return page + 8;
    case Where::half: return page + base::page_size - bytes_before_end;
    case Where::unmapped: break;
  }
  return page + base::page_size;
}

uint64_t Argument::at(Where where) const {
  switch (kind) {
    case Kind::number: return value;
    case Kind::kernel: return reinterpret_cast<uint64_t>(kernel_buffer);
    case Kind::text: return place(UserMemory::text, where);
    case Kind::zeroes: return place(UserMemory::zeroes, where);
  }
  return 0;
}

constexpr Argument kernel_side{Argument::Kind::kernel};
constexpr Argument text_side{Argument::Kind::text};
constexpr Argument zero_side{Argument::Kind::zeroes};
constexpr Argument number(uint64_t value) {
  return {Argument::Kind::number, value};
}

struct Primitive {
  const char* name;
  const void* function;
  Argument a, b, c;
};

template <typename F>
const void* address(F* function) {
  return reinterpret_cast<const void*>(function);
}

#define PRIMITIVE(name, a, b, c)             \
  Primitive {                                \
    #name, address(usercopy_##name), a, b, c \
  }

constexpr uint64_t first_word = 0x504f'4e4d'4c4b'4a49;  // of the text, at offset 8

void visit_copies(void (*visit)(const Primitive&)) {
  visit(PRIMITIVE(from_user_bulk, kernel_side, text_side, number(37)));
  visit(PRIMITIVE(from_user_bulk, kernel_side, text_side, number(200)));
  visit(PRIMITIVE(from_user_steps, kernel_side, text_side, number(150)));
  visit(PRIMITIVE(to_user_bulk, zero_side, kernel_side, number(37)));
  visit(PRIMITIVE(to_user_bulk, zero_side, kernel_side, number(200)));
  visit(PRIMITIVE(to_user_steps, zero_side, kernel_side, number(150)));
  visit(PRIMITIVE(user_to_user, zero_side, text_side, number(37)));
  visit(PRIMITIVE(clear, text_side, number(77), number(0)));
}

void visit_strings(void (*visit)(const Primitive&)) {
  visit(PRIMITIVE(string_length, text_side, number(64), number(0)));
  visit(PRIMITIVE(string_copy, kernel_side, text_side, number(64)));
  visit(PRIMITIVE(zero_prefix, zero_side, number(43), number(0)));
  visit(PRIMITIVE(zero_prefix, text_side, number(43), number(0)));
}

void visit_values(void (*visit)(const Primitive&)) {
  visit(PRIMITIVE(load_1, text_side, number(0), number(0)));
  visit(PRIMITIVE(load_2, text_side, number(0), number(0)));
  visit(PRIMITIVE(load_4, text_side, number(0), number(0)));
  visit(PRIMITIVE(load_8, text_side, number(0), number(0)));
  visit(PRIMITIVE(store_1, text_side, number(1), number(0)));
  visit(PRIMITIVE(store_2, text_side, number(2), number(0)));
  visit(PRIMITIVE(store_4, text_side, number(3), number(0)));
  visit(PRIMITIVE(store_8, text_side, number(4), number(0)));
}

void visit_atomics(void (*visit)(const Primitive&)) {
  visit(PRIMITIVE(compare_exchange_4, text_side, number(uint32_t(first_word)), number(1)));
  visit(PRIMITIVE(compare_exchange_4, text_side, number(5), number(1)));
  visit(PRIMITIVE(compare_exchange_8, text_side, number(first_word), number(1)));
  visit(PRIMITIVE(compare_exchange_8, text_side, number(5), number(1)));
  visit(PRIMITIVE(exchange_4, text_side, number(6), number(0)));
  visit(PRIMITIVE(exchange_8, text_side, number(7), number(0)));
  visit(PRIMITIVE(fetch_add_4, text_side, number(8), number(0)));
  visit(PRIMITIVE(fetch_add_8, text_side, number(9), number(0)));
  visit(PRIMITIVE(fetch_or_4, text_side, number(~0ULL), number(0)));
  visit(PRIMITIVE(fetch_or_8, text_side, number(~0ULL), number(0)));
  visit(PRIMITIVE(fetch_and_4, text_side, number(10), number(0)));
  visit(PRIMITIVE(fetch_and_8, text_side, number(11), number(0)));
  visit(PRIMITIVE(fetch_xor_4, text_side, number(12), number(0)));
  visit(PRIMITIVE(fetch_xor_8, text_side, number(13), number(0)));
}

// ---- Running it

struct Outcome {
  UsercopyValue result{};
  uint64_t memory = 0;
  uint8_t buffer[sizeof(kernel_buffer)]{};

  [[nodiscard]] bool same_as(const Outcome& other) const {
    return result.value == other.result.value && result.status == other.result.status &&
           memory == other.memory && memcmp(buffer, other.buffer, sizeof(buffer)) == 0;
  }
};

using Call = UsercopyValue (*)(const void*, uint64_t, uint64_t, uint64_t);

bool run(const Primitive& primitive, Where where, Call call, Outcome& outcome) {
  UserMemory memory;
  if (!memory.ready()) {
    return false;
  }
  for (size_t i = 0; i < sizeof(kernel_buffer); ++i) {
    kernel_buffer[i] = uint8_t(i * 7 + 1);
  }
  outcome.result =
      call(primitive.function, primitive.a.at(where), primitive.b.at(where), primitive.c.at(where));
  cpu_local().trap_observer = nullptr;
  memcpy(outcome.buffer, kernel_buffer, sizeof(kernel_buffer));
  outcome.memory = UserMemory::digest();
  return cpu::user_access_is_closed();
}

Disturbance chosen;
char reason[160];
bool failed;
uint64_t open_steps_seen;
uint64_t moves_seen;

void complain(const Primitive& primitive, Where where, const char* why, uint64_t pc) {
  const uint64_t start = reinterpret_cast<uint64_t>(primitive.function);
  format_into(reason, sizeof(reason), "%s, case %u: %s at pc 0x%lx (start 0x%lx)", primitive.name,
              unsigned(where), why, pc, start);
  failed = true;
}

Outcome undisturbed;
Outcome disturbed;

void disturb(const Primitive& primitive) {
  for (const Where where : {Where::untouched, Where::half, Where::unmapped}) {
    if (failed) {
      return;
    }
    if (!run(primitive, where, ktest_plain_call, undisturbed)) {
      complain(primitive, where, "no memory, or user access left open", 0);
      return;
    }
    session = Session();
    session.disturbance = chosen;
    cpu_local().trap_observer = observe;
    if (!run(primitive, where, ktest_step_call, disturbed)) {
      complain(primitive, where, "user access left open", 0);
      return;
    }
    open_steps_seen += session.open_steps;
    moves_seen += session.moved;
    if (session.why != nullptr) {
      complain(primitive, where, session.why, session.why_pc);
    } else if (session.steps < 5) {
      complain(primitive, where, "it was not stepped", 0);
    } else if (session.faults == 0) {
      complain(primitive, where, "no access faulted", 0);
    } else if (session.landed < session.disturbances) {
      complain(primitive, where, "disturbances did not land on every instruction", session.pc);
    } else if (!disturbed.same_as(undisturbed)) {
      complain(primitive, where, "another result than undisturbed", session.pc);
    }
  }
}

Verdict under(Disturbance disturbance, void (*each)(void (*)(const Primitive&))) {
  chosen = disturbance;
  failed = false;
  open_steps_seen = 0;
  moves_seen = 0;
  each(disturb);
  cpu_local().trap_observer = nullptr;
  return failed ? reason : passed;
}

void visit_all(void (*visit)(const Primitive&)) {
  visit_copies(visit);
  visit_strings(visit);
  visit_values(visit);
  visit_atomics(visit);
}

Verdict steps_inside_every_primitive_find_the_window_as_it_is() {
  if (const Verdict verdict = under(Disturbance::none, visit_all); verdict != passed) {
    return verdict;
  }
  KTEST_CHECK(open_steps_seen != 0 || !cpu::protection(cpu::Protection::kernel_reads_user).present,
              "no step ever saw user access open");
  return passed;
}

Verdict timer_inside_every_instruction_of_a_copy() {
  return under(Disturbance::timer, visit_copies);
}
Verdict timer_inside_every_instruction_of_a_string_primitive() {
  return under(Disturbance::timer, visit_strings);
}
Verdict timer_inside_every_instruction_of_a_value_primitive() {
  return under(Disturbance::timer, visit_values);
}
Verdict timer_inside_every_instruction_of_an_atomic() {
  return under(Disturbance::timer, visit_atomics);
}
// A page fault in the middle may have waited, and the thread have changed processors.
Verdict a_copy_that_goes_on_elsewhere_starts_over() {
  const Verdict verdict = under(Disturbance::moved, visit_copies);
  return verdict == passed && moves_seen == 0 ? absent : verdict;
}
Verdict nmi_inside_every_instruction_of_a_copy() {
  return has_nmi() ? under(Disturbance::nmi, visit_copies) : absent;
}
Verdict nmi_inside_every_instruction_of_a_string_primitive() {
  return has_nmi() ? under(Disturbance::nmi, visit_strings) : absent;
}
Verdict nmi_inside_every_instruction_of_a_value_primitive() {
  return has_nmi() ? under(Disturbance::nmi, visit_values) : absent;
}
Verdict nmi_inside_every_instruction_of_an_atomic() {
  return has_nmi() ? under(Disturbance::nmi, visit_atomics) : absent;
}

#define TEST(name) {#name, name}

constexpr Test tests[] = {
    TEST(steps_inside_every_primitive_find_the_window_as_it_is),
    TEST(timer_inside_every_instruction_of_a_copy),
    TEST(timer_inside_every_instruction_of_a_string_primitive),
    TEST(timer_inside_every_instruction_of_a_value_primitive),
    TEST(timer_inside_every_instruction_of_an_atomic),
    TEST(a_copy_that_goes_on_elsewhere_starts_over),
    TEST(nmi_inside_every_instruction_of_a_copy),
    TEST(nmi_inside_every_instruction_of_a_string_primitive),
    TEST(nmi_inside_every_instruction_of_a_value_primitive),
    TEST(nmi_inside_every_instruction_of_an_atomic),
};

}  // namespace

constinit const std::span<const Test> window_tests = tests;

}  // namespace kernel::test
