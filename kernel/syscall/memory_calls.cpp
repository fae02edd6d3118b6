// memory_calls.cpp: calls on the program's address space.
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

Placement placement_of(uint64_t flags) {
  if (flags & map_fixed_no_replace) {
    return Placement::fixed_no_replace;
  }
  return flags & map_fixed ? Placement::fixed : Placement::anywhere;
}

// A private mapping of a file: its pages are copies, so the shared kind is refused.
CallResult attach_file(const CallArguments& arguments, UserSpace::Request& request) {
  const Ref<File> file = arguments.process.files().find(uint32_t(arguments.value[4]));
  if (!file) {
    return Errno::bad_descriptor;
  }
  const uint64_t offset = arguments.value[5];
  const auto contents = file->constant_bytes();
  if (contents.empty()) {
    return Errno::no_device;
  }
  if (offset % base::page_size != 0) {
    return Errno::invalid;
  }
  request.contents.bytes =
      offset < contents.size() ? contents.subspan(offset) : decltype(contents)();
  request.contents.bytes =
      request.contents.bytes.first(base::min(request.contents.bytes.size(), request.size.raw()));
  request.contents.at = request.base.raw();  // with Placement::anywhere, map() says where
  request.name = "file";
  return uint64_t(0);
}

}  // namespace

CallResult brk(const CallArguments& arguments) {
  Process& process = arguments.process;
  const uint64_t wanted = arguments.value[0];
  const uint64_t old_end = process.break_end();
  if (wanted < process.break_start() || wanted >= UserSpace::end()) {
    return old_end;
  }
  const uint64_t from = base::align_up(old_end, base::page_size);
  const uint64_t to = base::align_up(wanted, base::page_size);
  if (to > from) {
    UserSpace::Request request{base::UserAddr(from), base::Bytes(to - from),
                               base::Right::read | base::Right::write};
    request.placement = Placement::fixed_no_replace;
    request.name = "heap";
    if (!process.space().map(request)) {
      return old_end;
    }
  } else if (to < from &&
             !process.space().unmap(base::VpnRange(base::Vpn(to >> base::page_shift),
                                                   base::Vpn(from >> base::page_shift)))) {
    return old_end;
  }
  process.set_break_end(wanted);
  return wanted;
}

CallResult mmap(const CallArguments& arguments) {
  const uint64_t flags = arguments.value[3];
  UserSpace::Request request{arguments.address(0), base::Bytes(arguments.value[1]),
                             access_of(arguments.value[2])};
  request.placement = placement_of(flags);
  const uint64_t type = flags & map_type;
  if (type != map_private && !(type == map_shared && (flags & map_anonymous))) {
    return type == map_shared ? Errno::not_implemented : Errno::invalid;
  }
  if ((arguments.value[2] & prot_write) && (arguments.value[2] & prot_execute)) {
    return Errno::access;
  }
  if (!(flags & map_anonymous)) {
    const CallResult attached = attach_file(arguments, request);
    if (attached.raw() != 0) {
      return attached;
    }
  }
  const auto mapped = arguments.process.space().map(request);
  return mapped ? CallResult(mapped.value().raw()) : CallResult(mapped.error());
}

CallResult munmap(const CallArguments& arguments) {
  const auto pages = base::VpnRange::checked(arguments.address(0), base::Bytes(arguments.value[1]));
  if (!pages || pages.value().end() > base::Vpn(UserSpace::end() >> base::page_shift)) {
    return Errno::invalid;
  }
  return arguments.process.space().unmap(pages.value());
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
  return arguments.process.space().protect(pages.value(), access_of(arguments.value[2]));
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
