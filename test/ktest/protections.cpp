// protections.cpp: provokes each protection: the access must fault, and the same access must work
// where it is allowed (so that a test cannot pass because everything faults).
#include "cpu/features.h"
#include "cpu/probe.h"
#include "kernel/host/cpu_local.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/user_space.h"
#include "test/ktest/ktest.h"
#include "test/ktest/user_code.h"
#include "test/ktest/user_memory.h"

namespace kernel::test {

namespace {

using cpu::Protection;

constexpr uint64_t user_page = 0x40000000;

// A page of user code that returns at once, mapped and active while this lives.
class UserPage {
 public:
  UserPage() : space_(UserSpace::create()) {
    if (!space_) {
      return;
    }
    ready_ = map_at(*space_.value(), user_page, base::page_size,
                    base::Right::read | base::Right::execute)
                 .ok() &&
             space_.value()->write_initial(base::UserAddr(user_page), code_return()).ok();
    if (ready_) {
      space_.value()->activate();
    }
  }
  ~UserPage() { UserSpace::deactivate(); }
  [[nodiscard]] bool ready() const { return ready_; }

 private:
  base::Result<Ref<UserSpace>> space_;
  bool ready_ = false;
};

[[gnu::noinline]] void do_nothing() {
  asm volatile("");
}

bool execute(uint64_t address) {
  cpu_local().expected_fetch_fault = address;
  const bool completed = cpu::cpu_probe_execute(address);
  cpu_local().expected_fetch_fault = 0;
  return completed;
}

template <typename T>
uint64_t address_of(T* object) {
  return reinterpret_cast<uint64_t>(object);
}

bool is_present(Protection which) {
  return cpu::protection(which).present;
}

Verdict kernel_does_not_execute_user_pages() {
  KTEST_CHECK(execute(address_of(do_nothing)), "even kernel text did not execute");
  if (!is_present(Protection::kernel_executes_user)) {
    return absent;
  }
  const UserPage page;
  KTEST_CHECK(page.ready(), "no memory");
  KTEST_CHECK(!execute(user_page), "the kernel executed a user page");
  return passed;
}

Verdict kernel_does_not_read_user_pages_unasked() {
  const UserPage page;
  KTEST_CHECK(page.ready(), "no memory");
  cpu::open_user_access();
  const bool open = cpu::cpu_probe_read(user_page);
  cpu::close_user_access();
  KTEST_CHECK(open, "user page unreadable with user access open");
  if (!is_present(Protection::kernel_reads_user)) {
    return absent;
  }
  KTEST_CHECK(!cpu::cpu_probe_read(user_page), "the kernel read a user page with access closed");
  return passed;
}

alignas(16) uint8_t data_code[16];

Verdict data_is_not_executable() {
  if (!is_present(Protection::executes_data)) {
    return absent;
  }
  __builtin_memcpy(data_code, code_return().data(), code_return().size());
  cpu::sync_instructions(data_code, sizeof(data_code));
  KTEST_CHECK(!execute(address_of(data_code)), "kernel data executed");
  KTEST_CHECK(!execute(address_of(code_return().data())), "read-only data executed");
  const auto frame = allocate_zeroed_frame();
  KTEST_CHECK(frame.ok(), "no memory");
  void* window = frame_window(frame.value());
  __builtin_memcpy(window, code_return().data(), code_return().size());
  cpu::sync_instructions(window, base::page_size);
  const bool executed = execute(address_of(window));
  free_frames(frame.value(), 0);
  KTEST_CHECK(!executed, "the direct map executed");
  return passed;
}

Verdict read_only_data_is_not_writable() {
  KTEST_CHECK(cpu::cpu_probe_write(address_of(data_code)), "even data is not writable");
  KTEST_CHECK(!cpu::cpu_probe_write(address_of(code_return().data())), "read-only data written");
  return passed;
}

Verdict text_is_not_writable() {
  KTEST_CHECK(cpu::cpu_probe_read(address_of(do_nothing)), "text unreadable");
  KTEST_CHECK(!cpu::cpu_probe_write(address_of(do_nothing)), "kernel text written");
  return passed;
}

Verdict null_page_is_not_mapped() {
  for (const uint64_t address : {0ULL, 8ULL, 4095ULL}) {
    KTEST_CHECK(!cpu::cpu_probe_read(address), "the null page is readable");
  }
  return passed;
}

constexpr Test tests[] = {
    {"kernel_does_not_execute_user_pages", kernel_does_not_execute_user_pages},
    {"kernel_does_not_read_user_pages_unasked", kernel_does_not_read_user_pages_unasked},
    {"data_is_not_executable", data_is_not_executable},
    {"read_only_data_is_not_writable", read_only_data_is_not_writable},
    {"text_is_not_writable", text_is_not_writable},
    {"null_page_is_not_mapped", null_page_is_not_mapped},
};

}  // namespace

constinit const std::span<const Test> protection_tests = tests;

}  // namespace kernel::test
