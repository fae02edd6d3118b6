// Mapping: what may be at a range of pages: rights, backing, and how children inherit it.
//
// A value of five words that says nothing about what is resident: that is the page table's. Units:
// pages. Invariants: the range is not empty; access is within max_access.
#pragma once

#include <stdint.h>

#include "base/access.h"
#include "base/address.h"
#include "base/bits.h"
#include "base/page_range.h"
#include "vm/object/memory_object.h"

namespace vm {

// Whether writes reach the object (shared) or a copy of its pages (private).
enum class Sharing : uint8_t { private_copy, shared };

// What a clone of the space gets: a copy (shared mappings stay shared), the same memory, nothing,
// or zero-filled memory of the same layout.
enum class Inherit : uint8_t { copy, share, none, wipe };

// How the pages will be used; steers fault-around and readahead.
enum class Pattern : uint8_t { normal, sequential, random };

// Whether large pages are wanted here.
enum class HugePages : uint8_t { by_policy, always, never };

// Whether pages must stay resident. on_fault: those that have become so.
enum class Locking : uint8_t { none, on_fault, all };

class Mapping {
 public:
  constexpr Mapping() = default;
  // Private zero-fill memory, copied to children.
  constexpr Mapping(base::VpnRange range, base::Access access, base::Access max_access)
      : first_(range.first().raw()),
        end_(range.end().raw()),
        attributes_(uint64_t(access.raw()) | uint64_t(max_access.raw()) << 4) {}

  [[nodiscard]] constexpr base::VpnRange range() const {
    return {base::Vpn(first_), base::Vpn(end_)};
  }
  [[nodiscard]] constexpr base::Vpn first() const { return base::Vpn(first_); }
  [[nodiscard]] constexpr base::Vpn end() const { return base::Vpn(end_); }
  [[nodiscard]] constexpr base::PageCount count() const { return base::PageCount(end_ - first_); }

  [[nodiscard]] constexpr base::Access access() const {
    return base::Access::from_raw(uint8_t(attributes_ & 15));
  }
  [[nodiscard]] constexpr base::Access max_access() const {
    return base::Access::from_raw(uint8_t(attributes_ >> 4 & 15));
  }
  [[nodiscard]] constexpr Sharing sharing() const { return Sharing(get(8, 1)); }
  [[nodiscard]] constexpr bool is_shared() const { return sharing() == Sharing::shared; }
  [[nodiscard]] constexpr Inherit inherit() const {
    return get(20, 1) != 0 ? Inherit::none : inherited_as();
  }
  // How children would get it, were it inherited.
  [[nodiscard]] constexpr Inherit inherited_as() const { return Inherit(get(9, 2)); }
  [[nodiscard]] constexpr Pattern pattern() const { return Pattern(get(11, 2)); }
  [[nodiscard]] constexpr HugePages huge_pages() const { return HugePages(get(13, 2)); }
  [[nodiscard]] constexpr Locking locking() const { return Locking(get(15, 2)); }
  // A stack: a fault just below it extends it downwards, and a guard gap stays free below.
  [[nodiscard]] constexpr bool grows_down() const { return get(17, 1) != 0; }
  // Its pages are counted against the commit limit (private and writable, once).
  [[nodiscard]] constexpr bool charged() const { return get(18, 1) != 0; }
  // May not be unmapped, moved or have its rights changed by its own space.
  [[nodiscard]] constexpr bool sealed() const { return get(19, 1) != 0; }
  // A free tag for the embedder: shown in listings, compared when neighbours merge.
  [[nodiscard]] constexpr uint32_t tag() const { return uint32_t(attributes_ >> 32); }

  // nullptr: zero-fill memory. A mapping in a map holds one reference.
  [[nodiscard]] MemoryObject* object() const { return reinterpret_cast<MemoryObject*>(object_); }
  // The page of the object behind first().
  [[nodiscard]] constexpr ObjectPage object_page() const { return ObjectPage(object_page_); }
  // The page of the object behind `page`, which is in range().
  [[nodiscard]] constexpr ObjectPage object_page_of(base::Vpn page) const {
    return ObjectPage(object_page_ + (page.raw() - first_));
  }
  // The pages of the object behind `range`, which lies within this one.
  [[nodiscard]] constexpr ObjectRange object_range_of(base::VpnRange range) const {
    return ObjectRange::of(object_page_of(range.first()), range.count());
  }

  constexpr Mapping& set_access(base::Access access) { return put(0, 4, access.raw()); }
  constexpr Mapping& set_max_access(base::Access access) { return put(4, 4, access.raw()); }
  constexpr Mapping& set_sharing(Sharing sharing) { return put(8, 1, uint64_t(sharing)); }
  constexpr Mapping& set_inherit(Inherit inherit) {
    return inherit == Inherit::none ? put(20, 1, 1) : set_inherited().set_inherited_as(inherit);
  }
  constexpr Mapping& set_inherited() { return put(20, 1, 0); }
  constexpr Mapping& set_inherited_as(Inherit inherit) { return put(9, 2, uint64_t(inherit)); }
  constexpr Mapping& set_pattern(Pattern pattern) { return put(11, 2, uint64_t(pattern)); }
  constexpr Mapping& set_huge_pages(HugePages huge) { return put(13, 2, uint64_t(huge)); }
  constexpr Mapping& set_locking(Locking locking) { return put(15, 2, uint64_t(locking)); }
  constexpr Mapping& set_grows_down() { return put(17, 1, 1); }
  constexpr Mapping& set_charged() { return put(18, 1, 1); }
  constexpr Mapping& clear_charged() { return put(18, 1, 0); }
  constexpr Mapping& set_sealed() { return put(19, 1, 1); }
  constexpr Mapping& set_tag(uint32_t tag) { return put(32, 32, tag); }
  Mapping& set_object(MemoryObject* object, ObjectPage first_page) {
    object_ = reinterpret_cast<uint64_t>(object);
    object_page_ = object == nullptr ? 0 : first_page.raw();
    return *this;
  }
  // The same backing page by page, over another range: `range` lies anywhere; its first page has
  // what was behind `from`, a page of this mapping (or of what this mapping would be, extended).
  [[nodiscard]] constexpr Mapping moved(base::Vpn from, base::VpnRange range) const {
    Mapping result = *this;
    if (object_ != 0) {
      result.object_page_ = object_page_ + (from.raw() - first_);
    }
    result.first_ = range.first().raw();
    result.end_ = range.end().raw();
    return result;
  }
  // The part within `range`, which overlaps.
  [[nodiscard]] constexpr Mapping part(base::VpnRange range) const {
    const base::VpnRange inside = this->range().intersect(range);
    return moved(inside.first(), inside);
  }

  // True when `next` follows directly and differs in nothing but its place.
  [[nodiscard]] constexpr bool continues_in(const Mapping& next) const {
    return end_ == next.first_ && attributes_ == next.attributes_ && object_ == next.object_ &&
           (object_ == 0 || object_page_ + (end_ - first_) == next.object_page_);
  }

  friend constexpr bool operator==(const Mapping& a, const Mapping& b) {
    return a.first_ == b.first_ && a.end_ == b.end_ && a.attributes_ == b.attributes_ &&
           a.object_ == b.object_ && a.object_page_ == b.object_page_;
  }

 private:
  friend class MappingMap;
  friend struct MappingLeaf;

  [[nodiscard]] constexpr uint64_t get(unsigned low, unsigned width) const {
    return base::field(attributes_, low, width);
  }
  constexpr Mapping& put(unsigned low, unsigned width, uint64_t value) {
    attributes_ = (attributes_ & ~base::mask(low, width)) | value << low;
    return *this;
  }

  uint64_t first_ = 0;
  uint64_t end_ = 0;
  uint64_t attributes_ = 0;
  uint64_t object_ = 0;
  uint64_t object_page_ = 0;
};

}  // namespace vm
