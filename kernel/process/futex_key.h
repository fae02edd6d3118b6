// futex_key.h: what makes two futex words the same word.
//
// A word is private to a space, or lies in memory that several spaces may map: then the object
// behind the mapping and the place in it count, so that processes meet at different addresses.
#pragma once

#include <cstdint>

#include "base/access.h"
#include "base/address.h"
#include "kernel/memory/user_space.h"
#include "kernel/syscall/outcome.h"
#include "vm/object/memory_object.h"

namespace kernel {

// A futex word as a program names it.
struct FutexPlace {
  base::UserAddr address;
  // FUTEX_PRIVATE_FLAG: nobody outside the space is meant, and the mapping is not looked at.
  bool is_private = false;
};

// Equal keys mean the same word. A key of a space holds while a thread of that space lives; a key
// of an object keeps the object.
class FutexKey {
 public:
  FutexKey() = default;
  FutexKey(const FutexKey& other);
  FutexKey(FutexKey&& other) noexcept;
  // With a spin lock held only where another key keeps the object that this one gives up.
  FutexKey& operator=(FutexKey other) noexcept;
  ~FutexKey();

  // The word at `place` in `space`, which the current thread runs in. `wanted` is what will be done
  // to it: memory that forbids it, or none at all, is EFAULT, except that a private place is only
  // looked at when it is used. EINVAL: not aligned to 4 bytes. May bring a page in.
  [[nodiscard]] static Outcome<FutexKey> find(UserSpace& space, const FutexPlace& place,
                                              base::Right wanted);

  [[nodiscard]] uint64_t hash() const;
  friend bool operator==(const FutexKey& a, const FutexKey& b) {
    return a.holder_ == b.holder_ && a.where_ == b.where_ && a.kind_ == b.kind_;
  }

 private:
  // A word that is named as private is another than the same word named as shared: so programs
  // are used to it.
  enum class Kind : uint8_t { none, private_to_space, shared_in_space, object };
  [[nodiscard]] static Outcome<FutexKey> find_shared(UserSpace& space, base::UserAddr address,
                                                     base::Right wanted);
  FutexKey(Kind kind, void* holder, uint64_t where) : kind_(kind), holder_(holder), where_(where) {}

  Kind kind_ = Kind::none;
  void* holder_ = nullptr;  // UserSpace or vm::MemoryObject
  uint64_t where_ = 0;      // address, or byte of the object
};

}  // namespace kernel
