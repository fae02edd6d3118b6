#include "kernel/process/futex_key.h"

#include "kernel/syscall/user_copy.h"

namespace kernel {

FutexKey::FutexKey(const FutexKey& other)
    : kind_(other.kind_), holder_(other.holder_), where_(other.where_) {
  if (kind_ == Kind::object) {
    static_cast<vm::MemoryObject*>(holder_)->retain();
  }
}

FutexKey::FutexKey(FutexKey&& other) noexcept
    : kind_(base::exchange(other.kind_, Kind::none)),
      holder_(base::exchange(other.holder_, nullptr)),
      where_(other.where_) {}

FutexKey& FutexKey::operator=(FutexKey other) noexcept {
  base::swap(kind_, other.kind_);
  base::swap(holder_, other.holder_);
  base::swap(where_, other.where_);
  return *this;
}

FutexKey::~FutexKey() {
  if (kind_ == Kind::object) {
    static_cast<vm::MemoryObject*>(holder_)->release();
  }
}

Outcome<FutexKey> FutexKey::find(UserSpace& space, const FutexPlace& place, base::Right wanted) {
  const uint64_t address = place.address.raw();
  if (address % sizeof(uint32_t) != 0) {
    return Errno::invalid;
  }
  if (address >= UserSpace::end()) {
    return Errno::bad_address;
  }
  if (place.is_private) {
    return FutexKey(Kind::private_to_space, &space, address);
  }
  return find_shared(space, place.address, wanted);
}

Outcome<FutexKey> FutexKey::find_shared(UserSpace& space, base::UserAddr address,
                                        base::Right wanted) {
  const auto value = read_user<uint32_t>(address);  // whoever owes the page brings it
  if (!value) {
    return value.error();
  }
  FutexKey key;
  const bool found = space.vm().visit_mapping_at(
      base::Vpn(address.raw() >> base::page_shift), [&](const vm::Mapping& mapping) {
        // Memory that only this space has and that nobody may write never changes.
        const base::Right least = mapping.is_shared() ? wanted : base::Right::write;
        if (!mapping.access().has(least)) {
          return;
        }
        if (!mapping.is_shared()) {
          key = FutexKey(Kind::shared_in_space, &space, address.raw());
          return;
        }
        mapping.object()->retain();
        const vm::ObjectPage page =
            mapping.object_page_of(base::Vpn(address.raw() >> base::page_shift));
        key = FutexKey(Kind::object, mapping.object(),
                       page.raw() << base::page_shift | address.raw() % base::page_size);
      });
  if (!found || key.kind_ == Kind::none) {
    return Errno::bad_address;
  }
  return key;
}

uint64_t FutexKey::hash() const {
  constexpr uint64_t odd = 0x9e37'79b9'7f4a'7c15;  // 2^64 over the golden ratio
  const uint64_t mixed = (reinterpret_cast<uint64_t>(holder_) ^ where_ * odd) * odd;
  return mixed >> 32;
}

}  // namespace kernel
