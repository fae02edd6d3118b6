// ref.h: kernel objects with several owners: a count inside the object, and the handle that keeps
// it.
//
// The last handle destroys the object and gives its memory back to the heap: where that may take
// locks or wait, the type says so. Handles are not locked: one thread changes one handle at a time.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/check.h"
#include "kernel/memory/heap.h"

namespace kernel {

template <typename T>
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  // The caller holds a reference already.
  void retain() const {
    const uint32_t before = count_.fetch_add<base::Order::relaxed>(1);
    BASE_CHECK(before != 0, "dead kernel object retained");
  }
  // For look-ups that hold nothing: false when the last reference is gone.
  [[nodiscard]] bool retain_unless_dead() const {
    uint32_t now = count_.load<base::Order::relaxed>();
    do {
      if (now == 0) {
        return false;
      }
    } while (!count_.compare_exchange<base::Order::acquire>(now, now + 1));
    return true;
  }
  void release() const {
    const uint32_t before = count_.fetch_sub<base::Order::acquire_release>(1);
    BASE_CHECK(before != 0, "kernel object released twice");
    if (before == 1) {
      T* object = const_cast<T*>(static_cast<const T*>(this));
      if constexpr (requires { object->dispose(); }) {
        object->dispose();
      } else {
        object->~T();
        heap_free(object);
      }
    }
  }
  [[nodiscard]] uint32_t references() const { return count_.load<base::Order::relaxed>(); }

 protected:
  // Born with one reference, the maker's.
  RefCounted() = default;
  ~RefCounted() = default;

 private:
  mutable base::Atomic<uint32_t> count_{1};
};

// One reference, owned. A class that several derive from has a virtual destructor, and is the T of
// RefCounted<T>.
template <typename T>
class Ref {
 public:
  Ref() = default;
  // Takes over the caller's reference.
  [[nodiscard]] static Ref adopt(T& object) { return Ref(&object); }
  // Adds one.
  [[nodiscard]] static Ref share(T& object) {
    object.retain();
    return Ref(&object);
  }
  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) {
      object_->retain();
    }
  }
  Ref(Ref&& other) noexcept : object_(base::exchange(other.object_, nullptr)) {}
  // Of a class derived from T.
  template <typename U>
    requires(!std::is_same_v<U, T> && std::is_convertible_v<U*, T*>)
  Ref(Ref<U>&& other) noexcept : object_(other.take()) {}  // NOLINT: implicit, like a pointer
  Ref& operator=(Ref other) noexcept {
    T* before = base::exchange(object_, base::exchange(other.object_, nullptr));
    if (before != nullptr) {
      before->release();
    }
    return *this;
  }
  ~Ref() { reset(); }

  void reset() {
    if (T* object = base::exchange(object_, nullptr)) {
      object->release();
    }
  }
  // The reference is the caller's from now on.
  [[nodiscard]] T* take() { return base::exchange(object_, nullptr); }
  [[nodiscard]] T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  explicit Ref(T* object) : object_(object) {}
  T* object_ = nullptr;
};

// Error::out_of_memory.
template <typename T, typename... Args>
base::Result<Ref<T>> make_ref(Args&&... args) {
  static_assert(alignof(T) <= 16);
  BASE_TRY_ASSIGN(void* storage, heap_allocate(sizeof(T)));
  return Ref<T>::adopt(*base::construct_at<T>(storage, base::forward<Args>(args)...));
}

}  // namespace kernel
