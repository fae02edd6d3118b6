// The mapping map beside std::map and absl::btree_map that do the same work: mappings of 8 pages
// every 16, keyed by first page, with the attributes, object and offset of a real one.
//
//   lookup         which mapping has this page (random pages, all mapped)
//   map + unmap    is this page free, add a mapping, remove it again (random holes)
//   split + merge  change attributes of two pages inside a mapping and change them back
//
// The mapping map's figures include what a kernel pays for: lock-free readers beside the writer,
// joining, gap bounds, asking for memory first. The peers' include their allocator.
#include <absl/container/btree_map.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <vector>

#include "rows.h"
#include "vm/space/mapping_map.h"

extern "C" void base_panic(const char* message, const char*, uint32_t) {
  std::fprintf(stderr, "panic: %s\n", message);
  std::abort();
}

namespace {

using base::PageCount;
using base::Right;
using base::Vpn;
using base::VpnRange;

constexpr uint64_t stride = 16;
constexpr uint64_t first_page = 0x70000;

struct Places {
  explicit Places(size_t mappings) {
    std::mt19937_64 random(1);
    for (size_t index = 0; index < mappings; ++index) starts.push_back(first_page + index * stride);
    std::shuffle(starts.begin(), starts.end(), random);
    for (int index = 0; index < 1000; ++index) {
      inside.push_back(starts[random() % mappings] + random() % 8);
      holes.push_back(starts[random() % mappings] + 10);
      parts.push_back(starts[random() % mappings] + 3);
    }
  }
  std::vector<uint64_t> starts, inside, holes, parts;
};

class NoObjects final : public vm::ObjectHolder {
  void retain(vm::MemoryObject&) override {}
  void release_not_last(vm::MemoryObject&) override {}
};

class Ours {
 public:
  explicit Ours(const Places& places) : map_(objects_) {
    supply();
    map_.start();
    for (const uint64_t start : places.starts) {
      prepare(1);
      map_.insert(make(start, start + 8, 1));
    }
  }
  ~Ours() {
    while (map_.take_first({Vpn(0), Vpn(uint64_t(1) << 52)})) {
    }
    map_.stop();
    settle();
    while (base::Optional<vm::MappingNodePool::Page> page = map_.pool().take_free_page()) {
      std::free(page->memory);
    }
  }
  uint64_t lookup(uint64_t page) const {
    const vm::MappingMap::Reading reading = map_.find(Vpn(page));
    return reading.found() ? reading.mapping().tag() : 0;
  }
  void map_and_unmap(uint64_t page) {
    prepare(1);
    if (map_.insert_if_free(make(page, page + 1, 2)) != vm::MappingMap::Insertion::done) {
      std::abort();
    }
    finish();
    prepare(1);
    const base::Optional<vm::Mapping> piece = map_.take_first({Vpn(page), Vpn(page + 1)});
    bench::keep(piece->tag());
    finish();
  }
  void split_and_merge(uint64_t page) {
    change(page, 2);
    change(page, 1);
  }

 private:
  static vm::Mapping make(uint64_t first, uint64_t end, uint32_t tag) {
    vm::Mapping mapping(VpnRange(Vpn(first), Vpn(end)), Right::read, Right::read);
    mapping.set_tag(tag);
    return mapping;
  }
  void change(uint64_t page, uint32_t tag) {
    prepare(2);
    map_.split_at(Vpn(page));
    map_.split_at(Vpn(page + 2));
    map_.replace(make(page, page + 2, tag));
    map_.merge_at(Vpn(page));
    map_.merge_at(Vpn(page + 2));
    finish();
  }
  void supply() { map_.supply({std::aligned_alloc(4096, 4096), 0}); }
  void prepare(unsigned insertions) {
    for (unsigned left = map_.pages_short({insertions}); left > 0; --left) supply();
  }
  void finish() {
    if (map_.pool().has_retired()) settle();
  }
  void settle() {
    map_.pool().seal(1);
    map_.pool().recycle(1);
  }

  NoObjects objects_;
  vm::MappingMap map_;
};

struct Value {
  uint64_t end, attributes;
  void* object;
  uint64_t object_page;
};

template <class Tree>
class Peer {
 public:
  explicit Peer(const Places& places) {
    for (const uint64_t start : places.starts) tree_[start] = {start + 8, 1, nullptr, 0};
  }
  uint64_t lookup(uint64_t page) const {
    auto at = tree_.upper_bound(page);
    if (at == tree_.begin()) return 0;
    --at;
    return page < at->second.end ? at->second.attributes : 0;
  }
  void map_and_unmap(uint64_t page) {
    auto at = tree_.lower_bound(page);
    if (at != tree_.end() && at->first < page + 1) std::abort();
    if (at != tree_.begin()) {
      auto before = at;
      --before;
      if (before->second.end > page) std::abort();
    }
    tree_.emplace_hint(at, page, Value{page + 1, 2, nullptr, 0});
    at = tree_.lower_bound(page);
    bench::keep(at->second.attributes);
    tree_.erase(at);
  }
  void split_and_merge(uint64_t page) {
    // Split: the found mapping keeps its head, a middle and a tail are added.
    auto head = tree_.upper_bound(page);
    --head;
    const Value whole = head->second;
    head->second.end = page;
    tree_.emplace(page, Value{page + 2, 2, nullptr, 0});
    tree_.emplace(page + 2, Value{whole.end, whole.attributes, nullptr, 0});
    // Merge: the middle is like its neighbours again.
    auto middle = tree_.find(page);
    middle->second.attributes = 1;
    auto tail = tree_.find(page + 2);
    const uint64_t end = tail->second.end;
    tree_.erase(tail);
    middle = tree_.find(page);
    auto before = middle;
    --before;
    before->second.end = end;
    tree_.erase(middle);
  }

 private:
  Tree tree_;
};
using StdPeer = Peer<std::map<uint64_t, Value>>;
using AbslPeer = Peer<absl::btree_map<uint64_t, Value>>;

template <class Map>
void run(const std::string& contender, const Places& places) {
  const std::string size = std::to_string(places.starts.size()) + " mappings";
  Map map(places);
  bench::measure("lookup, " + size, contender, places.inside.size(), [&] {
    uint64_t sum = 0;
    for (const uint64_t page : places.inside) sum += map.lookup(page);
    bench::keep(sum);
  });
  bench::measure("map + unmap, " + size, contender, places.holes.size(), [&] {
    for (const uint64_t page : places.holes) map.map_and_unmap(page);
  });
  bench::measure("split + merge, " + size, contender, places.parts.size(), [&] {
    for (const uint64_t page : places.parts) map.split_and_merge(page);
  });
}

}  // namespace

int main() {
  for (const size_t mappings : {10u, 1000u, 100000u}) {
    const Places places(mappings);
    run<Ours>("ours", places);
    run<StdPeer>("std::map", places);
    run<AbslPeer>("absl::btree_map", places);
  }
}
