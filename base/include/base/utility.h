// move, forward, swap, exchange, construction in place: what the libraries need of <utility> and
// <new>, which kernels built without floating point cannot always include.
#pragma once

#include <stddef.h>

#include <type_traits>

namespace base {

template <class T>
constexpr std::remove_reference_t<T>&& move(T&& value) noexcept {
  return static_cast<std::remove_reference_t<T>&&>(value);
}

template <class T>
constexpr T&& forward(std::remove_reference_t<T>& value) noexcept {
  return static_cast<T&&>(value);
}
template <class T>
constexpr T&& forward(std::remove_reference_t<T>&& value) noexcept {
  static_assert(!std::is_lvalue_reference_v<T>);
  return static_cast<T&&>(value);
}

template <class T>
constexpr void swap(T& a, T& b) noexcept {
  T saved = base::move(a);
  a = base::move(b);
  b = base::move(saved);
}

// Stores `next` and returns what was there.
template <class T, class U = T>
constexpr T exchange(T& object, U&& next) noexcept {
  T old = base::move(object);
  object = base::forward<U>(next);
  return old;
}

template <class T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}

struct Place {
  void* address;
};

}  // namespace base

// Distinct from the standard placement form, so that it lives beside <new>.
inline void* operator new(size_t, base::Place place) noexcept {
  return place.address;
}
inline void operator delete(void*, base::Place) noexcept {}

namespace base {

// Starts the lifetime of a T in storage of suitable size and alignment that the caller owns.
template <class T, class... Args>
T* construct_at(void* storage, Args&&... args) {
  return ::new (Place{storage}) T(base::forward<Args>(args)...);
}

template <class T>
void destroy_at(T* object) {
  object->~T();
}

}  // namespace base
