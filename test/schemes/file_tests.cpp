// file_tests.cpp: what a file system served by a program can do.
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#include "check.h"
#include "files.h"
#include "tests.h"

namespace {

// Serves `t:` while it lives.
class Served {
 public:
  Served() { CHECK(child_.started()); }

 private:
  Child child_{[](int ready) {
    static Files files("t");
    serve(files, ready);
  }};
};

void put(const char* path, const char* text) {
  const int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  CHECK(file >= 0);
  CHECK(write(file, text, strlen(text)) == ssize_t(strlen(text)));
  CHECK(close(file) == 0);
}

}  // namespace

void test_names() {
  {
    const Served served;
    struct stat status;
    CHECK(stat("/scheme/t", &status) == 0 && S_ISDIR(status.st_mode));
    CHECK(stat("t:", &status) == 0 && S_ISDIR(status.st_mode));
    CHECK_ERROR(open("t:none", O_RDONLY), ENOENT);
    CHECK_ERROR(open("t:none/more", O_RDONLY), ENOENT);
    CHECK(mkdir("t:a", 0755) == 0);
    CHECK_ERROR(mkdir("t:a", 0755), EEXIST);
    CHECK(mkdir("/scheme/t/a/b", 0700) == 0);
    put("t:a/b/file", "hello");
    CHECK(stat("/scheme/t/a/../a/./b/file", &status) == 0 && status.st_size == 5);
    CHECK(status.st_mode == (S_IFREG | 0644));
    CHECK_ERROR(open("t:a/b/file/more", O_RDONLY), ENOTDIR);
    CHECK_ERROR(open("t:a/b/file/", O_RDONLY), ENOTDIR);
    CHECK_ERROR(open("t:a", O_WRONLY), EISDIR);
    CHECK_ERROR(open("t:a/b/file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERROR(open("t:a/b/file", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK(symlink("b/file", "t:a/link") == 0);
    CHECK(symlink("/scheme/t/a", "t:up") == 0);
    char target[64] = "";
    CHECK(readlink("t:a/link", target, sizeof(target)) == 6 && memcmp(target, "b/file", 6) == 0);
    CHECK(stat("t:up/link", &status) == 0 && S_ISREG(status.st_mode));
    CHECK(lstat("t:up/link", &status) == 0 && S_ISLNK(status.st_mode));
    CHECK(symlink("made", "t:a/dangling") == 0);
    put("t:a/dangling", "x");
    CHECK(stat("t:a/made", &status) == 0 && status.st_size == 1);
    CHECK(chdir("t:a") == 0);
    CHECK(stat("b/file", &status) == 0);
    CHECK(getcwd(target, sizeof(target)) != nullptr && strcmp(target, "/scheme/t/a") == 0);
    CHECK(chdir("/") == 0);

    for (int i = 0; i < 150; ++i) {
      char path[32];
      snprintf(path, sizeof(path), "t:a/b/number-%d", i);
      put(path, "");
    }
    DIR* directory = opendir("t:a/b");
    CHECK(directory != nullptr);
    unsigned seen = 0;
    while (directory != nullptr && readdir(directory) != nullptr) {
      ++seen;
    }
    CHECK(seen == 2 + 1 + 150);
    rewinddir(directory);
    CHECK(readdir(directory) != nullptr);
    closedir(directory);
    struct statfs usage;
    CHECK(statfs("t:a", &usage) == 0 && usage.f_type == 0x1234 && usage.f_blocks == 256 &&
          usage.f_bfree == 128);
    CHECK(access("t:a/b/file", R_OK | W_OK) == 0);
    CHECK_ERROR(access("t:a/b/file", X_OK), EACCES);
  }
  CHECK_ERROR(open("t:a", O_RDONLY), ENOENT);  // the scheme is gone
}

void test_bytes() {
  const Served served;
  put("t:file", "0123456789");
  const int file = open("t:file", O_RDWR);
  char text[64] = "";
  CHECK(read(file, text, 4) == 4 && memcmp(text, "0123", 4) == 0);
  CHECK(read(file, text, sizeof(text)) == 6 && memcmp(text, "456789", 6) == 0);
  CHECK(read(file, text, sizeof(text)) == 0);
  CHECK(lseek(file, -3, SEEK_END) == 7);
  CHECK(read(file, text, 2) == 2 && memcmp(text, "78", 2) == 0);
  CHECK(lseek(file, 0, SEEK_CUR) == 9);
  CHECK_ERROR(lseek(file, -20, SEEK_CUR), EINVAL);
  CHECK(pread(file, text, 3, 1) == 3 && memcmp(text, "123", 3) == 0);
  CHECK(pwrite(file, "ab", 2, 4) == 2);
  iovec parts[2] = {{text, 5}, {text + 10, 5}};
  CHECK(lseek(file, 0, SEEK_SET) == 0);
  CHECK(readv(file, parts, 2) == 10);
  CHECK(memcmp(text, "0123a", 5) == 0 && memcmp(text + 10, "b6789", 5) == 0);
  CHECK(ftruncate(file, 3) == 0);
  CHECK(lseek(file, 0, SEEK_END) == 3);
  CHECK(lseek(file, 1, SEEK_DATA) == 1 && lseek(file, 1, SEEK_HOLE) == 3);
  const int other = open("t:file", O_WRONLY | O_APPEND);
  CHECK(write(other, "xyz", 3) == 3 && lseek(other, 0, SEEK_CUR) == 6);
  CHECK_ERROR(read(other, text, 1), EBADF);
  CHECK(write(other, "!", 1) == 1);
  CHECK(pread(file, text, sizeof(text), 0) == 7 && memcmp(text, "012xyz!", 7) == 0);
  CHECK_ERROR(read(file, reinterpret_cast<char*>(16), 1), EFAULT);
  CHECK_ERROR(write(file, reinterpret_cast<char*>(16), 1), EFAULT);
  CHECK(fsync(file) == 0);
  CHECK_ERROR(ioctl(file, 0x1234, 1), ENOTTY);
  close(other);

  // Long: borrowed, in several calls.
  constexpr size_t long_size = 3 * 1048576 + 4321;
  auto* big = static_cast<unsigned char*>(malloc(long_size));
  auto* back = static_cast<unsigned char*>(malloc(long_size));
  for (size_t i = 0; i < long_size; ++i) {
    big[i] = static_cast<unsigned char>(i * 7 + (i >> 11));
  }
  CHECK(pwrite(file, big, long_size, 0) == ssize_t(long_size));
  CHECK(pread(file, back, long_size, 0) == ssize_t(long_size));
  CHECK(memcmp(big, back, long_size) == 0);
  CHECK(pread(file, back, long_size, 100) == ssize_t(long_size - 100));
  CHECK(memcmp(big + 100, back, long_size - 100) == 0);
  free(big);
  free(back);
  close(file);
}

void test_changes() {
  const Served served;
  struct stat status;
  put("t:one", "1");
  CHECK(link("t:one", "t:two") == 0);
  CHECK(stat("t:two", &status) == 0 && status.st_nlink == 2);
  CHECK_ERROR(link("t:one", "t:two"), EEXIST);
  CHECK_ERROR(link("/etc/passwd", "t:three"), EXDEV);
  CHECK(unlink("t:one") == 0);
  CHECK_ERROR(unlink("t:one"), ENOENT);
  CHECK(mkdir("t:dir", 0777) == 0);
  CHECK_ERROR(unlink("t:dir"), EISDIR);
  CHECK_ERROR(rmdir("t:two"), ENOTDIR);
  put("t:dir/inside", "");
  CHECK_ERROR(rmdir("t:dir"), ENOTEMPTY);
  CHECK_ERROR(rename("t:dir", "t:dir/inside/x"), ENOTDIR);
  CHECK_ERROR(rename("t:dir", "t:dir/x"), EINVAL);
  CHECK_ERROR(rename("t:dir", "t:two"), ENOTDIR);
  CHECK_ERROR(rename("t:two", "t:dir"), EISDIR);
  CHECK_ERROR(rename("t:none", "t:else"), ENOENT);
  CHECK_ERROR(rename("t:two", "/tmp"), EXDEV);
  CHECK(rename("t:dir", "t:moved") == 0);
  CHECK(stat("t:moved/inside", &status) == 0);
  CHECK(unlink("t:moved/inside") == 0 && rmdir("t:moved") == 0);
  CHECK(chmod("t:two", 0711) == 0 && stat("t:two", &status) == 0);
  CHECK(status.st_mode == (S_IFREG | 0711));
  CHECK(chown("t:two", 7, uid_t(-1)) == 0 && stat("t:two", &status) == 0);
  CHECK(status.st_uid == 7 && status.st_gid == 0);
  const timespec times[2] = {{1000, 5}, {2000, 6}};
  CHECK(utimensat(AT_FDCWD, "t:two", times, 0) == 0 && stat("t:two", &status) == 0);
  CHECK(status.st_atim.tv_sec == 1000 && status.st_mtim.tv_nsec == 6);
  const timespec half[2] = {{0, UTIME_OMIT}, {3000, 0}};
  CHECK(utimensat(AT_FDCWD, "t:two", half, 0) == 0 && stat("t:two", &status) == 0);
  CHECK(status.st_atim.tv_sec == 1000 && status.st_mtim.tv_sec == 3000);
  const int file = open("t:two", O_RDWR);
  CHECK(fchmod(file, 0600) == 0 && fchown(file, 1, 2) == 0 && futimens(file, times) == 0);
  CHECK(fstat(file, &status) == 0 && status.st_uid == 1 && status.st_mtim.tv_sec == 2000);
  close(file);
  CHECK(truncate("t:two", 100) == 0 && stat("t:two", &status) == 0 && status.st_size == 100);
  CHECK(mknod("t:fifo", S_IFIFO | 0600, 0) == 0 && stat("t:fifo", &status) == 0);
  CHECK(S_ISFIFO(status.st_mode));
}
