// Directory: names and the inodes they lead to. Found by a hash table, listed by position: each
// name has one that only grows, so that a listing neither misses nor repeats what was there all the
// time, whatever else comes and goes.
//
// Owns its entries, not the inodes.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

namespace tree {

struct Inode;

// A name that is not NUL-terminated.
struct Name {
  static constexpr size_t max_size = 255;

  const char* text;
  size_t size;
};

struct Entry {
  Entry* next;  // of the same hash
  Inode* inode;
  uint64_t position;  // > 0
  uint32_t hash;
  uint16_t size;
  char name[Name::max_size + 1];  // as many as needed, with the NUL
};

class Directory {
 public:
  Directory() = default;
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  // nullptr: no memory.
  static void* operator new(size_t size) noexcept { return malloc(size); }
  static void operator delete(void* directory) { free(directory); }

  [[nodiscard]] size_t size() const { return size_; }
  // nullptr: no such name.
  [[nodiscard]] Entry* find(Name name) const;
  // `name` is new. nullptr: no memory, unchanged.
  [[nodiscard]] Entry* add(Name name, Inode& inode);
  // Frees the entry.
  void remove(Entry& entry);
  // The first entry after `position`, nullptr: none.
  [[nodiscard]] const Entry* next(uint64_t position) const;

  [[nodiscard]] bool check() const;

 private:
  struct Place {
    uint64_t position;
    Entry* entry;  // nullptr: removed
  };

  [[nodiscard]] bool grow_table();
  [[nodiscard]] bool grow_places();
  // Index of the first place after `position`.
  [[nodiscard]] size_t place_after(uint64_t position) const;
  void drop_removed();

  size_t size_ = 0;
  Entry** table_ = nullptr;
  size_t table_size_ = 0;  // a power of two, or 0
  Place* places_ = nullptr;
  size_t place_count_ = 0;
  size_t place_room_ = 0;
  uint64_t last_position_ = 0;
};

}  // namespace tree
