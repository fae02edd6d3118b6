// mmap_call.cpp: mmap. The order of the checks is Linux's.
#include "cpu/features.h"
#include "kernel/memory/shared_memory.h"
#include "kernel/process/process.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/memory_range.h"

namespace kernel::calls {

namespace {

namespace map_flag {
enum : uint64_t {
  shared = 1,
  private_copy = 2,
  shared_validate = 3,
  type = 0xf,
  fixed = 0x10,
  anonymous = 0x20,
  low = 0x40,       // MAP_32BIT, x86_64
  above_4g = 0x80,  // x86_64: means nothing
  grows_down = 0x100,
  deny_write = 0x800,   // means nothing
  executable = 0x1000,  // the same
  locked = 0x2000,
  no_reserve = 0x4000,
  populate = 0x8000,
  no_block = 0x10000,
  stack = 0x20000,  // means nothing
  huge = 0x40000,
  fixed_no_replace = 0x100000,
};
constexpr uint64_t huge_sizes = 0x3fULL << 26;
constexpr uint64_t from_the_start = type | fixed | anonymous | low | above_4g | grows_down |
                                    deny_write | executable | locked | no_reserve | populate |
                                    no_block | stack | huge | huge_sizes;
}  // namespace map_flag

constexpr bool has_low_area = cpu::elf_machine == 62;
constexpr uint64_t low_start = 0x4000'0000;
constexpr uint64_t low_end = 0x8000'0000;

struct Arguments {
  uint64_t address, size, protection, flags, offset;

  [[nodiscard]] bool has(uint64_t flag) const { return (flags & flag) != 0; }
  [[nodiscard]] uint64_t type() const { return flags & map_flag::type; }
  [[nodiscard]] bool is_fixed() const {
    return has(map_flag::fixed) || has(map_flag::fixed_no_replace);
  }
  // Only of a fixed place that check_place() has let through.
  [[nodiscard]] base::VpnRange pages() const { return pages_of(address, address + size); }
};

// Size and place.
Outcome<> check_place(UserSpace& space, Arguments& arguments) {
  if (arguments.size == 0) {
    return Errno::invalid;
  }
  arguments.size = page_align(arguments.size);
  if (arguments.size == 0 || arguments.size > UserSpace::end()) {
    return Errno::no_memory;
  }
  if (!arguments.is_fixed()) {
    // A hint: rounded to what it can mean.
    arguments.address = base::align_down(arguments.address, base::page_size);
    if (arguments.address != 0) {
      arguments.address = base::max(arguments.address, UserSpace::minimum);
    }
    return {};
  }
  if (arguments.address > UserSpace::end() - arguments.size) {
    return Errno::no_memory;
  }
  if (!is_page_aligned(arguments.address)) {
    return Errno::invalid;
  }
  if (arguments.address < UserSpace::minimum) {
    return Errno::not_permitted;
  }
  if (arguments.has(map_flag::fixed_no_replace)) {
    const auto next = space.vm().mapping_at_or_after(arguments.pages().first());
    if (next && next->first() < arguments.pages().end()) {
      return Errno::exists;
    }
  }
  return {};
}

vm::Placement placement_of(const Arguments& arguments) {
  const base::Vpn at = base::UserAddr(arguments.address).page();
  if (arguments.has(map_flag::fixed_no_replace)) {
    return vm::Placement::fixed_no_replace_at(at);
  }
  if (arguments.has(map_flag::fixed)) {
    return vm::Placement::fixed_at(at);
  }
  vm::Placement placement =
      arguments.address == 0 ? vm::Placement::anywhere() : vm::Placement::hint_at(at);
  if (has_low_area && arguments.has(map_flag::low)) {
    placement.within = pages_of(low_start, low_end);
  }
  return placement;
}

Outcome<> check_kind_of_file(const File& file, const Arguments& arguments, uint64_t largest) {
  if (arguments.size > largest ||
      arguments.offset >> base::page_shift > (largest - arguments.size) >> base::page_shift) {
    return Errno::overflow;
  }
  switch (arguments.type()) {
    case map_flag::shared_validate:
      if (arguments.flags & ~map_flag::from_the_start) {
        return Errno::not_supported;
      }
      [[fallthrough]];
    case map_flag::shared:
      if ((arguments.protection & protection::write) && !file.is_writable()) {
        return Errno::access;
      }
      [[fallthrough]];
    case map_flag::private_copy: return file.is_readable() ? Outcome<>() : Errno::access;
    default: return Errno::invalid;
  }
}

// Says in `request` what is behind the pages; `object` keeps it.
Outcome<> attach_file(File& file, const Arguments& arguments, vm::MapRequest& request,
                      vm::ObjectRef& object) {
  BASE_TRY_ASSIGN(const FileStatus status, file.status());
  const bool regular = (status.mode & mode_type) == mode_regular;
  BASE_TRY(check_kind_of_file(file, arguments, regular ? ~0ULL >> 1 : ~0ULL));
  BASE_TRY(map_pages_of(
      file, arguments.offset,
      arguments.type() == map_flag::private_copy ? vm::Sharing::private_copy : vm::Sharing::shared,
      request, object));
  return arguments.has(map_flag::grows_down) ? Outcome<>(Errno::invalid) : Outcome<>();
}

Outcome<> attach_memory(const Arguments& arguments, vm::MapRequest& request,
                        vm::ObjectRef& object) {
  const bool down = arguments.has(map_flag::grows_down);
  switch (arguments.type()) {
    case map_flag::private_copy:
      request.growth = down ? vm::MapRequest::Growth::down : vm::MapRequest::Growth::none;
      return {};
    case map_flag::shared:
      if (down) {
        return Errno::invalid;
      }
      if (!arguments.has(map_flag::no_reserve) && exceeds_memory(request.count)) {
        return Errno::no_memory;
      }
      {
        BASE_TRY_ASSIGN(object, make_shared_memory(request.count));
      }
      request.sharing = vm::Sharing::shared;
      request.tag = uint32_t(MemoryTag::shared);
      request.object = object.get();
      return {};
    default: return Errno::invalid;
  }
}

Errno errno_of_map(base::Error error) {
  switch (error) {
    case base::Error::limit_exceeded: return Errno::again;  // the lock limit
    case base::Error::busy: return Errno::not_permitted;
    default: return errno_of(error);
  }
}

CallResult map(UserSpace& space, Arguments arguments, const Ref<File>& file) {
  BASE_TRY(check_place(space, arguments));
  if (arguments.has(map_flag::locked) && space.vm().limits().locked.is_zero()) {
    return Errno::not_permitted;
  }
  vm::MapRequest request;
  vm::ObjectRef object;
  request.count = base::PageCount(arguments.size >> base::page_shift);
  request.access = protection::access(arguments.protection);
  request.placement = placement_of(arguments);
  if (file) {
    BASE_TRY(attach_file(*file, arguments, request, object));
  } else {
    BASE_TRY(attach_memory(arguments, request, object));
  }
  if (arguments.has(map_flag::no_reserve)) {
    request.commit = vm::Commit::free;
  } else if (request.sharing == vm::Sharing::private_copy && request.access.can_write() &&
             exceeds_memory(request.count)) {
    return Errno::no_memory;
  }
  if (arguments.has(map_flag::locked)) {
    request.locking = vm::Locking::all;
  }
  if (arguments.has(map_flag::populate) && !arguments.has(map_flag::no_block)) {
    request.population = vm::Population::now;
  }
  const auto mapped = space.vm().map(request);
  return mapped ? CallResult(base::UserAddr::of(mapped.value().first()).raw())
                : CallResult(errno_of_map(mapped.error()));
}

}  // namespace

CallResult mmap(const CallArguments& call) {
  const Arguments arguments{call.value[0], call.value[1], call.value[2], call.value[3],
                            call.value[5]};
  if (!is_page_aligned(arguments.offset)) {
    return Errno::invalid;
  }
  Ref<File> file;
  if (!arguments.has(map_flag::anonymous)) {
    file = call.process.files().find(uint32_t(call.value[4]));
    if (!file || (file->flags() & open_flag::path_only)) {
      return Errno::bad_descriptor;
    }
    if (arguments.has(map_flag::huge)) {
      return Errno::invalid;
    }
  } else if (arguments.has(map_flag::huge)) {
    return Errno::no_memory;  // none are set aside
  }
  if (protection::is_writable_code(arguments.protection)) {
    return Errno::access;
  }
  return map(call.process.space(), arguments, file);
}

}  // namespace kernel::calls
