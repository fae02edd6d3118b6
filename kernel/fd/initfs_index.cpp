#include "kernel/fd/initfs_index.h"

#include <algorithm>

#include "base/check.h"
#include "kernel/fd/cpio.h"

namespace kernel {

namespace {

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

}  // namespace

const char* check_archive(std::span<const uint8_t> archive, uint64_t& count) {
  CpioReader reader(archive);
  count = 0;
  while (reader.next()) {
    if (++count > InitfsIndex::max_entries) {
      return "too many entries";
    }
  }
  return reader.problem();
}

void InitfsIndex::add_missing(Text name, size_t capacity) {
  for (size_t i = 0; i < count_; ++i) {
    if (entries_[i].name == name) {
      return;
    }
  }
  BASE_CHECK(count_ < capacity, "no room in the index of the initial file system");
  entries_[count_] = {name, {}, mode_directory | 0755, uint32_t(count_ + 1), 2, 0};
  ++count_;
}

void InitfsIndex::build(std::span<const uint8_t> archive, std::span<const Text> directories,
                        InitfsEntry* storage, size_t capacity) {
  entries_ = storage;
  count_ = 0;
  CpioReader reader(archive);
  while (const auto entry = reader.next()) {
    BASE_CHECK(count_ < capacity, "no room in the index of the initial file system");
    entries_[count_] = {strip_prefix(entry->name), entry->contents, entry->mode,
                        uint32_t(count_ + 1),      entry->links,    entry->modified};
    ++count_;
  }
  add_missing(Text(), capacity);
  for (const Text name : directories) {
    add_missing(name, capacity);
  }
  // By name; of equal ones the first in the archive comes first and stays.
  std::sort(entries_, entries_ + count_, [](const InitfsEntry& a, const InitfsEntry& b) {
    return a.name != b.name ? a.name < b.name : a.inode < b.inode;
  });
  const auto same = [](const InitfsEntry& a, const InitfsEntry& b) { return a.name == b.name; };
  count_ = size_t(std::unique(entries_, entries_ + count_, same) - entries_);
}

size_t InitfsIndex::lower_bound(Text name) const {
  const auto less = [](const InitfsEntry& entry, Text text) { return entry.name < text; };
  return size_t(std::lower_bound(entries_, entries_ + count_, name, less) - entries_);
}

const InitfsEntry* InitfsIndex::find(Text name) const {
  const size_t at = lower_bound(name);
  return at < count_ && entries_[at].name == name ? &entries_[at] : nullptr;
}

const InitfsEntry* InitfsIndex::next_child(Text directory, uint64_t& position) const {
  // Children are between the directory and the first name that is not below it.
  for (size_t at = position == 0 ? lower_bound(directory) : size_t(position); at < count_; ++at) {
    Text name = entries_[at].name;
    if (!directory.empty()) {
      if (!name.starts_with(directory)) {
        break;
      }
      name.remove_prefix(directory.size());
      if (!name.starts_with('/')) {
        continue;  // the directory itself, or a neighbour such as "bin-old"
      }
      name.remove_prefix(1);
    }
    if (!name.empty() && name.find('/') == Text::npos) {
      position = at + 1;
      return &entries_[at];
    }
  }
  return nullptr;
}

}  // namespace kernel
