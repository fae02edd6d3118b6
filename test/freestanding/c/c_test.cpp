// vm.h, used as a kernel in C would, over a hosted machine.
#include <catch2/catch.hpp>

#include <stdlib.h>
#include <string.h>

#include <string>
#include <vector>

#include "vm.h"

namespace {

constexpr uint64_t first_frame = 1 << 18;
constexpr uint64_t frame_count = 4096;
unsigned char* memory = nullptr;

// What the hooks were asked.
struct Asked {
  void* context;
  vm_object* object;
  vm_range pages;
  uint64_t ticket;
  std::vector<uint64_t> frames;
};
std::vector<Asked> requests;
std::vector<Asked> write_backs;
int ready = 0;
int gone = 0;

}  // namespace

extern "C" {
void* vm_host_window(uint64_t frame) {
  return memory + (frame - first_frame) * 4096;
}
uint32_t vm_host_current_cpu(void) {
  return 0;
}
void vm_host_relax(void) {}
void vm_host_shootdown(const uint64_t*, size_t, void (*)(void*), void*) {}
void vm_host_prepare_root(uint64_t*) {}
vm_status vm_host_page_request(void* context, vm_object* object, vm_range pages, uint64_t ticket) {
  requests.push_back({context, object, pages, ticket, {}});
  return VM_OK;
}
vm_status vm_host_page_write_back(void* context, vm_object* object, uint64_t first,
                                  const uint64_t* frames, size_t count, uint64_t ticket) {
  write_backs.push_back({context, object, {first, count}, ticket, {frames, frames + count}});
  return VM_OK;
}
void vm_host_pages_ready(void*, vm_object*, vm_range) {
  ++ready;
}
void vm_host_object_gone(vm_object*) {
  ++gone;
}
}

namespace {

// Storage for a handle.
template <class T>
class Handle {
 public:
  explicit Handle(vm_layout layout)
      : size(layout.size),
        storage_(aligned_alloc(layout.alignment, (layout.size + layout.alignment - 1) /
                                                     layout.alignment * layout.alignment)) {}
  ~Handle() { free(storage_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator T*() { return static_cast<T*>(storage_); }
  const size_t size;

 private:
  void* storage_;
};

struct Machine {
  Machine() : system(vm_system_layout()) {
    memory = static_cast<unsigned char*>(aligned_alloc(4096, frame_count * 4096));
    const vm_range ram[] = {{first_frame, frame_count}};
    vm_machine options = {};
    options.levels = 4;
    options.physical_bits = 48;
    options.no_execute = true;
    options.hardware_accessed = true;
    options.hardware_dirty = true;
    options.cpus = 1;
    options.ram = options.free = ram;
    options.ram_count = options.free_count = 1;
    REQUIRE(vm_system_create(system, system.size, &options) == VM_OK);
    available = vm_system_available(system);
  }
  ~Machine() {
    while (vm_system_idle(system)) {
    }
    CHECK(vm_system_available(system) == available);
    vm_system_destroy(system);
    free(memory);
  }
  Handle<vm_system> system;
  uint64_t available = 0;
};

constexpr unsigned read_write = VM_READ | VM_WRITE | VM_USER;

}  // namespace

TEST_CASE("C: storage and machines that cannot be are refused") {
  Handle<vm_system> system(vm_system_layout());
  vm_machine options = {};
  options.cpus = 1;
  options.levels = 4;
  CHECK(vm_system_create(nullptr, system.size, &options) == VM_INVALID_ARGUMENT);
  CHECK(vm_system_create(system, system.size - 1, &options) == VM_INVALID_ARGUMENT);
  CHECK(vm_system_create(system, system.size, &options) == VM_INVALID_ARGUMENT);  // no RAM
  const vm_range far[] = {{~0ULL - 10, 20}};
  options.ram = far;
  options.ram_count = 1;
  CHECK(vm_system_create(system, system.size, &options) == VM_INVALID_ARGUMENT);
}

TEST_CASE("C: tables map, clone, own, protect and unmap") {
  Machine machine;
  Handle<vm_table> table(vm_table_layout());
  Handle<vm_table> child(vm_table_layout());
  REQUIRE(vm_table_create(machine.system, table, table.size) == VM_OK);
  REQUIRE(vm_table_create(machine.system, child, child.size) == VM_OK);
  const uint64_t frame = vm_frame_allocate(machine.system).frame;
  memset(vm_host_window(frame), 7, 4096);
  REQUIRE(vm_table_map(table, 512, frame, read_write, VM_WRITE_BACK) == VM_OK);
  CHECK(vm_table_map(table, 512, frame, read_write, VM_WRITE_BACK) == VM_ALREADY_MAPPED);
  CHECK(vm_table_map(table, ~0ULL, frame, read_write, VM_WRITE_BACK) == VM_INVALID_ARGUMENT);
  vm_found found = vm_table_lookup(table, 512);
  CHECK(found.present);
  CHECK(found.frame == frame);
  CHECK((found.rights & VM_WRITE) != 0);
  CHECK(!vm_table_lookup(table, 513).present);

  vm_table_activate(table);
  REQUIRE(vm_table_clone(table, child) == VM_OK);
  CHECK((vm_table_lookup(table, 512).rights & VM_WRITE) == 0);
  CHECK(vm_table_lookup(child, 512).frame == frame);
  REQUIRE(vm_table_own(table, 512, read_write) == VM_OK);
  found = vm_table_lookup(table, 512);
  CHECK((found.rights & VM_WRITE) != 0);
  CHECK(found.frame != frame);
  CHECK(static_cast<unsigned char*>(vm_host_window(found.frame))[4095] == 7);
  REQUIRE(vm_table_own(child, 512, read_write) == VM_OK);
  CHECK(vm_table_lookup(child, 512).frame == frame);  // the last user keeps it
  CHECK(vm_table_own(table, 600, read_write) == VM_NOT_MAPPED);

  REQUIRE(vm_table_protect(table, {0, 1024}, VM_READ | VM_USER) == VM_OK);
  CHECK((vm_table_lookup(table, 512).rights & VM_WRITE) == 0);
  REQUIRE(vm_table_unmap(table, {512, 1}) == VM_OK);
  CHECK(!vm_table_lookup(table, 512).present);
  CHECK(vm_table_unmap(table, {1ULL << 60, 1}) == VM_INVALID_ARGUMENT);
  vm_table_deactivate(machine.system);
  vm_table_destroy(child);
  vm_table_destroy(table);
}

TEST_CASE("C: spaces fault in, clone and copy on write") {
  Machine machine;
  Handle<vm_spaces> spaces(vm_spaces_layout());
  Handle<vm_space> space(vm_space_layout());
  Handle<vm_space> child(vm_space_layout());
  REQUIRE(vm_spaces_create(machine.system, spaces, spaces.size) == VM_OK);
  REQUIRE(vm_space_create(spaces, space, space.size, {0, 0}) == VM_OK);
  REQUIRE(vm_space_create(spaces, child, child.size, {0, 0}) == VM_OK);
  vm_map_request request = {};
  request.count = 100;
  request.rights = VM_READ | VM_WRITE;
  request.placement = VM_FIXED;
  request.page = 1000;
  REQUIRE(vm_space_map(space, &request).page == 1000);
  request.placement = VM_FIXED_NO_REPLACE;
  CHECK(vm_space_map(space, &request).status == VM_ALREADY_MAPPED);
  CHECK(vm_space_page(space, 1005).mapped);
  CHECK(!vm_space_page(space, 1005).present);

  CHECK(vm_space_fault(space, 1005 * 4096, VM_READ).kind == VM_RESOLVED);
  CHECK(vm_space_page(space, 1005).zero);
  CHECK(vm_space_fault(space, 1005 * 4096 + 8, VM_WRITE).kind == VM_RESOLVED);
  const vm_page_state mine = vm_space_page(space, 1005);
  CHECK(!mine.zero);
  memset(vm_host_window(mine.frame), 5, 4096);
  REQUIRE(vm_space_clone(space, child) == VM_OK);
  CHECK(vm_space_page(child, 1005).frame == mine.frame);
  CHECK(vm_space_fault(child, 1005 * 4096, VM_WRITE).kind == VM_RESOLVED);
  const vm_page_state copy = vm_space_page(child, 1005);
  CHECK(copy.frame != mine.frame);
  CHECK(static_cast<unsigned char*>(vm_host_window(copy.frame))[99] == 5);

  CHECK(vm_space_fault(space, 5000 * 4096, VM_READ).kind == VM_REFUSED_UNMAPPED);
  REQUIRE(vm_space_protect(space, {1000, 10}, VM_READ) == VM_OK);
  CHECK(vm_space_fault(space, 1005 * 4096, VM_WRITE).kind == VM_REFUSED_ACCESS);
  REQUIRE(vm_space_unmap(space, {1000, 100}) == VM_OK);
  CHECK(!vm_space_page(space, 1005).mapped);
  CHECK(vm_space_unmap(space, {~0ULL, 2}) == VM_INVALID_ARGUMENT);
  vm_space_destroy(child);
  vm_space_destroy(space);
  vm_spaces_destroy(spaces);
}

TEST_CASE("C: spaces move, lend, transfer, advise and lock memory") {
  Machine machine;
  Handle<vm_spaces> spaces(vm_spaces_layout());
  Handle<vm_space> space(vm_space_layout());
  Handle<vm_space> other(vm_space_layout());
  REQUIRE(vm_spaces_create(machine.system, spaces, spaces.size) == VM_OK);
  REQUIRE(vm_space_create(spaces, space, space.size, {0, 0}) == VM_OK);
  REQUIRE(vm_space_create(spaces, other, other.size, {0, 0}) == VM_OK);
  vm_map_request request = {};
  request.count = 10;
  request.rights = VM_READ | VM_WRITE;
  request.placement = VM_FIXED;
  request.page = 1000;
  REQUIRE(vm_space_map(space, &request).status == VM_OK);
  REQUIRE(vm_space_populate(space, {1000, 4}, VM_WRITE).kind == VM_RESOLVED);
  CHECK(vm_space_populate(space, {1008, 4}, VM_READ).kind == VM_REFUSED_UNMAPPED);
  CHECK(vm_space_populate(space, {~0ULL, 4}, VM_READ).kind == VM_REFUSED_UNMAPPED);
  const uint64_t frame = vm_space_page(space, 1001).frame;

  vm_remap_request move = {};
  move.source = {1000, 10};
  move.count = 12;
  move.move = VM_MOVE_FIXED;
  move.page = 2000;
  CHECK(vm_space_remap(space, &move).page == 2000);
  CHECK(vm_space_page(space, 2001).frame == frame);
  CHECK(!vm_space_page(space, 1001).mapped);
  CHECK(vm_space_remap(space, &move).status == VM_NOT_MAPPED);
  move.source = {~0ULL, 2};
  CHECK(vm_space_remap(space, &move).status == VM_INVALID_ARGUMENT);
  const vm_mapping mapping = vm_space_mapping(space, 0);
  CHECK(mapping.pages.first == 2000);
  CHECK(mapping.pages.count == 12);
  CHECK(mapping.rights == (VM_READ | VM_WRITE));
  CHECK_FALSE(mapping.shared);
  CHECK(vm_space_mapping(space, 2012).pages.count == 0);

  CHECK(vm_space_borrow(other, space, {2000, 2}, VM_READ, VM_FIXED, 3000).page == 3000);
  CHECK(vm_space_fault(other, 3001 * 4096, VM_READ).kind == VM_RESOLVED);
  CHECK(vm_space_page(other, 3001).frame == frame);
  CHECK(vm_space_fault(other, 3001 * 4096, VM_WRITE).kind == VM_REFUSED_ACCESS);
  CHECK(vm_space_borrow(space, other, {3000, 1}, VM_READ, VM_ANYWHERE, 0).status ==
        VM_WOULD_DEADLOCK);
  CHECK(vm_space_transfer(other, space, {2002, 2}, VM_FIXED, 4000).status == VM_BUSY);
  REQUIRE(vm_space_unmap(other, {3000, 2}) == VM_OK);
  const uint64_t moved = vm_space_page(space, 2003).frame;
  CHECK(vm_space_transfer(other, space, {2002, 2}, VM_FIXED, 4000).page == 4000);
  CHECK(vm_space_page(other, 4001).frame == moved);
  CHECK(vm_space_transfer(other, space, {2002, 2}, VM_FIXED, 4000).status == VM_NOT_MAPPED);

  CHECK(vm_space_advise(space, {2000, 1}, VM_ADVICE_DONT_NEED) == VM_OK);
  CHECK_FALSE(vm_space_page(space, 2000).present);
  CHECK(vm_space_advise(space, {2000, 1}, vm_advice(99)) == VM_INVALID_ARGUMENT);
  CHECK(vm_space_advise(space, {5000, 1}, VM_ADVICE_DONT_NEED) == VM_NOT_MAPPED);
  CHECK(vm_space_advise(space, {2004, 2}, VM_ADVICE_POPULATE_WRITE) == VM_OK);
  CHECK(vm_space_lock(space, {2004, 2}, VM_LOCK_ALL) == VM_OK);
  CHECK(vm_space_advise(space, {2004, 1}, VM_ADVICE_DONT_NEED) == VM_INVALID_ARGUMENT);
  vm_space_counts counts = vm_space_statistics(space);
  CHECK(counts.locked == 2);
  CHECK(counts.mapped == 10);
  CHECK(counts.resident == 5);
  CHECK(vm_space_lock_all(space, VM_LOCK_NONE, VM_LOCK_NONE) == VM_OK);
  CHECK(vm_space_statistics(space).locked == 0);
  CHECK(vm_space_lock(space, {2004, 2}, vm_locking(7)) == VM_INVALID_ARGUMENT);
  vm_space_limits limits = vm_space_get_limits(space);
  limits.locked = 1;
  vm_space_set_limits(space, &limits);
  CHECK(vm_space_get_limits(space).locked == 1);
  CHECK(vm_space_lock(space, {2004, 2}, VM_LOCK_ALL) == VM_LIMIT_EXCEEDED);
  vm_space_destroy(other);
  vm_space_destroy(space);
  vm_spaces_destroy(spaces);
}

TEST_CASE("C: written pages go to the pager and are waited for") {
  Machine machine;
  requests.clear();
  write_backs.clear();
  Handle<vm_spaces> spaces(vm_spaces_layout());
  Handle<vm_space> space(vm_space_layout());
  Handle<vm_object> object(vm_object_layout());
  REQUIRE(vm_spaces_create(machine.system, spaces, spaces.size) == VM_OK);
  REQUIRE(vm_space_create(spaces, space, space.size, {0, 0}) == VM_OK);
  REQUIRE(vm_object_create_paged(spaces, object, object.size, 4, VM_READ | VM_WRITE, nullptr) ==
          VM_OK);
  vm_map_request request = {};
  request.count = 4;
  request.rights = VM_READ | VM_WRITE;
  request.shared = true;
  request.object = object;
  request.placement = VM_FIXED;
  request.page = 2000;
  REQUIRE(vm_space_map(space, &request).status == VM_OK);
  vm_fault_result fault = vm_space_fault(space, 2001 * 4096, VM_WRITE);
  REQUIRE(fault.kind == VM_WAIT);
  const uint64_t frame = vm_frame_allocate(machine.system).frame;
  REQUIRE(vm_object_attach(object, fault.wait.ticket, 4096, &frame, 1) == VM_OK);
  vm_wait_end(&fault.wait);
  REQUIRE(vm_space_fault(space, 2001 * 4096, VM_WRITE).kind == VM_RESOLVED);

  vm_sync sync;
  CHECK(vm_sync_begin(&sync, {~0ULL, 2}) == VM_INVALID_ARGUMENT);
  REQUIRE(vm_sync_begin(&sync, {2000, 4}) == VM_OK);
  vm_sync_result result = vm_space_sync(space, &sync, VM_SYNC_WAIT);
  REQUIRE(result.status == VM_WOULD_BLOCK);
  REQUIRE(write_backs.size() == 1);
  CHECK(write_backs[0].pages.first == 1);
  CHECK(write_backs[0].frames[0] == frame);
  CHECK_FALSE(vm_wait_is_over(&result.wait));
  CHECK(vm_object_written(object, write_backs[0].ticket, VM_OK) == VM_OK);
  CHECK(vm_wait_is_over(&result.wait));
  vm_wait_end(&result.wait);
  CHECK(vm_space_sync(space, &sync, VM_SYNC_WAIT).status == VM_OK);
  REQUIRE(vm_sync_begin(&sync, {2000, 5}) == VM_OK);
  CHECK(vm_space_sync(space, &sync, VM_SYNC_START).status == VM_NOT_MAPPED);
  CHECK(write_backs.size() == 1);  // nothing was written since
  CHECK(vm_space_sync(space, &sync, vm_sync_mode(9)).status == VM_INVALID_ARGUMENT);
  vm_space_destroy(space);
  vm_object_release(object);
  vm_spaces_destroy(spaces);
}

TEST_CASE("C: a pager fills pages and dies") {
  Machine machine;
  requests.clear();
  ready = gone = 0;
  Handle<vm_spaces> spaces(vm_spaces_layout());
  Handle<vm_space> space(vm_space_layout());
  Handle<vm_object> object(vm_object_layout());
  Handle<vm_object> shared(vm_object_layout());
  int context = 0;
  REQUIRE(vm_spaces_create(machine.system, spaces, spaces.size) == VM_OK);
  REQUIRE(vm_space_create(spaces, space, space.size, {0, 0}) == VM_OK);
  REQUIRE(vm_object_create_paged(spaces, object, object.size, 50, VM_READ | VM_WRITE | VM_EXECUTE,
                                 &context) == VM_OK);
  REQUIRE(vm_object_create_anonymous(spaces, shared, shared.size, 10) == VM_OK);
  vm_map_request request = {};
  request.count = 60;
  request.rights = VM_READ | VM_WRITE;
  request.shared = true;
  request.object = object;
  request.placement = VM_FIXED;
  request.page = 2000;
  REQUIRE(vm_space_map(space, &request).status == VM_OK);

  vm_fault_result fault = vm_space_fault(space, 2003 * 4096, VM_READ);
  REQUIRE(fault.kind == VM_WAIT);
  CHECK(fault.wait.object == static_cast<vm_object*>(object));
  REQUIRE(!requests.empty());
  CHECK(requests[0].context == &context);
  CHECK(!vm_wait_is_over(&fault.wait));
  const uint64_t frame = vm_frame_allocate(machine.system).frame;
  memset(vm_host_window(frame), 9, 4096);
  CHECK(vm_object_attach(object, fault.wait.ticket, 3 * 4096 + 1, &frame, 1) ==
        VM_INVALID_ARGUMENT);
  CHECK(vm_object_attach(object, fault.wait.ticket, 3 * 4096, &frame, 1) == VM_OK);
  CHECK(vm_object_attach(object, fault.wait.ticket, 3 * 4096, &frame, 1) == VM_ALREADY_EXISTS);
  CHECK(vm_wait_is_over(&fault.wait));
  CHECK(ready == 1);
  vm_wait_end(&fault.wait);
  CHECK(vm_space_fault(space, 2003 * 4096, VM_READ).kind == VM_RESOLVED);
  CHECK(vm_space_page(space, 2003).frame == frame);
  CHECK(vm_space_fault(space, 2055 * 4096, VM_READ).kind == VM_REFUSED_BUS);

  fault = vm_space_fault(space, 2004 * 4096, VM_READ);
  REQUIRE(fault.kind == VM_WAIT);
  CHECK(vm_object_pager_died(object) == VM_OK);
  CHECK(vm_wait_is_over(&fault.wait));
  vm_wait_end(&fault.wait);
  CHECK(vm_space_fault(space, 2004 * 4096, VM_READ).kind == VM_REFUSED_BUS);
  CHECK(vm_object_attach(object, 1, 0, &frame, 1) == VM_DEAD);
  CHECK(vm_object_attach(shared, 1, 0, &frame, 1) == VM_NOT_SUPPORTED);
  CHECK(vm_object_resize(object, 2) == VM_OK);
  CHECK(vm_space_fault(space, 2003 * 4096, VM_READ).kind == VM_REFUSED_BUS);

  vm_space_destroy(space);
  vm_object_release(object);
  vm_object_release(shared);
  CHECK(gone == 2);
  vm_spaces_destroy(spaces);
}
