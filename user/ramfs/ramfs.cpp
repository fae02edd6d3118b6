// ramfs: a file system in memory, as a scheme. `ramfs NAME [--from DIRECTORY] [--size MIB]`: starts
// with what DIRECTORY has; of at most MIB, by default half of the machine's memory. Returns as soon
// as /scheme/NAME can be used.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "user/ramfs/copy_tree.h"
#include "user/scheme/background.h"
#include "user/tree/tree_daemon.h"

namespace {

constexpr uint64_t tmpfs_magic = 0x01021994;

struct Wishes {
  const char* name = nullptr;
  const char* from = nullptr;
  uint64_t bytes = 0;  // 0: half of memory
};

uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return uint64_t(time.tv_sec) * 1000000000u + uint64_t(time.tv_nsec);
}

bool read_arguments(int count, char** words, Wishes& wishes) {
  for (int i = 1; i < count; ++i) {
    if (strcmp(words[i], "--from") == 0 && i + 1 < count) {
      wishes.from = words[++i];
    } else if (strcmp(words[i], "--size") == 0 && i + 1 < count) {
      char* end = nullptr;
      const unsigned long long mib = strtoull(words[++i], &end, 10);
      if (*end != '\0' || mib == 0 || mib > 1u << 20) {
        return false;
      }
      wishes.bytes = uint64_t(mib) << 20;
    } else if (words[i][0] != '-' && wishes.name == nullptr) {
      wishes.name = words[i];
    } else {
      return false;
    }
  }
  return wishes.name != nullptr;
}

uint64_t half_of_memory() {
  struct sysinfo machine;
  return sysinfo(&machine) == 0 ? uint64_t(machine.totalram) * machine.mem_unit / 2
                                : uint64_t(64) << 20;
}

// Each file of the copied tree that is read stays open.
void allow_many_files() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int fail(const char* what, int64_t result) {
  fprintf(stderr, "ramfs: %s: %s\n", what, strerror(int(-result)));
  return 1;
}

}  // namespace

int main(int count, char** words) {
  Wishes wishes;
  if (!read_arguments(count, words, wishes)) {
    fprintf(stderr, "usage: ramfs NAME [--from DIRECTORY] [--size MIB]\n");
    return 2;
  }
  const uint64_t bytes = wishes.bytes != 0 ? wishes.bytes : half_of_memory();
  const uint64_t pages = bytes / tree::PagePool::page_size;
  tree::PagePool pool(pages);
  tree::FileTree files(pool, now, pages);
  ramfs::CopiedTree copied(files);
  int64_t result = files.start(0755);
  if (result != 0) {
    return fail(wishes.name, result);
  }
  if (wishes.from != nullptr) {
    allow_many_files();
    result = copied.add(wishes.from);
    if (result != 0) {
      return fail(wishes.from, result);
    }
  }
  tree::TreeDaemon daemon(wishes.name, files, tree::Changes::allowed, tmpfs_magic);
  result = scheme::serve_in_background(daemon);
  return result == 0 ? 0 : fail(wishes.name, result);
}
