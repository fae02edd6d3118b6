#include "user/ramfs/copy_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace ramfs {

namespace {

uint64_t to_ns(const timespec& time) {
  return uint64_t(time.tv_sec) * 1000000000u + uint64_t(time.tv_nsec);
}

}  // namespace

CopiedTree::~CopiedTree() {
  for (size_t i = 0; i < source_count_; ++i) {
    if (sources_[i].descriptor >= 0) {
      close(sources_[i].descriptor);
    }
    free(sources_[i].path);
  }
  free(sources_);
}

int64_t CopiedTree::add(const char* from) {
  start_ = strlen(from);
  if (start_ >= max_path) {
    return -ENAMETOOLONG;
  }
  memcpy(path_, from, start_ + 1);
  return add_directory();
}

const char* CopiedTree::inside() const {
  const char* const rest = path_ + start_;
  return *rest == '/' ? rest + 1 : rest;
}

// Everything in the directory `path_`.
int64_t CopiedTree::add_directory() {
  DIR* const list = opendir(path_);
  if (list == nullptr) {
    return -errno;
  }
  const size_t size = strlen(path_);
  int64_t result = 0;
  while (const dirent* const entry = result == 0 ? readdir(list) : nullptr) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
      continue;
    }
    const int longer = snprintf(path_ + size, max_path - size, "/%s", entry->d_name);
    result = longer < 0 || size_t(longer) >= max_path - size ? -ENAMETOOLONG : add_one();
    path_[size] = '\0';
  }
  closedir(list);
  return result;
}

// What `path_` names.
int64_t CopiedTree::add_one() {
  struct stat status;
  if (lstat(path_, &status) != 0) {
    return -errno;
  }
  const tree::NewFile file{uint32_t(status.st_mode), uint32_t(status.st_uid),
                           uint32_t(status.st_gid), uint64_t(status.st_rdev)};
  tree::Inode* made = nullptr;
  int64_t result = 0;
  if (S_ISLNK(status.st_mode)) {
    char target[max_path];
    const ssize_t size = readlink(path_, target, sizeof(target) - 1);
    if (size < 0) {
      return -errno;
    }
    target[size] = '\0';
    result = tree_.symlink(target, inside(), file);
    result = result == 0 ? tree_.find(inside(), made) : result;
  } else {
    result = tree_.create(inside(), file, made);
  }
  if (result == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    result = add_source(*made, uint64_t(status.st_size));
  }
  if (result == 0 && S_ISDIR(status.st_mode)) {
    result = add_directory();
  }
  if (result == 0) {
    made->accessed_ns = to_ns(status.st_atim);
    made->modified_ns = to_ns(status.st_mtim);
    made->changed_ns = to_ns(status.st_ctim);
  }
  return result;
}

int64_t CopiedTree::add_source(tree::Inode& file, uint64_t size) {
  if (source_count_ == source_room_) {
    const size_t room = source_room_ == 0 ? 64 : source_room_ * 2;
    void* const grown = realloc(sources_, room * sizeof(Source));
    if (grown == nullptr) {
      return -ENOMEM;
    }
    sources_ = static_cast<Source*>(grown);
    source_room_ = room;
  }
  char* const path = strdup(path_);
  if (path == nullptr) {
    return -ENOMEM;
  }
  sources_[source_count_] = {path, -1};
  file.data.set_origin(*this, source_count_++, 0, size);
  return 0;
}

int64_t CopiedTree::read(uint64_t id, uint64_t offset, void* to, size_t size) {
  Source& source = sources_[id];
  if (source.descriptor < 0) {
    source.descriptor = open(source.path, O_RDONLY | O_CLOEXEC);
    if (source.descriptor < 0) {
      return -EIO;
    }
  }
  uint8_t* at = static_cast<uint8_t*>(to);
  while (size != 0) {
    const ssize_t got = pread(source.descriptor, at, size, off_t(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return -EIO;
    }
    at += got;
    offset += uint64_t(got);
    size -= size_t(got);
  }
  return 0;
}

}  // namespace ramfs
