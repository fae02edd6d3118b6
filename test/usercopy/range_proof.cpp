// Proves the range functions for every base, length and limit, with an SMT solver, on the template
// code of usercopy/range.h itself. Prints TAP.
#include <z3++.h>

#include <cstdio>
#include <string>

#include "usercopy/range.h"

namespace {

z3::context* context;

// A symbolic 64-bit integer with the operations that range.h uses.
struct Symbol {
  z3::expr term;
  Symbol(z3::expr value) : term(value) {}  // NOLINT: implicit on purpose
  explicit Symbol(int value) : term(context->bv_val(value, 64)) {}
};
Symbol operator-(const Symbol& a, const Symbol& b) {
  return a.term - b.term;
}
Symbol operator&(const Symbol& a, const Symbol& b) {
  return a.term & b.term;
}
Symbol operator|(const Symbol& a, const Symbol& b) {
  return a.term | b.term;
}
Symbol operator~(const Symbol& a) {
  return ~a.term;
}
Symbol below(const Symbol& a, const Symbol& b) {
  return z3::ite(z3::ult(a.term, b.term), context->bv_val(1, 64), context->bv_val(0, 64));
}

int number = 0;
int failed = 0;

// `claim` holds for all values of its free constants.
void prove(const char* name, const z3::expr& claim) {
  z3::solver solver(*context);
  solver.add(!claim);
  const bool proved = solver.check() == z3::unsat;
  std::printf("%s %d - %s\n", proved ? "ok" : "not ok", ++number, name);
  if (!proved) {
    ++failed;
    std::printf("# counterexample: %s\n", solver.get_model().to_string().c_str());
  }
}

// A claim that is false, to show that the solver is really asked.
void refute(const char* name, const z3::expr& claim) {
  z3::solver solver(*context);
  solver.add(!claim);
  const bool refuted = solver.check() == z3::sat;
  std::printf("%s %d - %s\n", refuted ? "ok" : "not ok", ++number, name);
  failed += refuted ? 0 : 1;
}

}  // namespace

int main() {
  z3::context c;
  context = &c;
  const z3::expr base = c.bv_const("base", 64);
  const z3::expr length = c.bv_const("length", 64);
  const z3::expr limit = c.bv_const("limit", 64);
  const z3::expr step = c.bv_const("step", 64);
  const auto wide = [](const z3::expr& value) { return z3::zext(value, 64); };
  const z3::expr user_half = z3::ult(limit, c.bv_val(uint64_t{1} << 63, 64));

  const z3::expr clamped = usercopy::clamp_address(Symbol(base), Symbol(limit)).term;
  const z3::expr inside =
      usercopy::mask_if_inside(Symbol(base), Symbol(length), Symbol(limit)).term;

  prove("an address below the limit is kept", z3::implies(z3::ult(base, limit), clamped == base));
  prove("any other address becomes the limit", z3::implies(z3::uge(base, limit), clamped == limit));
  // Ascending access: byte number `step` is reached only when the byte before it was user memory.
  // Sums are 128 bits wide: nothing wraps unseen.
  const z3::expr before = wide(clamped) + wide(step) - c.bv_val(1, 128);
  const z3::expr reached =
      z3::ult(step, length) && (step == c.bv_val(0, 64) || z3::ult(before, wide(limit)));
  prove("the first byte outside user memory that an ascending copy touches is the one at the limit",
        z3::implies(user_half && reached, z3::ule(wide(clamped) + wide(step), wide(limit))));
  prove("no such copy wraps around",
        z3::implies(user_half && reached,
                    z3::ult(wide(clamped) + wide(step), c.bv_val(uint64_t{1} << 63, 128))));
  const z3::expr fits = z3::ule(wide(base) + wide(length), wide(limit));
  prove("a range inside user memory gives all ones", z3::implies(fits, inside == ~c.bv_val(0, 64)));
  prove("any other range gives zero", z3::implies(!fits, inside == c.bv_val(0, 64)));
  prove("a range of a clamped kernel address with a length is never inside",
        z3::implies(z3::uge(base, limit) && length != c.bv_val(0, 64), inside == c.bv_val(0, 64)));
  refute("the solver refutes a false claim", clamped == base);
  std::printf("1..%d\n", number);
  return failed == 0 ? 0 : 1;
}
