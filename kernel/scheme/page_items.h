// PageItem, StoreItem: pages that a daemon is asked to fill, or to store.
#pragma once

#include "kernel/memory/lent_pages.h"
#include "kernel/scheme/queue_item.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

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
  void unmap();
  void attach();

  const vm::ObjectRef held_;
  UserObject& object_;
  const vm::ObjectRange pages_;
  const uint64_t ticket_;
  LentPages* lent_ = nullptr;
  base::UserAddr mapped_at_;
  UserSpace* mapped_in_ = nullptr;
};

// An object's dirty pages, which the daemon reads.
class StoreItem final : public QueueItem {
 public:
  StoreItem(UserObject& object, const vm::WriteBack& pages);
  ~StoreItem() override;

  [[nodiscard]] Outcome<> deliver(UserSpace& space, scheme_submission& to) override;
  void undeliver() override;
  [[nodiscard]] Outcome<> answered(const scheme_answer& answer) override;
  void failed(Errno error) override;

 private:
  void unmap();

  const vm::ObjectRef held_;
  UserObject& object_;
  const uint64_t ticket_;
  const vm::ObjectPage first_;
  uint64_t count_;
  base::Pfn frames_[vm::WriteBack::max_pages];
  LentPages* lent_ = nullptr;
  base::UserAddr mapped_at_;
  UserSpace* mapped_in_ = nullptr;
};

}  // namespace kernel
