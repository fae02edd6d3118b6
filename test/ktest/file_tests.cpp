// file_tests.cpp: descriptor tables, pipes and paths, without a program.
#include <cstring>

#include "kernel/fd/file_table.h"
#include "kernel/fd/pipe.h"
#include "kernel/memory/frames.h"
#include "kernel/scheme/path_walk.h"
#include "kernel/scheme/pipe_scheme.h"
#include "test/ktest/ktest.h"

namespace kernel::test {

namespace {

Outcome<Ref<File>> open_read(Text path) {
  return open_path("/", path, {open_flag::read_only, 0});
}

// ---- FileTable

Verdict lowest_free_number_is_given_up_to_the_limit() {
  auto table = FileTable::create();
  const auto null = open_read("/dev/null");
  KTEST_CHECK(table.ok() && null.ok(), "no memory");
  FileTable& files = *table.value();
  for (uint32_t i = 0; i < 100; ++i) {
    const auto number = files.add(null.value(), CloseOnExec::no, 100);
    KTEST_CHECK(number.ok() && number.value() == i, "not the lowest free number");
  }
  const auto full = files.add(null.value(), CloseOnExec::no, 100);
  KTEST_CHECK(!full.ok() && full.error() == Errno::too_many_files, "more than the limit");
  KTEST_CHECK(files.remove(7) && files.remove(50), "an open file was not there");
  KTEST_CHECK(!files.remove(7), "closed twice");
  const auto above = files.add(null.value(), CloseOnExec::no, 100, 20);
  KTEST_CHECK(above.ok() && above.value() == 50, "not the lowest from 20 on");
  const auto low = files.add(null.value(), CloseOnExec::no, 100);
  KTEST_CHECK(low.ok() && low.value() == 7, "a closed number was not given again");
  return passed;
}

Verdict reserved_numbers_are_neither_free_nor_open() {
  auto table = FileTable::create();
  const auto null = open_read("/dev/null");
  KTEST_CHECK(table.ok() && null.ok(), "no memory");
  FileTable& files = *table.value();
  const auto number = files.reserve(10);
  KTEST_CHECK(number.ok() && number.value() == 0 && !files.find(0), "reserved is open");
  const auto replaced = files.replace(0, null.value(), CloseOnExec::no, 10);
  KTEST_CHECK(!replaced.ok() && replaced.error() == Errno::busy, "a promise was taken");
  const auto next = files.add(null.value(), CloseOnExec::no, 10);
  KTEST_CHECK(next.ok() && next.value() == 1, "reserved is free");
  files.cancel(0);
  const auto again = files.reserve(10);
  KTEST_CHECK(again.ok() && again.value() == 0, "cancelled is not free");
  files.install(0, null.value(), CloseOnExec::yes);
  KTEST_CHECK(bool(files.find(0)), "installed is not open");
  return passed;
}

Verdict copies_share_files_and_marked_ones_close() {
  auto table = FileTable::create();
  const auto null = open_read("/dev/null");
  KTEST_CHECK(table.ok() && null.ok(), "no memory");
  KTEST_CHECK(table.value()->replace(3, null.value(), CloseOnExec::yes, 100).ok() &&
                  table.value()->replace(70, null.value(), CloseOnExec::no, 100).ok(),
              "no memory");
  auto copy = table.value()->copy();
  KTEST_CHECK(copy.ok(), "no memory");
  copy.value()->close_marked();
  KTEST_CHECK(!copy.value()->find(3) && table.value()->find(3), "the copy is not apart");
  KTEST_CHECK(copy.value()->find(70).get() == table.value()->find(70).get(), "another file");
  copy.value()->close_range(0, ~0u);
  KTEST_CHECK(copy.value()->next_open(0) == FileTable::max_files, "something is still open");
  return passed;
}

// ---- Pipe

uint8_t pattern(uint64_t position) {
  return uint8_t(position * 31 + position / 256);
}

uint64_t put(File& end, uint64_t position, size_t size) {
  static uint8_t bytes[8192];
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = pattern(position + i);
  }
  Source source(std::span<const uint8_t>(bytes).first(size));
  const auto written = end.write(source);
  return written.ok() ? written.value() : 0;
}

// ~0: wrong bytes.
uint64_t get(File& end, uint64_t position, size_t size) {
  static uint8_t bytes[8192];
  Sink sink(std::span(bytes).first(size));
  const auto got = end.read(sink);
  if (!got.ok()) {
    return 0;
  }
  for (size_t i = 0; i < got.value(); ++i) {
    if (bytes[i] != pattern(position + i)) {
      return ~0ULL;
    }
  }
  return got.value();
}

Verdict pipe_keeps_order_round_and_round() {
  auto ends = make_pipe(open_flag::nonblock);
  KTEST_CHECK(ends.ok(), "no memory");
  File& read = *ends.value().read;
  File& write = *ends.value().write;
  uint64_t written = 0;
  uint64_t taken = 0;
  uint32_t seed = 7;
  for (unsigned round = 0; round < 2000; ++round) {
    seed = seed * 1664525 + 1013904223;
    written += put(write, written, seed >> 19);
    const uint64_t now = get(read, taken, (seed >> 3) % 8192);
    KTEST_CHECK(now != ~0ULL, "other bytes than were written");
    taken += now;
    KTEST_CHECK(taken <= written && written - taken <= Pipe::capacity, "bytes were made up");
  }
  return passed;
}

Verdict small_writes_are_whole_or_nothing() {
  auto ends = make_pipe(open_flag::nonblock);
  KTEST_CHECK(ends.ok(), "no memory");
  File& read = *ends.value().read;
  File& write = *ends.value().write;
  uint64_t written = 0;
  while (const uint64_t now = put(write, written, 4096)) {
    KTEST_CHECK(now == 4096, "a small write was cut");
    written += now;
  }
  KTEST_CHECK(written == Pipe::capacity, "not 64 KiB");
  KTEST_CHECK(!(write.poll(nullptr) & poll_event::out), "a full pipe is writable");
  KTEST_CHECK(get(read, 0, 100) == 100, "wrong bytes");
  KTEST_CHECK(put(write, written, 101) == 0, "a small write was cut");
  KTEST_CHECK(put(write, written, 100) == 100, "room was not used");
  return passed;
}

Verdict an_empty_pipe_keeps_two_frames() {
  const uint64_t before = free_frame_count();
  {
    auto ends = make_pipe(open_flag::nonblock);
    KTEST_CHECK(ends.ok(), "no memory");
    uint64_t written = 0;
    while (const uint64_t now = put(*ends.value().write, written, 4000)) {
      written += now;
    }
    const uint64_t full = free_frame_count();
    for (uint64_t taken = 0; taken < written;) {
      const uint64_t now = get(*ends.value().read, taken, 3000);
      KTEST_CHECK(now != 0 && now != ~0ULL, "other bytes than were written");
      taken += now;
    }
    constexpr uint64_t pages = Pipe::capacity / base::page_size;
    KTEST_CHECK(free_frame_count() >= full + pages - 2, "frames of bytes that were read stay");
    const uint64_t empty = free_frame_count();
    KTEST_CHECK(put(*ends.value().write, written, 4000) == 4000, "not written");
    KTEST_CHECK(free_frame_count() == empty, "a frame was taken although two were kept");
  }
  KTEST_CHECK(free_frame_count() + 2 >= before, "a closed pipe keeps frames");
  return passed;
}

Verdict closed_ends_are_noticed() {
  auto ends = make_pipe(0);
  KTEST_CHECK(ends.ok(), "no memory");
  KTEST_CHECK(put(*ends.value().write, 0, 10) == 10, "not written");
  ends.value().write.reset();
  KTEST_CHECK(ends.value().read->poll(nullptr) & poll_event::hang_up, "no hang-up");
  KTEST_CHECK(get(*ends.value().read, 0, 100) == 10, "bytes were lost");
  KTEST_CHECK(get(*ends.value().read, 10, 100) == 0, "no end of file");
  auto other = make_pipe(0);
  KTEST_CHECK(other.ok(), "no memory");
  other.value().read.reset();
  uint8_t byte = 0;
  Source source(std::span<const uint8_t>(&byte, 1));
  const auto written = other.value().write->write(source);
  KTEST_CHECK(!written.ok() && written.error() == Errno::broken_pipe, "written to nobody");
  return passed;
}

Verdict write_end_is_derived_once() {
  const auto read = open_read("pipe:");
  KTEST_CHECK(read.ok(), "no read end");
  const auto unknown = read.value()->dup_named("read", 0);
  KTEST_CHECK(!unknown.ok() && unknown.error() == Errno::invalid, "an unknown name");
  const auto write = read.value()->dup_named("write", 0);
  KTEST_CHECK(write.ok() && put(*write.value(), 0, 5) == 5, "no write end");
  KTEST_CHECK(get(*read.value(), 0, 100) == 5, "not the same pipe");
  const auto second = read.value()->dup_named("write", 0);
  KTEST_CHECK(!second.ok() && second.error() == Errno::exists, "a second write end");
  return passed;
}

// ---- Paths

// The canonical path, or "" for an error that is `wanted`.
bool leads_to(Text base, Text path, Text wanted) {
  const auto found = resolve_path(base, path, LastLink::follow);
  return found.ok() && found.value().path->text() == wanted;
}
bool fails_with(Text path, Errno wanted) {
  const auto found = resolve_path("/", path, LastLink::follow);
  return !found.ok() && found.error() == wanted;
}

Verdict paths_lead_to_schemes() {
  KTEST_CHECK(leads_to("/", "/", "/") && leads_to("/bin", "..", "/"), "the root");
  KTEST_CHECK(leads_to("/", "//bin/./../dev//null", "/dev/null"), "dots and slashes");
  KTEST_CHECK(leads_to("/dev", "null", "/dev/null"), "a relative path");
  KTEST_CHECK(leads_to("/", "null:", "/scheme/null"), "a scheme's name");
  KTEST_CHECK(leads_to("/scheme", "zero", "/scheme/zero"), "the list of schemes");
  KTEST_CHECK(leads_to("/", "time:monotonic", "/scheme/time/monotonic"), "the rest of a path");
  return passed;
}

Verdict paths_fail_as_on_linux() {
  KTEST_CHECK(fails_with("", Errno::no_entry), "an empty path");
  KTEST_CHECK(fails_with("/none/x", Errno::no_entry), "a folder that is not there");
  KTEST_CHECK(fails_with("/dev/null/", Errno::not_directory), "a slash after a file");
  KTEST_CHECK(fails_with("/dev/null/..", Errno::not_directory), "through a file");
  KTEST_CHECK(fails_with("none:x", Errno::no_entry), "a scheme that is not there");
  static char text[max_path + 1];
  memset(text, 'a', sizeof(text));
  KTEST_CHECK(fails_with(Text(text, 256), Errno::name_too_long), "a long part");
  KTEST_CHECK(fails_with(Text(text, max_path), Errno::name_too_long), "a long path");
  memset(text, '/', max_path - 1);
  KTEST_CHECK(leads_to("/", Text(text, max_path - 1), "/"), "the longest path");
  return passed;
}

Verdict changes_are_refused_in_order() {
  const auto opens = [](Text path, uint32_t flags) {
    const auto opened = open_path("/", path, {flags, 0});
    return opened.ok() ? Errno(0) : opened.error();
  };
  constexpr uint32_t write = open_flag::write_only;
  constexpr uint32_t create = open_flag::create | write;
  KTEST_CHECK(opens("/new", create) == Errno::read_only, "a new file");
  KTEST_CHECK(opens("/none/new", create) == Errno::no_entry, "in no folder");
  KTEST_CHECK(opens("/bin", write) == Errno::is_directory, "writing a folder");
  KTEST_CHECK(opens("/dev/null", create) == Errno(0), "a device that is there");
  KTEST_CHECK(opens("/dev/null", create | open_flag::exclusive) == Errno::exists, "exclusively");
  KTEST_CHECK(opens("/dev/null", open_flag::directory) == Errno::not_directory, "as a folder");
  return passed;
}

constexpr Test tests[] = {
    {"lowest_free_number_is_given_up_to_the_limit", lowest_free_number_is_given_up_to_the_limit},
    {"reserved_numbers_are_neither_free_nor_open", reserved_numbers_are_neither_free_nor_open},
    {"copies_share_files_and_marked_ones_close", copies_share_files_and_marked_ones_close},
    {"pipe_keeps_order_round_and_round", pipe_keeps_order_round_and_round},
    {"small_writes_are_whole_or_nothing", small_writes_are_whole_or_nothing},
    {"an_empty_pipe_keeps_two_frames", an_empty_pipe_keeps_two_frames},
    {"closed_ends_are_noticed", closed_ends_are_noticed},
    {"write_end_is_derived_once", write_end_is_derived_once},
    {"paths_lead_to_schemes", paths_lead_to_schemes},
    {"paths_fail_as_on_linux", paths_fail_as_on_linux},
    {"changes_are_refused_in_order", changes_are_refused_in_order},
};

}  // namespace

constinit const std::span<const Test> file_tests = tests;

}  // namespace kernel::test
