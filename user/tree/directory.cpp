#include "user/tree/directory.h"

#include <string.h>

namespace tree {

namespace {

uint32_t hash_of(Name name) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (size_t i = 0; i < name.size; ++i) {
    hash = (hash ^ uint8_t(name.text[i])) * 16777619u;
  }
  return hash;
}

}  // namespace

Directory::~Directory() {
  for (size_t i = 0; i < place_count_; ++i) {
    free(places_[i].entry);
  }
  free(places_);
  free(table_);
}

Entry* Directory::find(Name name) const {
  if (table_size_ == 0) {
    return nullptr;
  }
  const uint32_t hash = hash_of(name);
  Entry* entry = table_[hash & (table_size_ - 1)];
  while (entry != nullptr && !(entry->hash == hash && entry->size == name.size &&
                               memcmp(entry->name, name.text, name.size) == 0)) {
    entry = entry->next;
  }
  return entry;
}

bool Directory::grow_table() {
  const size_t wanted = table_size_ == 0 ? 8 : table_size_ * 2;
  Entry** const table = static_cast<Entry**>(calloc(wanted, sizeof(Entry*)));
  if (table == nullptr) {
    return table_size_ != 0;  // a full table still works
  }
  for (size_t i = 0; i < place_count_; ++i) {
    if (Entry* const entry = places_[i].entry) {
      Entry*& bucket = table[entry->hash & (wanted - 1)];
      entry->next = bucket;
      bucket = entry;
    }
  }
  free(table_);
  table_ = table;
  table_size_ = wanted;
  return true;
}

bool Directory::grow_places() {
  const size_t wanted = place_room_ == 0 ? 8 : place_room_ * 2;
  void* const grown = realloc(places_, wanted * sizeof(Place));
  if (grown == nullptr) {
    return false;
  }
  places_ = static_cast<Place*>(grown);
  place_room_ = wanted;
  return true;
}

Entry* Directory::add(Name name, Inode& inode) {
  if (size_ >= table_size_ && !grow_table()) {
    return nullptr;
  }
  if (place_count_ == place_room_ && !grow_places()) {
    return nullptr;
  }
  Entry* const entry = static_cast<Entry*>(malloc(offsetof(Entry, name) + name.size + 1));
  if (entry == nullptr) {
    return nullptr;
  }
  entry->inode = &inode;
  entry->position = ++last_position_;
  entry->hash = hash_of(name);
  entry->size = uint16_t(name.size);
  memcpy(entry->name, name.text, name.size);
  entry->name[name.size] = '\0';
  Entry*& bucket = table_[entry->hash & (table_size_ - 1)];
  entry->next = bucket;
  bucket = entry;
  places_[place_count_++] = {entry->position, entry};
  ++size_;
  return entry;
}

void Directory::remove(Entry& entry) {
  Entry** link = &table_[entry.hash & (table_size_ - 1)];
  while (*link != &entry) {
    link = &(*link)->next;
  }
  *link = entry.next;
  places_[place_after(entry.position - 1)].entry = nullptr;
  --size_;
  free(&entry);
  if (place_count_ > 16 && size_ < place_count_ / 2) {
    drop_removed();
  }
}

void Directory::drop_removed() {
  size_t kept = 0;
  for (size_t i = 0; i < place_count_; ++i) {
    if (places_[i].entry != nullptr) {
      places_[kept++] = places_[i];
    }
  }
  place_count_ = kept;
}

size_t Directory::place_after(uint64_t position) const {
  size_t low = 0;
  size_t high = place_count_;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (places_[middle].position <= position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

const Entry* Directory::next(uint64_t position) const {
  for (size_t i = place_after(position); i < place_count_; ++i) {
    if (places_[i].entry != nullptr) {
      return places_[i].entry;
    }
  }
  return nullptr;
}

bool Directory::check() const {
  size_t count = 0;
  for (size_t i = 0; i < place_count_; ++i) {
    const Entry* const entry = places_[i].entry;
    if (i != 0 && places_[i].position <= places_[i - 1].position) {
      return false;
    }
    if (entry != nullptr &&
        (entry->position != places_[i].position || find({entry->name, entry->size}) != entry)) {
      return false;
    }
    count += entry != nullptr ? 1 : 0;
  }
  return count == size_;
}

}  // namespace tree
