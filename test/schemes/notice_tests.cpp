// notice_tests.cpp: files that change by their daemon's word: another size, other contents; and
// schemes that are mounted and taken away again.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "check.h"
#include "files.h"
#include "tests.h"

namespace {

constexpr size_t page = 4096;
constexpr uint64_t node = 1;
constexpr uint64_t pages = 8;

enum Wish : unsigned { other_contents = 1, other_size, bad_notices };

// One file, all of whose bytes are the same letter. ioctl() makes it another letter, another size.
class Changing final : public scheme::Daemon {
 public:
  Changing() : Daemon("changing", SCHEME_IS_TREE) {}

  int64_t open(const char* path, uint32_t, uint32_t, scheme::Opened& opened) override {
    opened.node = node;
    return strcmp(path, "file") == 0 ? 1 : -ENOENT;
  }
  int64_t stat(const char* path, scheme_status& status) override {
    fstat(0, status);
    status.mode = strlen(path) == 0 ? 0040755 : 0100644;
    return strlen(path) == 0 || strcmp(path, "file") == 0 ? 0 : -ENOENT;
  }
  int64_t fstat(uint64_t, scheme_status& status) override {
    status = {};
    status.mode = 0100644;
    status.inode = status.links = 1;
    status.size = size_;
    return 0;
  }
  int64_t mmap(uint64_t, uint64_t, uint64_t, uint32_t, bool) override { return int64_t(size_); }
  int64_t read_pages(uint64_t, uint64_t offset, void* to, size_t size) override {
    const uint64_t left = offset < size_ ? size_ - offset : 0;
    memset(to, letter_, left < size ? left : size);
    return int64_t(left < size ? left : size);
  }
  int64_t write_pages(uint64_t, uint64_t, const void*, size_t) override {
    ++stored_;
    return 0;
  }
  int64_t control(uint64_t, uint32_t request, uint64_t argument) override {
    switch (request) {
      case other_contents:
        letter_ = char(argument);
        return tell_stale(node, 0, pages * page) == 0 ? int64_t(stored_) : -EIO;
      case other_size: size_ = argument; return tell_size(node, size_);
      default: return tell_nonsense();
    }
  }

 private:
  // Each is refused, or of no file: 0 if so.
  int64_t tell_nonsense() {
    const bool refused =
        tell_stale(node, 1, page) == -EINVAL && tell_stale(node, 0, page + 1) == -EINVAL &&
        tell_stale(node, UINT64_MAX - page + 1, page) == -EINVAL &&
        tell_size(node, UINT64_MAX) == -EINVAL && tell_size(node, uint64_t(1) << 63) == -EINVAL;
    const bool nobody = tell_stale(99, 0, page) == 0 && tell_size(99, 5) == 0 &&
                        tell_stale(node, 0, 0) == 0 && tell_events(1, 1) == -ENOENT;
    return refused && nobody ? 0 : -EIO;
  }

  uint64_t size_ = pages * page;
  uint64_t stored_ = 0;
  char letter_ = 'a';
};

sigjmp_buf fault_return;

void on_fault(int number) {
  siglongjmp(fault_return, number);
}

// The byte, or the signal that reading it ends with.
int look(const volatile char* at) {
  const int number = sigsetjmp(fault_return, 1);
  return number != 0 ? number : *at;
}

char* map(int file, int flags) {
  void* at = mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, flags, file, 0);
  CHECK(at != MAP_FAILED);
  return static_cast<char*>(at);
}

}  // namespace

void test_notices() {
  Child daemon([](int ready) {
    Changing changing;
    serve(changing, ready);
  });
  CHECK(daemon.started());
  signal(SIGBUS, on_fault);
  const int file = open("/scheme/changing/file", O_RDWR);
  CHECK(file >= 0);
  char* const shared = map(file, MAP_SHARED);
  char* const own = map(file, MAP_PRIVATE);
  CHECK(look(shared) == 'a' && look(own) == 'a' && look(shared + 5 * page) == 'a');
  own[3 * page] = 'P';
  shared[2 * page] = 'D';

  // Other contents: what was dirty is dropped and not stored; a private copy stays.
  CHECK(ioctl(file, other_contents, 'b') == 0);
  CHECK(look(shared) == 'b' && look(own) == 'b' && look(shared + 2 * page) == 'b');
  CHECK(look(own + 3 * page) == 'P' && look(shared + 3 * page) == 'b');

  // Cut: SIGBUS past the end, zeroes in the rest of the last page, also of what was read before.
  CHECK(look(shared + page + 200) == 'b');
  CHECK(ioctl(file, other_size, page + 100) == 0);
  CHECK(look(shared + page + 99) == 'b' && look(shared + page + 100) == 0);
  CHECK(look(shared + 2 * page) == SIGBUS && look(own + 2 * page) == SIGBUS);
  struct stat status;
  CHECK(fstat(file, &status) == 0 && status.st_size == off_t(page + 100));

  // Grown: the pages are asked for again.
  CHECK(ioctl(file, other_size, pages * page) == 0);
  CHECK(look(shared + 2 * page) == 'b' && look(shared + 7 * page) == 'b');
  CHECK(ioctl(file, bad_notices, 0) == 0);
  CHECK(look(shared + 7 * page) == 'b');

  CHECK(munmap(shared, pages * page) == 0 && munmap(own, pages * page) == 0);
  CHECK(close(file) == 0);
  signal(SIGBUS, SIG_DFL);
}

void test_mounting() {
  Child daemon([](int ready) {
    Changing changing;
    serve(changing, ready);
  });
  CHECK(daemon.started());
  struct stat before, status;
  CHECK(stat("/etc", &before) == 0);
  CHECK_ERROR(mount("nobody", "/etc", "scheme", 0, nullptr), ENOENT);
  CHECK_ERROR(mount("changing", "/etc/nothing", "scheme", 0, nullptr), ENOENT);
  CHECK_ERROR(mount("changing", "/etc", "ext4", 0, nullptr), ENODEV);
  CHECK(mount("changing", "/etc", "scheme", 0, nullptr) == 0);
  CHECK(stat("/etc/file", &status) == 0 && status.st_size == off_t(pages * page));
  CHECK_ERROR(stat("/etc/passwd", &status), ENOENT);
  const int file = open("/etc/file", O_RDWR);
  CHECK(file >= 0);

  CHECK_ERROR(umount2("/etc", 0x100), EINVAL);
  CHECK_ERROR(umount2("/bin", 0), EINVAL);
  CHECK_ERROR(umount2("/etc/nothing", 0), ENOENT);
  CHECK_ERROR(umount2(nullptr, 0), EFAULT);
  CHECK(stat("/etc/file", &status) == 0);  // still there

  CHECK(umount2("/etc", MNT_DETACH) == 0);
  CHECK_ERROR(stat("/etc/file", &status), ENOENT);
  CHECK(stat("/etc", &status) == 0 && status.st_ino == before.st_ino &&
        status.st_dev == before.st_dev);
  CHECK_ERROR(umount2("/etc", 0), EINVAL);
  // Who has a file open keeps it.
  CHECK(fstat(file, &status) == 0 && status.st_size == off_t(pages * page));
  CHECK(close(file) == 0);

  // The end of the daemon ends its mounts.
  CHECK(mount("changing", "/etc", "scheme", 0, nullptr) == 0);
  CHECK(stat("/etc/file", &status) == 0);
  (void)daemon.stop();
  CHECK(stat("/etc", &status) == 0 && status.st_ino == before.st_ino);
  CHECK_ERROR(umount2("/etc", 0), EINVAL);
}
