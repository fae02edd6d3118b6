// Scheduler: scripted CPUs as cooperative fibers on one thread, switched only at schedule points.
//
// A schedule point announces the next access (address, read or write) and lets the chooser decide
// who runs; base::Atomic, locks, MMU operations and host calls are schedule points in programs
// compiled with BASE_SCHEDULE_POINTS=1. Between two points a fiber runs alone, so what it does
// there must be private to it or guarded: that is what the TSan build of the concurrent tests
// checks.
//
// Without a scheduler (Scheduler::current() == nullptr) schedule points do nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace sim {

enum class Touch : uint8_t { read, write, acquire, release };

// What a fiber will do when it runs next: one access, or one with a second thing that it touches
// (an entry write touches its word and, for reading, the state of the translation caches).
struct Pending {
  const volatile void* address = nullptr;
  Touch touch = Touch::read;
  const volatile void* also = nullptr;
  Touch also_touch = Touch::read;
};
// Does the order of the two matter?
bool conflict(const Pending& a, const Pending& b);

class Failure;
class Scheduler;

// Decides who runs. `enabled` is never empty; `current` is who ran last (may not be enabled).
class Chooser {
 public:
  virtual ~Chooser() = default;
  virtual uint32_t choose(const Scheduler& scheduler, const std::vector<uint32_t>& enabled,
                          uint32_t current) = 0;
  // A fiber threw, or nobody can run.
  virtual void failed(const char* /*what*/) {}
};

class Scheduler {
 public:
  static constexpr uint32_t nobody = ~0u;

  explicit Scheduler(Chooser& chooser);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The scheduler whose fiber is running, or nullptr.
  static Scheduler* current() {
    Scheduler* running = active_;
    return running != nullptr && running->running_ != nobody && !running->silent_ ? running
                                                                                  : nullptr;
  }

  // A new fiber on `cpu`; it may be started from a running one. Returns its number.
  uint32_t spawn(uint32_t cpu, std::function<void()> body);
  // Runs all fibers to their end. Throws what a fiber threw; Failure{deadlock} when nobody can run.
  void run();
  // Schedule points do nothing, current() is nullptr: the fibers only have stacks of their own.
  void silence_points() { silent_ = true; }

  // ---- From inside a fiber ----
  void point(const Pending& next);
  // Waits until `ready` holds; evaluated by the scheduler, so it must not have effects.
  void wait(const Pending& next, std::function<bool()> ready);
  // Has the CPU something to run that is not finished?
  [[nodiscard]] bool busy(uint32_t cpu) const;
  // One turn of a spin loop: sleeps until somebody else writes what this fiber accessed last.
  void relax();

  [[nodiscard]] uint32_t running() const { return running_; }
  [[nodiscard]] uint32_t running_cpu() const;
  [[nodiscard]] const Pending& pending(uint32_t fiber) const;
  [[nodiscard]] size_t fiber_count() const { return fibers_.size(); }
  [[nodiscard]] bool finished(uint32_t fiber) const;
  // Who started it; nobody when it was not a fiber.
  [[nodiscard]] uint32_t parent(uint32_t fiber) const;

  struct Fiber;

 private:
  friend struct Fiber;
  static void leave(const Failure& failure);
  static Scheduler* running_scheduler();
  bool enabled(const Fiber& fiber) const;
  void switch_to_main();
  static void entry(void* fiber);

  inline static constinit thread_local Scheduler* active_ = nullptr;  // whose run() this is in

  Chooser& chooser_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  uint32_t running_ = nobody;
  bool silent_ = false;
  std::exception_ptr failure_;
  void* main_context_ = nullptr;
};

// Runs `body` on a stack of its own. A failure in it is thrown from here; the stack is abandoned,
// no destructor on it runs.
void run_abandonable(const std::function<void()>& body);

// The running fiber's schedule point, if any.
inline void schedule_point(const volatile void* address, Touch touch) {
  if (Scheduler* scheduler = Scheduler::current()) scheduler->point({address, touch});
}

}  // namespace sim
