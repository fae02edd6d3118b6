// cpio_test.cpp: archives and the initial file system's names.
#include <catch2/catch.hpp>
#include <cstdio>
#include <random>
#include <string>

#include "kernel/fd/cpio.h"
#include "kernel/fd/initfs_index.h"

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

// An index with its storage.
struct Indexed {
  explicit Indexed(const Bytes& archive) {
    uint64_t count = 0;
    problem = check_archive(archive, count);
    if (problem == nullptr) {
      storage.resize(count + 3);
      index.build(archive, added, storage.data(), storage.size());
    }
  }

  static constexpr Text added[] = {"dev", "bin"};
  const char* problem = nullptr;
  std::vector<InitfsEntry> storage;
  InitfsIndex index;
};

std::string contents_of(const InitfsIndex& index, Text name) {
  const InitfsEntry* entry = index.find(name);
  return entry != nullptr ? std::string(entry->contents.begin(), entry->contents.end()) : "(none)";
}

std::vector<std::string> children_of(const InitfsIndex& index, Text folder) {
  std::vector<std::string> names;
  uint64_t position = 0;
  while (const InitfsEntry* child = index.next_child(folder, position)) {
    names.emplace_back(child->name);
  }
  return names;
}

}  // namespace

TEST_CASE("entries_are_found_by_their_names_alone") {
  const Bytes archive = sample();
  const Indexed files(archive);
  REQUIRE(files.problem == nullptr);
  CHECK(contents_of(files.index, "bin/busybox") == "ELF");
  CHECK(contents_of(files.index, "etc/motd") == "hello");
  CHECK(contents_of(files.index, "bin/sh") == "busybox");
  for (const char* name : {"none", "bin/none", "etc/motd/x", "bi", "bin/s", "/bin", "bin/", "."}) {
    CHECK(files.index.find(name) == nullptr);
  }
}

TEST_CASE("root_and_mount_points_are_there_even_when_the_archive_lacks_them") {
  const Bytes archive = Archive().add("motd", mode_regular | 0644, "hello").finish();
  const Indexed files(archive);
  REQUIRE(files.problem == nullptr);
  for (const char* name : {"", "dev", "bin"}) {
    REQUIRE(files.index.find(name) != nullptr);
    CHECK((files.index.find(name)->mode & mode_type) == mode_directory);
  }
}

TEST_CASE("of_two_entries_of_one_name_the_first_counts") {
  const Bytes archive = Archive()
                            .add("motd", mode_regular | 0644, "first")
                            .add("./motd", mode_regular | 0644, "second")
                            .finish();
  const Indexed files(archive);
  CHECK(contents_of(files.index, "motd") == "first");
  CHECK(children_of(files.index, "") == std::vector<std::string>{"bin", "dev", "motd"});
}

TEST_CASE("directories_list_their_children_once") {
  const Bytes archive = Archive()
                            .add("bin", directory)
                            .add("bin/b", program)
                            .add("bin-old", directory)
                            .add("bin-old/x", program)
                            .add("bin/deep", directory)
                            .add("bin/deep/er", program)
                            .add("bin/a", program)
                            .finish();
  const Indexed files(archive);
  CHECK(children_of(files.index, "bin") == std::vector<std::string>{"bin/a", "bin/b", "bin/deep"});
  CHECK(children_of(files.index, "") == std::vector<std::string>{"bin", "bin-old", "dev"});
  CHECK(children_of(files.index, "bin/a").empty());
}

TEST_CASE("cut_off_archives_are_refused_at_every_length") {
  const Bytes whole = sample();
  for (size_t size = 0; size + 4 < whole.size(); ++size) {
    const Bytes part(whole.begin(), whole.begin() + long(size));
    REQUIRE(Indexed(part).problem != nullptr);
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
    const Indexed files(damaged);
    if (files.problem == nullptr) {
      (void)contents_of(files.index, "bin/up");
      (void)children_of(files.index, "bin");
    }
  }
  REQUIRE(Indexed(Bytes()).problem != nullptr);
}
