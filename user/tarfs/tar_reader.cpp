#include "user/tarfs/tar_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

namespace tarfs {

namespace {

// Digits up to `end`; a fraction is dropped. False: none, or too many.
bool read_decimal(const char* text, const char* end, uint64_t& number) {
  number = 0;
  const char* at = text;
  for (; at != end && *at >= '0' && *at <= '9'; ++at) {
    if (number > UINT64_MAX / 20) {
      return false;
    }
    number = number * 10 + uint64_t(*at - '0');
  }
  return at != text && (at == end || *at == '.');
}

}  // namespace

TarReader::~TarReader() {
  forget_texts();
}

void TarReader::forget_texts() {
  free(long_name_);
  free(long_target_);
  long_name_ = long_target_ = nullptr;
  has_size_ = has_modified_ = false;
}

int64_t TarReader::refuse(const char* why) {
  why_ = why;
  return -EINVAL;
}

int64_t TarReader::read() {
  for (;;) {
    uint8_t block[block_size];
    if (at_ > size_ || size_ - at_ < block_size) {
      return refuse("it ends without an end mark");
    }
    int64_t result = archive_.read(0, at_, block, block_size);
    Header header;
    const HeaderKind kind = result == 0 ? read_header(block, header) : HeaderKind::malformed;
    if (result != 0) {
      return result;
    }
    if (kind == HeaderKind::end) {
      return long_name_ != nullptr || long_target_ != nullptr
                 ? refuse("it ends after an extra header")
                 : 0;
    }
    if (kind == HeaderKind::malformed) {
      return refuse("a header is malformed");
    }
    at_ += block_size;
    switch (header.type) {
      case 'L':
      case 'K': result = read_long_name(header); break;
      case 'x': result = read_pax(header); break;
      case 'g': break;
      default:
        if (has_size_) {
          header.size = pax_size_;
        }
        result = add_member(header);
        forget_texts();
    }
    if (result != 0) {
      return result;
    }
    // Links, directories and devices have no contents, whatever their size says.
    const bool has_contents = !(header.type >= '1' && header.type <= '6');
    const uint64_t size = has_contents ? header.size : 0;
    if (size > size_ - at_) {
      return refuse("a member is longer than the archive");
    }
    at_ += (size + block_size - 1) / block_size * block_size;
  }
}

// ---- Extra headers

int64_t TarReader::read_text(uint64_t size, char*& text) {
  if (size > max_text) {
    return refuse("a name or an extra header is too long");
  }
  if (size > size_ - at_) {
    return refuse("a member is longer than the archive");
  }
  text = static_cast<char*>(malloc(size_t(size) + 1));
  if (text == nullptr) {
    return -ENOSPC;
  }
  text[size] = '\0';
  const int64_t result = size == 0 ? 0 : archive_.read(0, at_, text, size_t(size));
  if (result != 0) {
    free(text);
    text = nullptr;
  }
  return result;
}

int64_t TarReader::read_long_name(const Header& header) {
  char*& text = header.type == 'L' ? long_name_ : long_target_;
  free(text);
  text = nullptr;
  return read_text(header.size, text);
}

int64_t TarReader::set_pax(const char* key, const char* value, size_t size) {
  const bool is_path = strcmp(key, "path") == 0;
  if (is_path || strcmp(key, "linkpath") == 0) {
    if (strnlen(value, size) != size) {
      return refuse("a name has a NUL");
    }
    char*& text = is_path ? long_name_ : long_target_;
    free(text);
    text = strndup(value, size);
    return text == nullptr ? -ENOSPC : 0;
  }
  if (strcmp(key, "size") == 0) {
    has_size_ = true;
    return read_decimal(value, value + size, pax_size_) ? 0 : refuse("a size is no number");
  }
  if (strcmp(key, "mtime") == 0) {
    has_modified_ = read_decimal(value, value + size, pax_modified_);
  }
  return 0;
}

// "LENGTH KEY=VALUE\n", again and again; the length counts all of it.
int64_t TarReader::read_pax(const Header& header) {
  char* text = nullptr;
  int64_t result = read_text(header.size, text);
  if (result != 0) {
    return result;
  }
  char* at = text;
  char* const end = text + header.size;
  while (result == 0 && at != end) {
    char* const blank = static_cast<char*>(memchr(at, ' ', size_t(end - at)));
    uint64_t size = 0;
    if (blank == nullptr || !read_decimal(at, blank, size) || size > uint64_t(end - at) ||
        size < uint64_t(blank - at) + 2 || at[size - 1] != '\n') {
      result = refuse("a pax header is malformed");
      break;
    }
    char* const stop = at + size - 1;
    char* const equals = static_cast<char*>(memchr(blank, '=', size_t(stop - blank)));
    if (equals == nullptr) {
      result = refuse("a pax header is malformed");
      break;
    }
    *equals = '\0';
    result = set_pax(blank + 1, equals + 1, size_t(stop - equals - 1));
    at += size;
  }
  free(text);
  return result;
}

// ---- Members

char* TarReader::clean(char* name) {
  char* from = name;
  char* to = name;
  while (*from != '\0') {
    const size_t size = strcspn(from, "/");
    if (size == 2 && memcmp(from, "..", 2) == 0) {
      return nullptr;
    }
    if (size != 0 && !(size == 1 && *from == '.')) {
      if (to != name) {
        *to++ = '/';
      }
      memmove(to, from, size);
      to += size;
    }
    from += size;
    from += *from == '/' ? 1 : 0;
  }
  *to = '\0';
  return name;
}

int64_t TarReader::make_parents(char* path) {
  for (char* slash = strchr(path, '/'); slash != nullptr; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    tree::Inode* made = nullptr;
    const int64_t result = tree_.create(path, {S_IFDIR | 0755}, made);
    *slash = '/';
    if (result != 0 && result != -EEXIST) {
      return result == -ENOSPC ? result : refuse("a member lies below what is no directory");
    }
  }
  return 0;
}

// What has the name already goes, but for a directory that stays one.
int64_t TarReader::make_room(const char* path, uint32_t type) {
  tree::Inode* there = nullptr;
  if (tree_.find(path, there) != 0) {
    return 0;
  }
  if (!there->is_directory()) {
    return tree_.unlink(path);
  }
  return type == S_IFDIR || tree_.rmdir(path) == 0
             ? 0
             : refuse("a member replaces a directory that is not empty");
}

int64_t TarReader::add_file(const Header& header, const char* path) {
  uint32_t type = 0;
  switch (header.type) {
    case '0':
    case '7': type = S_IFREG; break;
    case '1':
    case '2': type = S_IFLNK; break;
    case '3': type = S_IFCHR; break;
    case '4': type = S_IFBLK; break;
    case '5': type = S_IFDIR; break;
    case '6': type = S_IFIFO; break;
    default: return refuse("a member is of a kind that is not known");
  }
  char* target = long_target_;
  char short_target[sizeof(header.target)];
  if (target == nullptr) {
    memcpy(short_target, header.target, sizeof(short_target));
    target = short_target;
  }
  tree::Inode* inode = nullptr;
  const tree::NewFile file{uint32_t(header.mode & 07777) | type, uint32_t(header.user),
                           uint32_t(header.group), header.device};
  int64_t result = 0;
  if (header.type == '1') {
    // A member that links to itself would remove what it links to.
    target = clean(target);
    result = target == nullptr || strcmp(target, path) == 0 ? -ENOENT : tree_.find(target, inode);
    result = result == 0 ? make_room(path, type) : result;
    result = result == 0 ? tree_.link(target, path) : result;
    return result == 0 || result == -ENOSPC ? result
                                            : refuse("a hard link leads to what is not there");
  }
  result = make_room(path, type);
  if (result != 0) {
    return result;
  }
  if (type == S_IFLNK) {
    result = tree_.symlink(target, path, file);
    result = result == 0 ? tree_.find(path, inode) : result;
  } else {
    result = tree_.create(path, file, inode);
    if (result == -EEXIST) {
      result = tree_.find(path, inode);
      inode->mode = file.mode;
    }
  }
  if (result != 0) {
    return result == -ENOSPC ? result : refuse("a name cannot be");
  }
  if (type == S_IFREG && header.size != 0) {
    inode->data.set_origin(archive_, 0, at_, header.size);
  }
  const uint64_t seconds = has_modified_ ? pax_modified_ : header.modified;
  inode->modified_ns = inode->accessed_ns = inode->changed_ns =
      (seconds < UINT64_MAX / 1000000000 ? seconds : 0) * 1000000000;
  return 0;
}

int64_t TarReader::add_member(Header& header) {
  if ((header.type == '0' || header.type == '7') &&
      (header.size > size_ - at_ || header.size > tree::FileData::max_size)) {
    return refuse("a member is longer than the archive");
  }
  char* name = long_name_ != nullptr ? long_name_ : header.name;
  // Before POSIX, a directory was a file whose name ends so.
  const size_t size = strlen(name);
  if (header.type == '0' && size != 0 && name[size - 1] == '/') {
    header.type = '5';
  }
  name = clean(name);
  if (name == nullptr) {
    return refuse("a name has \"..\"");
  }
  if (*name == '\0') {
    return header.type == '5' ? 0 : refuse("a member has no name");
  }
  const int64_t result = make_parents(name);
  return result != 0 ? result : add_file(header, name);
}

}  // namespace tarfs
