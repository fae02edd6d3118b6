// rename.cpp: FileTree::rename.
#include <errno.h>

#include "user/tree/file_tree.h"

namespace tree {

namespace {

// renameat2()'s, where <stdio.h> may not have them.
constexpr uint32_t no_replace = 1;
constexpr uint32_t do_exchange = 2;

// Whether `inode` is `below` or a directory above it.
bool is_above(const Inode& inode, const Inode* below) {
  while (below != &inode && below->parent != below) {
    below = below->parent;
  }
  return below == &inode;
}

}  // namespace

void FileTree::set_parent(Inode& directory, Inode& parent) {
  --directory.parent->links;
  directory.parent = &parent;
  ++parent.links;
}

// The entry leads to `moved` from now on. What it led to loses a name.
void FileTree::replace(Entry& entry, Inode& moved, Inode& parent) {
  Inode& replaced = *entry.inode;
  entry.inode = &moved;
  if (replaced.is_directory()) {
    drop_directory(replaced, parent);
  } else {
    drop_link(replaced);
  }
}

void FileTree::exchange(const Place& from, const Place& to) {
  Inode& first = *from.entry->inode;
  Inode& second = *to.entry->inode;
  from.entry->inode = &second;
  to.entry->inode = &first;
  if (first.is_directory()) {
    set_parent(first, *to.parent);
  }
  if (second.is_directory()) {
    set_parent(second, *from.parent);
  }
  first.changed_ns = second.changed_ns = clock_();
  touch(*from.parent);
  touch(*to.parent);
}

int64_t FileTree::rename(const char* from_path, const char* to_path, uint32_t flags) {
  if ((flags & ~(no_replace | do_exchange)) != 0 || flags == (no_replace | do_exchange)) {
    return -EINVAL;
  }
  Place from;
  Place to;
  int64_t result = locate(from_path, from);
  result = result == 0 ? locate(to_path, to) : result;
  if (result != 0) {
    return result;
  }
  if (from.entry == nullptr) {
    return -ENOENT;
  }
  Inode& moved = *from.entry->inode;
  Inode* const replaced = to.entry != nullptr ? to.entry->inode : nullptr;
  if ((flags & no_replace) != 0 && replaced != nullptr) {
    return -EEXIST;
  }
  if ((flags & do_exchange) != 0 && replaced == nullptr) {
    return -ENOENT;
  }
  if (moved.is_directory() && is_above(moved, to.parent)) {
    return -EINVAL;
  }
  if (replaced != nullptr && replaced->is_directory() && is_above(*replaced, from.parent)) {
    return (flags & do_exchange) != 0 ? -EINVAL : -ENOTEMPTY;
  }
  if (&moved == replaced) {
    return 0;
  }
  if ((flags & do_exchange) != 0) {
    exchange(from, to);
    return 0;
  }
  if (replaced != nullptr) {
    if (moved.is_directory() != replaced->is_directory()) {
      return moved.is_directory() ? -ENOTDIR : -EISDIR;
    }
    if (replaced->is_directory() && replaced->directory->size() != 0) {
      return -ENOTEMPTY;
    }
  } else if (moved.is_directory() && from.parent != to.parent && to.parent->links >= max_links) {
    return -EMLINK;
  }
  if (replaced != nullptr) {
    replace(*to.entry, moved, *to.parent);
  } else if (to.parent->directory->add(to.name, moved) == nullptr) {
    return -ENOSPC;
  }
  from.parent->directory->remove(*from.entry);
  if (moved.is_directory()) {
    set_parent(moved, *to.parent);
  }
  moved.changed_ns = clock_();
  touch(*from.parent);
  touch(*to.parent);
  return 0;
}

}  // namespace tree
