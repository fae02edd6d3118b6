// tree_daemon_test.cpp: requests as the kernel makes them, and as it never would.
#include "user/tree/tree_daemon.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>

using namespace tree;

namespace {

uint64_t ticks = 1000;
uint64_t tick() {
  return ++ticks;
}

class Served final : public TreeDaemon {
 public:
  using TreeDaemon::TreeDaemon;

 protected:
  scheme_caller caller() const override { return {1, 1, 10, 20}; }
};

struct Rig {
  explicit Rig(Changes changes = Changes::allowed)
      : pool(100), tree(pool, tick, 200), daemon("test", tree, changes, 0x1234) {
    REQUIRE(tree.start(0755) == 0);
  }
  uint64_t open(const char* path, uint32_t flags, uint32_t mode = 0644) {
    scheme::Opened opened;
    const int64_t file = daemon.open(path, flags, mode, opened);
    REQUIRE(file >= 0);
    node = opened.node;
    return uint64_t(file);
  }
  int64_t try_open(const char* path, uint32_t flags) {
    scheme::Opened opened;
    return daemon.open(path, flags, 0644, opened);
  }
  int64_t write(uint64_t file, uint64_t offset, const std::string& text) {
    return daemon.write(file, offset, text.data(), text.size(), size);
  }
  std::string read(uint64_t file) {
    char text[100];
    const int64_t got = daemon.read(file, 0, text, sizeof(text));
    REQUIRE(got >= 0);
    return {text, size_t(got)};
  }

  PagePool pool;
  FileTree tree;
  Served daemon;
  uint64_t node = 0;
  uint64_t size = 0;
};

}  // namespace

TEST_CASE("file_is_made_written_appended_and_read") {
  Rig rig;
  const uint64_t file = rig.open("a", O_RDWR | O_CREAT, 0640);
  REQUIRE(rig.write(file, 0, "hello") == 5);
  REQUIRE(rig.write(file, SCHEME_AT_END, " world") == 6);
  REQUIRE(rig.size == 11);
  REQUIRE(rig.read(file) == "hello world");
  scheme_status status;
  REQUIRE(rig.daemon.stat("a", status) == 0);
  REQUIRE(status.mode == (S_IFREG | 0640));
  REQUIRE((status.user == 10 && status.group == 20 && status.links == 1 && status.size == 11));
  REQUIRE(status.blocks == 8);
  REQUIRE(rig.try_open("a", O_RDWR | O_CREAT | O_EXCL) == -EEXIST);
  const uint64_t again = rig.open("a", O_WRONLY | O_TRUNC);
  REQUIRE(rig.read(file).empty());
  rig.daemon.close(again);
  rig.daemon.close(file);
  REQUIRE(rig.daemon.open_files() == 0);
  REQUIRE(rig.tree.check());
}

TEST_CASE("removed_file_lives_while_it_is_open_or_mapped") {
  Rig rig;
  const uint64_t file = rig.open("a", O_RDWR | O_CREAT);
  const uint64_t node = rig.node;
  REQUIRE(rig.write(file, 0, "kept") == 4);
  REQUIRE(rig.daemon.mmap(file, 0, 4096, 3, true) == 4);
  REQUIRE(rig.daemon.mmap(file, 0, 4096, 3, true) == 4);
  REQUIRE(rig.daemon.unlink("a") == 0);
  REQUIRE(rig.read(file) == "kept");
  rig.daemon.close(file);
  char page[4096] = {};
  REQUIRE(rig.daemon.read_pages(node, 0, page, sizeof(page)) == 4);
  memcpy(page, "over", 4);
  REQUIRE(rig.daemon.write_pages(node, 0, page, sizeof(page)) == 0);
  REQUIRE(rig.daemon.read_pages(node, 0, page, sizeof(page)) == 4);
  REQUIRE(rig.tree.inodes() == 2);
  rig.daemon.forget(node);
  REQUIRE(rig.tree.inodes() == 1);
  REQUIRE(rig.pool.used() == 0);
  REQUIRE(rig.daemon.read_pages(node, 0, page, sizeof(page)) == -EIO);
  rig.daemon.forget(node);
}

TEST_CASE("numbers_that_are_not_in_use_are_refused") {
  Rig rig;
  const uint64_t file = rig.open("a", O_RDWR | O_CREAT);
  rig.daemon.close(file);
  rig.daemon.close(file);
  char bytes[10];
  scheme_status status;
  scheme::Entries entries(bytes, sizeof(bytes));
  for (const uint64_t number : {file, uint64_t(1), uint64_t(63), uint64_t(64), uint64_t(1) << 40,
                                ~uint64_t(0), uint64_t(1) << 63}) {
    REQUIRE(rig.daemon.read(number, 0, bytes, 10) == -EBADF);
    REQUIRE(rig.write(number, 0, "x") == -EBADF);
    REQUIRE(rig.daemon.fstat(number, status) == -EBADF);
    REQUIRE(rig.daemon.readdir(number, 0, entries) == -EBADF);
    REQUIRE(rig.daemon.ftruncate(number, 0) == -EBADF);
    REQUIRE(rig.daemon.seek(number, 0, SEEK_DATA) == -EBADF);
    REQUIRE(rig.daemon.mmap(number, 0, 4096, 1, true) == -EBADF);
    REQUIRE(rig.daemon.fsetattr(number, {}) == -EBADF);
    rig.daemon.close(number);
  }
  for (const uint64_t node : {uint64_t(0), uint64_t(3), uint64_t(1) << 40, ~uint64_t(0)}) {
    REQUIRE(rig.daemon.read_pages(node, 0, bytes, 10) == -EIO);
    REQUIRE(rig.daemon.write_pages(node, 0, bytes, 10) == -EIO);
    rig.daemon.forget(node);
  }
  REQUIRE(rig.tree.check());
}

TEST_CASE("senseless_paths_and_values_are_errors") {
  Rig rig;
  rig.daemon.close(rig.open("file", O_RDWR | O_CREAT));
  const std::string longest(255, 'x');
  const std::string longer(256, 'x');
  REQUIRE(rig.daemon.mkdir(longest.c_str(), 0755) == 0);
  REQUIRE(rig.daemon.mkdir(longer.c_str(), 0755) == -ENAMETOOLONG);
  REQUIRE(rig.daemon.mkdir("", 0755) == -EEXIST);
  REQUIRE(rig.daemon.mkdir(".", 0755) == -EINVAL);
  REQUIRE(rig.daemon.mkdir("..", 0755) == -EINVAL);
  REQUIRE(rig.daemon.mkdir("/", 0755) != 0);
  REQUIRE(rig.daemon.mkdir("a//b", 0755) == -ENOENT);
  REQUIRE(rig.daemon.mkdir("file/b", 0755) == -ENOTDIR);
  REQUIRE(rig.daemon.rmdir("") == -EBUSY);
  REQUIRE(rig.daemon.unlink("") == -EISDIR);
  REQUIRE(rig.daemon.rename("", "x", 0) == -EBUSY);
  REQUIRE(rig.daemon.rename("file", "", 0) == -EBUSY);
  REQUIRE(rig.daemon.rename("file", "x", 4) == -EINVAL);
  REQUIRE(rig.daemon.symlink("", "x") == -ENOENT);
  REQUIRE(rig.daemon.mknod("x", S_IFDIR | 0755, 0) == -EPERM);
  REQUIRE(rig.daemon.mknod("x", 0170000, 0) == -EINVAL);
  REQUIRE(rig.daemon.mknod("fifo", S_IFIFO | 0600, 0) == 0);
  REQUIRE(rig.try_open("fifo", O_RDONLY) == -ENXIO);
  REQUIRE(rig.try_open("", O_RDWR) == -EISDIR);
  REQUIRE(rig.try_open("file", O_RDONLY | O_DIRECTORY) == -ENOTDIR);
  REQUIRE(rig.try_open("", O_RDWR | O_TMPFILE) == -EOPNOTSUPP);
  scheme::Attributes attributes{};
  attributes.mask = 1 << 5;
  REQUIRE(rig.daemon.setattr("file", attributes) == -EINVAL);
  const uint64_t file = rig.open("file", O_RDWR);
  REQUIRE(rig.write(file, SCHEME_NO_OFFSET, "x") == -EFBIG);
  REQUIRE(rig.daemon.ftruncate(file, ~uint64_t(0)) == -EFBIG);
  REQUIRE(rig.daemon.seek(file, 0, 17) == -EINVAL);
  REQUIRE(rig.tree.check());
}

TEST_CASE("names_are_listed_in_pieces_of_any_size") {
  Rig rig;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(rig.daemon.mknod(("name" + std::to_string(i)).c_str(), S_IFREG | 0600, 0) == 0);
  }
  const uint64_t root = rig.open("", O_RDONLY | O_DIRECTORY);
  for (const size_t room : {40u, 100u, 1000u, 100000u}) {
    std::string buffer(room, '\0');
    size_t names = 0;
    uint64_t position = 0;
    for (;;) {
      scheme::Entries entries(buffer.data(), buffer.size());
      REQUIRE(rig.daemon.readdir(root, position, entries) == 0);
      if (entries.used() == 0) break;
      for (size_t at = 0; at < entries.used();) {
        scheme_entry entry;
        memcpy(&entry, buffer.data() + at, sizeof(entry));
        REQUIRE((entry.record % 8 == 0 && entry.next > position));
        position = entry.next;
        at += entry.record;
        ++names;
      }
    }
    REQUIRE(names == 100);
  }
  char little[16];
  scheme::Entries entries(little, sizeof(little));
  REQUIRE(rig.daemon.readdir(root, 0, entries) == -EINVAL);
}

TEST_CASE("rights_and_times_are_changed_as_on_linux") {
  Rig rig;
  rig.daemon.close(rig.open("a", O_RDWR | O_CREAT, 0644));
  scheme::Attributes change{};
  change.mask = SCHEME_SET_MODE;
  change.mode = 06755;
  REQUIRE(rig.daemon.setattr("a", change) == 0);
  scheme_status status;
  REQUIRE((rig.daemon.stat("a", status) == 0 && status.mode == (S_IFREG | 06755)));
  change.mask = SCHEME_SET_USER;
  change.user = 7;
  REQUIRE(rig.daemon.setattr("a", change) == 0);
  REQUIRE((rig.daemon.stat("a", status) == 0 && status.mode == (S_IFREG | 0755)));
  REQUIRE((status.user == 7 && status.group == 20));
  change.mask = SCHEME_SET_ACCESSED | SCHEME_SET_MODIFIED;
  change.accessed_ns = 5;
  change.modified_ns = 6;
  REQUIRE(rig.daemon.setattr("a", change) == 0);
  REQUIRE(
      (rig.daemon.stat("a", status) == 0 && status.accessed_ns == 5 && status.modified_ns == 6));
  REQUIRE(rig.daemon.mkdir("d", 02755) == 0);
  REQUIRE(rig.daemon.symlink("d", "link") == 0);
  change.mask = SCHEME_SET_GROUP;
  change.group = 99;
  REQUIRE(rig.daemon.setattr("d", change) == 0);
  REQUIRE(rig.daemon.mkdir("d/e", 0700) == 0);
  REQUIRE((rig.daemon.stat("d/e", status) == 0 && status.group == 99));
  REQUIRE(status.mode == (S_IFDIR | 02700));
  change.mask = SCHEME_SET_MODE;
  REQUIRE(rig.daemon.setattr("link", change) == -EOPNOTSUPP);
}

TEST_CASE("read_only_tree_refuses_every_change") {
  Rig rig(Changes::refused);
  Inode* made = nullptr;
  REQUIRE(rig.tree.create("a", {S_IFREG | 0644}, made) == 0);
  REQUIRE(rig.try_open("a", O_RDWR) == -EROFS);
  REQUIRE(rig.try_open("b", O_RDONLY | O_CREAT) == -EROFS);
  REQUIRE(rig.try_open("a", O_RDONLY | O_TRUNC) == -EROFS);
  const uint64_t file = rig.open("a", O_RDONLY);
  REQUIRE(rig.write(file, 0, "x") == -EROFS);
  REQUIRE(rig.daemon.ftruncate(file, 1) == -EROFS);
  REQUIRE(rig.daemon.unlink("a") == -EROFS);
  REQUIRE(rig.daemon.rename("a", "b", 0) == -EROFS);
  REQUIRE(rig.daemon.mkdir("b", 0755) == -EROFS);
  REQUIRE(rig.daemon.write_pages(rig.node, 0, "x", 1) == -EIO);
}

TEST_CASE("full_file_system_says_so_and_goes_on") {
  Rig rig;
  const uint64_t file = rig.open("a", O_RDWR | O_CREAT);
  const std::string bytes(200 * 4096, 'x');
  REQUIRE(rig.write(file, 0, bytes) == 100 * 4096);
  REQUIRE(rig.write(file, SCHEME_AT_END, "x") == -ENOSPC);
  scheme::Usage usage;
  REQUIRE(rig.daemon.statfs(usage) == 0);
  REQUIRE((usage.bytes == 100 * 4096 && usage.free_bytes == 0 && usage.magic == 0x1234));
  REQUIRE(rig.daemon.ftruncate(file, 0) == 0);
  REQUIRE(rig.write(file, SCHEME_AT_END, "x") == 1);
  int made = 0;
  int64_t result = 0;
  while ((result = rig.daemon.mkdir(("d" + std::to_string(made)).c_str(), 0755)) == 0) ++made;
  REQUIRE(result == -ENOSPC);
  REQUIRE(made == 198);
  REQUIRE(rig.daemon.rmdir("d0") == 0);
  REQUIRE(rig.daemon.mkdir("again", 0755) == 0);
  REQUIRE(rig.tree.check());
}
