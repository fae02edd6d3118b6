#include "user/tree/page_pool.h"

#include <sys/mman.h>

namespace tree {

void PagePool::List::add(Chunk& chunk) {
  chunk.previous = nullptr;
  chunk.next = first;
  if (first != nullptr) {
    first->previous = &chunk;
  }
  first = &chunk;
}

void PagePool::List::remove(Chunk& chunk) {
  (chunk.previous != nullptr ? chunk.previous->next : first) = chunk.next;
  if (chunk.next != nullptr) {
    chunk.next->previous = chunk.previous;
  }
}

// Aligned to its size: what is too much at both ends goes back.
PagePool::Chunk* PagePool::map_chunk() {
  void* const mapped =
      mmap(nullptr, 2 * chunk_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    return nullptr;
  }
  const uintptr_t start = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = (start + chunk_size - 1) / chunk_size * chunk_size;
  if (aligned != start) {
    munmap(mapped, aligned - start);
  }
  if (aligned + chunk_size != start + 2 * chunk_size) {
    munmap(reinterpret_cast<void*>(aligned + chunk_size), start + chunk_size - aligned);
  }
  Chunk* const chunk = reinterpret_cast<Chunk*>(aligned);
  chunk->free = all_free;
  return chunk;
}

void PagePool::unmap_all(List& list) {
  while (Chunk* const chunk = list.first) {
    list.remove(*chunk);
    munmap(chunk, chunk_size);
  }
}

PagePool::~PagePool() {
  unmap_all(some_free_);
  unmap_all(full_);
  if (spare_ != nullptr) {
    munmap(spare_, chunk_size);
  }
}

uint8_t* PagePool::take() {
  if (used_ == limit_) {
    return nullptr;
  }
  if (some_free_.first == nullptr) {
    Chunk* chunk = spare_;
    spare_ = nullptr;
    if (chunk == nullptr) {
      chunk = map_chunk();
      chunks_ += chunk != nullptr ? 1 : 0;
    }
    if (chunk == nullptr) {
      return nullptr;
    }
    some_free_.add(*chunk);
  }
  Chunk& chunk = *some_free_.first;
  const unsigned index = unsigned(__builtin_ctzll(chunk.free));
  chunk.free &= chunk.free - 1;
  if (chunk.free == 0) {
    some_free_.remove(chunk);
    full_.add(chunk);
  }
  ++used_;
  return reinterpret_cast<uint8_t*>(&chunk) + index * page_size;
}

void PagePool::give(uint8_t* page) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(page);
  Chunk& chunk = *reinterpret_cast<Chunk*>(address / chunk_size * chunk_size);
  if (chunk.free == 0) {
    full_.remove(chunk);
    some_free_.add(chunk);
  }
  chunk.free |= UINT64_C(1) << (address % chunk_size / page_size);
  --used_;
  if (chunk.free == all_free) {
    some_free_.remove(chunk);
    if (spare_ == nullptr) {
      spare_ = &chunk;
    } else {
      munmap(&chunk, chunk_size);
      --chunks_;
    }
  }
}

uint64_t PagePool::mapped_bytes() const {
  return chunks_ * chunk_size;
}

}  // namespace tree
