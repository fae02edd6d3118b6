// call_tests.cpp: calls that a daemon could spoil: what it sees of a buffer, when it does not
// answer, when it dies, when it asks itself.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>

#include "check.h"
#include "tests.h"
#include "user/scheme/daemon.h"

namespace {

constexpr size_t page = 4096;

uint8_t pattern(size_t i) {
  return static_cast<uint8_t>(i * 37 + 11);
}

// Files are streams, and each name behaves in its own way.
class Kit final : public scheme::Daemon {
 public:
  Kit(const char* name, const char* other) : Daemon(name, 0), other_(other) {}

  int64_t open(const char* path, uint32_t, uint32_t, scheme::Opened& opened) override {
    constexpr const char* names[] = {"mirror", "hold", "self", "poll", "pass", "give", "relay"};
    opened.flags = SCHEME_FILE_STREAM;
    for (int i = 0; i < 7; ++i) {
      if (strcmp(path, names[i]) != 0) {
        continue;
      }
      if (i == poll_file) {
        opened.flags |= SCHEME_FILE_POLLS;
      }
      if (i == give_file) {
        int ends[2];
        if (pipe(ends) != 0) {
          return -errno;
        }
        (void)!::write(ends[1], "given", 5);
        ::close(ends[1]);
        opened.passed = true;
        return ends[0];
      }
      return i;
    }
    return -ENOENT;
  }
  int64_t read(uint64_t file, uint64_t, void* to, size_t size) override {
    switch (file) {
      case mirror_file: {
        const bool clean = is_clean(to, size);
        spoil_around(to, size);
        for (size_t i = 0; i < size; ++i) {
          static_cast<uint8_t*>(to)[i] = pattern(i);
        }
        return clean ? int64_t(size) : -EPROTO;
      }
      case hold_file: held_ = request().tag; return scheme::later;
      case self_file: return call_other(to, size);
      case relay_file: return relay(to, size, ::read);
      default: return 0;
    }
  }
  int64_t write(uint64_t file, uint64_t, const void* from, size_t size, uint64_t&) override {
    switch (file) {
      case mirror_file: {
        bool same = is_clean(from, size);
        for (size_t i = 0; i < size; ++i) {
          same = same && static_cast<const uint8_t*>(from)[i] == pattern(i);
        }
        return same ? int64_t(size) : -EPROTO;
      }
      case hold_file: held_ = request().tag; return scheme::later;
      case poll_file:
        ready_ = true;
        tell_events(poll_file, POLLIN);
        return int64_t(size);
      case relay_file:
        return relay(const_cast<void*>(from), size,
                     [](int to, void* at, size_t n) { return ::write(to, at, n); });
      default: return int64_t(size);
    }
  }
  void cancel(uint64_t tag) override {
    if (tag == held_) {
      answer(tag, -EINTR);
    }
  }
  int64_t poll(uint64_t, uint32_t events) override { return ready_ ? events & POLLIN : 0; }
  int64_t pass(uint64_t, int descriptor, uint64_t) override {
    const int64_t put = ::write(descriptor, "passed", 6);
    ::close(descriptor);
    return put == 6 ? 0 : -EIO;
  }

 private:
  enum { mirror_file, hold_file, self_file, poll_file, pass_file, give_file, relay_file };

  // The rest of the pages that the buffer begins and ends in.
  template <typename Act>
  void around(const void* at, size_t size, Act&& act) {
    auto* bytes = static_cast<uint8_t*>(const_cast<void*>(at));
    auto* first = reinterpret_cast<uint8_t*>(uintptr_t(bytes) / page * page);
    auto* last = reinterpret_cast<uint8_t*>((uintptr_t(bytes + size) + page - 1) / page * page);
    for (uint8_t* byte = first; byte < bytes; ++byte) {
      act(*byte);
    }
    for (uint8_t* byte = bytes + size; byte < last; ++byte) {
      act(*byte);
    }
  }
  bool is_clean(const void* at, size_t size) {
    bool clean = true;
    around(at, size, [&](uint8_t& byte) { clean = clean && byte == 0; });
    return clean;
  }
  void spoil_around(void* at, size_t size) {
    around(at, size, [](uint8_t& byte) { byte = 0xee; });
  }
  // The other scheme's "self", which calls us in turn.
  int64_t call_other(void* to, size_t size) {
    char path[32];
    snprintf(path, sizeof(path), "%s:self", other_);
    const int file = ::open(path, O_RDONLY);
    if (file < 0) {
      return -errno;
    }
    const ssize_t got = ::read(file, to, size);
    const int error = errno;
    ::close(file);
    return got < 0 ? -error : got;
  }
  template <typename Move>
  int64_t relay(void* at, size_t size, Move&& move) {
    char path[32];
    snprintf(path, sizeof(path), "%s:mirror", other_);
    const int file = ::open(path, O_RDWR);
    const ssize_t moved = file < 0 ? -1 : move(file, at, size);
    const int error = errno;
    ::close(file);
    return moved < 0 ? -error : moved;
  }

  const char* other_;
  uint64_t held_ = 0;
  bool ready_ = false;
};

auto kit(const char* name, const char* other) {
  return [name, other](int ready) {
    Kit kit(name, other);
    serve(kit, ready);
  };
}

// One write and one read of `size` bytes at `offset` of a poisoned arena.
bool passes_clean(int file, uint8_t* arena, size_t offset, size_t size) {
  constexpr size_t arena_size = 5 * page;
  constexpr uint8_t poison = 0x5a;
  memset(arena, poison, arena_size);
  for (size_t i = 0; i < size; ++i) {
    arena[offset + i] = pattern(i);
  }
  if (write(file, arena + offset, size) != ssize_t(size)) {
    return false;
  }
  memset(arena, poison, arena_size);
  if (read(file, arena + offset, size) != ssize_t(size)) {
    return false;
  }
  for (size_t i = 0; i < arena_size; ++i) {
    const bool inside = i >= offset && i < offset + size;
    if (arena[i] != (inside ? pattern(i - offset) : poison)) {
      return false;
    }
  }
  return true;
}

void check_buffers(const char* path, size_t step) {
  static uint8_t memory[6 * page];
  auto* arena = reinterpret_cast<uint8_t*>((uintptr_t(memory) + page - 1) / page * page);
  const int file = open(path, O_RDWR);
  CHECK(file >= 0);
  unsigned bad = 0;
  const auto lengths_at = [&](size_t offset) {
    for (size_t pages = 0; pages <= 3; ++pages) {
      for (int edge = -1; edge <= 1; ++edge) {
        const size_t size = pages * page + size_t(edge);
        bad += size <= 3 * page + 1 && !passes_clean(file, arena, offset, size) ? 1 : 0;
      }
    }
    for (size_t size = step; size < 3 * page; size += step) {
      bad += passes_clean(file, arena, offset, size) ? 0 : 1;
    }
  };
  constexpr size_t edges[] = {0, 1, 8, page / 2, page - 8, page - 1};
  for (const size_t offset : edges) {
    lengths_at(offset);
  }
  for (size_t offset = step; offset < page; offset += step) {
    lengths_at(offset);
  }
  CHECK(bad == 0);
  close(file);
}

// Runs `act` in a child, which it does not return from.
template <typename Act>
int in_child(Act&& act) {
  const int process = fork();
  if (process == 0) {
    act();
    _exit(99);
  }
  return process;
}

int exit_of(int process) {
  int status = -1;
  return waitpid(process, &status, 0) == process && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

void test_buffers() {
  const Child daemon(kit("kit", "kit"));
  CHECK(daemon.started());
  check_buffers("kit:mirror", 509);
}

void test_nested() {
  const Child inner(kit("inner", "inner"));
  const Child outer(kit("outer", "inner"));
  CHECK(inner.started() && outer.started());
  check_buffers("outer:relay", 1511);
}

void test_concurrent() {
  const Child daemon(kit("kit", "kit"));
  constexpr int count = 6;
  int callers[count];
  for (int i = 0; i < count; ++i) {
    callers[i] = in_child([i] {
      static uint8_t arena[6 * page];
      const int file = open("kit:mirror", O_RDWR);
      uint64_t random = uint64_t(i) + 1;
      for (int round = 0; round < 60; ++round) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const size_t size = (random >> 33) % (3 * page);
        if (!passes_clean(file, arena, (random >> 20) % page, size)) {
          _exit(1);
        }
      }
      _exit(0);
    });
  }
  for (const int caller : callers) {
    CHECK(exit_of(caller) == 0);
  }
}

void test_no_answer() {
  Child daemon(kit("kit", "kit"));
  static uint8_t buffer[8 * page];
  // A signal with a handler ends the wait; the daemon hears of it.
  const int interrupted = in_child([] {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    sigaction(SIGALRM, &action, nullptr);
    const int file = open("kit:hold", O_RDWR);
    ualarm(100000, 0);
    _exit(read(file, buffer, sizeof(buffer)) == -1 && errno == EINTR ? 0 : 1);
  });
  CHECK(exit_of(interrupted) == 0);
  // A caller that is killed goes at once; the daemon goes on.
  const int killed = in_child([] {
    const int file = open("kit:hold", O_RDWR);
    _exit(int(write(file, buffer, sizeof(buffer))));
  });
  usleep(100000);
  kill(killed, SIGKILL);
  int status = 0;
  CHECK(waitpid(killed, &status, 0) == killed && WIFSIGNALED(status));
  const int file = open("kit:mirror", O_RDWR);
  CHECK(read(file, buffer, 100) == 100 && buffer[1] == pattern(1));
  // The daemon's end is everybody's ENODEV.
  constexpr int count = 40;
  int callers[count];
  for (int i = 0; i < count; ++i) {
    callers[i] = in_child([i] {
      const int held = open("kit:hold", O_RDWR);
      const ssize_t got = i % 2 != 0 ? read(held, buffer, sizeof(buffer)) : write(held, buffer, 10);
      _exit(got == -1 && errno == ENODEV ? 0 : 1);
    });
  }
  usleep(300000);
  daemon.stop();
  for (const int caller : callers) {
    CHECK(exit_of(caller) == 0);
  }
  CHECK_ERROR(read(file, buffer, 1), ENODEV);
  close(file);
  CHECK_ERROR(open("kit:mirror", O_RDWR), ENOENT);
}

void test_cycles() {
  const Child alone(kit("alone", "alone"));
  const Child left(kit("left", "right"));
  const Child right(kit("right", "left"));
  char byte;
  const int one = open("alone:self", O_RDONLY);
  CHECK_ERROR(read(one, &byte, 1), EDEADLK);
  const int two = open("left:self", O_RDONLY);
  CHECK_ERROR(read(two, &byte, 1), EDEADLK);
  close(one);
  close(two);
}

void test_passing() {
  const Child daemon(kit("kit", "kit"));
  char text[16] = "";
  const int given = open("kit:give", O_RDONLY);
  CHECK(read(given, text, sizeof(text)) == 5 && memcmp(text, "given", 5) == 0);
  CHECK(read(given, text, sizeof(text)) == 0);
  close(given);
  int ends[2];
  CHECK(pipe(ends) == 0);
  const int file = open("kit:pass", O_RDWR);
  CHECK(fcntl(file, SCHEME_PASS_FD, ends[1]) == 0);
  close(ends[1]);
  CHECK(read(ends[0], text, sizeof(text)) == 6 && memcmp(text, "passed", 6) == 0);
  CHECK(read(ends[0], text, sizeof(text)) == 0);  // the daemon has closed its end
  CHECK_ERROR(fcntl(file, SCHEME_PASS_FD, 99), EBADF);
  close(ends[0]);
  close(file);

  const int polled = open("kit:poll", O_RDWR);
  pollfd wait = {polled, POLLIN, 0};
  CHECK(poll(&wait, 1, 0) == 0);
  const int teller = in_child([polled] {
    usleep(100000);
    _exit(write(polled, "x", 1) == 1 ? 0 : 1);
  });
  CHECK(poll(&wait, 1, 5000) == 1 && wait.revents == POLLIN);
  CHECK(exit_of(teller) == 0);
  CHECK(poll(&wait, 1, 0) == 1);
  close(polled);
}

// All of the above once more: nothing is left behind.
void test_nothing_lost() {
  const auto all = [] {
    test_no_answer();
    test_cycles();
    test_passing();
    test_mappings();
  };
  all();
  (void)audit();  // the program's own pages for it
  const Audit before = audit();
  all();
  const Audit after = audit();
  CHECK(before.frames == after.frames);
  CHECK(before.blocks == after.blocks);
  if (before.frames != after.frames || before.blocks != after.blocks) {
    printf("  frames %ld, then %ld; blocks %ld, then %ld\n", before.frames, after.frames,
           before.blocks, after.blocks);
  }
}
