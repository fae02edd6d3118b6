#include "user/tree/tree_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

namespace tree {

namespace {

scheme_status status_of(const Inode& inode) {
  scheme_status status{};
  status.inode = inode.number;
  status.mode = inode.mode;
  status.links = inode.links;
  status.user = inode.user;
  status.group = inode.group;
  status.device = inode.device;
  status.size = inode.data.size();
  if (inode.is_directory()) {
    status.size = inode.directory->size() * 20;  // as Linux's tmpfs
  } else if (inode.is_link()) {
    status.size = inode.target_size;
  }
  status.blocks = inode.data.blocks();
  status.accessed_ns = inode.accessed_ns;
  status.modified_ns = inode.modified_ns;
  status.changed_ns = inode.changed_ns;
  return status;
}

AttributeChange change_of(const scheme::Attributes& attributes) {
  static_assert(uint64_t(AttributeChange::modify_time) == SCHEME_SET_MODIFIED &&
                uint64_t(AttributeChange::access_time) == SCHEME_SET_ACCESSED &&
                uint64_t(AttributeChange::group_id) == SCHEME_SET_GROUP &&
                uint64_t(AttributeChange::user_id) == SCHEME_SET_USER &&
                uint64_t(AttributeChange::mode_bits) == SCHEME_SET_MODE);
  return {attributes.mask,  attributes.mode,        attributes.user,
          attributes.group, attributes.accessed_ns, attributes.modified_ns};
}

}  // namespace

TreeDaemon::~TreeDaemon() {
  for (uint64_t file = 0; file < file_room_; ++file) {
    close(file);
  }
  free(files_);
}

NewFile TreeDaemon::new_file(uint32_t mode, uint64_t device) const {
  const scheme_caller from = caller();
  return {mode, from.user, from.group, device};
}

// ---- Open files

Inode* TreeDaemon::inode_of(uint64_t file) const {
  return file < file_room_ ? files_[file].inode : nullptr;
}

bool TreeDaemon::grow_files() {
  const uint64_t room = file_room_ == 0 ? 64 : file_room_ * 2;
  void* const grown = realloc(files_, room * sizeof(OpenFile));
  if (grown == nullptr) {
    return false;
  }
  files_ = static_cast<OpenFile*>(grown);
  for (uint64_t file = file_room_; file < room; ++file) {
    files_[file] = {nullptr, file + 1};
  }
  first_free_ = file_room_;
  file_room_ = room;
  return true;
}

int64_t TreeDaemon::open_inode(Inode& inode, uint32_t flags, scheme::Opened& opened) {
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (inode.is_directory()) {
    if (writes || (flags & (O_CREAT | O_TRUNC)) != 0) {
      return -EISDIR;
    }
  } else if ((flags & O_DIRECTORY) != 0) {
    return -ENOTDIR;
  } else if (!inode.is_regular()) {
    return inode.is_link() ? -ELOOP : -ENXIO;
  }
  if (first_free_ == file_room_ && !grow_files()) {
    return -ENFILE;
  }
  if ((flags & O_TRUNC) != 0) {
    const int64_t result = tree_.resize(inode, 0);
    if (result != 0) {
      return result;
    }
    if (inode.is_mapped) {
      (void)tell_size(inode.number, 0);
    }
  }
  const uint64_t file = first_free_;
  first_free_ = files_[file].next_free;
  files_[file].inode = &inode;
  ++open_count_;
  tree_.hold(inode);
  opened.flags = inode.is_directory() ? uint64_t(SCHEME_FILE_DIRECTORY) : 0;
  opened.node = inode.number;
  return int64_t(file);
}

int64_t TreeDaemon::open(const char* path, uint32_t flags, uint32_t mode, scheme::Opened& opened) {
  constexpr uint32_t temporary = uint32_t(O_TMPFILE) & ~uint32_t(O_DIRECTORY);
  if ((flags & temporary) != 0) {
    return -EOPNOTSUPP;
  }
  if (is_read_only() && ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0)) {
    return -EROFS;
  }
  Inode* inode = nullptr;
  int64_t result = tree_.find(path, inode);
  if (result == -ENOENT && (flags & O_CREAT) != 0) {
    result = tree_.create(path, new_file(S_IFREG | (mode & 07777u)), inode);
    flags &= ~uint32_t(O_EXCL | O_TRUNC);
    if (result == 0) {
      result = open_inode(*inode, flags, opened);
      if (result < 0) {
        (void)tree_.unlink(path);
      }
      return result;
    }
  }
  if (result != 0) {
    return result;
  }
  if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) {
    return -EEXIST;
  }
  return open_inode(*inode, flags, opened);
}

void TreeDaemon::close(uint64_t file) {
  Inode* const inode = inode_of(file);
  if (inode == nullptr) {
    return;
  }
  files_[file] = {nullptr, first_free_};
  first_free_ = file;
  --open_count_;
  tree_.let_go(*inode);
}

// ---- Bytes

int64_t TreeDaemon::read(uint64_t file, uint64_t offset, void* to, size_t size) {
  Inode* const inode = inode_of(file);
  return inode == nullptr ? -EBADF : tree_.read(*inode, offset, to, size);
}

int64_t TreeDaemon::write(uint64_t file, uint64_t offset, const void* from, size_t size,
                          uint64_t& file_size) {
  Inode* const inode = inode_of(file);
  if (inode == nullptr) {
    return -EBADF;
  }
  if (is_read_only()) {
    return -EROFS;
  }
  const uint64_t position = offset == SCHEME_AT_END ? inode->data.size() : offset;
  const int64_t result = tree_.write(*inode, position, from, size);
  file_size = inode->data.size();
  return result;
}

int64_t TreeDaemon::seek(uint64_t file, uint64_t offset, int whence) {
  const Inode* const inode = inode_of(file);
  if (inode == nullptr) {
    return -EBADF;
  }
  if (!inode->is_regular()) {
    return -EINVAL;
  }
  switch (whence) {
    case SEEK_DATA: return inode->data.next_data(offset);
    case SEEK_HOLE: return inode->data.next_hole(offset);
    default: return -EINVAL;
  }
}

int64_t TreeDaemon::ftruncate(uint64_t file, uint64_t size) {
  Inode* const inode = inode_of(file);
  if (inode == nullptr) {
    return -EBADF;
  }
  return is_read_only() ? -EROFS : tree_.resize(*inode, size);
}

int64_t TreeDaemon::mmap(uint64_t file, uint64_t, uint64_t, uint32_t, bool) {
  Inode* const inode = inode_of(file);
  if (inode == nullptr) {
    return -EBADF;
  }
  if (!inode->is_regular()) {
    return -ENODEV;
  }
  if (!inode->is_mapped) {
    inode->is_mapped = true;
    tree_.hold(*inode);
  }
  return int64_t(inode->data.size());
}

int64_t TreeDaemon::read_pages(uint64_t node, uint64_t offset, void* to, size_t size) {
  Inode* const inode = tree_.by_number(node);
  return inode == nullptr ? -EIO : tree_.read(*inode, offset, to, size);
}

int64_t TreeDaemon::write_pages(uint64_t node, uint64_t offset, const void* from, size_t size) {
  Inode* const inode = tree_.by_number(node);
  if (inode == nullptr || !inode->is_regular() || is_read_only()) {
    return -EIO;
  }
  // It may have been cut meanwhile: pages never make a file longer.
  const uint64_t end = inode->data.size();
  const uint64_t left = offset < end ? end - offset : 0;
  const size_t wanted = size_t(size < left ? size : left);
  const int64_t result = tree_.write(*inode, offset, from, wanted);
  return result < 0 ? result : size_t(result) == wanted ? 0 : -ENOSPC;
}

void TreeDaemon::forget(uint64_t node) {
  Inode* const inode = tree_.by_number(node);
  if (inode != nullptr && inode->is_mapped) {
    inode->is_mapped = false;
    tree_.let_go(*inode);
  }
}

// ---- Names and attributes

int64_t TreeDaemon::stat(const char* path, scheme_status& status) {
  Inode* inode = nullptr;
  const int64_t result = tree_.find(path, inode);
  if (result == 0) {
    status = status_of(*inode);
  }
  return result;
}

int64_t TreeDaemon::fstat(uint64_t file, scheme_status& status) {
  const Inode* const inode = inode_of(file);
  if (inode == nullptr) {
    return -EBADF;
  }
  status = status_of(*inode);
  return 0;
}

int64_t TreeDaemon::readlink(const char* path, char* target, size_t size) {
  Inode* inode = nullptr;
  const int64_t result = tree_.find(path, inode);
  if (result != 0) {
    return result;
  }
  if (!inode->is_link()) {
    return -EINVAL;
  }
  size = inode->target_size < size ? inode->target_size : size;
  memcpy(target, inode->target, size);
  return int64_t(size);
}

int64_t TreeDaemon::readdir(uint64_t file, uint64_t position, scheme::Entries& entries) {
  const Inode* const inode = inode_of(file);
  if (inode == nullptr) {
    return -EBADF;
  }
  if (!inode->is_directory()) {
    return -ENOTDIR;
  }
  bool any = false;
  while (const Entry* const entry = inode->directory->next(position)) {
    if (!entries.add(entry->name, entry->position, entry->inode->number, entry->inode->mode)) {
      return any ? 0 : -EINVAL;
    }
    position = entry->position;
    any = true;
  }
  return 0;
}

int64_t TreeDaemon::unlink(const char* path) {
  return is_read_only() ? -EROFS : tree_.unlink(path);
}

int64_t TreeDaemon::rmdir(const char* path) {
  return is_read_only() ? -EROFS : tree_.rmdir(path);
}

int64_t TreeDaemon::mkdir(const char* path, uint32_t mode) {
  Inode* made = nullptr;
  return is_read_only() ? -EROFS : tree_.create(path, new_file(S_IFDIR | (mode & 07777u)), made);
}

int64_t TreeDaemon::mknod(const char* path, uint32_t mode, uint64_t device) {
  const uint32_t type = (mode & S_IFMT) != 0 ? mode & S_IFMT : uint32_t(S_IFREG);
  if (is_read_only()) {
    return -EROFS;
  }
  Inode* made = nullptr;
  return type == S_IFDIR ? -EPERM
                         : tree_.create(path, new_file(type | (mode & 07777u), device), made);
}

int64_t TreeDaemon::rename(const char* from, const char* to, uint32_t flags) {
  return is_read_only() ? -EROFS : tree_.rename(from, to, flags);
}

int64_t TreeDaemon::link(const char* existing, const char* path) {
  return is_read_only() ? -EROFS : tree_.link(existing, path);
}

int64_t TreeDaemon::symlink(const char* target, const char* path) {
  return is_read_only() ? -EROFS : tree_.symlink(target, path, new_file(0));
}

int64_t TreeDaemon::setattr(const char* path, const scheme::Attributes& attributes) {
  if (is_read_only()) {
    return -EROFS;
  }
  Inode* inode = nullptr;
  const int64_t result = tree_.find(path, inode);
  return result != 0 ? result : tree_.set_attributes(*inode, change_of(attributes));
}

int64_t TreeDaemon::fsetattr(uint64_t file, const scheme::Attributes& attributes) {
  if (is_read_only()) {
    return -EROFS;
  }
  Inode* const inode = inode_of(file);
  return inode == nullptr ? -EBADF : tree_.set_attributes(*inode, change_of(attributes));
}

int64_t TreeDaemon::statfs(scheme::Usage& usage) {
  const PagePool& pool = tree_.pool();
  usage.bytes = pool.limit() * PagePool::page_size;
  usage.free_bytes = (pool.limit() - pool.used()) * PagePool::page_size;
  usage.magic = type_;
  return 0;
}

}  // namespace tree
