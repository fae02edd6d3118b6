// program_tests.cpp: real user mode: tiny programs that behave and misbehave. Whatever they do, the
// kernel lives, reports the right status and leaks nothing (the runner audits).
#include <cstring>

#include "cpu/context.h"
#include "cpu/features.h"
#include "kernel/host/cpu_local.h"
#include "kernel/process/image.h"
#include "kernel/process/init.h"
#include "kernel/process/scheduler.h"
#include "test/ktest/ktest.h"
#include "test/ktest/user_code.h"
#include "test/ktest/user_memory.h"

namespace kernel::test {

namespace {

constexpr uint64_t code_address = 0x400000;
constexpr uint64_t stack_address = 0x7000000;
constexpr uint64_t stack_bytes = 2u << 20;

constexpr unsigned no_memory = 1000;
constexpr unsigned segment_fault = 139;
constexpr unsigned illegal_instruction = 132;

// Runs `code` in a process of its own; its status, or no_memory.
unsigned run_code(Code code, uint64_t start = code_address) {
  auto process = make_ref<Process>("ktest");
  auto memory = UserSpace::create();
  auto actions = make_ref<SignalActions>();
  if (!process || !memory || !actions) {
    return no_memory;
  }
  process.value()->signals.actions = base::move(actions.value());
  UserSpace& space = *memory.value();
  constexpr base::Access read_write = base::Right::read | base::Right::write;
  if (!map_at(space, code_address, base::page_size, base::Right::read | base::Right::execute,
              code) ||
      !map_at(space, stack_address, stack_bytes, read_write)) {
    return no_memory;
  }
  const auto frame = cpu::TrapFrame::for_user(start, stack_address + stack_bytes - base::page_size);
  (void)process.value()->exchange_space(base::move(memory.value()));
  auto thread = Thread::create_user(*process.value(), frame);
  const auto id = thread ? enlist(process.value(), *thread.value(), init_process())
                         : base::Result<uint32_t>(thread.error());
  if (!id) {
    process.value()->exchange_space({}).reset();
    return no_memory;
  }
  process.value().reset();
  thread.value()->inherit_affinity(current_thread());
  start_thread(base::move(thread.value()));
  return wait_as_init(id.value());
}

Verdict program_exits_with_its_status() {
  KTEST_CHECK(run_code(code_exit_7()) == 7, "wrong status");
  return passed;
}

Verdict user_mode_does_not_read_system_tables() {
  const unsigned status = run_code(code_read_tables());
  if (!cpu::protection(cpu::Protection::user_reads_tables).present && status == 0) {
    return absent;
  }
  KTEST_CHECK(status == segment_fault || status == illegal_instruction,
              "user mode read a system table");
  return passed;
}

Verdict privileged_instruction_kills_the_program() {
  const unsigned status = run_code(code_privileged());
  KTEST_CHECK(status == segment_fault || status == illegal_instruction, "wrong status");
  return passed;
}

Verdict illegal_instruction_kills_the_program() {
  KTEST_CHECK(run_code(code_illegal()) == illegal_instruction, "wrong status");
  return passed;
}

Verdict write_to_null_kills_the_program() {
  KTEST_CHECK(run_code(code_write_null()) == segment_fault, "wrong status");
  return passed;
}

Verdict kernel_memory_is_out_of_reach() {
  KTEST_CHECK(run_code(code_read_kernel()) == segment_fault, "user mode read kernel memory");
  KTEST_CHECK(run_code(code_jump_kernel()) == segment_fault, "user mode ran kernel memory");
  return passed;
}

Verdict user_text_is_not_writable() {
  KTEST_CHECK(run_code(code_write_text()) == segment_fault, "a program wrote its text");
  return passed;
}

Verdict user_stack_is_not_executable() {
  KTEST_CHECK(run_code(code_run_stack()) == segment_fault, "a program ran its stack");
  return passed;
}

Verdict user_stack_grows_on_demand() {
  KTEST_CHECK(run_code(code_grow_stack()) == 0, "the stack could not be touched");
  return passed;
}

// The kernel must not run with them either: every trap checks that user access is closed, which AC
// would open.
Verdict flags_of_user_mode_stay_in_user_mode() {
  KTEST_CHECK(run_code(code_keep_flags()) == 0, "flags changed");
  return passed;
}

// Where no instruction can be: the return to user mode itself must not fault in the kernel.
Verdict start_outside_user_memory_kills_the_program() {
  const uint64_t starts[] = {UserSpace::end(), UserSpace::end() + base::page_size,
                             1ULL << 47,       1ULL << 56,
                             1ULL << 63,       ~0ULL << 12,
                             ~0ULL - 3};
  for (const uint64_t start : starts) {
    KTEST_CHECK(run_code(code_exit_7(), start) == segment_fault, "wrong status");
  }
  return passed;
}

Verdict ticks_interrupt_user_mode() {
  const uint64_t before = cpu_local().ticks;
  KTEST_CHECK(run_code(code_loop()) == 0, "wrong status");
  KTEST_CHECK(cpu_local().ticks != before, "no tick arrived in user mode");
  return passed;
}

Verdict new_program_sees_clear_vector_registers() {
  KTEST_CHECK(run_code(code_fill_vectors()) == 0, "wrong status");
  KTEST_CHECK(run_code(code_look_at_vectors()) == 0, "values of the program before are visible");
  return passed;
}

// The kernel touches no vector register, so those of a program that has ended are still there.
Verdict vector_registers_are_saved_and_loaded() {
  constexpr size_t room = 4096;
  alignas(64) static uint8_t filled[room];
  alignas(64) static uint8_t clear[room];
  alignas(64) static uint8_t again[room];
  const uint64_t size = cpu::user_state_size();
  KTEST_CHECK(size <= room, "the state is larger than this test expects");
  KTEST_CHECK(run_code(code_fill_vectors()) == 0, "wrong status");
  cpu::save_user_state(filled);
  cpu::reset_user_state();
  cpu::save_user_state(clear);
  cpu::load_user_state(filled);
  cpu::save_user_state(again);
  cpu::reset_user_state();
  KTEST_CHECK(memcmp(filled, clear, size) != 0, "nothing was saved, or nothing reset");
  KTEST_CHECK(memcmp(filled, again, size) == 0, "what was loaded is not what was saved");
  return passed;
}

Verdict many_programs_leak_nothing() {
  for (unsigned i = 0; i < 50; ++i) {
    const bool killed = i % 10 == 9;
    const Code code = killed ? code_write_null() : code_exit_7();
    KTEST_CHECK(run_code(code) == (killed ? segment_fault : 7u), "wrong status");
  }
  return passed;
}

constexpr Test tests[] = {
    {"program_exits_with_its_status", program_exits_with_its_status},
    {"user_mode_does_not_read_system_tables", user_mode_does_not_read_system_tables},
    {"privileged_instruction_kills_the_program", privileged_instruction_kills_the_program},
    {"illegal_instruction_kills_the_program", illegal_instruction_kills_the_program},
    {"write_to_null_kills_the_program", write_to_null_kills_the_program},
    {"kernel_memory_is_out_of_reach", kernel_memory_is_out_of_reach},
    {"user_text_is_not_writable", user_text_is_not_writable},
    {"user_stack_is_not_executable", user_stack_is_not_executable},
    {"user_stack_grows_on_demand", user_stack_grows_on_demand},
    {"flags_of_user_mode_stay_in_user_mode", flags_of_user_mode_stay_in_user_mode},
    {"start_outside_user_memory_kills_the_program", start_outside_user_memory_kills_the_program},
    {"ticks_interrupt_user_mode", ticks_interrupt_user_mode},
    {"new_program_sees_clear_vector_registers", new_program_sees_clear_vector_registers},
    {"vector_registers_are_saved_and_loaded", vector_registers_are_saved_and_loaded},
    {"many_programs_leak_nothing", many_programs_leak_nothing},
};

}  // namespace

constinit const std::span<const Test> program_tests = tests;

}  // namespace kernel::test
