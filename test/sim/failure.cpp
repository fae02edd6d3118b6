// See failure.h.
#include "sim/failure.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"

namespace sim {

namespace {
std::string last_failure;
}

thread_local void (*leave_stack)(const Failure& failure) = nullptr;

const char* rule_name(Rule rule) {
  switch (rule) {
    case Rule::freed_frame_access: return "access to a freed frame";
    case Rule::freed_frame_cached: return "frame freed while a CPU can still translate to it";
    case Rule::freed_table_cached: return "table freed while a CPU can still walk through it";
    case Rule::freed_frame_mapped: return "frame freed while an entry names it";
    case Rule::double_free: return "frame freed twice";
    case Rule::break_before_make: return "break-before-make violated";
    case Rule::make_before_flush: return "entry made while a conflicting translation is cached";
    case Rule::lost_update: return "plain store over a live entry";
    case Rule::tag_reused: return "tag reused while its translations live";
    case Rule::reserved_bits: return "reserved bits set in an entry";
    case Rule::behind_the_machine: return "live entry changed behind the machine's back";
    case Rule::deadlock: return "deadlock";
    case Rule::self_deadlock: return "self-deadlock";
    case Rule::livelock: return "livelock";
    case Rule::intermediate_state: return "intermediate state translates to neither old nor new";
    case Rule::panic: return "panic";
    case Rule::mismatch: return "model mismatch";
  }
  return "?";
}

Failure::Failure(Rule rule, std::string message)
    : rule_(rule), text_(std::string(rule_name(rule)) + ": " + std::move(message)) {}

void fail(Rule rule, const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  Failure failure(rule, text);
  last_failure = failure.what();
  if (std::getenv("SIM_ABORT") != nullptr) {  // for the debugger
    std::fprintf(stderr, "sim: %s\n", failure.what());
    std::abort();
  }
  if (leave_stack != nullptr) leave_stack(failure);
  throw failure;
}

}  // namespace sim

extern "C" void base_panic(const char* message, const char* file, uint32_t line) {
  if (std::uncaught_exceptions() != 0) {  // a consequence of the failure on its way
    std::fprintf(stderr, "sim: %s\nsim: panic while that unwinds: %s (%s:%u)\n",
                 sim::last_failure.c_str(), message, file, line);
    std::_Exit(134);
  }
  std::fprintf(stderr, "sim: panic: %s (%s:%u)\n", message, file, line);
  sim::fail(sim::Rule::panic, "%s (%s:%u)", message, file, line);
}
