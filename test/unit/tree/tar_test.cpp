// tar_test.cpp: archives that tar has made, damaged ones, and ones that lie.
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "user/tarfs/tar_reader.h"

using namespace tree;

namespace {

uint64_t tick() {
  static uint64_t ticks = 0;
  return ++ticks;
}

class Bytes final : public Origin {
 public:
  explicit Bytes(std::string bytes) : bytes(std::move(bytes)) {}
  int64_t read(uint64_t id, uint64_t offset, void* to, size_t size) override {
    REQUIRE(id == 0);
    REQUIRE((offset <= bytes.size() && size <= bytes.size() - offset));
    memcpy(to, bytes.data() + offset, size);
    return 0;
  }
  std::string bytes;
};

struct Read {
  explicit Read(const std::string& archive)
      : source(archive), pool(0), files(pool, tick, 10000), reader(source, archive.size(), files) {
    REQUIRE(files.start(0755) == 0);
    result = reader.read();
    REQUIRE((result == 0 || result == -EINVAL));
    REQUIRE((result == 0) == (*reader.why() == '\0'));
    REQUIRE(files.check());
  }
  std::string contents(const std::string& path) {
    Inode* inode = nullptr;
    REQUIRE(files.find(path.c_str(), inode) == 0);
    std::string text(inode->data.size(), '\0');
    REQUIRE(files.read(*inode, 0, text.data(), text.size()) == int64_t(text.size()));
    return text;
  }
  const Inode& inode(const std::string& path) {
    Inode* found = nullptr;
    REQUIRE(files.find(path.c_str(), found) == 0);
    return *found;
  }

  Bytes source;
  PagePool pool;
  FileTree files;
  tarfs::TarReader reader;
  int64_t result;
};

void put_sum(std::string& block) {
  memset(block.data() + 148, ' ', 8);
  unsigned sum = 0;
  for (const char byte : block) sum += uint8_t(byte);
  snprintf(block.data() + 148, 8, "%06o", sum);
}

std::string header(const std::string& name, char type, uint64_t size,
                   const std::string& target = "") {
  std::string block(512, '\0');
  memcpy(block.data(), name.data(), name.size());
  snprintf(block.data() + 100, 8, "%07o", 0644u);
  snprintf(block.data() + 108, 8, "%07o", 1u);
  snprintf(block.data() + 116, 8, "%07o", 2u);
  snprintf(block.data() + 124, 12, "%011llo", static_cast<unsigned long long>(size));
  snprintf(block.data() + 136, 12, "%011llo", 1000000000ull);
  block[156] = type;
  memcpy(block.data() + 157, target.data(), target.size());
  memcpy(block.data() + 257, "ustar\00000", 8);
  put_sum(block);
  return block;
}

std::string file(const std::string& name, const std::string& contents, char type = '0') {
  std::string padded = contents;
  padded.resize((contents.size() + 511) / 512 * 512);
  return header(name, type, contents.size()) + padded;
}

const std::string end_mark(1024, '\0');

}  // namespace

TEST_CASE("archives_of_every_format_are_read") {
  char folder[] = "/tmp/tar_test.XXXXXX";
  const std::string top = mkdtemp(folder);
  const std::string tree = top + "/tree";
  const std::string deep = "a/" + std::string(120, 'd') + "/" + std::string(130, 'e');
  std::filesystem::create_directories(tree + "/" + deep);
  std::ofstream(tree + "/" + deep + "/file") << "deep";
  std::ofstream(tree + "/plain") << std::string(5000, 'p');
  std::ofstream(tree + "/empty");
  std::filesystem::create_hard_link(tree + "/plain", tree + "/second");
  std::filesystem::create_symlink(deep + "/file", tree + "/link");
  const std::vector<std::string> formats = {"gnu", "pax", "posix"};
  for (const std::string& format : formats) {
    CAPTURE(format);
    const std::string command =
        "tar --format=" + format + " -C " + tree + " -cf " + top + "/out.tar .";
    REQUIRE(std::system(command.c_str()) == 0);
    std::ifstream stream(top + "/out.tar", std::ios::binary);
    Read read(std::string(std::istreambuf_iterator<char>(stream), {}));
    CAPTURE(read.reader.why());
    REQUIRE(read.result == 0);
    REQUIRE(read.contents("plain") == std::string(5000, 'p'));
    REQUIRE(&read.inode("plain") == &read.inode("second"));
    REQUIRE(read.inode("plain").links == 2);
    REQUIRE(read.contents("empty").empty());
    REQUIRE(read.contents(deep + "/file") == "deep");
    REQUIRE(std::string(read.inode("link").target) == deep + "/file");
  }
  std::filesystem::remove_all(top);
}

TEST_CASE("members_have_attributes_and_replace_earlier_ones") {
  Read read(file("a/b/c", "first") + file("/a/./b//c", "second") + header("d/", '5', 0) +
            header("dev", '3', 0) + header("f", '2', 0, "a") + header("f", '2', 0, "d") + end_mark);
  REQUIRE(read.result == 0);
  REQUIRE(read.contents("a/b/c") == "second");
  const Inode& made = read.inode("a/b/c");
  REQUIRE((made.mode == (S_IFREG | 0644) && made.user == 1 && made.group == 2));
  REQUIRE(made.modified_ns == 1000000000ull * 1000000000);
  REQUIRE(read.inode("d").is_directory());
  REQUIRE(S_ISCHR(read.inode("dev").mode));
  REQUIRE(std::string(read.inode("f").target) == "d");
}

TEST_CASE("malformed_archives_are_refused") {
  const std::string good = file("a", "contents");
  REQUIRE(Read(good + end_mark).result == 0);
  REQUIRE(Read(good + std::string(512, '\0')).result == 0);
  std::string bad = good;
  bad[0] = 'b';
  REQUIRE(Read(bad + end_mark).result == -EINVAL);
  REQUIRE(Read("").result == -EINVAL);
  REQUIRE(Read("hello").result == -EINVAL);
  REQUIRE(Read(good).result == -EINVAL);
  REQUIRE(Read(good.substr(0, 700)).result == -EINVAL);
  REQUIRE(Read(file("../a", "x") + end_mark).result == -EINVAL);
  REQUIRE(Read(file("a/../../b", "x") + end_mark).result == -EINVAL);
  REQUIRE(Read(file("", "x") + end_mark).result == -EINVAL);
  REQUIRE(Read(file(".", "x") + end_mark).result == -EINVAL);
  REQUIRE(Read(header("a", '0', 1 << 20) + end_mark).result == -EINVAL);
  REQUIRE(Read(header("a", '0', 077777777777) + end_mark).result == -EINVAL);
  REQUIRE(Read(header("a", 'S', 0) + end_mark).result == -EINVAL);
  REQUIRE(Read(good + header("b", '1', 0, "missing") + end_mark).result == -EINVAL);
  REQUIRE(Read(good + header("a", '1', 0, "a") + end_mark).result == -EINVAL);
  REQUIRE(Read(good + header("b", '1', 0, "../a") + end_mark).result == -EINVAL);
  REQUIRE(Read(good + file("a/b", "x") + end_mark).result == -EINVAL);
  REQUIRE(Read(file("d/e", "x") + file("d", "x") + end_mark).result == -EINVAL);
  REQUIRE(Read(file("x", std::string(300, 'n'), 'L') + file("b", "x") + end_mark).result ==
          -EINVAL);
  REQUIRE(Read(file("x", "name", 'L') + end_mark).result == -EINVAL);
  REQUIRE(Read(header("x", 'L', 1 << 20) + end_mark).result == -EINVAL);
  for (const char* const pax : {"x", "5 a=b\n", "99 path=b\n", "7 path\n", "0 path=b\n",
                                "11 size=-5\n", "18446744073709551615 path=b\n", "10 path=b"}) {
    REQUIRE(Read(file("x", pax, 'x') + file("b", "x") + end_mark).result == -EINVAL);
  }
  REQUIRE(Read(file("x", "10 path=b\n", 'x') + file("a", "x") + end_mark).contents("b") == "x");
}

TEST_CASE("damaged_archives_are_read_or_refused_but_never_followed_astray") {
  std::string archive = file("x", "20 path=long/name/b\n", 'x') + file("a", "contents");
  archive += file("y", "longer/than/this", 'L') + file("b", std::string(700, 'x'));
  archive += header("d", '5', 0) + header("l", '1', 0, "longer/than/this") + end_mark;
  REQUIRE(Read(archive).result == 0);
  const unsigned seed = Catch::rngSeed() + 1;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = archive;
    for (uint64_t i = random() % 3 + 1; i != 0; --i) {
      const size_t at = random() % (archive.size() - 1024);
      damaged[at] = random() % 2 == 0 ? char(random()) : "0127/. \xff"[random() % 8];
      // Headers that were damaged are made whole again, so that their fields are looked at.
      std::string block = damaged.substr(at / 512 * 512, 512);
      if (block.compare(257, 5, "ustar") == 0) {
        put_sum(block);
        damaged.replace(at / 512 * 512, 512, block);
      }
    }
    if (random() % 4 == 0) damaged.resize(random() % damaged.size());
    Read read(damaged);
  }
}
