// Atomic<T> over the compiler's __atomic builtins: <atomic> is not available to kernels built
// without floating point. Only lock-free sizes; every access names its order.
#pragma once

#include <stdint.h>

#include <type_traits>

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
    T value;
    __atomic_load(&value_, &value, int(order));
    return value;
  }
  template <Order order = Order::sequential>
  void store(T value) {
    __atomic_store(&value_, &value, int(order));
  }
  template <Order order = Order::sequential>
  T exchange(T value) {
    T old;
    __atomic_exchange(&value_, &value, &old, int(order));
    return old;
  }
  // On failure `expected` holds what was found (acquire or relaxed, as `success` loads).
  template <Order success = Order::sequential>
  [[nodiscard]] bool compare_exchange(T& expected, T desired) {
    return __atomic_compare_exchange(&value_, &expected, &desired, false, int(success),
                                     failure_order(success));
  }
  template <Order order = Order::sequential>
  T fetch_add(T by) {
    return __atomic_fetch_add(&value_, by, int(order));
  }
  template <Order order = Order::sequential>
  T fetch_sub(T by) {
    return __atomic_fetch_sub(&value_, by, int(order));
  }
  template <Order order = Order::sequential>
  T fetch_or(T by) {
    return __atomic_fetch_or(&value_, by, int(order));
  }
  template <Order order = Order::sequential>
  T fetch_and(T by) {
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
