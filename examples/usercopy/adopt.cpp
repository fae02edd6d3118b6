// All that a kernel adds to use libusercopy. Compiled for both architectures by the build.
//
// 1. usercopy_limit: where user addresses end.  2. base_panic: what to do with a broken invariant.
// 3. One call at boot.  4. One call in the page-fault handler. Then system calls copy.
#include "usercopy/alternatives.h"
#include "usercopy/exception_table.h"
#include "usercopy/patch.h"  // of arch/<isa>
#include "usercopy/user_slice.h"

#if defined(__x86_64__)
namespace isa = x86_64;
#else
namespace isa = aarch64;
#endif

// 1. The page at this address is never mapped. Here: 47 bits of user addresses.
uint64_t usercopy_limit = 0x7ffffffff000;

// What the kernel already has.
struct Registers {
  uintptr_t pc;
};
bool resolve_user_fault(uint64_t address, bool write);  // demand paging
void write_text(void* context, uintptr_t site,
                base::Span<const uint8_t> bytes);  // through an alias
bool cpu_has_smap_or_pan();
[[noreturn]] void kernel_fault(const Registers& registers, uint64_t address);

// 3. Before the first user access.
void usercopy_init() {
  usercopy::FeatureSet features;
  if (!cpu_has_smap_or_pan()) {
    features = features.with(USERCOPY_FEATURE_NO_WINDOW);
  }
  features = features.with(USERCOPY_FEATURE_FAST_UNPRIVILEGED);  // aarch64; x86_64 has no such site
  usercopy::apply_alternatives(isa::patcher, features, write_text, nullptr)
      .expect("libusercopy's own records are well-formed");
}

// 4. A page fault taken in kernel mode.
void kernel_page_fault(Registers& registers, uint64_t address, bool write) {
  if (address < usercopy_limit && resolve_user_fault(address, write)) {
    return;  // the copy goes on
  }
  const auto kind = write ? usercopy::AccessKind::write : usercopy::AccessKind::read;
  const uintptr_t fixup = usercopy::find_fixup(registers.pc, address, kind, usercopy_limit);
  if (fixup == 0) {
    kernel_fault(registers, address);  // not a user copy: a bug
  }
  registers.pc = fixup;  // the copy returns early and says how far it came
}

// And a system call: the sum of the numbers a user passes, written back to it.
base::Status sys_sum(base::UserAddr numbers, uint64_t count, base::UserAddr result) {
  const base::Checked<uint64_t> size = base::checked_mul(count, uint64_t{sizeof(uint32_t)});
  if (!size.ok) {
    return base::Error::invalid_argument;
  }
  BASE_TRY_ASSIGN(auto in, usercopy::UserSlice::ro(numbers, base::Bytes(size.value)));
  BASE_TRY_ASSIGN(auto out, usercopy::UserSlice::wo(result, base::Bytes(sizeof(uint64_t))));
  uint64_t sum = 0;
  while (!in.empty()) {
    BASE_TRY_ASSIGN(const uint32_t number, in.read_struct<uint32_t>());
    sum += number;
  }
  return out.write_struct(sum);
}
