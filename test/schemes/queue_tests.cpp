// queue_tests.cpp: the queue itself, spoken to byte by byte.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "check.h"
#include "kernel/include/scheme_protocol.h"
#include "tests.h"

namespace {

constexpr int queue_flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;

scheme_answer word(uint16_t kind, uint64_t tag = 0, int64_t result = 0) {
  scheme_answer answer{};
  answer.kind = kind;
  answer.tag = tag;
  answer.result = result;
  answer.version = SCHEME_VERSION;
  return answer;
}

}  // namespace

void test_queue() {
  CHECK_ERROR(open("scheme:q", O_RDWR), ENOENT);
  CHECK_ERROR(open("scheme:q", O_RDONLY | O_CREAT | O_EXCL, 0), EINVAL);
  CHECK_ERROR(open("scheme:Q", queue_flags, 0), EINVAL);
  CHECK_ERROR(open("scheme:", queue_flags, 0), EINVAL);
  CHECK_ERROR(open("scheme:null", queue_flags, 0), EEXIST);
  CHECK_ERROR(open("scheme:a-name-that-is-longer-than-31-bytes", queue_flags, 0), EINVAL);
  const int queue = open("scheme:q", queue_flags, 0);
  CHECK(queue >= 0);
  CHECK_ERROR(open("scheme:q", queue_flags, 0), EEXIST);
  CHECK_ERROR(open("q:x", O_RDONLY), ENODEV);  // not started

  scheme_submission calls[4];
  CHECK_ERROR(read(queue, calls, sizeof(calls)), EPERM);
  scheme_answer bad = word(SCHEME_START);
  bad.version = 2;
  CHECK_ERROR(write(queue, &bad, sizeof(bad)), EINVAL);
  bad = word(SCHEME_START, 0, 64);
  CHECK_ERROR(write(queue, &bad, sizeof(bad)), EINVAL);
  bad = word(SCHEME_START);
  bad.reserved[1] = 1;
  CHECK_ERROR(write(queue, &bad, sizeof(bad)), EINVAL);
  const scheme_answer start = word(SCHEME_START);
  CHECK_ERROR(write(queue, &start, 63), EINVAL);
  CHECK(write(queue, &start, sizeof(start)) == sizeof(start));
  CHECK_ERROR(write(queue, &start, sizeof(start)), EINVAL);
  CHECK_ERROR(read(queue, calls, sizeof(scheme_submission) - 1), EINVAL);
  CHECK_ERROR(open("q:x", O_RDONLY), EDEADLK);  // its only daemon is we
  fcntl(queue, F_SETFL, O_NONBLOCK);
  CHECK_ERROR(read(queue, calls, sizeof(calls)), EAGAIN);
  pollfd wait = {queue, POLLIN, 0};
  CHECK(poll(&wait, 1, 0) == 0);

  const int caller = fork();
  if (caller == 0) {
    const int file = open("q:some/path", O_RDWR | O_NONBLOCK);
    char byte = 0;
    const bool good = file >= 0 && read(file, &byte, 1) == 1 && byte == 'k';
    _exit(good && write(file, "abc", 3) == 2 ? 0 : 1);
  }
  CHECK(poll(&wait, 1, 5000) == 1 && wait.revents == POLLIN);
  CHECK(read(queue, calls, sizeof(calls)) == sizeof(calls[0]));
  CHECK(calls[0].opcode == SCHEME_OPEN && calls[0].size == 9 && calls[0].version == SCHEME_VERSION);
  CHECK(strcmp(reinterpret_cast<char*>(calls[0].buffer), "some/path") == 0);
  CHECK(calls[0].caller.process == uint32_t(caller));
  // A child that inherited the queue may not serve it.
  const int child = fork();
  if (child == 0) {
    _exit(read(queue, calls, sizeof(calls)) == -1 && errno == EPERM ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  scheme_answer answers[2] = {word(SCHEME_ANSWER, calls[0].tag, 77), word(SCHEME_ANSWER, 999, 0)};
  bad = word(SCHEME_ANSWER, 0, 0);
  CHECK_ERROR(write(queue, &bad, sizeof(bad)), EINVAL);
  answers[0].value[0] = SCHEME_FILE_STREAM;
  CHECK(write(queue, answers, sizeof(answers)) == sizeof(answers[0]));  // the second is unknown
  CHECK_ERROR(write(queue, answers, sizeof(answers[0])), EINVAL);       // repeated
  CHECK(poll(&wait, 1, 5000) == 1);
  CHECK(read(queue, calls, sizeof(calls)) == sizeof(calls[0]));
  CHECK(calls[0].opcode == SCHEME_READ && calls[0].file == 77 && calls[0].size == 1);
  *reinterpret_cast<char*>(calls[0].buffer) = 'k';
  answers[0] = word(SCHEME_ANSWER, calls[0].tag, 1);
  CHECK(write(queue, answers, sizeof(answers[0])) == sizeof(answers[0]));
  CHECK(poll(&wait, 1, 5000) == 1);
  CHECK(read(queue, calls, sizeof(calls)) == sizeof(calls[0]));
  CHECK(calls[0].opcode == SCHEME_WRITE && calls[0].value[0] == SCHEME_NO_OFFSET);
  CHECK(memcmp(reinterpret_cast<char*>(calls[0].buffer), "abc\0\0\0", 6) == 0);
  answers[0] = word(SCHEME_ANSWER, calls[0].tag, 2);
  CHECK(write(queue, answers, sizeof(answers[0])) == sizeof(answers[0]));
  CHECK(waitpid(caller, &status, 0) == caller && status == 0);
  CHECK(poll(&wait, 1, 5000) == 1);
  CHECK(read(queue, calls, sizeof(calls)) == sizeof(calls[0]));
  CHECK(calls[0].opcode == SCHEME_CLOSE && calls[0].file == 77 && calls[0].tag == 0);

  // An answer that is too large is the caller's EIO and the daemon's EINVAL.
  const int cheated = fork();
  if (cheated == 0) {
    _exit(open("q:x", O_RDONLY) == -1 && errno == EIO ? 0 : 1);
  }
  CHECK(poll(&wait, 1, 5000) == 1);
  CHECK(read(queue, calls, sizeof(calls)) == sizeof(calls[0]));
  answers[0] = word(SCHEME_ANSWER, calls[0].tag, -5000);
  CHECK_ERROR(write(queue, answers, sizeof(answers[0])), EINVAL);
  CHECK(waitpid(cheated, &status, 0) == cheated && status == 0);
  close(queue);
  CHECK_ERROR(open("q:x", O_RDONLY), ENOENT);
}
