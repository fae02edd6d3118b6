// UserSlice and UserPtr: what they accept, what they consume, what they leave after an error.
#include <catch2/catch.hpp>

#include <sys/mman.h>

#include <cstring>

#include "harness.h"
#include "usercopy/user_ptr.h"
#include "usercopy/user_slice.h"

using base::Bytes;
using base::Error;
using base::Span;
using base::UserAddr;
using harness::page;
using harness::Pages;
using harness::user;
using usercopy::UserPtrIn;
using usercopy::UserPtrInOut;
using usercopy::UserPtrOut;
using usercopy::UserSlice;

namespace {

struct Pair {
  uint32_t first;
  uint32_t second;
};

struct Versioned {
  uint64_t a;
  uint64_t b;
  uint64_t c;
};

}  // namespace

TEST_CASE("a_slice_lies_wholly_in_user_address_space", "[slice]") {
  const uint64_t limit = usercopy_limit;
  const auto ok = [](uint64_t base, uint64_t length) {
    return UserSlice::ro(UserAddr(base), Bytes(length)).ok();
  };
  REQUIRE(ok(0, 0));
  REQUIRE(ok(0, limit));
  REQUIRE(ok(limit, 0));
  REQUIRE(ok(limit - 1, 1));
  REQUIRE(!ok(limit, 1));
  REQUIRE(!ok(limit - 1, 2));
  REQUIRE(!ok(1, limit));
  REQUIRE(!ok(0, ~uint64_t{0}));
  REQUIRE(!ok(4096, ~uint64_t{0} - 4095));  // base + length wraps to 0
  REQUIRE(!ok(~uint64_t{0}, 1));
  REQUIRE(!ok(~uint64_t{0}, 0));
  REQUIRE(!ok(uint64_t{1} << 63, 16));
  REQUIRE(UserSlice::wo(UserAddr(limit), Bytes(1)).error() == Error::fault);
}

TEST_CASE("reading_consumes_and_refetching_is_visible", "[slice]") {
  const Pages pages(1);
  std::memcpy(pages.begin(), "abcdefgh", 8);
  auto slice = UserSlice::ro(user(pages.begin()), Bytes(8)).value();
  uint8_t three[3];
  auto again = slice.refetch();
  REQUIRE(slice.copy_to(Span<uint8_t>(three)).ok());
  REQUIRE(std::memcmp(three, "abc", 3) == 0);
  REQUIRE(slice.size() == 5);
  REQUIRE(slice.copy_to(Span<uint8_t>(three)).ok());
  REQUIRE(std::memcmp(three, "def", 3) == 0);
  const auto last = slice.copy_to(Span<uint8_t>(three));
  REQUIRE(last.copied == 2);
  REQUIRE(!last.ok());
  REQUIRE(std::memcmp(three, "gh\0", 3) == 0);
  REQUIRE(slice.empty());
  REQUIRE(again.size() == 8);
}

TEST_CASE("a_fault_consumes_what_was_copied", "[slice]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  auto slice = UserSlice::rw(user(pages.begin() + page - 5), Bytes(10)).value();
  uint8_t ten[10];
  std::memset(ten, 1, sizeof ten);
  const auto result = slice.copy_from(Span<const uint8_t>(ten, 10));
  REQUIRE(result.copied == 5);
  REQUIRE(!result.ok());
  REQUIRE(slice.size() == 5);
  REQUIRE(slice.address() == user(pages.begin() + page));
}

TEST_CASE("split_take_advance_and_chunks_cover_the_slice_once", "[slice]") {
  const Pages pages(1);
  const UserAddr start = user(pages.begin());
  auto slice = UserSlice::wo(start, Bytes(100)).value();
  REQUIRE(slice.split_at(101).error() == Error::invalid_argument);
  REQUIRE(slice.size() == 100);
  auto halves = slice.split_at(30).value();
  REQUIRE(slice.empty());
  REQUIRE(halves.first.size() == 30);
  REQUIRE(halves.rest.address() == start + Bytes(30));
  REQUIRE(halves.rest.advance(71).error() == Error::invalid_argument);
  REQUIRE(halves.rest.advance(10).ok());
  REQUIRE(halves.rest.size() == 60);
  size_t seen = 0;
  size_t parts = 0;
  REQUIRE(halves.rest
              .chunks(16,
                      [&](usercopy::UserSliceWo part) -> base::Status {
                        REQUIRE(part.address() == start + Bytes(40 + seen));
                        seen += part.size();
                        ++parts;
                        return {};
                      })
              .ok());
  REQUIRE(seen == 60);
  REQUIRE(parts == 4);
  REQUIRE(
      halves.first.chunks(0, [](usercopy::UserSliceWo) -> base::Status { return {}; }).error() ==
      Error::invalid_argument);
  const auto stopped =
      halves.first.chunks(8, [](usercopy::UserSliceWo) -> base::Status { return Error::io; });
  REQUIRE(stopped.error() == Error::io);
  REQUIRE(halves.first.size() == 22);
}

TEST_CASE("structures_cross_whole_or_not_at_all", "[slice]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  uint8_t* at = pages.begin() + page - 12;
  auto out = UserSlice::wo(user(at), Bytes(20)).value();
  REQUIRE(out.write_struct(Pair{1, 2}).ok());
  REQUIRE(out.write_struct(Pair{3, 4}).error() == Error::fault);
  REQUIRE(out.size() == 12);
  auto in = UserSlice::ro(user(at), Bytes(12)).value();
  const Pair pair = in.read_struct<Pair>().value();
  REQUIRE((pair.first == 1 && pair.second == 2));
  REQUIRE(in.read_struct<Pair>().error() == Error::invalid_argument);
  REQUIRE(in.size() == 4);
}

TEST_CASE("versioned_structures_extend_with_zeroes_and_refuse_unknown_fields", "[slice]") {
  const Pages pages(1);
  const uint64_t fields[5] = {1, 2, 3, 0, 0};
  std::memcpy(pages.begin(), fields, sizeof fields);
  const auto read = [&](size_t size) {
    return UserSlice::ro(user(pages.begin()), Bytes(size))
        .value()
        .read_versioned_struct<Versioned>(8);
  };
  REQUIRE(read(7).error() == Error::invalid_argument);
  REQUIRE(read(8).value().b == 0);
  REQUIRE(read(12).value().b == 2);
  REQUIRE(read(16).value().c == 0);
  REQUIRE(read(24).value().c == 3);
  REQUIRE(read(40).value().c == 3);
  pages.begin()[39] = 1;
  REQUIRE(read(40).error() == Error::limit_exceeded);
  REQUIRE(read(39).value().a == 1);
  REQUIRE(read(page + 8).error() == Error::limit_exceeded);
  pages.begin()[39] = 0;
  REQUIRE(read(page + 8).error() == Error::fault);
}

TEST_CASE("a_string_argument_is_bounded_terminated_and_whole", "[slice]") {
  const Pages pages(1);
  std::memcpy(pages.begin(), "path\0more", 9);
  char target[8];
  const auto copy = [&](size_t size) {
    return UserSlice::ro(user(pages.begin()), Bytes(size))
        .value()
        .copy_to_string(Span<char>(target));
  };
  REQUIRE(copy(4).value() == 4);
  REQUIRE(std::strcmp(target, "path") == 0);
  REQUIRE(copy(0).value() == 0);
  REQUIRE(copy(8).error() == Error::limit_exceeded);
  REQUIRE(copy(6).error() == Error::invalid_argument);
  REQUIRE(target[0] == 0);
}

TEST_CASE("pointers_read_write_and_fault_like_slices", "[slice]") {
  const Pages pages(2);
  pages.protect(1, PROT_READ);
  REQUIRE(UserPtrIn<uint64_t>::checked(UserAddr(usercopy_limit - 7)).error() == Error::fault);
  REQUIRE(UserPtrIn<uint64_t>::checked(UserAddr(usercopy_limit - 8)).ok());
  auto inout = UserPtrInOut<int32_t>::checked(user(pages.begin() + 1)).value();
  REQUIRE(inout.write(-5).ok());
  REQUIRE(inout.refetch().read().value() == -5);
  REQUIRE(base::move(inout).read().value() == -5);
  auto out = UserPtrOut<Pair>::checked(user(pages.begin() + page - 4)).value();
  REQUIRE(out.write(Pair{1, 2}).error() == Error::fault);
  auto in = UserPtrIn<Pair>::checked(user(pages.begin() + page - 4)).value();
  REQUIRE(base::move(in).read().value().first == 1);
}

TEST_CASE("user_to_user_copy_consumes_from_both_slices", "[slice]") {
  const Pages pages(2);
  pages.protect(1, PROT_NONE);
  std::memcpy(pages.begin(), "0123456789", 10);
  auto from = UserSlice::ro(user(pages.begin()), Bytes(10)).value();
  auto to = UserSlice::wo(user(pages.begin() + page - 4), Bytes(6)).value();
  const auto result = usercopy::copy(to, from);
  REQUIRE(result.copied == 4);
  REQUIRE(!result.ok());
  REQUIRE(from.size() == 6);
  REQUIRE(to.size() == 2);
  REQUIRE(std::memcmp(pages.begin() + page - 4, "0123", 4) == 0);
}
