// contents.cpp: FileTree: bytes, attributes, and what holds of the whole.
#include <errno.h>

#include "user/tree/file_tree.h"

namespace tree {

namespace {

int64_t must_be_regular(const Inode& inode) {
  return inode.is_regular() ? 0 : inode.is_directory() ? -EISDIR : -EINVAL;
}

}  // namespace

int64_t FileTree::read(Inode& inode, uint64_t offset, void* to, size_t size) {
  const int64_t wrong = must_be_regular(inode);
  if (wrong != 0) {
    return wrong;
  }
  // Like Linux's relatime: only the first reading after a change counts.
  if (inode.accessed_ns <= inode.modified_ns || inode.accessed_ns <= inode.changed_ns) {
    inode.accessed_ns = clock_();
  }
  return inode.data.read(offset, to, size);
}

int64_t FileTree::write(Inode& inode, uint64_t offset, const void* from, size_t size) {
  const int64_t wrong = must_be_regular(inode);
  if (wrong != 0) {
    return wrong;
  }
  const int64_t result = inode.data.write(pool_, offset, from, size);
  if (result > 0) {
    touch(inode);
  }
  return result;
}

int64_t FileTree::resize(Inode& inode, uint64_t size) {
  const int64_t wrong = must_be_regular(inode);
  if (wrong != 0) {
    return wrong;
  }
  const int64_t result = inode.data.resize(pool_, size);
  if (result == 0) {
    touch(inode);
  }
  return result;
}

int64_t FileTree::set_attributes(Inode& inode, const AttributeChange& change) {
  using Change = AttributeChange;
  constexpr uint64_t known = Change::mode_bits | Change::user_id | Change::group_id |
                             Change::access_time | Change::modify_time;
  if ((change.mask & ~known) != 0) {
    return -EINVAL;
  }
  if ((change.mask & (Change::user_id | Change::group_id)) != 0 && !inode.is_directory()) {
    // Who gets a file is not to get its rights.
    inode.mode &= ~uint32_t(S_ISUID);
    inode.mode &= (inode.mode & S_IXGRP) != 0 ? ~uint32_t(S_ISGID) : ~0u;
  }
  if ((change.mask & Change::mode_bits) != 0) {
    if (inode.is_link()) {
      return -EOPNOTSUPP;
    }
    inode.mode = (inode.mode & S_IFMT) | (change.mode & 07777u);
  }
  inode.user = (change.mask & Change::user_id) != 0 ? change.user : inode.user;
  inode.group = (change.mask & Change::group_id) != 0 ? change.group : inode.group;
  if ((change.mask & Change::access_time) != 0) {
    inode.accessed_ns = change.accessed_ns;
  }
  if ((change.mask & Change::modify_time) != 0) {
    inode.modified_ns = change.modified_ns;
  }
  inode.changed_ns = clock_();
  return 0;
}

bool FileTree::check_inode(const Inode& inode) const {
  if (inode.is_directory() != (inode.directory != nullptr) || !inode.data.check()) {
    return false;
  }
  if (!inode.is_directory()) {
    return inode.links != 0 || inode.holds != 0;
  }
  if (!inode.directory->check()) {
    return false;
  }
  if (inode.parent == nullptr) {
    return inode.links == 0 && inode.holds != 0 && inode.directory->size() == 0;
  }
  uint64_t subdirectories = 0;
  uint64_t position = 0;
  while (const Entry* const entry = inode.directory->next(position)) {
    position = entry->position;
    if (by_number(entry->inode->number) != entry->inode) {
      return false;
    }
    if (entry->inode->is_directory()) {
      ++subdirectories;
      if (entry->inode->parent != &inode) {
        return false;
      }
    }
  }
  return inode.links == subdirectories + 2;
}

bool FileTree::check() const {
  uint64_t count = 0;
  uint64_t names = 0;
  uint64_t links = 0;
  uint64_t pages = 0;
  for (uint64_t i = 0; i < table_size_; ++i) {
    const Inode* const inode = by_number(i + 1);
    if (inode == nullptr) {
      continue;
    }
    if (inode->number != i + 1 || !check_inode(*inode)) {
      return false;
    }
    ++count;
    pages += inode->data.pages();
    if (inode->is_directory()) {
      names += inode->directory->size();
      links += inode->parent != nullptr && inode != root_ ? 1 : 0;
    } else {
      links += inode->links;
    }
  }
  return count == inodes_ && names == links && pages == pool_.used();
}

}  // namespace tree
