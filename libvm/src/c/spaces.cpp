// The spaces tier of vm.h.
#include "space_handles.h"
#include "vm/object/paged.h"
#include "vm/object/physical.h"
#include "vm/object/shared_anonymous.h"

namespace vm::c {

namespace {

using Anonymous = SharedAnonymous<Frames>;
using PagedObject = Paged<Frames>;

}  // namespace

}  // namespace vm::c

namespace vm::c {

namespace {

constexpr size_t largest(size_t a, size_t b) {
  return a > b ? a : b;
}
constexpr size_t object_room =
    largest(sizeof(Anonymous), largest(sizeof(Physical), sizeof(PagedObject)));

base::Status answer(vm_status status) {
  if (status == VM_OK) return {};
  return status > VM_OK && status <= VM_DEAD ? base::Error(status) : base::Error::io;
}

// The hooks that serve a paged object.
class HookPager final : public Pager {
 public:
  HookPager(vm_object* object, void* context) : object_(object), context_(context) {}

  base::Status request(MemoryObject&, ObjectRange pages, uint64_t ticket) override {
    return answer(vm_host_page_request(context_, object_,
                                       {pages.first().raw(), pages.count().raw()}, ticket));
  }
  base::Status write_back(MemoryObject&, const WriteBack& pages) override {
    uint64_t frames[WriteBack::max_pages];
    for (size_t i = 0; i < pages.frames.size(); ++i) frames[i] = pages.frames[i].raw();
    return answer(vm_host_page_write_back(context_, object_, pages.first.raw(), frames,
                                          pages.frames.size(), pages.ticket));
  }
  static void notify(void* self, MemoryObject&, ObjectRange pages) {
    auto* pager = static_cast<HookPager*>(self);
    vm_host_pages_ready(pager->context_, pager->object_,
                        {pages.first().raw(), pages.count().raw()});
  }

 private:
  vm_object* object_;
  void* context_;
};

}  // namespace

}  // namespace vm::c

// An object of any kind. It comes first, so that the handle is its address.
struct vm_object {
  explicit vm_object(void* context) : pager(this, context) {}

  [[nodiscard]] vm::MemoryObject& object() { return as<vm::MemoryObject>(); }
  [[nodiscard]] vm::ObjectKind kind() { return object().kind(); }
  template <class T>
  [[nodiscard]] T& as() {
    return *reinterpret_cast<T*>(storage);
  }
  static vm_object* of(vm::MemoryObject& object) { return reinterpret_cast<vm_object*>(&object); }

  static void gone(void* self, vm::MemoryObject& object) {
    auto* handle = static_cast<vm_object*>(self);
    switch (object.kind()) {
      case vm::ObjectKind::shared_anonymous:
        base::destroy_at(&handle->as<vm::c::Anonymous>());
        break;
      case vm::ObjectKind::physical: base::destroy_at(&handle->as<vm::Physical>()); break;
      case vm::ObjectKind::paged: base::destroy_at(&handle->as<vm::c::PagedObject>()); break;
      case vm::ObjectKind::borrowed: break;
    }
    base::destroy_at(handle);
    vm_host_object_gone(handle);
  }

  alignas(16) unsigned char storage[vm::c::object_room];
  vm::c::HookPager pager;
};

namespace vm::c {

namespace {

static_assert(alignof(Anonymous) <= 16 && alignof(Physical) <= 16 && alignof(PagedObject) <= 16);

template <class T, class... Args>
vm_status make_object(vm_object* at, void* context, Args&&... args) {
  base::construct_at<vm_object>(at, context);
  T* made = base::construct_at<T>(at->storage, base::forward<Args>(args)...);
  BASE_CHECK(vm_object::of(*made) == at, "memory object does not begin with its base");
  return VM_OK;
}

ObjectDisposal disposal_of(vm_object* object) {
  return {object, &vm_object::gone};
}

base::Optional<ObjectRange> object_range(vm_range range) {
  constexpr uint64_t limit = PageIndex<Frames>::page_limit;
  if (range.first > limit || range.count > limit - range.first) return base::nothing;
  return ObjectRange::of(ObjectPage(range.first), base::PageCount(range.count));
}

constexpr unsigned all_rights = VM_READ | VM_WRITE | VM_EXECUTE;

}  // namespace

}  // namespace vm::c

using namespace vm::c;

extern "C" {

vm_layout vm_spaces_layout(void) {
  return {sizeof(vm_spaces), alignof(vm_spaces)};
}

vm_status vm_spaces_create(vm_system* system, vm_spaces* spaces, size_t size) {
  if (!fits<vm_spaces>(spaces, size)) return VM_INVALID_ARGUMENT;
  base::construct_at<vm_spaces>(spaces, *system);
  const base::Status started = spaces->system.start();
  if (!started.ok()) base::destroy_at(spaces);
  return status_of(started);
}

void vm_spaces_destroy(vm_spaces* spaces) {
  spaces->system.stop();
  base::destroy_at(spaces);
}

vm_layout vm_space_layout(void) {
  return {sizeof(vm_space), alignof(vm_space)};
}

vm_status vm_space_create(vm_spaces* spaces, vm_space* space, size_t size, vm_range usable) {
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(usable);
  if (!fits<vm_space>(space, size) || !range.has_value()) return VM_INVALID_ARGUMENT;
  base::construct_at<vm_space>(space, *spaces);
  vm::SpaceOptions options;
  options.usable = *range;
  const base::Status created = space->space.create(options);
  if (!created.ok()) base::destroy_at(space);
  return status_of(created);
}

void vm_space_destroy(vm_space* space) {
  space->space.destroy();
  base::destroy_at(space);
}

vm_page_result vm_space_map(vm_space* space, const vm_map_request* request) {
  constexpr uint64_t limit = 1ULL << 52;
  if (request->count > limit || request->page > limit || request->object_page > limit) {
    return {VM_INVALID_ARGUMENT, 0};
  }
  vm::MapRequest map;
  map.count = base::PageCount(request->count);
  map.access = access_of(request->rights);
  map.max_access = access_of(request->most == 0 ? all_rights : request->most);
  map.sharing = request->shared ? vm::Sharing::shared : vm::Sharing::private_copy;
  map.object = request->object == nullptr ? nullptr : &request->object->object();
  map.object_page = vm::ObjectPage(request->object_page);
  map.placement = placement_of(request->placement, request->page);
  base::Result<base::VpnRange> mapped = space->space.map(map);
  if (!mapped.ok()) return {status_of(mapped.error()), 0};
  return {VM_OK, mapped.value().first().raw()};
}

vm_status vm_space_unmap(vm_space* space, vm_range pages) {
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(pages);
  return range.has_value() ? status_of(space->space.unmap(*range)) : VM_INVALID_ARGUMENT;
}

vm_status vm_space_protect(vm_space* space, vm_range pages, unsigned rights) {
  const base::Optional<base::VpnRange> range = range_of<base::Vpn>(pages);
  return range.has_value() ? status_of(space->space.protect(*range, access_of(rights)))
                           : VM_INVALID_ARGUMENT;
}

vm_status vm_space_clone(vm_space* space, vm_space* child) {
  return status_of(space->space.clone_into(child->space));
}

vm_fault_result vm_space_fault(vm_space* space, uint64_t address, unsigned access) {
  vm::FaultRequest request;
  request.address = base::UserAddr(address);
  request.access = access_of(access | VM_USER);
  return result_of(space->space.fault(request));
}

bool vm_wait_is_over(const vm_wait* wait) {
  return wait->object->object().is_over({vm::ObjectPage(wait->page), wait->ticket});
}

void vm_wait_end(vm_wait* wait) {
  wait->object->object().release();
  wait->object = nullptr;
}

vm_page_state vm_space_page(vm_space* space, uint64_t page) {
  if (page >= 1ULL << 52) return {};
  const vm::PageState state = space->space.page_state(base::Vpn(page));
  return {state.mapped, state.present, state.dirty, state.shared, state.zero, state.frame.raw()};
}

void vm_space_activate(vm_space* space) {
  space->space.activate();
}

void vm_space_deactivate(vm_space* space) {
  space->space.deactivate();
}

vm_layout vm_object_layout(void) {
  return {sizeof(vm_object), alignof(vm_object)};
}

vm_status vm_object_create_anonymous(vm_spaces* spaces, vm_object* object, size_t size,
                                     uint64_t pages) {
  if (!fits<vm_object>(object, size) || pages > vm::PageIndex<Frames>::page_limit) {
    return VM_INVALID_ARGUMENT;
  }
  return make_object<Anonymous>(object, nullptr, spaces->system.objects(), base::PageCount(pages),
                                disposal_of(object));
}

vm_status vm_object_create_physical(vm_spaces* spaces, vm_object* object, size_t size,
                                    vm_range frames, vm_memory type, unsigned rights) {
  const base::Optional<base::PfnRange> range = range_of<base::Pfn>(frames);
  if (!fits<vm_object>(object, size) || !range.has_value() || unsigned(type) > VM_DEVICE) {
    return VM_INVALID_ARGUMENT;
  }
  return make_object<vm::Physical>(object, nullptr, spaces->records, *range, base::MemoryType(type),
                                   access_of(rights | VM_USER), disposal_of(object));
}

vm_status vm_object_create_paged(vm_spaces* spaces, vm_object* object, size_t size, uint64_t pages,
                                 unsigned rights, void* context) {
  if (!fits<vm_object>(object, size) || pages > vm::PageIndex<Frames>::page_limit) {
    return VM_INVALID_ARGUMENT;
  }
  return make_object<PagedObject>(object, context, spaces->system.objects(), object->pager,
                                  base::PageCount(pages), access_of(rights | VM_USER),
                                  vm::PageNotifier{&object->pager, &HookPager::notify},
                                  disposal_of(object));
}

void vm_object_retain(vm_object* object) {
  object->object().retain();
}

void vm_object_release(vm_object* object) {
  object->object().release();
}

vm_status vm_object_resize(vm_object* object, uint64_t pages) {
  const base::PageCount size(pages);
  switch (object->kind()) {
    case vm::ObjectKind::shared_anonymous: return status_of(object->as<Anonymous>().resize(size));
    case vm::ObjectKind::paged: return status_of(object->as<PagedObject>().resize(size));
    case vm::ObjectKind::physical:
    case vm::ObjectKind::borrowed: break;
  }
  return VM_NOT_SUPPORTED;
}

vm_status vm_object_attach(vm_object* object, uint64_t ticket, uint64_t offset,
                           const uint64_t* frames, size_t count) {
  constexpr size_t most = 64;
  if (object->kind() != vm::ObjectKind::paged) return VM_NOT_SUPPORTED;
  if (count > most) return VM_LIMIT_EXCEEDED;
  base::Pfn numbers[most];
  for (size_t i = 0; i < count; ++i) numbers[i] = base::Pfn(frames[i]);
  return status_of(object->as<PagedObject>().attach(ticket, base::Bytes(offset),
                                                    base::Span<const base::Pfn>(numbers, count)));
}

vm_status vm_object_fail(vm_object* object, uint64_t ticket, vm_range pages) {
  if (object->kind() != vm::ObjectKind::paged) return VM_NOT_SUPPORTED;
  const base::Optional<vm::ObjectRange> range = object_range(pages);
  return range.has_value() ? status_of(object->as<PagedObject>().fail(ticket, *range))
                           : VM_INVALID_ARGUMENT;
}

vm_status vm_object_written(vm_object* object, uint64_t ticket, vm_status outcome) {
  if (object->kind() != vm::ObjectKind::paged) return VM_NOT_SUPPORTED;
  return status_of(object->as<PagedObject>().written(ticket, answer(outcome)));
}

vm_status vm_object_pager_died(vm_object* object) {
  if (object->kind() != vm::ObjectKind::paged) return VM_NOT_SUPPORTED;
  object->as<PagedObject>().pager_died();
  return VM_OK;
}

}  // extern "C"
