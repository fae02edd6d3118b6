// tree_model_test.cpp: random operations on a FileTree and on a map of paths.
#include <catch2/catch.hpp>
#include <cerrno>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "user/tree/file_tree.h"

using namespace tree;

namespace {

uint64_t ticks = 0;
uint64_t tick() {
  return ++ticks;
}

// A file of the model. Names share it.
struct Thing {
  uint32_t type;
  std::string contents;  // of a link: its target
};
using ThingRef = std::shared_ptr<Thing>;

// Every path that exists, and the errors that Linux gives, said in the simplest way.
class Model {
 public:
  Model() { things_[""] = std::make_shared<Thing>(Thing{S_IFDIR, ""}); }

  static std::string parent_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
  }
  // Whether `path` can be looked up: every directory above it is one.
  int64_t way(const std::string& path) const {
    for (size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const auto found = things_.find(path.substr(0, slash));
      if (found == things_.end()) return -ENOENT;
      if (found->second->type != S_IFDIR) return -ENOTDIR;
    }
    return 0;
  }
  ThingRef at(const std::string& path) const {
    const auto found = things_.find(path);
    return found == things_.end() ? nullptr : found->second;
  }
  bool is_empty(const std::string& path) const {
    const auto after = things_.upper_bound(path + "/");
    return after == things_.end() || after->first.compare(0, path.size() + 1, path + "/") != 0;
  }
  int64_t find(const std::string& path) const {
    const int64_t wrong = way(path);
    return wrong != 0 ? wrong : at(path) ? 0 : -ENOENT;
  }
  int64_t add(const std::string& path, ThingRef thing) {
    const int64_t wrong = way(path);
    if (wrong != 0) return wrong;
    if (at(path)) return -EEXIST;
    things_[path] = std::move(thing);
    return 0;
  }
  int64_t link(const std::string& from, const std::string& to) {
    int64_t wrong = find(from);
    if (wrong == 0) wrong = way(to);
    if (wrong != 0) return wrong;
    if (at(to)) return -EEXIST;
    return at(from)->type == S_IFDIR ? -EPERM : add(to, at(from));
  }
  int64_t remove(const std::string& path, bool directory) {
    const int64_t wrong = find(path);
    if (wrong != 0) return wrong;
    const bool is_directory = at(path)->type == S_IFDIR;
    if (is_directory != directory) return directory ? -ENOTDIR : -EISDIR;
    if (is_directory && !is_empty(path)) return -ENOTEMPTY;
    things_.erase(path);
    return 0;
  }
  int64_t rename(const std::string& from, const std::string& to) {
    int64_t wrong = way(from);
    if (wrong == 0) wrong = way(to);
    if (wrong == 0) wrong = find(from);
    if (wrong != 0) return wrong;
    const ThingRef moved = at(from);
    const ThingRef replaced = at(to);
    if (to.compare(0, from.size() + 1, from + "/") == 0) return -EINVAL;
    if (from.compare(0, to.size() + 1, to + "/") == 0) return -ENOTEMPTY;
    if (moved == replaced) return 0;
    if (replaced) {
      if ((moved->type == S_IFDIR) != (replaced->type == S_IFDIR)) {
        return moved->type == S_IFDIR ? -ENOTDIR : -EISDIR;
      }
      if (replaced->type == S_IFDIR && !is_empty(to)) return -ENOTEMPTY;
    }
    std::map<std::string, ThingRef> renamed;
    for (auto entry = things_.begin(); entry != things_.end();) {
      if (entry->first == from || entry->first.compare(0, from.size() + 1, from + "/") == 0) {
        renamed[to + entry->first.substr(from.size())] = entry->second;
        entry = things_.erase(entry);
      } else {
        ++entry;
      }
    }
    for (auto& [path, thing] : renamed) things_[path] = thing;
    return 0;
  }
  const std::map<std::string, ThingRef>& things() const { return things_; }

 private:
  std::map<std::string, ThingRef> things_;
};

class Rig {
 public:
  explicit Rig(uint64_t seed) : random_(seed), pool_(200), tree_(pool_, tick, 1000) {
    REQUIRE(tree_.start(0755) == 0);
  }
  ~Rig() {
    for (auto& [inode, thing] : held_) tree_.let_go(*inode);
  }

  void step() {
    const std::string path = random_path();
    const std::string other = random_path();
    CAPTURE(path, other);
    Inode* inode = nullptr;
    switch (random_() % 12) {
      case 0:
      case 1: {
        const uint32_t type = random_() % 2 == 0 ? S_IFDIR : S_IFREG;
        REQUIRE(tree_.create(path.c_str(), {type | 0755}, inode) ==
                model_.add(path, std::make_shared<Thing>(Thing{type, ""})));
        break;
      }
      case 2:
        REQUIRE(tree_.symlink(other.c_str(), path.c_str(), {}) ==
                model_.add(path, std::make_shared<Thing>(Thing{S_IFLNK, other})));
        break;
      case 3: REQUIRE(tree_.link(path.c_str(), other.c_str()) == model_.link(path, other)); break;
      case 4: REQUIRE(tree_.unlink(path.c_str()) == model_.remove(path, false)); break;
      case 5: REQUIRE(tree_.rmdir(path.c_str()) == model_.remove(path, true)); break;
      case 6:
      case 7:
        REQUIRE(tree_.rename(path.c_str(), other.c_str(), 0) == model_.rename(path, other));
        break;
      case 8: hold_or_let_go(path); break;
      case 9: write(path); break;
      default: read(path); break;
    }
  }

  void check() {
    REQUIRE(tree_.check());
    size_t names = 0;
    list(tree_.root(), "", names);
    REQUIRE(names + 1 == model_.things().size());
    for (const auto& [inode, thing] : held_) {
      REQUIRE(tree_.by_number(inode->number) == inode);
      if (thing->type == S_IFREG) REQUIRE(contents(*inode) == thing->contents);
    }
  }

 private:
  std::string random_path() {
    std::string path(1, char('a' + random_() % 4));
    while (random_() % 2 == 0 && path.size() < 7)
      path += std::string("/") + char('a' + random_() % 4);
    return path;
  }
  void hold_or_let_go(const std::string& path) {
    if (!held_.empty() && random_() % 2 == 0) {
      const size_t which = random_() % held_.size();
      tree_.let_go(*held_[which].first);
      held_.erase(held_.begin() + int64_t(which));
      return;
    }
    Inode* inode = nullptr;
    if (tree_.find(path.c_str(), inode) == 0) {
      tree_.hold(*inode);
      held_.emplace_back(inode, model_.at(path));
    }
  }
  void write(const std::string& path) {
    Inode* inode = nullptr;
    REQUIRE(tree_.find(path.c_str(), inode) == model_.find(path));
    if (inode == nullptr) return;
    const ThingRef thing = model_.at(path);
    const std::string text(random_() % 100, char('a' + random_() % 26));
    const size_t offset = random_() % 6000;
    const int64_t result = tree_.write(*inode, offset, text.data(), text.size());
    if (thing->type != S_IFREG) {
      REQUIRE(result == (thing->type == S_IFDIR ? -EISDIR : -EINVAL));
      return;
    }
    REQUIRE(result == int64_t(text.size()));
    if (!text.empty()) {
      thing->contents.resize(std::max(thing->contents.size(), offset + text.size()));
      thing->contents.replace(offset, text.size(), text);
    }
    if (random_() % 3 == 0) {
      const size_t size = random_() % 5000;
      REQUIRE(tree_.resize(*inode, size) == 0);
      thing->contents.resize(size);
    }
  }
  void read(const std::string& path) {
    Inode* inode = nullptr;
    REQUIRE(tree_.find(path.c_str(), inode) == model_.find(path));
    if (inode == nullptr) return;
    const ThingRef thing = model_.at(path);
    REQUIRE((inode->mode & S_IFMT) == thing->type);
    if (inode->is_regular()) REQUIRE(contents(*inode) == thing->contents);
    if (inode->is_link()) REQUIRE(inode->target == thing->contents);
  }
  std::string contents(Inode& inode) {
    std::string text(inode.data.size() + 10, '?');
    const int64_t got = tree_.read(inode, 0, text.data(), text.size());
    REQUIRE(got >= 0);
    text.resize(size_t(got));
    return text;
  }
  void list(const Inode& at, const std::string& path, size_t& names) {
    uint64_t position = 0;
    while (const Entry* const entry = at.directory->next(position)) {
      position = entry->position;
      const std::string name = path + entry->name;
      CAPTURE(name);
      REQUIRE(model_.at(name));
      ++names;
      if (entry->inode->is_directory()) list(*entry->inode, name + "/", names);
    }
  }

  std::mt19937_64 random_;
  PagePool pool_;
  FileTree tree_;
  Model model_;
  std::vector<std::pair<Inode*, ThingRef>> held_;
};

}  // namespace

TEST_CASE("random_operations_on_a_tree_equal_a_map_of_paths") {
  const unsigned seed = Catch::rngSeed() + 1;
  CAPTURE(seed);
  for (unsigned round = 0; round < 60; ++round) {
    Rig rig(seed * 1000 + round);
    for (int i = 0; i < 1500; ++i) {
      rig.step();
      if (i % 10 == 0) rig.check();
    }
    rig.check();
  }
}

TEST_CASE("listing_while_names_come_and_go_misses_and_repeats_none") {
  PagePool pool(10);
  FileTree tree(pool, tick, 10000);
  REQUIRE(tree.start(0755) == 0);
  Inode* made = nullptr;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(tree.create(("stay" + std::to_string(i)).c_str(), {S_IFREG | 0644}, made) == 0);
    REQUIRE(tree.create(("go" + std::to_string(i)).c_str(), {S_IFREG | 0644}, made) == 0);
  }
  std::map<std::string, int> seen;
  uint64_t position = 0;
  int step = 0;
  while (const Entry* const entry = tree.root().directory->next(position)) {
    position = entry->position;
    ++seen[entry->name];
    if (step < 1000) {
      REQUIRE(tree.unlink(("go" + std::to_string(step)).c_str()) == 0);
      REQUIRE(tree.create(("come" + std::to_string(step)).c_str(), {S_IFREG | 0644}, made) == 0);
    }
    REQUIRE(++step < 5000);
  }
  for (int i = 0; i < 1000; ++i) REQUIRE(seen["stay" + std::to_string(i)] == 1);
  for (const auto& [name, count] : seen) REQUIRE(count <= 1);
  REQUIRE(tree.check());
}
