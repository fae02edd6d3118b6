#include "user/tree/file_tree.h"

#include <errno.h>
#include <string.h>

namespace tree {

namespace {

bool is_dots(Name name) {
  return name.text[0] == '.' && (name.size == 1 || (name.size == 2 && name.text[1] == '.'));
}

// The first part of `path`, which is moved past it and the '/'.
Name take_part(const char*& path) {
  const char* const end = strchrnul(path, '/');
  const Name part{path, size_t(end - path)};
  path = *end == '/' ? end + 1 : end;
  return part;
}

// A part below `at`.
int64_t step(const Inode& at, Name part, Entry*& entry) {
  if (!at.is_directory()) {
    return -ENOTDIR;
  }
  if (part.size > Name::max_size) {
    return -ENAMETOOLONG;
  }
  entry = at.directory->find(part);
  return entry == nullptr ? -ENOENT : 0;
}

}  // namespace

FileTree::~FileTree() {
  for (uint64_t i = 0; i < table_size_; ++i) {
    if (table_[i].next_free % 2 == 0 && table_[i].inode != nullptr) {
      Inode* const inode = table_[i].inode;
      inode->data.clear(pool_);
      free(inode->target);
      delete inode->directory;
      delete inode;
    }
  }
  free(table_);
}

int64_t FileTree::start(uint32_t mode) {
  root_ = make_inode({S_IFDIR | (mode & 07777u)});
  if (root_ == nullptr) {
    return -ENOMEM;
  }
  root_->links = 2;
  root_->parent = root_;
  return 0;
}

// ---- Paths

int64_t FileTree::find(const char* path, Inode*& found) const {
  Inode* at = root_;
  while (*path != '\0') {
    Entry* entry = nullptr;
    const int64_t result = step(*at, take_part(path), entry);
    if (result != 0) {
      return result;
    }
    at = entry->inode;
  }
  found = at;
  return 0;
}

int64_t FileTree::locate(const char* path, Place& place) const {
  if (*path == '\0') {
    return -EBUSY;
  }
  Inode* at = root_;
  for (;;) {
    const Name part = take_part(path);
    Entry* entry = nullptr;
    const int64_t result = step(*at, part, entry);
    if (*path == '\0') {
      if (result != 0 && result != -ENOENT) {
        return result;
      }
      if (part.size == 0 || is_dots(part)) {
        return -EINVAL;
      }
      place = {at, part, entry};
      return 0;
    }
    if (result != 0) {
      return result;
    }
    at = entry->inode;
  }
}

int64_t FileTree::locate_existing(const char* path, Place& place) const {
  const int64_t result = locate(path, place);
  return result == 0 && place.entry == nullptr ? -ENOENT : result;
}

Inode* FileTree::by_number(uint64_t number) const {
  if (number == 0 || number > table_size_) {
    return nullptr;
  }
  const Slot& slot = table_[number - 1];
  return slot.next_free % 2 != 0 ? nullptr : slot.inode;
}

// ---- Inodes

bool FileTree::grow_table() {
  const uint64_t size = table_size_ == 0 ? 64 : table_size_ * 2;
  void* const grown = realloc(table_, size * sizeof(Slot));
  if (grown == nullptr) {
    return false;
  }
  table_ = static_cast<Slot*>(grown);
  for (uint64_t i = table_size_; i < size; ++i) {
    table_[i].next_free = (i + 1) * 2 + 1;
  }
  first_free_ = table_size_;
  table_size_ = size;
  return true;
}

Inode* FileTree::make_inode(const NewFile& file) {
  if (inodes_ == max_inodes_ || (first_free_ == table_size_ && !grow_table())) {
    return nullptr;
  }
  Inode* const inode = new Inode();
  if (inode == nullptr) {
    return nullptr;
  }
  if (S_ISDIR(file.mode)) {
    inode->directory = new Directory();
    if (inode->directory == nullptr) {
      delete inode;
      return nullptr;
    }
  }
  inode->mode = file.mode;
  inode->links = 1;
  inode->user = file.user;
  inode->group = file.group;
  inode->device = file.device;
  inode->accessed_ns = inode->modified_ns = inode->changed_ns = clock_();
  Slot& slot = table_[first_free_];
  inode->number = first_free_ + 1;
  first_free_ = slot.next_free / 2;
  slot.inode = inode;
  ++inodes_;
  return inode;
}

void FileTree::free_inode(Inode& inode) {
  Slot& slot = table_[inode.number - 1];
  slot.next_free = first_free_ * 2 + 1;
  first_free_ = inode.number - 1;
  --inodes_;
  inode.data.clear(pool_);
  free(inode.target);
  delete inode.directory;
  delete &inode;
}

void FileTree::let_go(Inode& inode) {
  if (--inode.holds == 0 && inode.links == 0) {
    free_inode(inode);
  }
}

void FileTree::drop_link(Inode& inode) {
  --inode.links;
  inode.changed_ns = clock_();
  if (inode.links == 0 && inode.holds == 0) {
    free_inode(inode);
  }
}

void FileTree::drop_directory(Inode& directory, Inode& parent) {
  --parent.links;
  directory.parent = nullptr;
  directory.links = 1;
  drop_link(directory);
}

// ---- New names

int64_t FileTree::add_new(const Place& place, const NewFile& file, const char* target,
                          Inode*& made) {
  Inode& parent = *place.parent;
  const bool directory = S_ISDIR(file.mode);
  if (directory && parent.links >= max_links) {
    return -EMLINK;
  }
  char* copy = nullptr;
  if (target != nullptr) {
    copy = strdup(target);
    if (copy == nullptr) {
      return -ENOSPC;
    }
  }
  NewFile wanted = file;
  if ((parent.mode & S_ISGID) != 0) {
    wanted.group = parent.group;
    wanted.mode |= directory ? uint32_t(S_ISGID) : 0u;
  }
  Inode* const inode = make_inode(wanted);
  if (inode == nullptr || parent.directory->add(place.name, *inode) == nullptr) {
    free(copy);
    if (inode != nullptr) {
      free_inode(*inode);
    }
    return -ENOSPC;
  }
  inode->target = copy;
  inode->target_size = copy != nullptr ? strlen(copy) : 0;
  if (directory) {
    inode->links = 2;
    inode->parent = &parent;
    ++parent.links;
  }
  touch(parent);
  made = inode;
  return 0;
}

int64_t FileTree::create(const char* path, const NewFile& file, Inode*& made) {
  Place place;
  const int64_t result = locate(path, place);
  if (result != 0) {
    return result == -EBUSY ? -EEXIST : result;
  }
  if (place.entry != nullptr) {
    return -EEXIST;
  }
  switch (file.mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK: return add_new(place, file, nullptr, made);
    default: return -EINVAL;
  }
}

int64_t FileTree::symlink(const char* target, const char* path, const NewFile& owner) {
  Place place;
  const int64_t result = locate(path, place);
  if (result != 0) {
    return result == -EBUSY ? -EEXIST : result;
  }
  if (place.entry != nullptr) {
    return -EEXIST;
  }
  NewFile file = owner;
  file.mode = S_IFLNK | 0777;
  Inode* made = nullptr;
  return *target == '\0' ? -ENOENT : add_new(place, file, target, made);
}

int64_t FileTree::link(const char* existing, const char* path) {
  Inode* inode = nullptr;
  const int64_t found = find(existing, inode);
  if (found != 0) {
    return found;
  }
  Place place;
  const int64_t result = locate(path, place);
  if (result != 0) {
    return result == -EBUSY ? -EEXIST : result;
  }
  if (place.entry != nullptr) {
    return -EEXIST;
  }
  if (inode->is_directory()) {
    return -EPERM;
  }
  if (inode->links >= max_links) {
    return -EMLINK;
  }
  if (place.parent->directory->add(place.name, *inode) == nullptr) {
    return -ENOSPC;
  }
  ++inode->links;
  inode->changed_ns = clock_();
  touch(*place.parent);
  return 0;
}

// ---- Fewer names

int64_t FileTree::unlink(const char* path) {
  Place place;
  const int64_t result = locate_existing(path, place);
  if (result != 0) {
    return result == -EBUSY ? -EISDIR : result;
  }
  Inode& inode = *place.entry->inode;
  if (inode.is_directory()) {
    return -EISDIR;
  }
  place.parent->directory->remove(*place.entry);
  touch(*place.parent);
  drop_link(inode);
  return 0;
}

int64_t FileTree::rmdir(const char* path) {
  Place place;
  const int64_t result = locate_existing(path, place);
  if (result != 0) {
    return result;
  }
  Inode& inode = *place.entry->inode;
  if (!inode.is_directory()) {
    return -ENOTDIR;
  }
  if (inode.directory->size() != 0) {
    return -ENOTEMPTY;
  }
  place.parent->directory->remove(*place.entry);
  touch(*place.parent);
  drop_directory(inode, *place.parent);
  return 0;
}

}  // namespace tree
