// PageItem, StoreItem: pages that a daemon is asked to fill, or to store.
#pragma once

#include "kernel/memory/lent_pages.h"
#include "kernel/scheme/queue_item.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

// The pages that an item lends its daemon.
class PagesOfItem {
 public:
  PagesOfItem() = default;
  ~PagesOfItem() { reset(); }
  PagesOfItem(const PagesOfItem&) = delete;
  PagesOfItem& operator=(const PagesOfItem&) = delete;

  // Without frames yet. ENOMEM.
  [[nodiscard]] Outcome<> make(base::PageCount count, base::Access most);
  // After make(). ENOMEM: reset.
  [[nodiscard]] Outcome<> map(UserSpace& space);
  [[nodiscard]] LentPages& pages() const { return *lent_; }
  [[nodiscard]] uint64_t address() const { return mapped_at_.raw(); }
  // Nobody reaches them any more. The space they were mapped into is the current one, or its queue
  // is dying and keeps it.
  void revoke();
  // That, and they are given up; nothing after it.
  void reset();

 private:
  LentPages* lent_ = nullptr;
  base::UserAddr mapped_at_;
  UserSpace* mapped_in_ = nullptr;
};

// Frames of zeroes that the daemon fills and that then are the object's pages.
class PageItem final : public QueueItem {
 public:
  static constexpr uint64_t most_pages = 64;

  PageItem(UserObject& object, vm::ObjectRange pages, uint64_t ticket);
  ~PageItem() override;

  [[nodiscard]] Outcome<> deliver(UserSpace& space, scheme_submission& to) override;
  void undeliver() override;
  [[nodiscard]] Outcome<> answered(const scheme_answer& answer) override;
  void failed(Errno error) override;

  // objects_lock.
  PageItem* next = nullptr;
  bool is_stale = false;
  [[nodiscard]] vm::ObjectRange pages() const { return pages_; }

 private:
  void attach();

  const vm::ObjectRef held_;
  UserObject& object_;
  const vm::ObjectRange pages_;
  const uint64_t ticket_;
  PagesOfItem lent_;
};

// An object's dirty pages, which the daemon reads.
class StoreItem final : public QueueItem {
 public:
  StoreItem(UserObject& object, const vm::WriteBack& pages);
  ~StoreItem() override = default;

  [[nodiscard]] Outcome<> deliver(UserSpace& space, scheme_submission& to) override;
  void undeliver() override;
  [[nodiscard]] Outcome<> answered(const scheme_answer& answer) override;
  void failed(Errno error) override;

 private:
  const vm::ObjectRef held_;
  UserObject& object_;
  const uint64_t ticket_;
  const vm::ObjectPage first_;
  uint64_t count_;
  base::Pfn frames_[vm::WriteBack::max_pages];
  PagesOfItem lent_;
};

}  // namespace kernel
