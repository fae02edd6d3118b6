// Atomic<T> over the compiler's __atomic builtins: <atomic> is not available to kernels built
// without floating point. Only lock-free sizes; every access names its order.
//
// With BASE_SCHEDULE_POINTS defined to 1 every access first calls base_schedule_point, which a test
// supplies to choose who runs next (test/sim/scheduler.h). All of a program is compiled one way.
#pragma once

#include <stdint.h>

#include <type_traits>

#if defined(BASE_SCHEDULE_POINTS) && BASE_SCHEDULE_POINTS
// `writes` is 0 for a load, 1 for anything that may store.
extern "C" void base_schedule_point(const volatile void* address, int writes);
#define BASE_SCHEDULE_POINT(address, writes) ::base_schedule_point(address, writes)
#else
#define BASE_SCHEDULE_POINT(address, writes) static_cast<void>(0)
#endif

namespace base {

enum class Order : int {
  relaxed = __ATOMIC_RELAXED,
  acquire = __ATOMIC_ACQUIRE,
  release = __ATOMIC_RELEASE,
  acquire_release = __ATOMIC_ACQ_REL,
  sequential = __ATOMIC_SEQ_CST,
};

template <class T>
class Atomic {
  static_assert(std::is_trivially_copyable_v<T> &&
                (sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8));

 public:
  constexpr Atomic() = default;
  explicit constexpr Atomic(T value) : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  template <Order order = Order::sequential>
  [[nodiscard]] T load() const {
    BASE_SCHEDULE_POINT(&value_, 0);
    T value;
    __atomic_load(&value_, &value, int(order));
    return value;
  }
  template <Order order = Order::sequential>
  void store(T value) {
    BASE_SCHEDULE_POINT(&value_, 1);
    __atomic_store(&value_, &value, int(order));
  }
  template <Order order = Order::sequential>
  T exchange(T value) {
    BASE_SCHEDULE_POINT(&value_, 1);
    T old;
    __atomic_exchange(&value_, &value, &old, int(order));
    return old;
  }
  // On failure `expected` holds what was found (acquire or relaxed, as `success` loads).
  template <Order success = Order::sequential>
  [[nodiscard]] bool compare_exchange(T& expected, T desired) {
    BASE_SCHEDULE_POINT(&value_, 1);
    return __atomic_compare_exchange(&value_, &expected, &desired, false, int(success),
                                     failure_order(success));
  }
  template <Order order = Order::sequential>
  T fetch_add(T by) {
    BASE_SCHEDULE_POINT(&value_, 1);
    return __atomic_fetch_add(&value_, by, int(order));
  }
  template <Order order = Order::sequential>
  T fetch_sub(T by) {
    BASE_SCHEDULE_POINT(&value_, 1);
    return __atomic_fetch_sub(&value_, by, int(order));
  }
  template <Order order = Order::sequential>
  T fetch_or(T by) {
    BASE_SCHEDULE_POINT(&value_, 1);
    return __atomic_fetch_or(&value_, by, int(order));
  }
  template <Order order = Order::sequential>
  T fetch_and(T by) {
    BASE_SCHEDULE_POINT(&value_, 1);
    return __atomic_fetch_and(&value_, by, int(order));
  }

 private:
  static constexpr int failure_order(Order success) {
    return success == Order::release           ? int(Order::relaxed)
           : success == Order::acquire_release ? int(Order::acquire)
                                               : int(success);
  }
  T value_{};
};

template <Order order>
inline void fence() {
  __atomic_thread_fence(int(order));
}

}  // namespace base
