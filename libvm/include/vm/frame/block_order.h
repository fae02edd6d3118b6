// Block orders: a block is 2^order frames, aligned to its size.
#pragma once

#include <stdint.h>

#include "base/address.h"

namespace vm {

inline constexpr unsigned max_block_order = 18;  // 1 GiB
inline constexpr unsigned block_order_count = max_block_order + 1;
inline constexpr unsigned order_2mib = 9;
inline constexpr unsigned order_1gib = 18;

constexpr base::PageCount block_pages(unsigned order) {
  return base::PageCount(1ULL << order);
}

}  // namespace vm
