// Failure: the machine caught a program under test breaking one of its rules.
//
// Thrown, so that a test can demand it (REQUIRE_THROWS) and that a test that does not is failed by
// it. On a stack of its own (a fiber, run_abandonable) the stack is left as it is and the exception
// begins outside: the destructors of a program caught half-way would only find more to complain of.
// Elsewhere, a failure where an exception cannot pass ends the process after printing.
#pragma once

#include <exception>
#include <string>

namespace sim {

enum class Rule {
  freed_frame_access,  // read, write or walk of a frame that was freed
  freed_frame_cached,  // a frame was freed while some CPU could still translate to it
  freed_table_cached,  // a table was freed while some CPU could still walk through it
  freed_frame_mapped,  // a frame was freed while a live entry still names it
  double_free,         // a frame was freed that is not allocated
  break_before_make,   // a live entry was replaced by one that must not follow it directly
  make_before_flush,   // an entry was made while a conflicting translation was still cached
  lost_update,         // a plain store over a live entry: accessed and dirty bits may be lost
  tag_reused,          // a tag was given to another space while its old translations live
  reserved_bits,       // an entry with bits set that this CPU reserves
  behind_the_machine,  // a live entry changed without going through the machine
  deadlock,            // nobody can run
  self_deadlock,       // a CPU waits for a lock that it holds
  livelock,            // retried without end
  intermediate_state,  // a state between two entry writes translates to neither old nor new
  panic,               // base_panic
  mismatch,            // a test's own model disagrees
};

const char* rule_name(Rule rule);

class Failure : public std::exception {
 public:
  Failure(Rule rule, std::string message);
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  [[nodiscard]] Rule rule() const { return rule_; }

 private:
  Rule rule_;
  std::string text_;
};

// Set by whoever runs programs on stacks of their own; does not return if it can leave this one.
extern thread_local void (*leave_stack)(const Failure& failure);

// printf-like. Throws Failure.
[[noreturn]] void fail(Rule rule, const char* format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace sim
