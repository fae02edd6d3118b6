// user_space.h: the memory of a process: libvm's address space, where its stack and its data
// segment are, and how messages speak of it.
//
// Shared by the threads of a process, and by processes that share memory (CLONE_VM). Everything
// may be called from several threads at once unless it says otherwise; no lock is held when a
// function returns, and none may be held by the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/atomic.h"
#include "kernel/memory/machine.h"
#include "kernel/memory/memory_tag.h"
#include "kernel/memory/ref.h"

namespace kernel {

class UserSpace final : public RefCounted<UserSpace> {
 public:
  // User addresses are [minimum, end()).
  static constexpr uint64_t minimum = 0x10000;
  static constexpr uint64_t stack_size = 8u << 20;     // how far a stack may grow, by default
  static constexpr uint64_t lockable_size = 8u << 20;  // how much may be locked, by default
  [[nodiscard]] static uint64_t end();

  // An empty space; where stack and mappings go is random unless `aslr=off`.
  // Error::out_of_memory.
  [[nodiscard]] static base::Result<Ref<UserSpace>> create();
  // The copy that fork makes: every page shared until one side writes it. Error::out_of_memory.
  [[nodiscard]] base::Result<Ref<UserSpace>> clone();
  // Frees every page and table. No CPU runs the space.
  ~UserSpace();

  [[nodiscard]] AddressSpace& vm() { return vm_; }

  // Where the first stack ends (one past its highest byte), page aligned.
  [[nodiscard]] uint64_t stack_top() const { return stack_top_; }

  // ---- The data segment's end (brk)

  // Where it starts, for a space that nobody runs yet; page aligned.
  void start_break(uint64_t address);
  [[nodiscard]] uint64_t break_start() const;
  [[nodiscard]] uint64_t break_end() const;
  // Moves the end; returns where it is now: `wanted`, or unchanged when that cannot be.
  [[nodiscard]] uint64_t move_break(uint64_t wanted);

  // ---- Filling

  // Copies `bytes` to `address` through the kernel's window, whatever the pages' rights: for a
  // space that nobody runs yet. Error::fault: not mapped, or no memory; a prefix may be written.
  [[nodiscard]] base::Status write_initial(base::UserAddr address, std::span<const uint8_t> bytes);

  // Brings in every page that may be accessed (`paging=eager`). Error::out_of_memory: some are in.
  [[nodiscard]] base::Status populate();

  // ---- Running

  // Processes whose memory it is: counted by who changes that (process.h), under process_lock.
  void add_user() { users_.fetch_add<base::Order::relaxed>(1); }
  void remove_user() { users_.fetch_sub<base::Order::acquire_release>(1); }
  [[nodiscard]] bool has_users() const { return users_.load<base::Order::acquire>() != 0; }

  // This CPU runs user addresses through this space from now on, instead of what it ran;
  // deactivate(): through none. The caller cannot migrate.
  void activate();
  static void deactivate();

  // ---- Looking

  // The mapping at `address` ("stack 7ff0000-8000000 rw-"), or what is missing, for messages.
  void describe(base::UserAddr address, char* text, size_t capacity);
  // What the page tables say about `address`.
  void describe_walk(base::UserAddr address, char* text, size_t capacity);

  // Pages in the page tables.
  [[nodiscard]] uint64_t resident_pages() { return vm_.statistics().resident.raw(); }
  // Panics with the invariant that does not hold. Nothing else may run on the space meanwhile.
  void check() { vm_.check(); }

  // How Ref's last handle ends it; and how it is made. Not for others.
  void dispose();
  struct Layout {
    uint64_t stack_top;
    vm::SpaceOptions options;
  };
  explicit UserSpace(const Layout& layout);

 private:
  [[nodiscard]] static base::Result<Ref<UserSpace>> make(const Layout& layout);
  [[nodiscard]] vm::FaultOutcome fault_and_wait(const vm::FaultRequest& request);
  [[nodiscard]] base::Result<base::Pfn> own_page(base::Vpn page);
  [[nodiscard]] bool extend_heap(uint64_t from, uint64_t to);

  AddressSpace vm_;
  bool created_ = false;
  base::Atomic<uint32_t> users_{0};
  const uint64_t stack_top_;
  const vm::SpaceOptions options_;  // as created; limits may have changed since
  mutable SpinLock break_lock_{LockRank::program_break};  // before the space's own
  uint64_t break_start_ BASE_GUARDED_BY(break_lock_) = 0;
  uint64_t break_end_ BASE_GUARDED_BY(break_lock_) = 0;
};

}  // namespace kernel
