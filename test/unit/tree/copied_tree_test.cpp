// copied_tree_test.cpp: a tree that begins as another file system's.
#include "user/ramfs/copy_tree.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

using namespace tree;

namespace {

uint64_t tick() {
  static uint64_t ticks = 0;
  return ++ticks;
}

std::string contents(FileTree& tree, const char* path) {
  Inode* inode = nullptr;
  REQUIRE(tree.find(path, inode) == 0);
  std::string text(inode->data.size(), '\0');
  REQUIRE(tree.read(*inode, 0, text.data(), text.size()) == int64_t(text.size()));
  return text;
}

}  // namespace

TEST_CASE("copied_tree_has_names_at_once_and_bytes_when_asked") {
  char folder[] = "/tmp/copied_tree.XXXXXX";
  const std::string from = mkdtemp(folder);
  REQUIRE(mkdir((from + "/bin").c_str(), 0755) == 0);
  const std::string big(100000, 'b');
  std::ofstream(from + "/bin/program") << big;
  std::ofstream(from + "/empty");
  REQUIRE(chmod((from + "/bin/program").c_str(), 0755) == 0);
  REQUIRE(symlink("bin/program", (from + "/link").c_str()) == 0);
  {
    PagePool pool(100);
    FileTree tree(pool, tick, 100);
    ramfs::CopiedTree copied(tree);
    REQUIRE(tree.start(0755) == 0);
    REQUIRE(copied.add(from.c_str()) == 0);
    REQUIRE(tree.check());
    REQUIRE(tree.inodes() == 5);
    REQUIRE(pool.used() == 0);
    Inode* inode = nullptr;
    REQUIRE(tree.find("bin/program", inode) == 0);
    struct stat status;
    REQUIRE(stat((from + "/bin/program").c_str(), &status) == 0);
    REQUIRE(inode->mode == status.st_mode);
    REQUIRE(inode->modified_ns ==
            uint64_t(status.st_mtim.tv_sec) * 1000000000 + uint64_t(status.st_mtim.tv_nsec));
    REQUIRE(contents(tree, "bin/program") == big);
    REQUIRE(pool.used() == 0);
    REQUIRE(contents(tree, "empty").empty());
    REQUIRE(tree.write(*inode, 50000, "changed", 7) == 7);
    REQUIRE(pool.used() == 1);
    std::string wanted = big;
    wanted.replace(50000, 7, "changed");
    REQUIRE(contents(tree, "bin/program") == wanted);
    REQUIRE(tree.find("link", inode) == 0);
    REQUIRE(std::string(inode->target) == "bin/program");
    REQUIRE(copied.add((from + "/nothing").c_str()) == -ENOENT);
  }
  std::filesystem::remove_all(from);
}
