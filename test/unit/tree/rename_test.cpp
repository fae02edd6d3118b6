// rename_test.cpp: every pair of kinds that rename can meet, on the tree and on the host's own file
// system: errors and what is there afterwards are the same.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "user/tree/file_tree.h"

using namespace tree;

namespace {

uint64_t ticks = 0;
uint64_t tick() {
  return ++ticks;
}

class Both {
 public:
  Both() : pool_(100), tree_(pool_, tick, 100) {
    char name[] = "/tmp/rename_test.XXXXXX";
    root_ = mkdtemp(name);
    REQUIRE(tree_.start(0755) == 0);
  }
  ~Both() { std::filesystem::remove_all(root_); }

  void directory(const char* path) {
    Inode* made = nullptr;
    REQUIRE(tree_.create(path, {S_IFDIR | 0755}, made) == 0);
    REQUIRE(mkdir(host(path).c_str(), 0755) == 0);
  }
  void file(const char* path) {
    Inode* made = nullptr;
    REQUIRE(tree_.create(path, {S_IFREG | 0644}, made) == 0);
    REQUIRE(mknod(host(path).c_str(), S_IFREG | 0644, 0) == 0);
  }
  void link(const char* from, const char* to) {
    REQUIRE(tree_.link(from, to) == 0);
    REQUIRE(::link(host(from).c_str(), host(to).c_str()) == 0);
  }
  void symlink(const char* target, const char* path) {
    REQUIRE(tree_.symlink(target, path, {}) == 0);
    REQUIRE(::symlink(target, host(path).c_str()) == 0);
  }
  void rename(const char* from, const char* to, uint32_t flags) {
    const long result =
        syscall(SYS_renameat2, AT_FDCWD, host(from).c_str(), AT_FDCWD, host(to).c_str(), flags);
    const int64_t wanted = result == 0 ? 0 : -errno;
    CAPTURE(from, to, flags);
    REQUIRE(tree_.rename(from, to, flags) == wanted);
    REQUIRE(tree_.check());
    compare();
  }

 private:
  std::string host(const char* path) const { return root_ + "/" + path; }

  void compare() {
    std::set<std::string> here;
    list(tree_.root(), "", here);
    std::set<std::string> there;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      struct stat status;
      REQUIRE(lstat(entry.path().c_str(), &status) == 0);
      there.insert(line(entry.path().string().substr(root_.size() + 1), status.st_mode,
                        S_ISDIR(status.st_mode) ? 0 : status.st_nlink));
    }
    REQUIRE(here == there);
  }
  static std::string line(const std::string& path, uint64_t mode, uint64_t links) {
    return path + " " + std::to_string(mode & S_IFMT) + " " + std::to_string(links);
  }
  void list(const Inode& at, const std::string& path, std::set<std::string>& lines) {
    uint64_t position = 0;
    while (const Entry* const entry = at.directory->next(position)) {
      position = entry->position;
      const Inode& inode = *entry->inode;
      const std::string name = path + entry->name;
      lines.insert(line(name, inode.mode, inode.is_directory() ? 0 : inode.links));
      if (inode.is_directory()) {
        list(inode, name + "/", lines);
      }
    }
  }

  PagePool pool_;
  FileTree tree_;
  std::string root_;
};

}  // namespace

TEST_CASE("rename_is_the_hosts_for_every_pair_of_kinds") {
  const char* const names[] = {
      "file",       "other",   "hard",   "link",      "empty",    "empty2",     "full",
      "full/child", "full/in", "deep",   "deep/a",    "deep/a/b", "deep/a/new", "missing",
      "no/way",     "new",     "file/x", "full/in/y", "link/z",   "empty/new",  "deep/a/b/new"};
  for (const uint32_t flags : {0u, 1u, 2u, 3u, 8u}) {
    for (const char* const from : names) {
      for (const char* const to : names) {
        Both both;
        both.file("file");
        both.file("other");
        both.link("file", "hard");
        both.symlink("file", "link");
        both.directory("empty");
        both.directory("empty2");
        both.directory("full");
        both.file("full/child");
        both.directory("full/in");
        both.directory("deep");
        both.directory("deep/a");
        both.directory("deep/a/b");
        both.rename(from, to, flags);
      }
    }
  }
}
