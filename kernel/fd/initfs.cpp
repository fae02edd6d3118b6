#include "kernel/fd/initfs.h"

#include "kernel/fd/cpio.h"

namespace kernel {

namespace {

std::span<const uint8_t> mounted;

constexpr size_t max_path = 4095;
constexpr uint64_t max_entries = 65536;

Text strip_prefix(Text name) {
  for (;;) {
    if (name.starts_with("./")) {
      name.remove_prefix(2);
    } else if (name.starts_with("/")) {
      name.remove_prefix(1);
    } else {
      break;
    }
  }
  return name == "." ? Text() : name;
}

InitfsEntry convert(const CpioEntry& entry) {
  return {strip_prefix(entry.name),
          entry.contents,
          entry.mode,
          entry.inode,
          entry.links,
          entry.modified};
}

constexpr InitfsEntry root_entry{Text(), {}, mode_directory | 0755, 1, 2, 0};

// The entry of exactly this name. "" is always there.
std::optional<InitfsEntry> find_exact(Text name) {
  CpioReader reader(mounted);
  while (const auto entry = reader.next()) {
    if (strip_prefix(entry->name) == name) {
      return convert(*entry);
    }
  }
  return name.empty() ? std::optional(root_entry) : std::nullopt;
}

// A path under construction: names joined by '/', none leading.
class Path {
 public:
  [[nodiscard]] Text text() const { return {buffer_, size_}; }
  [[nodiscard]] bool push(Text name) {
    const size_t needed = name.size() + (size_ == 0 ? 0 : 1);
    if (size_ + needed > max_path) {
      return false;
    }
    if (size_ != 0) {
      buffer_[size_++] = '/';
    }
    name.copy(buffer_ + size_, name.size());
    size_ += name.size();
    return true;
  }
  void pop() {
    const size_t slash = text().rfind('/');
    size_ = slash == Text::npos ? 0 : slash;
  }
  void clear() { size_ = 0; }

 private:
  char buffer_[max_path];
  size_t size_ = 0;
};

// Puts `target` before `rest`, separated by '/', into `buffer`. False: too long.
bool join(Text target, Text rest, char* buffer, size_t& size) {
  static char joined[max_path];
  if (target.size() + 1 + rest.size() > max_path) {
    return false;
  }
  target.copy(joined, target.size());
  joined[target.size()] = '/';
  rest.copy(joined + target.size() + 1, rest.size());
  size = target.size() + 1 + rest.size();
  Text(joined, size).copy(buffer, size);
  return true;
}

}  // namespace

const char* mount_initfs(std::span<const uint8_t> archive) {
  CpioReader reader(archive);
  uint64_t count = 0;
  while (reader.next()) {
    if (++count > max_entries) {
      return "too many entries";
    }
  }
  if (reader.problem() != nullptr) {
    return reader.problem();
  }
  mounted = archive;
  return nullptr;
}

std::optional<InitfsEntry> find_in_initfs(Text path, LastLink last) {
  // Static: a walk would need most of a kernel stack. One walk at a time, on one CPU.
  static Path done;
  static char pending[max_path];
  if (path.size() > max_path) {
    return std::nullopt;
  }
  path.copy(pending, path.size());
  Text rest(pending, path.size());
  done.clear();
  unsigned links = 0;
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const Text name = rest.substr(0, slash);
    rest.remove_prefix(slash == Text::npos ? rest.size() : slash + 1);
    if (name.empty() || name == ".") {
      continue;
    }
    if (name == "..") {
      done.pop();
      continue;
    }
    if (!done.push(name)) {
      return std::nullopt;
    }
    const auto entry = find_exact(done.text());
    if (!entry) {
      return std::nullopt;
    }
    const uint32_t type = entry->mode & mode_type;
    const bool final_name = rest.find_first_not_of('/') == Text::npos;
    if (type == mode_link && !(final_name && last == LastLink::keep)) {
      const Text target(reinterpret_cast<const char*>(entry->contents.data()),
                        entry->contents.size());
      size_t size = 0;
      if (++links > max_links || !join(target, rest, pending, size)) {
        return std::nullopt;
      }
      target.starts_with('/') ? done.clear() : done.pop();
      rest = Text(pending, size);
    } else if (!final_name && type != mode_directory) {
      return std::nullopt;
    }
  }
  return find_exact(done.text());
}

std::optional<InitfsEntry> next_in_directory(Text directory, uint64_t& position) {
  CpioReader reader(mounted, position);
  while (const auto entry = reader.next()) {
    position = reader.offset();
    Text name = strip_prefix(entry->name);
    if (!directory.empty()) {
      if (!name.starts_with(directory) || name.size() <= directory.size() ||
          name[directory.size()] != '/') {
        continue;
      }
      name.remove_prefix(directory.size() + 1);
    }
    if (!name.empty() && name.find('/') == Text::npos) {
      InitfsEntry child = convert(*entry);
      child.name = name;
      return child;
    }
  }
  return std::nullopt;
}

}  // namespace kernel
