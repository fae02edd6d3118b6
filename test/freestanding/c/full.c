/* A kernel that uses both tiers: names every function of vm.h. */
#include "vm.h"

typedef void (*any_function)(void);

extern const any_function every_function[];
const any_function every_function[] = {
    (any_function)vm_system_layout,
    (any_function)vm_system_create,
    (any_function)vm_system_destroy,
    (any_function)vm_system_available,
    (any_function)vm_system_idle,
    (any_function)vm_frame_allocate,
    (any_function)vm_frame_release,
    (any_function)vm_table_layout,
    (any_function)vm_table_create,
    (any_function)vm_table_destroy,
    (any_function)vm_table_map,
    (any_function)vm_table_unmap,
    (any_function)vm_table_protect,
    (any_function)vm_table_lookup,
    (any_function)vm_table_clone,
    (any_function)vm_table_own,
    (any_function)vm_table_activate,
    (any_function)vm_table_deactivate,
    (any_function)vm_spaces_layout,
    (any_function)vm_spaces_create,
    (any_function)vm_spaces_destroy,
    (any_function)vm_space_layout,
    (any_function)vm_space_create,
    (any_function)vm_space_destroy,
    (any_function)vm_space_map,
    (any_function)vm_space_unmap,
    (any_function)vm_space_protect,
    (any_function)vm_space_clone,
    (any_function)vm_space_fault,
    (any_function)vm_wait_is_over,
    (any_function)vm_wait_end,
    (any_function)vm_space_activate,
    (any_function)vm_space_page,
    (any_function)vm_space_deactivate,
    (any_function)vm_object_layout,
    (any_function)vm_object_create_anonymous,
    (any_function)vm_object_create_physical,
    (any_function)vm_object_create_paged,
    (any_function)vm_object_retain,
    (any_function)vm_object_release,
    (any_function)vm_object_resize,
    (any_function)vm_object_attach,
    (any_function)vm_object_fail,
    (any_function)vm_object_written,
    (any_function)vm_object_pager_died,
};

int kernel_main(void);
int kernel_main(void) {
  return every_function[0] != 0;
}
