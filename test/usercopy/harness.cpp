#include "harness.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "usercopy/alternatives.h"
#include "usercopy/exception_table.h"
#include "usercopy/user_memory.h"

#if defined(__x86_64__)
#include "arch/x86_64/usercopy/patch.h"
namespace isa = x86_64;
extern "C" uint64_t usercopy_limit;
uint64_t usercopy_limit = 0x7ffffffff000;
#else
#include "arch/aarch64/usercopy/patch.h"
namespace isa = aarch64;
extern "C" uint64_t usercopy_limit;
uint64_t usercopy_limit = 0xfffffffff000;
#endif

namespace harness {
namespace {

uint64_t faults = 0;

struct NamedVariant {
  const char* name;
  unsigned feature;  // 0: none
};

#if defined(__x86_64__)
constexpr NamedVariant variants[] = {
    {"steps", 0}, {"movsq", USERCOPY_FEATURE_NO_ERMS}, {"movsb", USERCOPY_FEATURE_STRING_ONLY}};
#else
constexpr NamedVariant variants[] = {{"unprivileged", USERCOPY_FEATURE_FAST_UNPRIVILEGED},
                                     {"bytes", 0},
                                     {"pan", USERCOPY_FEATURE_FAST_PAN_TOGGLE},
                                     {"mops", USERCOPY_FEATURE_MOPS}};
#endif

NamedVariant chosen() {
  const char* wanted = std::getenv("USERCOPY_VARIANT");
  for (const NamedVariant& candidate : variants) {
    if (wanted == nullptr || std::strcmp(wanted, candidate.name) == 0) {
      return candidate;
    }
  }
  std::fprintf(stderr, "no variant '%s'\n", wanted);
  std::exit(2);
}

void on_fault(int, siginfo_t* info, void* raw) {
  auto* context = static_cast<ucontext_t*>(raw);
  const uint64_t address = reinterpret_cast<uint64_t>(info->si_addr);
#if defined(__x86_64__)
  auto& pc = context->uc_mcontext.gregs[REG_RIP];
  const bool write = (context->uc_mcontext.gregs[REG_ERR] & 2) != 0;
  const usercopy::AccessKind kinds[] = {write ? usercopy::AccessKind::write
                                              : usercopy::AccessKind::read};
#else
  // The signal frame does not say which access it was on every kernel and emulator.
  auto& pc = context->uc_mcontext.pc;
  const usercopy::AccessKind kinds[] = {usercopy::AccessKind::read, usercopy::AccessKind::write};
#endif
  for (const usercopy::AccessKind kind : kinds) {
    const uintptr_t fixup = usercopy::find_fixup(uintptr_t(pc), address, kind, usercopy_limit);
    if (fixup != 0) {
      pc = decltype(+pc)(fixup);
      ++faults;
      return;
    }
  }
  std::fprintf(stderr, "fault outside the exception table: pc %#llx address %#llx\n",
               static_cast<unsigned long long>(pc), static_cast<unsigned long long>(address));
  std::abort();
}

void write_code(void*, uintptr_t site, base::Span<const uint8_t> bytes) {
  const uintptr_t first = site & ~(page - 1);
  const uintptr_t end = (site + bytes.size() + page - 1) & ~(page - 1);
  auto* pages = reinterpret_cast<void*>(first);
  // Executable too: this very function may lie in the page. A kernel writes through an alias.
  if (mprotect(pages, end - first, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
    std::abort();
  }
  std::memcpy(reinterpret_cast<void*>(site), bytes.data(), bytes.size());
  if (mprotect(pages, end - first, PROT_READ | PROT_EXEC) != 0) {
    std::abort();
  }
  __builtin___clear_cache(reinterpret_cast<char*>(site),
                          reinterpret_cast<char*>(site + bytes.size()));
}

// Before main, so that no test can forget.
struct Setup {
  Setup() {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    usercopy::FeatureSet features;
    features = features.with(USERCOPY_FEATURE_NO_WINDOW);
    if (chosen().feature != 0) {
      features = features.with(chosen().feature);
    }
    usercopy::apply_alternatives(isa::patcher, features, write_code, nullptr)
        .expect("alternatives are well-formed");
  }
} setup;

}  // namespace

const char* variant() {
  return chosen().name;
}
uint64_t fault_count() {
  return faults;
}

Pages::Pages(size_t count) : count_(count) {
  void* all = mmap(nullptr, (count + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) {
    std::abort();
  }
  begin_ = static_cast<uint8_t*>(all) + page;
  for (size_t i = 0; i < count; ++i) {
    protect(i, PROT_READ | PROT_WRITE);
  }
}

Pages::~Pages() {
  munmap(begin_ - page, (count_ + 2) * page);
}

void Pages::protect(size_t index, int access) const {
  if (mprotect(begin_ + index * page, page, access) != 0) {
    std::abort();
  }
}

void fill(uint8_t* to, size_t size, unsigned seed) {
  uint32_t state = seed * 2654435761u + 12345u;
  for (size_t i = 0; i < size; ++i) {
    state = state * 1664525u + 1013904223u;
    to[i] = uint8_t((state >> 24) | 1);  // never zero: a zeroed rest is visible
  }
}

bool holds(const uint8_t* at, size_t size, uint8_t byte) {
  return size == 0 || (at[0] == byte && std::memcmp(at, at + 1, size - 1) == 0);
}

}  // namespace harness
