#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

Files::~Files() {
  for (Node& node : nodes_) {
    free(node.bytes);
  }
}

Files::Name* Files::find(const char* path) {
  if (nodes_[1].mode == 0) {
    nodes_[1].mode = S_IFDIR | 0755;
    nodes_[1].links = 2;
    names_[0].node = 1;
  }
  for (Name& name : names_) {
    if (name.node != 0 && strcmp(name.path, path) == 0) {
      return &name;
    }
  }
  return nullptr;
}

Files::Name* Files::add(const char* path, unsigned node) {
  if (strlen(path) >= sizeof(Name::path)) {
    return nullptr;
  }
  for (Name& name : names_) {
    if (name.node == 0) {
      strcpy(name.path, path);
      name.node = node;
      return &name;
    }
  }
  return nullptr;
}

int64_t Files::make(const char* path, uint32_t mode) {
  if (find(path) != nullptr) {
    return -EEXIST;
  }
  for (unsigned i = 2; i < max_names; ++i) {
    if (nodes_[i].mode == 0) {
      if (add(path, i) == nullptr) {
        return -ENOSPC;
      }
      nodes_[i] = {};
      nodes_[i].mode = mode;
      nodes_[i].links = 1;
      return i;
    }
  }
  return -ENOSPC;
}

int64_t Files::resize(Node& node, size_t size) {
  if (size > node.capacity) {
    const size_t capacity = size * 2;
    auto* bytes = static_cast<uint8_t*>(realloc(node.bytes, capacity));
    if (bytes == nullptr) {
      return -ENOSPC;
    }
    node.bytes = bytes;
    node.capacity = capacity;
  }
  if (size > node.size) {
    memset(node.bytes + node.size, 0, size - node.size);
  }
  node.size = size;
  return 0;
}

void Files::fill(const Node& node, unsigned number, scheme_status& status) const {
  status.inode = number;
  status.mode = node.mode;
  status.links = node.links;
  status.user = node.user;
  status.group = node.group;
  status.device = node.device;
  status.size = node.size;
  status.blocks = (node.size + 511) / 512;
  status.accessed_ns = node.accessed_ns;
  status.modified_ns = node.modified_ns;
}

void Files::apply(Node& node, const scheme::Attributes& attributes) {
  if (attributes.mask & SCHEME_SET_MODE) {
    node.mode = (node.mode & S_IFMT) | attributes.mode;
  }
  node.user = attributes.mask & SCHEME_SET_USER ? attributes.user : node.user;
  node.group = attributes.mask & SCHEME_SET_GROUP ? attributes.group : node.group;
  node.accessed_ns =
      attributes.mask & SCHEME_SET_ACCESSED ? attributes.accessed_ns : node.accessed_ns;
  node.modified_ns =
      attributes.mask & SCHEME_SET_MODIFIED ? attributes.modified_ns : node.modified_ns;
}

int64_t Files::open(const char* path, uint32_t flags, uint32_t mode, scheme::Opened& opened) {
  const Name* name = find(path);
  int64_t number = name == nullptr ? -ENOENT : name->node;
  if (name == nullptr && (flags & O_CREAT)) {
    number = make(path, S_IFREG | mode);
  }
  if (number < 0) {
    return number;
  }
  Node& node = nodes_[number];
  if (flags & O_TRUNC) {
    resize(node, 0);
  }
  opened.flags = S_ISDIR(node.mode) ? SCHEME_FILE_DIRECTORY : 0;
  opened.node = S_ISREG(node.mode) ? uint64_t(number) : 0;
  return number;
}

// "size": a stream with the file's size as text.
int64_t Files::dup(uint64_t file, const char* name, uint32_t, scheme::Opened& opened) {
  if (strcmp(name, "again") != 0) {
    return -EINVAL;
  }
  opened.node = file;
  return int64_t(file);
}

void Files::close(uint64_t) {
  ++closed;
}

int64_t Files::read(uint64_t file, uint64_t offset, void* to, size_t size) {
  const Node& node = nodes_[file];
  if (offset >= node.size) {
    return 0;
  }
  const size_t count = node.size - offset < size ? node.size - offset : size;
  memcpy(to, node.bytes + offset, count);
  return int64_t(count);
}

int64_t Files::write(uint64_t file, uint64_t offset, const void* from, size_t size,
                     uint64_t& file_size) {
  Node& node = nodes_[file];
  offset = offset == SCHEME_AT_END ? node.size : offset;
  if (offset + size > node.size) {
    const int64_t resized = resize(node, offset + size);
    if (resized != 0) {
      return resized;
    }
  }
  memcpy(node.bytes + offset, from, size);
  file_size = node.size;
  return int64_t(size);
}

int64_t Files::stat(const char* path, scheme_status& status) {
  const Name* name = find(path);
  if (name == nullptr) {
    return -ENOENT;
  }
  fill(nodes_[name->node], name->node, status);
  return 0;
}

int64_t Files::fstat(uint64_t file, scheme_status& status) {
  fill(nodes_[file], unsigned(file), status);
  return 0;
}

int64_t Files::readlink(const char* path, char* target, size_t size) {
  const Name* name = find(path);
  if (name == nullptr || !S_ISLNK(nodes_[name->node].mode)) {
    return name == nullptr ? -ENOENT : -EINVAL;
  }
  return read(name->node, 0, target, size);
}

int64_t Files::readdir(uint64_t file, uint64_t position, scheme::Entries& entries) {
  char prefix[sizeof(Name::path)] = "";
  for (const Name& name : names_) {
    if (name.node == file) {
      strcpy(prefix, name.path);
    }
  }
  const size_t length = strlen(prefix);
  for (uint64_t i = position; i < max_names; ++i) {
    const Name& name = names_[i];
    const char* rest = name.path;
    if (name.node <= 1 || strncmp(name.path, prefix, length) != 0) {
      continue;
    }
    rest += length;
    if (length != 0 && *rest++ != '/') {
      continue;
    }
    if (strchr(rest, '/') == nullptr &&
        !entries.add(rest, i + 1, name.node, nodes_[name.node].mode)) {
      break;
    }
  }
  return 0;
}

int64_t Files::ftruncate(uint64_t file, uint64_t size) {
  return resize(nodes_[file], size);
}

bool Files::is_empty(const char* path) const {
  const size_t length = strlen(path);
  for (const Name& name : names_) {
    if (name.node != 0 && strncmp(name.path, path, length) == 0 && name.path[length] == '/') {
      return false;
    }
  }
  return true;
}

int64_t Files::unlink(const char* path) {
  Name* name = find(path);
  if (name == nullptr) {
    return -ENOENT;
  }
  --nodes_[name->node].links;
  name->node = 0;
  return 0;
}

int64_t Files::rmdir(const char* path) {
  return is_empty(path) ? unlink(path) : -ENOTEMPTY;
}

int64_t Files::mkdir(const char* path, uint32_t mode) {
  const int64_t made = make(path, S_IFDIR | mode);
  return made < 0 ? made : 0;
}

int64_t Files::mknod(const char* path, uint32_t mode, uint64_t device) {
  const int64_t made = make(path, mode);
  if (made >= 0) {
    nodes_[made].device = device;
  }
  return made < 0 ? made : 0;
}

int64_t Files::rename(const char* from, const char* to, uint32_t) {
  (void)unlink(to);
  const size_t length = strlen(from);
  for (Name& name : names_) {
    if (name.node != 0 && strncmp(name.path, from, length) == 0 &&
        (name.path[length] == '/' || name.path[length] == '\0')) {
      char rest[sizeof(name.path)];
      strcpy(rest, name.path + length);
      strcpy(name.path, to);
      strcat(name.path, rest);
    }
  }
  return 0;
}

int64_t Files::link(const char* existing, const char* path) {
  const Name* name = find(existing);
  if (name == nullptr || add(path, name->node) == nullptr) {
    return -ENOENT;
  }
  ++nodes_[name->node].links;
  return 0;
}

int64_t Files::symlink(const char* target, const char* path) {
  const int64_t made = make(path, S_IFLNK | 0777);
  uint64_t size = 0;
  return made < 0 ? made
                  : (write(uint64_t(made), 0, target, strlen(target), size) < 0 ? -ENOSPC : 0);
}

int64_t Files::setattr(const char* path, const scheme::Attributes& attributes) {
  const Name* name = find(path);
  if (name == nullptr) {
    return -ENOENT;
  }
  apply(nodes_[name->node], attributes);
  return 0;
}

int64_t Files::fsetattr(uint64_t file, const scheme::Attributes& attributes) {
  apply(nodes_[file], attributes);
  return 0;
}

int64_t Files::statfs(scheme::Usage& usage) {
  usage = {1 << 20, 1 << 19, 0x1234};
  return 0;
}

int64_t Files::mmap(uint64_t file, uint64_t, uint64_t, uint32_t, bool) {
  return int64_t(nodes_[file].size);
}

int64_t Files::read_pages(uint64_t node, uint64_t offset, void* to, size_t size) {
  ++page_requests;
  pages_read += size / 4096;
  return read(node, offset, to, size);
}

int64_t Files::write_pages(uint64_t node, uint64_t offset, const void* from, size_t size) {
  uint64_t file_size = 0;
  const int64_t put = write(node, offset, from, size, file_size);
  return put < 0 ? put : 0;
}

void Files::forget(uint64_t) {
  ++forgotten;
}
