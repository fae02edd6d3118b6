// cpio_test.cpp: archives and the initial file system's names.
#include <catch2/catch.hpp>
#include <cstdio>
#include <random>
#include <string>

#include "kernel/fd/cpio.h"
#include "kernel/fd/initfs.h"

using namespace kernel;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint32_t directory = mode_directory | 0755;
constexpr uint32_t program = mode_regular | 0755;
constexpr uint32_t link_mode = mode_link | 0777;

class Archive {
 public:
  Archive& add(const std::string& name, uint32_t mode, const std::string& contents = "") {
    char header[111];
    snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
             ++inode_, mode, 0, 0, 1, 0, contents.size(), 0, 0, 0, 0, name.size() + 1, 0);
    put(header, 110);
    put(name.c_str(), name.size() + 1);
    pad();
    put(contents.data(), contents.size());
    pad();
    return *this;
  }
  Bytes finish() {
    add("TRAILER!!!", 0);
    return bytes_;
  }

 private:
  void put(const char* data, size_t size) { bytes_.insert(bytes_.end(), data, data + size); }
  void pad() {
    while (bytes_.size() % 4 != 0) {
      bytes_.push_back(0);
    }
  }
  Bytes bytes_;
  uint32_t inode_ = 0;
};

Bytes sample() {
  return Archive()
      .add(".", directory)
      .add("./bin", directory)
      .add("./bin/busybox", program, "ELF")
      .add("./bin/sh", link_mode, "busybox")
      .add("bin/up", link_mode, "../etc/motd")
      .add("etc", directory)
      .add("etc/motd", mode_regular | 0644, "hello")
      .add("loop1", link_mode, "loop2")
      .add("loop2", link_mode, "/loop1")
      .add("alias", link_mode, "/bin")
      .finish();
}

std::string contents_of(Text path) {
  const auto entry = find_in_initfs(path, LastLink::follow);
  return entry ? std::string(entry->contents.begin(), entry->contents.end()) : "(none)";
}

}  // namespace

TEST_CASE("paths_resolve_through_links_and_dots") {
  const Bytes archive = sample();
  REQUIRE(mount_initfs(archive) == nullptr);
  CHECK(contents_of("/bin/busybox") == "ELF");
  CHECK(contents_of("bin/busybox") == "ELF");
  CHECK(contents_of("/bin/sh") == "ELF");
  CHECK(contents_of("/bin/up") == "hello");
  CHECK(contents_of("//etc/../bin/./sh") == "ELF");
  CHECK(contents_of("/alias/sh") == "ELF");
  CHECK(contents_of("/../../etc/motd") == "hello");
  CHECK(contents_of("/etc/motd/") == "hello");
}

TEST_CASE("what_is_not_there_is_not_found") {
  const Bytes archive = sample();
  REQUIRE(mount_initfs(archive) == nullptr);
  for (const char* path :
       {"/none", "/bin/none", "/etc/motd/x", "/loop1", "/loop1/x", "/bi", "/bin/s"}) {
    CHECK_FALSE(find_in_initfs(path, LastLink::follow));
  }
  CHECK_FALSE(find_in_initfs(std::string(5000, 'a'), LastLink::follow));
}

TEST_CASE("the_root_and_links_themselves_can_be_named") {
  const Bytes archive = sample();
  REQUIRE(mount_initfs(archive) == nullptr);
  REQUIRE(find_in_initfs("/", LastLink::follow));
  CHECK((find_in_initfs("/", LastLink::follow)->mode & mode_type) == mode_directory);
  const auto link = find_in_initfs("/bin/sh", LastLink::keep);
  REQUIRE(link);
  CHECK((link->mode & mode_type) == mode_link);
}

TEST_CASE("directories_list_their_children_once") {
  const Bytes archive = sample();
  REQUIRE(mount_initfs(archive) == nullptr);
  std::vector<std::string> names;
  uint64_t position = 0;
  while (const auto child = next_in_directory("bin", position)) {
    names.emplace_back(child->name);
  }
  CHECK(names == std::vector<std::string>{"busybox", "sh", "up"});
  names.clear();
  position = 0;
  while (const auto child = next_in_directory("", position)) {
    names.emplace_back(child->name);
  }
  CHECK(names == std::vector<std::string>{"bin", "etc", "loop1", "loop2", "alias"});
}

TEST_CASE("cut_off_archives_are_refused_at_every_length") {
  const Bytes whole = sample();
  for (size_t size = 0; size + 4 < whole.size(); ++size) {
    const Bytes part(whole.begin(), whole.begin() + long(size));
    REQUIRE(mount_initfs(part) != nullptr);
  }
}

TEST_CASE("random_damage_is_refused_or_harmless") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const Bytes whole = sample();
  for (unsigned round = 0; round < 20000; ++round) {
    Bytes damaged = whole;
    for (unsigned i = 1 + random() % 3; i > 0; --i) {
      damaged[random() % damaged.size()] = uint8_t(random() % 2 ? random() : '0' + random() % 10);
    }
    CpioReader reader(damaged);
    while (const auto entry = reader.next()) {
      REQUIRE(entry->contents.data() + entry->contents.size() <= damaged.data() + damaged.size());
    }
    if (mount_initfs(damaged) == nullptr) {
      (void)contents_of("/alias/up");
    }
  }
  REQUIRE(mount_initfs({}) != nullptr);
}
