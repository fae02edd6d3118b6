// RigPager: the pager of the rig: keeps what it is asked until serve(), then answers everything.
// What it has stored of a page is one number, as the pages of the model hold.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sim/failure.h"
#include "sim/ram.h"
#include "vm/object/paged.h"

namespace model {

template <class Frames>
class RigPager final : public vm::Pager {
 public:
  static constexpr uint64_t first_value = 1'000'000'000;  // of page 0 at the beginning

  RigPager(Frames& frames, sim::Ram& ram) : frames_(frames), ram_(ram) {}

  base::Status request(vm::MemoryObject&, vm::ObjectRange pages, uint64_t ticket) override {
    requests_.push_back({pages, ticket});
    return {};
  }
  base::Status write_back(vm::MemoryObject&, const vm::WriteBack& pages) override {
    writes_.push_back({pages.ticket, pages.first, {pages.frames.begin(), pages.frames.end()}});
    return {};
  }

  void begin(unsigned stride) {
    stride_ = stride;
    requests_.clear();
    writes_.clear();
    stored_.clear();
  }
  // False: nothing was asked for.
  bool serve(vm::Paged<Frames>& object) {
    if (requests_.empty() && writes_.empty()) return false;
    // Its own memory does not fail.
    const uint64_t fail_after = ram_.pause_failure();
    for (const Request& request : take(requests_)) {
      for (vm::ObjectPage page = request.pages.first(); page < request.pages.end();
           page += base::PageCount(1)) {
        const base::Pfn frame = frames_.allocate(vm::Contents::zero).value();
        ram_.words(frame)[3] = contents(page.raw());
        const base::Pfn frames[] = {frame};
        const base::Status attached =
            object.attach(request.ticket, base::Bytes(page.raw() << base::page_shift), frames);
        if (!attached.ok()) sim::fail(sim::Rule::mismatch, "attach of a page that was asked for");
      }
    }
    for (const Write& write : take(writes_)) {
      for (size_t i = 0; i < write.frames.size(); ++i) {
        stored_[write.first.raw() + i] = ram_.words(write.frames[i])[3];
      }
      if (!object.written(write.ticket, {}).ok()) {
        sim::fail(sim::Rule::mismatch, "written of a write-back that was asked for");
      }
    }
    ram_.fail_after(fail_after);
    return true;
  }

 private:
  struct Request {
    vm::ObjectRange pages;
    uint64_t ticket;
  };
  struct Write {
    uint64_t ticket;
    vm::ObjectPage first;
    std::vector<base::Pfn> frames;
  };
  template <class T>
  static std::vector<T> take(std::vector<T>& list) {
    std::vector<T> taken;
    taken.swap(list);
    return taken;
  }
  [[nodiscard]] uint64_t contents(uint64_t page) const {
    const auto found = stored_.find(page);
    if (found != stored_.end()) return found->second;
    return page % stride_ == 0 ? first_value + page / stride_ : 0;
  }

  Frames& frames_;
  sim::Ram& ram_;
  unsigned stride_ = 1;
  std::vector<Request> requests_;
  std::vector<Write> writes_;
  std::map<uint64_t, uint64_t> stored_;
};

}  // namespace model
