#include "kernel/scheme/space_file.h"

#include "kernel/fd/seekable_file.h"
#include "kernel/host/random.h"
#include "kernel/process/mutex.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/registry.h"
#include "kernel/scheme/space_changes.h"
#include "kernel/syscall/memory_range.h"

namespace kernel {

namespace {

FileStatus space_status(uint64_t inode, uint64_t size) {
  FileStatus status;
  const Ref<Scheme> scheme = find_scheme("addrspace");
  status.device = scheme ? scheme->device() : 0;
  status.inode = inode;
  status.mode = mode_regular | 0600;
  status.size = size;
  return status;
}

// A number for a kernel object that does not say where it is.
uint64_t number_of(const void* object) {
  static constinit base::Atomic<uint64_t> chosen{0};
  uint64_t secret = chosen.load<base::Order::relaxed>();
  if (secret == 0) {
    const uint64_t fresh = random_number() | 1;
    secret = chosen.compare_exchange(secret, fresh) ? fresh : chosen.load<base::Order::relaxed>();
  }
  const auto address = reinterpret_cast<uint64_t>(object);
  return object == nullptr ? 0 : (address >> 4 ^ secret) >> 1 | 1;
}

uint32_t protection_of(base::Access access) {
  return uint32_t((access.can_read() ? protection::read : 0) |
                  (access.can_write() ? protection::write : 0) |
                  (access.can_execute() ? protection::execute : 0));
}

// The object behind a mapping: nothing but its pages.
class ObjectFile final : public File {
 public:
  ObjectFile(vm::ObjectRef object, uint32_t flags) : File(flags), object_(base::move(object)) {}

  Outcome<FileStatus> status() override {
    return space_status(number_of(object_.get()), object_->size().raw() << base::page_shift);
  }
  Outcome<FileMapping> map(const MapRequest& request) override {
    return FileMapping{vm::ObjectRef::share(*object_.get()),
                       vm::ObjectPage(request.offset >> base::page_shift)};
  }

 private:
  vm::ObjectRef object_;
};

class BoundsFile final : public File {
 public:
  explicit BoundsFile(Ref<UserSpace> space)
      : File(open_flag::read_only), space_(base::move(space)) {}

  Outcome<FileStatus> status() override { return space_status(1, sizeof(space_bounds)); }
  Outcome<uint64_t> read(Sink& sink) override {
    auto bounds = make_record<space_bounds>();
    bounds.lowest = UserSpace::minimum;
    bounds.end = UserSpace::end();
    bounds.stack_top = space_->stack_top();
    bounds.break_start = space_->break_start();
    bounds.break_end = space_->break_end();
    BASE_TRY(put_record(sink, bounds));
    return sink.moved();
  }

 private:
  Ref<UserSpace> space_;
};

class SpaceFile final : public File {
 public:
  SpaceFile(Ref<UserSpace> space, uint32_t flags) : File(flags), space_(base::move(space)) {}

  Outcome<FileStatus> status() override {
    return space_status(number_of(space_.get()), UserSpace::end());
  }
  size_t describe(char* text, size_t capacity) const override {
    return Text("addrspace:").copy(text, capacity);
  }
  [[nodiscard]] Ref<UserSpace> address_space() const override { return space_; }

  Outcome<uint64_t> read(Sink& sink) override {
    const base::Guard guard(position_lock_);
    return list(sink, position_);
  }
  Outcome<uint64_t> read_at(Sink& sink, uint64_t position) override { return list(sink, position); }
  Outcome<uint64_t> seek(int64_t offset, Whence whence) override {
    const base::Guard guard(position_lock_);
    BASE_TRY_ASSIGN(position_, seek_target(position_, UserSpace::end(), offset, whence));
    return position_;
  }
  Outcome<uint64_t> write(Source& source) override {
    SpaceChanges changes(*space_, current_thread().process().files());
    BASE_TRY(changes.fetch(source));
    BASE_TRY(changes.apply());
    return source.moved();
  }
  Outcome<FileMapping> map(const MapRequest& request) override;
  Outcome<Ref<File>> dup_named(Text name, uint32_t flags) override;

 private:
  Outcome<uint64_t> list(Sink& sink, uint64_t& address);
  base::Optional<space_mapping> mapping_from(uint64_t address);
  Outcome<Ref<File>> grant(Text hexadecimal);

  Ref<UserSpace> space_;
  Mutex position_lock_;
  uint64_t position_ BASE_GUARDED_BY(position_lock_) = 0;
};

// The mapping at `address`, or the next one above.
base::Optional<space_mapping> SpaceFile::mapping_from(uint64_t address) {
  auto to = make_record<space_mapping>();
  for (base::Vpn at(address >> base::page_shift);
       at.raw() < UserSpace::end() >> base::page_shift;) {
    const auto found = space_->vm().mapping_at_or_after(at);
    if (!found) {
      break;
    }
    base::VpnRange range;
    const base::Vpn first = base::max(at, found->first());
    // Again, with what keeps its object; it may have gone.
    if (!space_->vm().visit_mapping_at(first, [&](const vm::Mapping& mapping) {
          range = mapping.range();
          to.kind = mapping.object() == nullptr ? uint32_t{SPACE_ANONYMOUS}
                                                : uint32_t(mapping.object()->kind()) + 1;
          to.flags = uint32_t((mapping.is_shared() ? SPACE_SHARED : 0) |
                              (mapping.grows_down() ? SPACE_GROWS_DOWN : 0) |
                              (mapping.charged() ? 0 : SPACE_UNCHARGED) |
                              (mapping.locking() != vm::Locking::none ? SPACE_LOCKED : 0) |
                              (mapping.inherit() == vm::Inherit::none ? SPACE_NOT_COPIED : 0));
          to.access = protection_of(mapping.access());
          to.max_access = protection_of(mapping.max_access());
          to.use = mapping.tag();
          to.object = number_of(mapping.object());
          to.offset = mapping.object_page().raw() << base::page_shift;
        })) {
      at = first;
      continue;
    }
    to.base = base::UserAddr::of(range.first()).raw();
    to.length = range.count().raw() << base::page_shift;
    const vm::RangeUse use = space_->vm().use(range);
    to.resident = use.resident.raw();
    to.shared = use.shared.raw();
    to.swapped = use.swapped.raw();
    to.tables = use.tables;
    to.tables_shared = use.tables_shared;
    return to;
  }
  return base::nothing;
}

// `address` is where to go on.
Outcome<uint64_t> SpaceFile::list(Sink& sink, uint64_t& address) {
  if (sink.remaining() < sizeof(space_mapping)) {
    return Errno::invalid;
  }
  while (sink.remaining() >= sizeof(space_mapping)) {
    const auto mapping = mapping_from(address);
    if (!mapping) {
      break;
    }
    const auto put = put_record(sink, *mapping);
    if (!put) {
      return sink.moved() < sizeof(space_mapping) ? Outcome<uint64_t>(put.error())
                                                  : Outcome<uint64_t>(sink.moved());
    }
    address = mapping->base + mapping->length;
  }
  return sink.moved();
}

Outcome<FileMapping> SpaceFile::map(const MapRequest& request) {
  const base::VpnRange source = base::VpnRange::of(
      base::UserAddr(request.offset).page(), base::PageCount(request.size >> base::page_shift));
  // A private copy only reads.
  const base::Access access = request.shared ? request.access : base::Access(base::Right::read);
  auto loan = space_->vm().lend_range(source, access);
  if (!loan) {
    return loan.error() == base::Error::not_mapped || loan.error() == base::Error::invalid_argument
               ? Errno::no_such_address
               : errno_of(loan.error());
  }
  return FileMapping{base::move(loan).value(), vm::ObjectPage(0)};
}

Outcome<Ref<File>> SpaceFile::grant(Text hexadecimal) {
  char number[20] = "0x";
  if (hexadecimal.empty() || hexadecimal.size() > 16) {
    return Errno::invalid;
  }
  hexadecimal.copy(number + 2, hexadecimal.size());
  const auto address = parse_number(Text(number, hexadecimal.size() + 2));
  if (!address) {
    return Errno::invalid;
  }
  vm::ObjectRef object;
  bool writable = false;
  if (*address < UserSpace::end()) {
    (void)space_->vm().visit_mapping_at(
        base::UserAddr(*address).page(), [&](const vm::Mapping& mapping) {
          if (mapping.object() != nullptr) {
            object = vm::ObjectRef::share(*mapping.object());
            writable = mapping.is_shared() && mapping.max_access().can_write();
          }
        });
  }
  if (!object) {
    return Errno::no_entry;
  }
  return make_ref<ObjectFile>(
      base::move(object), writable && is_writable() ? open_flag::read_write : open_flag::read_only);
}

Outcome<Ref<File>> SpaceFile::dup_named(Text name, uint32_t) {
  if (name == "empty") {
    BASE_TRY_ASSIGN(Ref<UserSpace> space, UserSpace::create());
    return make_space_file(base::move(space), open_flag::read_write);
  }
  if (name == "exclusive") {
    BASE_TRY_ASSIGN(Ref<UserSpace> space, space_->clone());
    return make_space_file(base::move(space), open_flag::read_write);
  }
  if (name == "min-address") {
    return make_ref<BoundsFile>(space_);
  }
  constexpr Text grant_prefix = "grant-";
  return name.starts_with(grant_prefix) ? grant(name.substr(grant_prefix.size()))
                                        : Outcome<Ref<File>>(Errno::invalid);
}

}  // namespace

Outcome<Ref<File>> make_space_file(Ref<UserSpace> space, uint32_t flags) {
  return make_ref<SpaceFile>(base::move(space), flags);
}

}  // namespace kernel
