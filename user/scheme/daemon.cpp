#include "user/scheme/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace scheme {

namespace {

template <typename T>
T* buffer_of(const scheme_submission& call) {
  return reinterpret_cast<T*>(uintptr_t(call.buffer));
}

// The second of two strings.
const char* second_of(const scheme_submission& call) {
  return buffer_of<const char>(call) + call.value[0] + 1;
}

Attributes attributes_of(const scheme_submission& call) {
  return {call.value[0],           uint32_t(call.value[1]), uint32_t(call.value[2]),
          uint32_t(call.value[3]), call.value[4],           call.value[5]};
}

scheme_answer make_answer(uint64_t tag, int64_t result) {
  scheme_answer answer{};
  answer.tag = tag;
  answer.result = result;
  answer.kind = SCHEME_ANSWER;
  answer.version = SCHEME_VERSION;
  return answer;
}

scheme_answer make_notice(uint16_t kind) {
  scheme_answer notice = make_answer(0, 0);
  notice.kind = kind;
  return notice;
}

void put_opened(scheme_answer& answer, const Opened& opened) {
  answer.value[0] = opened.flags;
  answer.value[1] = opened.node;
  answer.flags = opened.passed ? uint16_t(SCHEME_PASSED) : uint16_t(0);
}

}  // namespace

bool Entries::add(const char* name, uint64_t next, uint64_t inode, uint32_t mode) {
  const size_t size = strlen(name);
  const size_t record = (sizeof(scheme_entry) + size + 1 + 7) / 8 * 8;
  if (record > left_) {
    return false;
  }
  const scheme_entry head{next, inode, mode, uint16_t(record), uint16_t(size)};
  memset(at_, 0, record);
  memcpy(at_, &head, sizeof(head));
  memcpy(at_ + sizeof(head), name, size);
  at_ += record;
  left_ -= record;
  used_ += record;
  return true;
}

Daemon::~Daemon() {
  if (queue_ >= 0) {
    ::close(queue_);
  }
}

int Daemon::start() {
  char path[64];
  snprintf(path, sizeof(path), "scheme:%s", name_);
  queue_ = ::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (queue_ < 0) {
    return -errno;
  }
  scheme_answer first = make_notice(SCHEME_START);
  first.result = int64_t(flags_);
  const int sent = send(&first, 1);
  if (sent != 0) {
    ::close(queue_);
    queue_ = -1;
  }
  return sent;
}

int Daemon::serve() {
  const int started = start();
  return started != 0 ? started : run();
}

int Daemon::run() {
  while (!stopped_) {
    const int served = serve_some();
    if (served != 0 && served != -EINTR) {
      return served;
    }
  }
  return 0;
}

int Daemon::serve_some() {
  const ssize_t got = ::read(queue_, calls_, sizeof(calls_));
  if (got < 0) {
    return -errno;
  }
  size_t answered = 0;
  for (size_t i = 0; i < size_t(got) / sizeof(scheme_submission); ++i) {
    answered += handle(calls_[i], answers_[answered]) ? 1 : 0;
  }
  return send(answers_, answered);
}

int Daemon::send(const scheme_answer* answers, size_t count) {
  while (count != 0) {
    const ssize_t put = ::write(queue_, answers, count * sizeof(scheme_answer));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      return -errno;
    }
    answers += size_t(put) / sizeof(scheme_answer);
    count -= size_t(put) / sizeof(scheme_answer);
  }
  return 0;
}

int Daemon::answer(uint64_t tag, int64_t result, uint64_t value0, uint64_t value1,
                   uint64_t value2) {
  scheme_answer answer = make_answer(tag, result);
  answer.value[0] = value0;
  answer.value[1] = value1;
  answer.value[2] = value2;
  return send(&answer, 1);
}

int Daemon::answer_open(uint64_t tag, int64_t result, const Opened& opened) {
  scheme_answer answer = make_answer(tag, result);
  put_opened(answer, opened);
  return send(&answer, 1);
}

int Daemon::tell_events(uint64_t file, uint32_t events) {
  scheme_answer notice = make_notice(SCHEME_EVENTS);
  notice.value[0] = file;
  notice.value[1] = events;
  return send(&notice, 1);
}

int Daemon::tell_size(uint64_t node, uint64_t size) {
  scheme_answer notice = make_notice(SCHEME_RESIZED);
  notice.value[0] = node;
  notice.value[1] = size;
  return send(&notice, 1);
}

int Daemon::tell_stale(uint64_t node, uint64_t offset, uint64_t size) {
  scheme_answer notice = make_notice(SCHEME_STALE);
  notice.value[0] = node;
  notice.value[1] = offset;
  notice.value[2] = size;
  return send(&notice, 1);
}

bool Daemon::handle(const scheme_submission& call, scheme_answer& answer) {
  request_ = &call;
  answer = make_answer(call.tag, 0);
  answer.result = dispatch(call, answer);
  request_ = nullptr;
  return call.tag != 0 && answer.result != later;
}

int64_t Daemon::dispatch(const scheme_submission& call, scheme_answer& answer) {
  switch (call.opcode) {
    case SCHEME_CLOSE: close(call.file); return 0;
    case SCHEME_READ:
      return read(call.file, call.value[0], buffer_of<void>(call), size_t(call.size));
    case SCHEME_WRITE:
      return write(call.file, call.value[0], buffer_of<const void>(call), size_t(call.size),
                   answer.value[0]);
    case SCHEME_SEEK: return seek(call.file, call.value[0], int(call.value[1]));
    case SCHEME_FSTAT: return fstat(call.file, *buffer_of<scheme_status>(call));
    case SCHEME_READDIR: {
      Entries entries(buffer_of<void>(call), size_t(call.size));
      const int64_t result = readdir(call.file, call.value[0], entries);
      return result < 0 ? result : int64_t(entries.used());
    }
    case SCHEME_FSYNC: return fsync(call.file, call.value[0] != 0);
    case SCHEME_FTRUNCATE: return ftruncate(call.file, call.value[0]);
    case SCHEME_FSETATTR: return fsetattr(call.file, attributes_of(call));
    case SCHEME_STATFS: {
      Usage usage;
      const int64_t result = statfs(usage);
      answer.value[0] = usage.bytes;
      answer.value[1] = usage.free_bytes;
      answer.value[2] = usage.magic;
      return result;
    }
    case SCHEME_MMAP:
      return mmap(call.file, call.value[0], call.value[1], uint32_t(call.value[2]),
                  call.value[3] != 0);
    case SCHEME_READ_PAGES:
      return read_pages(call.file, call.value[0], buffer_of<void>(call), size_t(call.size));
    case SCHEME_WRITE_PAGES:
      return write_pages(call.file, call.value[0], buffer_of<const void>(call), size_t(call.size));
    case SCHEME_FORGET: forget(call.file); return 0;
    case SCHEME_CANCEL: cancel(call.value[0]); return 0;
    case SCHEME_POLL: return poll(call.file, uint32_t(call.value[0]));
    case SCHEME_CONTROL: return control(call.file, uint32_t(call.value[0]), call.value[1]);
    case SCHEME_PASS: return pass(call.file, int(call.value[0]), call.value[1]);
    default: return dispatch_path(call, answer);
  }
}

int64_t Daemon::dispatch_path(const scheme_submission& call, scheme_answer& answer) {
  const char* path = buffer_of<const char>(call);
  switch (call.opcode) {
    case SCHEME_OPEN:
    case SCHEME_DUP: {
      Opened opened;
      const int64_t result =
          call.opcode == SCHEME_OPEN
              ? open(path, uint32_t(call.value[0]), uint32_t(call.value[1]), opened)
              : dup(call.file, path, uint32_t(call.value[0]), opened);
      put_opened(answer, opened);
      return result;
    }
    case SCHEME_STAT: {
      scheme_status status{};
      const int64_t result = stat(path, status);
      memcpy(buffer_of<void>(call), &status, sizeof(status));
      return result;
    }
    case SCHEME_READLINK: {
      // The target takes the path's place.
      char target[SCHEME_SHORT];
      const int64_t result = readlink(path, target, sizeof(target));
      if (result > 0) {
        memcpy(buffer_of<void>(call), target, size_t(result));
      }
      return result;
    }
    case SCHEME_UNLINK: return unlink(path);
    case SCHEME_RMDIR: return rmdir(path);
    case SCHEME_MKDIR: return mkdir(path, uint32_t(call.value[0]));
    case SCHEME_MKNOD: return mknod(path, uint32_t(call.value[0]), call.value[1]);
    case SCHEME_RENAME: return rename(path, second_of(call), uint32_t(call.value[1]));
    case SCHEME_LINK: return link(path, second_of(call));
    case SCHEME_SYMLINK: return symlink(path, second_of(call));
    case SCHEME_SETATTR: return setattr(path, attributes_of(call));
    default: return -ENOSYS;
  }
}

// ---- Schemes that cannot

int64_t Daemon::open(const char*, uint32_t, uint32_t, Opened&) {
  return -ENOENT;
}
int64_t Daemon::dup(uint64_t, const char*, uint32_t, Opened&) {
  return -EINVAL;
}
void Daemon::close(uint64_t) {}
int64_t Daemon::read(uint64_t, uint64_t, void*, size_t) {
  return -EINVAL;
}
int64_t Daemon::write(uint64_t, uint64_t, const void*, size_t, uint64_t&) {
  return -EINVAL;
}
int64_t Daemon::seek(uint64_t, uint64_t, int) {
  return -ENOSYS;
}
int64_t Daemon::stat(const char*, scheme_status&) {
  return -ENOENT;
}
int64_t Daemon::fstat(uint64_t, scheme_status& status) {
  status.mode = 0020666;  // a character device
  status.links = 1;
  return 0;
}
int64_t Daemon::readlink(const char*, char*, size_t) {
  return -EINVAL;
}
int64_t Daemon::readdir(uint64_t, uint64_t, Entries&) {
  return -ENOTDIR;
}
int64_t Daemon::fsync(uint64_t, bool) {
  return 0;
}
int64_t Daemon::ftruncate(uint64_t, uint64_t) {
  return -EINVAL;
}
int64_t Daemon::unlink(const char*) {
  return -EROFS;
}
int64_t Daemon::rmdir(const char*) {
  return -EROFS;
}
int64_t Daemon::mkdir(const char*, uint32_t) {
  return -EROFS;
}
int64_t Daemon::mknod(const char*, uint32_t, uint64_t) {
  return -EROFS;
}
int64_t Daemon::rename(const char*, const char*, uint32_t) {
  return -EROFS;
}
int64_t Daemon::link(const char*, const char*) {
  return -EROFS;
}
int64_t Daemon::symlink(const char*, const char*) {
  return -EROFS;
}
int64_t Daemon::setattr(const char*, const Attributes&) {
  return -EROFS;
}
int64_t Daemon::fsetattr(uint64_t, const Attributes&) {
  return -EROFS;
}
int64_t Daemon::statfs(Usage&) {
  return -ENOSYS;
}
int64_t Daemon::mmap(uint64_t, uint64_t, uint64_t, uint32_t, bool) {
  return -ENODEV;
}
int64_t Daemon::read_pages(uint64_t, uint64_t, void*, size_t) {
  return -EIO;
}
int64_t Daemon::write_pages(uint64_t, uint64_t, const void*, size_t) {
  return -EIO;
}
void Daemon::forget(uint64_t) {}
void Daemon::cancel(uint64_t) {}
int64_t Daemon::poll(uint64_t, uint32_t) {
  return -EINVAL;
}
int64_t Daemon::control(uint64_t, uint32_t, uint64_t) {
  return -ENOTTY;
}
int64_t Daemon::pass(uint64_t, int descriptor, uint64_t) {
  ::close(descriptor);
  return -EINVAL;
}

}  // namespace scheme
