// answers.c: answers that never come, come twice, come late, or make no sense.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/villain/crimes.h"
#include "user/villain/stage.h"

enum { taken = sizeof(struct scheme_answer) };

static int opens(const char* path) {
  return open(path, O_RDWR) >= 0 ? 0 : errno;
}

static int reads_all(const char* path) {
  char bytes[64];
  const int file = open(path, O_RDWR);
  return file >= 0 && read(file, bytes, sizeof(bytes)) == sizeof(bytes) && bytes[63] == 'r' ? 0 : 1;
}

// ---- Never

static void read_and_forget(int queue) {
  struct scheme_submission call;
  while (next_call(queue, &call)) {
  }
}

static void read_nothing(int queue) {
  (void)queue;
  for (;;) {
    pause();
  }
}

void never_replies(void) {
  void (*const ways[])(int) = {read_and_forget, read_nothing};
  for (unsigned i = 0; i < 2; ++i) {
    const pid_t daemon = daemon_of("villain", ways[i]);
    const pid_t first = caller_of(opens, "villain");
    const pid_t second = caller_of(opens, "villain");
    expect("a caller waits", goes_on(first) && goes_on(second), 1);
    kill_it(first);
    expect("the other one waits on", goes_on(second), 1);
    kill_it(daemon);
    expect("what a caller of a dead daemon gets", end_of(second), ENODEV);
  }
}

// ---- Again

static void answer_twice(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_READ, &call);
  memset(buffer_of(&call), 'r', call.size);
  expect("the first answer", answer(queue, call.tag, (int64_t)call.size, 0, 0), taken);
  expect("the second", answer(queue, call.tag, -EIO, 0, 0), -EINVAL);
  serve(queue);
}

void replies_twice(void) {
  const pid_t daemon = daemon_of("villain", answer_twice);
  expect("the caller", end_of(caller_of(reads_all, "villain")), 0);
  expect("the next", end_of(caller_of(reads_all, "villain")), 0);
  kill_it(daemon);
}

// ---- To somebody else

static void answer_on_the_wrong_queue(int queue) {
  const int other = start_scheme("villain2");
  struct scheme_submission call, second;
  until(queue, SCHEME_OPEN, &call);
  until(other, SCHEME_OPEN, &second);
  const uint64_t tags[] = {0,        second.tag + 1,    call.tag + 1,
                           1u << 20, (uint64_t)1 << 63, UINT64_MAX};
  for (unsigned i = 0; i < sizeof(tags) / sizeof(tags[0]); ++i) {
    if (tags[i] != call.tag && tags[i] != second.tag) {
      expect("a tag that nobody has", answer(queue, tags[i], 0, 0, 0), -EINVAL);
    }
  }
  expect("its own", answer(queue, call.tag, -EXDEV, 0, 0), taken);
  expect("on the wrong queue", answer(queue, second.tag, 1, 0, 0), -EINVAL);
  expect("on the right one", answer(other, second.tag, -EDOM, 0, 0), taken);
}

void replies_with_foreign_tags(void) {
  const pid_t daemon = daemon_of("villain", answer_on_the_wrong_queue);
  const pid_t first = caller_of(opens, "villain");
  pid_t second = 0;
  int end = ENOENT;
  // Until the second scheme is there, and not that of the daemon before, which is on its way out.
  while (end == ENOENT || end == ENODEV) {
    second = caller_of(opens, "villain2");
    end = end_of(second);
  }
  expect("the second caller", end, EDOM);
  expect("the first", end_of(first), EXDEV);
  expect("the daemon", end_of(daemon), 0);
}

// ---- Wrong numbers

static const int64_t wrong_results[] = {65,        4096,      1 << 20, INT64_MAX,
                                        INT64_MIN, INT32_MIN, -4096,   (int64_t)1 << 32};
enum { wrong_count = sizeof(wrong_results) / sizeof(wrong_results[0]) };

static void answer_wrong_sizes(int queue) {
  struct scheme_submission call;
  for (unsigned i = 0; i < 2 * wrong_count; ++i) {
    until(queue, i % 2 == 0 ? SCHEME_READ : SCHEME_WRITE, &call);
    expect("a wrong result", answer(queue, call.tag, wrong_results[i / 2], 0, 0), -EINVAL);
  }
  serve(queue);
}

static int gets_errors(const char* path) {
  char bytes[128];
  memset(bytes, '.', sizeof(bytes));
  const int file = open(path, O_RDWR);
  for (unsigned i = 0; i < wrong_count; ++i) {
    expect_error("read", read(file, bytes, 64), EIO);
    expect_error("write", write(file, bytes, 64), EIO);
  }
  for (unsigned i = 64; i < sizeof(bytes); ++i) {
    expect("a byte beyond the buffer", bytes[i], '.');
  }
  expect("then it is read", read(file, bytes, 64), 64);
  return 0;
}

void replies_with_wrong_sizes(void) {
  const pid_t daemon = daemon_of("villain", answer_wrong_sizes);
  expect("the caller", end_of(caller_of(gets_errors, "villain")), 0);
  kill_it(daemon);
}

// ---- No words of the protocol

static void say_nonsense(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_OPEN, &call);
  for (unsigned i = 0; i < 8; ++i) {
    struct scheme_answer word = word_of(SCHEME_ANSWER, call.tag, 1);
    word.version = i == 0 ? 0 : i == 1 ? 2 : SCHEME_VERSION;
    word.reserved[0] = i == 2;
    word.reserved[1] = i == 3;
    word.kind = i == 4 ? 5 : i == 5 ? UINT16_MAX : i == 6 ? SCHEME_START : SCHEME_ANSWER;
    word.tag = i == 7 ? 0 : call.tag;
    expect("a malformed word", say(queue, &word, 1), -EINVAL);
  }
  const struct scheme_answer word = word_of(SCHEME_ANSWER, call.tag, -EXDEV);
  for (int size = 0; size < taken; size += 21) {
    expect("a part of a word", write(queue, &word, (size_t)size) > 0, 0);
  }
  char little[sizeof(call) - 1];
  expect_error("room for a part of a submission", read(queue, little, sizeof(little)), EINVAL);
  expect_error("nowhere", write(queue, (void*)16, taken), EFAULT);
  // The good one before a bad one counts.
  struct scheme_answer words[2] = {word, word};
  expect("a good word and a bad one", say(queue, words, 2), taken);
  serve(queue);
}

void says_malformed_words(void) {
  const pid_t daemon = daemon_of("villain", say_nonsense);
  expect("the caller", end_of(caller_of(opens, "villain")), EXDEV);
  expect("the next", end_of(caller_of(reads_all, "villain")), 0);
  kill_it(daemon);
}

// ---- Directories

enum { malformed_lists = 8 };

static int64_t list_wrongly(const struct scheme_submission* call, unsigned way) {
  struct {
    struct scheme_entry head;
    char name[40];
  } entry;
  memset(&entry, 0, sizeof(entry));
  entry.head.next = 1;
  entry.head.inode = 1;
  entry.head.mode = 0100644;
  entry.head.record = 32;
  entry.head.size = 4;
  memcpy(entry.name, "name", 4);
  switch (way) {
    case 0: entry.head.record = 0; break;
    case 1: entry.head.record = UINT16_MAX; break;
    case 2: entry.head.size = UINT16_MAX; break;
    case 3: entry.head.size = 0; break;
    case 4: entry.head.record = 31; break;
    case 5: memset(entry.name, 'n', sizeof(entry.name)); break;
    case 6: entry.head.next = UINT64_MAX; break;
    default: entry.name[1] = '/'; break;
  }
  memcpy(buffer_of(call), &entry, sizeof(entry));
  return way % 2 == 0 ? 32 : 20 + (int64_t)way;
}

static void serve_malformed_lists(int queue) {
  struct scheme_submission call;
  for (unsigned way = 0; way < malformed_lists;) {
    if (!next_call(queue, &call)) {
      _exit(2);
    }
    if (call.opcode == SCHEME_OPEN) {
      (void)answer(queue, call.tag, 1, SCHEME_FILE_DIRECTORY, 0);
    } else if (call.opcode == SCHEME_FSTAT) {
      struct scheme_status status;
      memset(&status, 0xff, sizeof(status));
      status.mode = 0040755;
      memset(status.reserved, 0, sizeof(status.reserved));
      memcpy(buffer_of(&call), &status, sizeof(status));
      (void)answer(queue, call.tag, 0, 0, 0);
    } else if (call.opcode == SCHEME_READDIR) {
      (void)answer(queue, call.tag, list_wrongly(&call, way++), 0, 0);
    } else {
      politely(queue, &call);
    }
  }
  serve(queue);
}

static int lists(const char* path) {
  for (unsigned i = 0; i < malformed_lists; ++i) {
    DIR* const directory = opendir(path);
    if (directory == 0) {
      printf("the directory: %s\n", strerror(errno));
      return 1;
    }
    for (unsigned names = 0; names < 100; ++names) {
      const struct dirent* const entry = readdir(directory);
      if (entry == 0) {
        break;
      }
      expect("a name's size", strlen(entry->d_name) < 256, 1);
    }
    closedir(directory);
  }
  return 0;
}

void lists_malformed_names(void) {
  const pid_t daemon = daemon_of("villain", serve_malformed_lists);
  const int end = end_of(caller_of(lists, "villain"));
  kill_it(daemon);
  expect("the caller", end, 0);
}

// ---- Descriptors

static void pass_nonsense(int queue) {
  const int64_t wrong[] = {99, 4095, 4096, INT64_MAX, queue};
  for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); ++i) {
    struct scheme_submission call;
    until(queue, SCHEME_OPEN, &call);
    struct scheme_answer word = word_of(SCHEME_ANSWER, call.tag, wrong[i]);
    word.flags = SCHEME_PASSED;
    expect("a descriptor it has not", say(queue, &word, 1), -EINVAL);
  }
  struct scheme_submission call;
  until(queue, SCHEME_OPEN, &call);
  struct scheme_answer word = word_of(SCHEME_ANSWER, call.tag, 1);
  word.flags = 0xfffe;
  expect("flags that are none", say(queue, &word, 1), -EINVAL);
  serve(queue);
}

static int gets_no_descriptor(const char* path) {
  for (unsigned i = 0; i < 6; ++i) {
    expect_error("open", open(path, O_RDWR), EIO);
  }
  return 0;
}

void passes_what_it_has_not(void) {
  const pid_t daemon = daemon_of("villain", pass_nonsense);
  expect("the caller", end_of(caller_of(gets_no_descriptor, "villain")), 0);
  expect("the next", end_of(caller_of(reads_all, "villain")), 0);
  kill_it(daemon);
}

// ---- Others

static void fork_an_impostor(int queue) {
  struct scheme_submission call;
  until(queue, SCHEME_OPEN, &call);
  const pid_t impostor = fork();
  if (impostor == 0) {
    struct scheme_submission stolen;
    expect_error("another's queue", read(queue, &stolen, sizeof(stolen)), EPERM);
    expect("another's answer", answer(queue, call.tag, 1, 0, 0), -EPERM);
    _exit(0);
  }
  expect("the impostor", end_of(impostor), 0);
  expect("the daemon's answer", answer(queue, call.tag, -EXDEV, 0, 0), taken);
}

void lets_others_answer(void) {
  const pid_t daemon = daemon_of("villain", fork_an_impostor);
  expect("the caller", end_of(caller_of(opens, "villain")), EXDEV);
  expect("the daemon", end_of(daemon), 0);
}

// ---- Late

static void answer_after_cancel(int queue) {
  struct scheme_submission call, cancel;
  for (unsigned i = 0; i < 20; ++i) {
    until(queue, SCHEME_READ, &call);
    until(queue, SCHEME_CANCEL, &cancel);
    expect("the tag that is cancelled", (long)cancel.value[0], (long)call.tag);
    memset(buffer_of(&call), 'x', call.size);
    // Its caller is gone, or will be.
    expect("a late answer", answer(queue, call.tag, (int64_t)call.size, 0, 0), taken);
    expect("a later one", answer(queue, call.tag, 0, 0, 0), -EINVAL);
  }
  serve(queue);
}

static char large[8 * page];

static int reads_large(const char* path) {
  const int file = open(path, O_RDWR);
  return read(file, large + 100, sizeof(large) - 300) > 0 ? 0 : errno;
}

void replies_late(void) {
  const pid_t daemon = daemon_of("villain", answer_after_cancel);
  for (unsigned i = 0; i < 20; ++i) {
    const pid_t caller = caller_of(i % 2 == 0 ? reads_all : reads_large, "villain");
    expect("the caller waits", goes_on(caller), 1);
    kill_it(caller);
  }
  expect("the next", end_of(caller_of(reads_all, "villain")), 0);
  kill_it(daemon);
}
