// Daemon: a scheme served by this process: derive, override what the scheme can do, run().
//
//   class Greeter final : public scheme::Daemon {
//    public:
//     Greeter() : Daemon("greeter", 0) {}
//     int64_t open(const char*, uint32_t, uint32_t, scheme::Opened& opened) override {
//       opened.flags = SCHEME_FILE_STREAM;
//       return 1;
//     }
//     int64_t read(uint64_t, uint64_t, void* to, size_t size) override { ... }
//   };
//   int main() { return Greeter().serve() == 0 ? 0 : 1; }
//
// A handler returns what kernel/include/scheme_protocol.h says after "->", or -errno; what is not
// overridden gives the error of a scheme that cannot do it. A handler that returns `later` has not
// answered: the daemon calls answer() with the tag of request() when it can; buffers stay until
// then. One thread; handlers run one after the other, in the order of the calls.
//
// No exceptions, no RTTI, no libc beyond system calls, memory and strings.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/include/scheme_protocol.h"

namespace scheme {

inline constexpr int64_t later = INT64_MIN;

// What open() and dup() say besides the file.
struct Opened {
  uint64_t flags = 0;   // SCHEME_FILE_*
  uint64_t node = 0;    // the same for everybody who opens the same file; 0: not mappable
  bool passed = false;  // the result is a descriptor of ours that the caller gets
};

// Collects the names of one readdir().
class Entries {
 public:
  Entries(void* buffer, size_t size) : at_(static_cast<uint8_t*>(buffer)), left_(size) {}
  // `next`: the position after this name. False: no room; it comes first in the next call.
  bool add(const char* name, uint64_t next, uint64_t inode, uint32_t mode);
  [[nodiscard]] size_t used() const { return used_; }

 private:
  uint8_t* at_;
  size_t left_;
  size_t used_ = 0;
};

struct Attributes {
  uint64_t mask;  // SCHEME_SET_*
  uint32_t mode;
  uint32_t user;
  uint32_t group;
  uint64_t accessed_ns;
  uint64_t modified_ns;
};

struct Usage {
  uint64_t bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t magic = 0;
};

class Daemon {
 public:
  // `flags`: SCHEME_IS_*. The name lives as long as the daemon.
  Daemon(const char* name, uint64_t flags) : name_(name), flags_(flags) {}
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Registers the scheme; it can be opened from now on. -errno: EEXIST, ENOMEM.
  int start();
  // start(), and run() until stop(). -errno.
  int serve();
  // Serves until stop(). -errno.
  int run();
  // Serves what waits now, or waits for something first. -errno; EAGAIN if the queue is O_NONBLOCK.
  int serve_some();
  void stop() { stopped_ = true; }
  // For poll(). -1 before start().
  [[nodiscard]] int queue() const { return queue_; }

  // The call that is being handled.
  [[nodiscard]] const scheme_submission& request() const { return *request_; }
  // Of calls whose handler returned `later`. -errno.
  int answer(uint64_t tag, int64_t result, uint64_t value0 = 0, uint64_t value1 = 0,
             uint64_t value2 = 0);
  int answer_open(uint64_t tag, int64_t result, const Opened& opened);
  // Notices.
  int tell_events(uint64_t file, uint32_t events);
  int tell_size(uint64_t node, uint64_t size);
  int tell_stale(uint64_t node, uint64_t offset, uint64_t size);

  // ---- Handlers
  virtual int64_t open(const char* path, uint32_t flags, uint32_t mode, Opened& opened);
  virtual int64_t dup(uint64_t file, const char* name, uint32_t flags, Opened& opened);
  virtual void close(uint64_t file);
  virtual int64_t read(uint64_t file, uint64_t offset, void* to, size_t size);
  // `file_size`: of the file afterwards.
  virtual int64_t write(uint64_t file, uint64_t offset, const void* from, size_t size,
                        uint64_t& file_size);
  virtual int64_t seek(uint64_t file, uint64_t offset, int whence);
  virtual int64_t stat(const char* path, scheme_status& status);
  virtual int64_t fstat(uint64_t file, scheme_status& status);
  virtual int64_t readlink(const char* path, char* target, size_t size);
  // 0, once every name after `position` that fits has been added.
  virtual int64_t readdir(uint64_t file, uint64_t position, Entries& entries);
  virtual int64_t fsync(uint64_t file, bool data_only);
  virtual int64_t ftruncate(uint64_t file, uint64_t size);
  virtual int64_t unlink(const char* path);
  virtual int64_t rmdir(const char* path);
  virtual int64_t mkdir(const char* path, uint32_t mode);
  virtual int64_t mknod(const char* path, uint32_t mode, uint64_t device);
  virtual int64_t rename(const char* from, const char* to, uint32_t flags);
  virtual int64_t link(const char* existing, const char* path);
  virtual int64_t symlink(const char* target, const char* path);
  virtual int64_t setattr(const char* path, const Attributes& attributes);
  virtual int64_t fsetattr(uint64_t file, const Attributes& attributes);
  virtual int64_t statfs(Usage& usage);
  // The file's size in bytes: its node may be mapped.
  virtual int64_t mmap(uint64_t file, uint64_t offset, uint64_t size, uint32_t protection,
                       bool shared);
  virtual int64_t read_pages(uint64_t node, uint64_t offset, void* to, size_t size);
  virtual int64_t write_pages(uint64_t node, uint64_t offset, const void* from, size_t size);
  virtual void forget(uint64_t node);
  // The call `tag`, answered later, is not wanted any more. By default nothing happens: it is
  // answered when it would have been.
  virtual void cancel(uint64_t tag);
  virtual int64_t poll(uint64_t file, uint32_t events);
  virtual int64_t control(uint64_t file, uint32_t request, uint64_t argument);
  // The daemon closes `descriptor`.
  virtual int64_t pass(uint64_t file, int descriptor, uint64_t value);

 protected:
  ~Daemon();

 private:
  static constexpr size_t batch = 32;

  [[nodiscard]] bool handle(const scheme_submission& call, scheme_answer& answer);
  [[nodiscard]] int64_t dispatch(const scheme_submission& call, scheme_answer& answer);
  [[nodiscard]] int64_t dispatch_path(const scheme_submission& call, scheme_answer& answer);
  int send(const scheme_answer* answers, size_t count);

  const char* name_;
  const uint64_t flags_;
  int queue_ = -1;
  bool stopped_ = false;
  const scheme_submission* request_ = nullptr;
  scheme_submission calls_[batch];
  scheme_answer answers_[batch];
};

}  // namespace scheme
