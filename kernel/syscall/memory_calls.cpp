// memory_calls.cpp: calls on the program's address space.
#include "kernel/memory/file_object.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"

namespace kernel::calls {

namespace {

enum : uint64_t { prot_read = 1, prot_write = 2, prot_execute = 4 };
enum : uint64_t {
  map_shared = 1,
  map_private = 2,
  map_type = 0xf,
  map_fixed = 0x10,
  map_anonymous = 0x20,
  map_fixed_no_replace = 0x100000,
};

base::Access access_of(uint64_t protection) {
  base::Access access;
  access = (protection & prot_read) ? access.with(base::Right::read) : access;
  access = (protection & prot_write) ? access.with(base::Right::read | base::Right::write) : access;
  access =
      (protection & prot_execute) ? access.with(base::Right::read | base::Right::execute) : access;
  return access;
}

vm::Placement placement_of(uint64_t flags, base::Vpn at) {
  if (flags & map_fixed_no_replace) {
    return vm::Placement::fixed_no_replace_at(at);
  }
  return flags & map_fixed ? vm::Placement::fixed_at(at) : vm::Placement::hint_at(at);
}

}  // namespace

CallResult brk(const CallArguments& arguments) {
  return arguments.process.space().move_break(arguments.value[0]);
}

CallResult mmap(const CallArguments& arguments) {
  const uint64_t flags = arguments.value[3];
  const auto count = base::checked_pages_for(base::Bytes(arguments.value[1]));
  if (!count.ok || arguments.value[0] % base::page_size != 0) {
    return Errno::invalid;
  }
  vm::MapRequest request;
  request.count = base::PageCount(count.value);
  request.access = access_of(arguments.value[2]);
  request.placement = placement_of(flags, arguments.address(0).page());
  const uint64_t type = flags & map_type;
  if (type != map_private && !(type == map_shared && (flags & map_anonymous))) {
    return type == map_shared ? Errno::not_implemented : Errno::invalid;
  }
  if ((arguments.value[2] & prot_write) && (arguments.value[2] & prot_execute)) {
    return Errno::access;
  }
  vm::ObjectRef object;
  if (!(flags & map_anonymous)) {
    if (arguments.value[5] % base::page_size != 0) {
      return Errno::invalid;
    }
    const Ref<File> file = arguments.process.files().find(uint32_t(arguments.value[4]));
    if (!file) {
      return Errno::bad_descriptor;
    }
    const auto contents = file->constant_bytes();
    if (contents.empty()) {
      return Errno::no_device;
    }
    BASE_TRY_ASSIGN(object, file_object(contents));
    request.object = object.get();
    request.object_page = vm::ObjectPage(arguments.value[5] >> base::page_shift);
    request.tag = uint32_t(MemoryTag::file);
  }
  const auto mapped = arguments.process.space().vm().map(request);
  return mapped ? CallResult(base::UserAddr::of(mapped.value().first()).raw())
                : CallResult(mapped.error());
}

CallResult munmap(const CallArguments& arguments) {
  const auto pages = base::VpnRange::checked(arguments.address(0), base::Bytes(arguments.value[1]));
  if (!pages || pages.value().end() > base::Vpn(UserSpace::end() >> base::page_shift)) {
    return Errno::invalid;
  }
  return arguments.process.space().vm().unmap(pages.value());
}

CallResult mprotect(const CallArguments& arguments) {
  if (arguments.value[1] == 0) {
    return uint64_t(0);
  }
  const auto pages = base::VpnRange::checked(arguments.address(0), base::Bytes(arguments.value[1]));
  if (!pages) {
    return Errno::invalid;
  }
  if ((arguments.value[2] & prot_write) && (arguments.value[2] & prot_execute)) {
    return Errno::access;
  }
  return arguments.process.space().vm().protect(pages.value(), access_of(arguments.value[2]));
}

CallResult madvise(const CallArguments& arguments) {
  // Hints may be ignored; the advices that change contents may not.
  enum : int32_t { will_need = 3, dont_need = 4, no_huge_page = 15 };
  const int32_t advice = arguments.integer(2);
  if (advice == dont_need || advice < 0 || (advice > dont_need && advice < 12)) {
    return Errno::not_implemented;
  }
  return advice <= no_huge_page ? CallResult(uint64_t(0)) : CallResult(Errno::invalid);
}

}  // namespace kernel::calls
