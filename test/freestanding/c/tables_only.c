/* A kernel that uses the tables tier alone. */
#include "vm.h"

int kernel_main(vm_system* system, vm_table* table, vm_table* child, const vm_machine* machine);

int kernel_main(vm_system* system, vm_table* table, vm_table* child, const vm_machine* machine) {
  if (vm_system_create(system, vm_system_layout().size, machine) != VM_OK) return 1;
  if (vm_table_create(system, table, vm_table_layout().size) != VM_OK) return 2;
  if (vm_table_create(system, child, vm_table_layout().size) != VM_OK) return 3;
  const vm_frame_result frame = vm_frame_allocate(system);
  if (frame.status != VM_OK) return 4;
  const unsigned rights = VM_READ | VM_WRITE | VM_USER;
  if (vm_table_map(table, 512, frame.frame, rights, VM_WRITE_BACK) != VM_OK) return 5;
  if (vm_table_clone(table, child) != VM_OK) return 6;
  if (vm_table_own(table, 512, rights) != VM_OK) return 7;
  vm_table_activate(table);
  const vm_range all = {512, 1};
  if (vm_table_protect(table, all, VM_READ | VM_USER) != VM_OK) return 8;
  if (!vm_table_lookup(child, 512).present) return 9;
  if (vm_table_unmap(table, all) != VM_OK) return 10;
  vm_table_deactivate(system);
  vm_table_destroy(child);
  vm_table_destroy(table);
  while (vm_system_idle(system)) {
  }
  vm_system_destroy(system);
  return 0;
}
