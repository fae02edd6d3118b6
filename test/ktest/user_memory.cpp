#include "test/ktest/user_memory.h"

#include "usercopy/user_memory.h"

namespace kernel::test {

namespace {

using base::Right;

uint8_t text_bytes[base::page_size];
uint8_t page_copy[base::page_size];

bool map_page(UserSpace& space, uint64_t at, base::Access access, bool with_text) {
  UserSpace::Request request{base::UserAddr(at), base::Bytes(base::page_size), access};
  request.placement = Placement::fixed;
  if (with_text) {
    request.contents = {text_bytes, at};
  }
  return space.map(request).ok();
}

}  // namespace

UserMemory::UserMemory() : space_(UserSpace::create()) {
  for (uint64_t i = 0; i < base::page_size; ++i) {
    text_bytes[i] = text_at(i);
  }
  if (!space_) {
    return;
  }
  ready_ = map_page(space(), text, Right::read | Right::write, true) &&
           map_page(space(), zeroes, Right::read | Right::write, false) &&
           map_page(space(), read_only, Right::read, true);
  if (ready_) {
    space().activate();
  }
}

UserMemory::~UserMemory() {
  UserSpace::deactivate();
}

uint64_t UserMemory::digest() {
  uint64_t sum = 0xcbf2'9ce4'8422'2325;
  for (const uint64_t page : {text, zeroes}) {
    if (!usercopy::copy_from_user(page_copy, base::UserAddr(page), base::page_size).ok()) {
      return 0;
    }
    for (const uint8_t byte : page_copy) {
      sum = (sum ^ byte) * 0x100'0000'01b3;
    }
  }
  return sum;
}

}  // namespace kernel::test
