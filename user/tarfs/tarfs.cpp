// tarfs: a tar archive as a scheme, read-only. `tarfs NAME ARCHIVE`. Returns as soon as
// /scheme/NAME can be used; the archive stays open and is read when its files are.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/scheme/background.h"
#include "user/tarfs/tar_reader.h"
#include "user/tree/tree_daemon.h"

namespace {

constexpr uint64_t type = 0x7461'7266;  // "tarf"
constexpr uint64_t most_inodes = 1u << 20;

uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return uint64_t(time.tv_sec) * 1000000000u + uint64_t(time.tv_nsec);
}

class OpenArchive final : public tree::Origin {
 public:
  explicit OpenArchive(int descriptor) : descriptor_(descriptor) {}
  int64_t read(uint64_t, uint64_t offset, void* to, size_t size) override {
    uint8_t* at = static_cast<uint8_t*>(to);
    while (size != 0) {
      const ssize_t got = pread(descriptor_, at, size, off_t(offset));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        return -EIO;  // also when it has been cut off meanwhile
      }
      at += got;
      offset += uint64_t(got);
      size -= size_t(got);
    }
    return 0;
  }

 private:
  const int descriptor_;
};

int fail(const char* what, int64_t result) {
  fprintf(stderr, "tarfs: %s: %s\n", what, strerror(int(-result)));
  return 1;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    fprintf(stderr, "usage: tarfs NAME ARCHIVE\n");
    return 2;
  }
  const int descriptor = open(words[2], O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    return fail(words[2], -errno);
  }
  OpenArchive archive(descriptor);
  tree::PagePool pool(0);  // no page is ever changed
  tree::FileTree files(pool, now, most_inodes);
  int64_t result = files.start(0755);
  if (result != 0) {
    return fail(words[1], result);
  }
  tarfs::TarReader reader(archive, uint64_t(status.st_size), files);
  result = reader.read();
  if (result == -EINVAL) {
    fprintf(stderr, "tarfs: %s: no archive: at byte %llu: %s\n", words[2],
            static_cast<unsigned long long>(reader.position()), reader.why());
    return 1;
  }
  if (result != 0) {
    return fail(words[2], result);
  }
  tree::TreeDaemon daemon(words[1], files, tree::Changes::refused, type);
  result = scheme::serve_in_background(daemon);
  return result == 0 ? 0 : fail(words[1], result);
}
