// file_data_test.cpp: sparse contents against a vector of bytes.
#include "user/tree/file_data.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

using namespace tree;

namespace {

using Bytes = std::vector<uint8_t>;

class Memory final : public Origin {
 public:
  explicit Memory(Bytes bytes) : bytes_(std::move(bytes)) {}
  int64_t read(uint64_t id, uint64_t offset, void* to, size_t size) override {
    REQUIRE(id == 7);
    REQUIRE(offset + size <= bytes_.size());
    memcpy(to, bytes_.data() + offset, size);
    return broken ? -EIO : 0;
  }
  bool broken = false;

 private:
  Bytes bytes_;
};

Bytes random_bytes(std::mt19937_64& random, size_t size) {
  Bytes bytes(size);
  for (uint8_t& byte : bytes) {
    byte = uint8_t(random());
  }
  return bytes;
}

}  // namespace

TEST_CASE("pool_gives_memory_back_and_keeps_its_limit") {
  PagePool pool(1000);
  std::vector<uint8_t*> pages;
  while (uint8_t* const page = pool.take()) {
    memset(page, 0xa5, PagePool::page_size);
    pages.push_back(page);
  }
  REQUIRE(pages.size() == 1000);
  std::mt19937_64 random(1);
  std::shuffle(pages.begin(), pages.end(), random);
  for (uint8_t* const page : pages) {
    pool.give(page);
  }
  REQUIRE(pool.used() == 0);
  REQUIRE(pool.mapped_bytes() <= 64 * PagePool::page_size);
}

TEST_CASE("random_reads_writes_and_resizes_equal_a_vector") {
  const unsigned seed = Catch::rngSeed() + 1;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 40; ++round) {
    PagePool pool(400);
    FileData data;
    Bytes model;
    Memory origin(random_bytes(random, 50000));
    if (round % 2 == 1) {
      data.set_origin(origin, 7, 100, 40000);
      model.resize(40000);
      origin.read(7, 100, model.data(), 40000);
    }
    for (int i = 0; i < 300; ++i) {
      const uint64_t offset = random() % 300000;
      const size_t size = random() % (random() % 4 == 0 ? 20000 : 300);
      switch (random() % 4) {
        case 0: {
          const Bytes bytes = random_bytes(random, size);
          REQUIRE(data.write(pool, offset, bytes.data(), size) == int64_t(size));
          if (size != 0) {
            model.resize(std::max(model.size(), size_t(offset) + size));
            std::copy(bytes.begin(), bytes.end(), model.begin() + int64_t(offset));
          }
          break;
        }
        case 1: {
          const uint64_t wanted = random() % 3 == 0 ? offset : offset % 5000;
          if (random() % 4 == 0) {
            REQUIRE(data.resize(pool, wanted) == 0);
            model.resize(wanted);
          }
          break;
        }
        default: {
          Bytes got(size + 1, 0xee);
          const size_t there = offset < model.size() ? std::min(size, model.size() - offset) : 0;
          REQUIRE(data.read(offset, got.data(), size) == int64_t(there));
          REQUIRE(std::equal(got.begin(), got.begin() + int64_t(there),
                             model.begin() + int64_t(std::min(offset, model.size()))));
          REQUIRE(got[size] == 0xee);
          const int64_t at = data.next_data(offset);
          const int64_t hole = data.next_hole(offset);
          REQUIRE((hole == -ENXIO) == (offset >= model.size()));
          if (at >= 0) {
            REQUIRE(std::all_of(model.begin() + int64_t(offset), model.begin() + at,
                                [](uint8_t byte) { return byte == 0; }));
          }
          break;
        }
      }
      REQUIRE(data.size() == model.size());
      REQUIRE(data.check());
    }
    data.clear(pool);
    REQUIRE(pool.used() == 0);
  }
}

TEST_CASE("far_offsets_take_one_page_and_are_found_by_seek") {
  PagePool pool(4);
  FileData data;
  const uint64_t far = FileData::max_size - 1;
  REQUIRE(data.write(pool, far, "x", 1) == 1);
  REQUIRE(data.write(pool, far, "xy", 2) == 1);
  REQUIRE(data.write(pool, far + 1, "x", 1) == -EFBIG);
  REQUIRE(data.resize(pool, FileData::max_size + 1) == -EFBIG);
  REQUIRE(data.pages() == 1);
  REQUIRE(data.next_data(0) == int64_t(far / 4096 * 4096));
  REQUIRE(data.next_hole(0) == 0);
  REQUIRE(data.next_hole(far) == int64_t(FileData::max_size));
  REQUIRE(data.next_data(far + 1) == -ENXIO);
  REQUIRE(data.resize(pool, 1) == 0);
  REQUIRE(data.pages() == 0);
  REQUIRE(data.check());
}

TEST_CASE("full_pool_cuts_a_write_short_and_then_refuses") {
  PagePool pool(3);
  FileData data;
  const Bytes bytes(5 * 4096, 1);
  REQUIRE(data.write(pool, 10, bytes.data(), bytes.size()) == 3 * 4096 - 10);
  REQUIRE(data.size() == 3 * 4096);
  REQUIRE(data.write(pool, 3 * 4096, bytes.data(), 1) == -ENOSPC);
  REQUIRE(data.write(pool, 100, bytes.data(), 5) == 5);
  REQUIRE(data.check());
  data.clear(pool);
}

TEST_CASE("origin_that_fails_is_an_error_and_changes_nothing") {
  PagePool pool(10);
  Memory origin(Bytes(10000, 3));
  origin.broken = true;
  FileData data;
  data.set_origin(origin, 7, 0, 10000);
  uint8_t byte = 0;
  REQUIRE(data.read(0, &byte, 1) == -EIO);
  REQUIRE(data.write(pool, 0, &byte, 1) == -EIO);
  REQUIRE(pool.used() == 0);
  origin.broken = false;
  REQUIRE(data.write(pool, 1, "z", 1) == 1);
  Bytes got(10000);
  REQUIRE(data.read(0, got.data(), got.size()) == 10000);
  REQUIRE((got[0] == 3 && got[1] == 'z' && got[2] == 3 && got[9999] == 3));
  data.clear(pool);
}

TEST_CASE("what_was_cut_off_an_origin_never_comes_back") {
  PagePool pool(10);
  Memory origin(Bytes(10000, 3));
  FileData data;
  data.set_origin(origin, 7, 0, 10000);
  REQUIRE(data.resize(pool, 5000) == 0);
  REQUIRE(data.resize(pool, 9000) == 0);
  Bytes got(9000);
  REQUIRE(data.read(0, got.data(), got.size()) == 9000);
  REQUIRE((got[4999] == 3 && got[5000] == 0 && got[8999] == 0));
  REQUIRE(data.check());
  data.clear(pool);
}
