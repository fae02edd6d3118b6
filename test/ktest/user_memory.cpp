#include "test/ktest/user_memory.h"

#include "kernel/memory/file_object.h"
#include "usercopy/user_memory.h"

namespace kernel::test {

namespace {

using base::Right;

uint8_t text_bytes[base::page_size];
uint8_t page_copy[base::page_size];

}  // namespace

base::Status map_at(UserSpace& space, uint64_t at, uint64_t size, base::Access access,
                    std::span<const uint8_t> file) {
  vm::MapRequest request;
  vm::ObjectRef object;
  if (!file.empty()) {
    BASE_TRY_ASSIGN(object, file_object(file));
    request.object = object.get();
  }
  BASE_TRY_ASSIGN(const auto pages, base::VpnRange::checked(base::UserAddr(at), base::Bytes(size)));
  request.count = pages.count();
  request.access = access;
  request.placement = vm::Placement::fixed_at(pages.first());
  const auto mapped = space.vm().map(request);
  return mapped ? base::Status() : base::Status(mapped.error());
}

UserMemory::UserMemory() : space_(UserSpace::create()) {
  for (uint64_t i = 0; i < base::page_size; ++i) {
    text_bytes[i] = text_at(i);
  }
  if (!space_) {
    return;
  }
  ready_ = map_at(space(), text, base::page_size, Right::read | Right::write, text_bytes).ok() &&
           map_at(space(), zeroes, base::page_size, Right::read | Right::write).ok() &&
           map_at(space(), read_only, base::page_size, Right::read, text_bytes).ok();
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
