// List<T, &T::member>: a doubly linked circular list through a node inside the elements.
//
// Owns nothing; elements must leave the list before they die (checked). No allocation. Not locked:
// whoever owns the list says which lock guards it.
#pragma once

#include <stddef.h>

#include "base/check.h"

namespace base {

class ListNode {
 public:
  constexpr ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { BASE_CHECK(!linked(), "list node destroyed while linked"); }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }

 private:
  template <class T, ListNode T::* member>
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

template <class T, ListNode T::* member>
class List {
 public:
  constexpr List() { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    BASE_CHECK(empty(), "list destroyed with elements");
    head_.next_ = head_.previous_ = nullptr;
  }

  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
  // nullptr when empty.
  [[nodiscard]] T* front() const { return empty() ? nullptr : element(head_.next_); }
  [[nodiscard]] T* back() const { return empty() ? nullptr : element(head_.previous_); }
  // The neighbour in the list, nullptr at the end.
  [[nodiscard]] T* next(const T& at) const { return element_or_end((at.*member).next_); }
  [[nodiscard]] T* previous(const T& at) const { return element_or_end((at.*member).previous_); }

  void push_front(T& item) { insert(&head_, head_.next_, &(item.*member)); }
  void push_back(T& item) { insert(head_.previous_, &head_, &(item.*member)); }
  // `at` is in this list.
  void insert_before(T& at, T& item) {
    insert((at.*member).previous_, &(at.*member), &(item.*member));
  }
  // `item` is in this list.
  void remove(T& item) {
    ListNode* node = &(item.*member);
    BASE_CHECK(node->linked(), "removing an element that is in no list");
    node->previous_->next_ = node->next_;
    node->next_->previous_ = node->previous_;
    node->next_ = node->previous_ = nullptr;
  }
  // nullptr when empty.
  T* pop_front() {
    T* item = front();
    if (item != nullptr) {
      remove(*item);
    }
    return item;
  }
  T* pop_back() {
    T* item = back();
    if (item != nullptr) {
      remove(*item);
    }
    return item;
  }

 private:
  static void insert(ListNode* before, ListNode* after, ListNode* node) {
    BASE_CHECK(!node->linked(), "element is already in a list");
    node->previous_ = before;
    node->next_ = after;
    before->next_ = node;
    after->previous_ = node;
  }
  [[nodiscard]] T* element_or_end(ListNode* node) const {
    return node == &head_ ? nullptr : element(node);
  }
  static T* element(ListNode* node) {
    // The member's offset, taken from an aligned address that is never dereferenced.
    constexpr size_t probe = alignof(T) < 4096 ? 4096 : alignof(T);
    const T* origin = reinterpret_cast<const T*>(probe);
    const size_t offset = reinterpret_cast<size_t>(&(origin->*member)) - probe;
    return reinterpret_cast<T*>(reinterpret_cast<char*>(node) - offset);
  }

  mutable ListNode head_;
};

}  // namespace base
