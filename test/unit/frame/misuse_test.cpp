// Broken invariants stop the machine: each misuse is made in a child process that must panic.
#include <catch2/catch.hpp>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "test/unit/frame/memory.h"
#include "vm/frame/reservation.h"

using frame_test::Memory;
using frame_test::PageCount;
using frame_test::Pfn;

namespace {

// What the child said before it aborted; empty if it did not.
template <class Misuse>
std::string panic_of(Misuse&& misuse) {
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(pipe_ends[1], 2);
    signal(SIGABRT, SIG_DFL);
    misuse();
    _exit(0);
  }
  close(pipe_ends[1]);
  std::string said;
  char buffer[256];
  for (ssize_t got; (got = read(pipe_ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, size_t(got));
  }
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? said : std::string();
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a frame freed twice is caught") {
  Memory memory(64);
  const Pfn frame = memory.frames.allocate().value();
  memory.frames.free(frame);
  CHECK(contains(panic_of([&] { memory.frames.free(frame); }), "nobody had"));
}

TEST_CASE("a frame freed while others reference it is caught") {
  Memory memory(64);
  const Pfn frame = memory.frames.allocate().value();
  REQUIRE(memory.frames.records().of(frame).add_references().ok());
  CHECK(contains(panic_of([&] { memory.frames.free(frame); }), "while it is referenced"));
  memory.frames.drop(frame);
  memory.frames.drop(frame);
}

TEST_CASE("a reference dropped twice is caught") {
  Memory memory(64);
  const Pfn frame = memory.frames.allocate().value();
  CHECK(contains(panic_of([&] { (void)memory.frames.records().of(frame).drop_references(2); }),
                 "dropped twice"));
  memory.frames.free(frame);
}

TEST_CASE("reserved memory cannot be freed") {
  Memory memory(64);
  const Pfn records((1 << 18) + 63);
  CHECK(contains(panic_of([&] { memory.frames.free(records); }), "nobody had"));
  CHECK(contains(panic_of([&] { memory.frames.free(Pfn(5)); }), "without a record"));
}

TEST_CASE("the inside of a block cannot be freed") {
  Memory memory(64);
  const Pfn head = memory.frames.allocate_block({.order = 2}).value();
  CHECK(contains(panic_of([&] { memory.frames.free(head + PageCount(1)); }), "nobody had"));
  memory.frames.free(head);
}

TEST_CASE("a reservation cannot give more than it has") {
  Memory memory(64);
  auto reservation = vm::Reservation<frame_test::TestHost>::of(memory.frames, PageCount(1)).value();
  memory.frames.free(reservation.take());
  CHECK(contains(panic_of([&] { (void)reservation.take(); }), "than were reserved"));
}

TEST_CASE("a write to a free frame is found when it is next used") {
  if constexpr (vm::frame_poison::enabled) {
    Memory memory(64);
    const Pfn frame = memory.frames.allocate().value();
    auto* words = static_cast<uint64_t*>(memory.host.window(frame));
    memory.frames.free(frame);
    CHECK(contains(panic_of([&] {
                     words[64] = 1;
                     (void)memory.frames.allocate();
                   }),
                   "free frame was written"));
    memory.frames.set_zeroed_target(PageCount(1));
    CHECK(contains(panic_of([&] {
                     memory.frames.drain_caches();
                     (void)memory.frames.zero_one();
                     for (uint64_t i = 0; i < memory.managed; ++i) {
                       memset(memory.host.window(Pfn((1 << 18) + i)), 1, 4096);
                     }
                     (void)memory.frames.allocate(vm::Contents::zero);
                   }),
                   "zeroed frame was written"));
  }
}
