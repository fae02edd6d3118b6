/* The hooks of vm.h, and the four functions that every compiler expects. WITHOUT_<hook> leaves one
 * out. */
#include "vm.h"

int kernel_main();
void start(void);
void start(void) {
  for (;;) {
  }
}

#ifndef WITHOUT_base_panic
_Noreturn void base_panic(const char* message, const char* file, uint32_t line) {
  (void)message, (void)file, (void)line;
  for (;;) {
  }
}
#endif
#ifndef WITHOUT_vm_host_window
void* vm_host_window(uint64_t frame) {
  return (void*)(uintptr_t)(frame * 4096);
}
#endif
#ifndef WITHOUT_vm_host_current_cpu
uint32_t vm_host_current_cpu(void) {
  return 0;
}
#endif
#ifndef WITHOUT_vm_host_relax
void vm_host_relax(void) {}
#endif
#ifndef WITHOUT_vm_host_shootdown
void vm_host_shootdown(const uint64_t* cpus, size_t words, void (*action)(void*), void* context) {
  (void)cpus, (void)words, (void)action, (void)context;
}
#endif
#ifndef WITHOUT_vm_host_prepare_root
void vm_host_prepare_root(uint64_t* root) {
  (void)root;
}
#endif
#ifndef WITHOUT_vm_host_page_request
vm_status vm_host_page_request(void* context, vm_object* object, vm_range pages, uint64_t ticket) {
  (void)context, (void)object, (void)pages, (void)ticket;
  return VM_IO;
}
#endif
#ifndef WITHOUT_vm_host_page_write_back
vm_status vm_host_page_write_back(void* context, vm_object* object, uint64_t first,
                                  const uint64_t* frames, size_t count, uint64_t ticket) {
  (void)context, (void)object, (void)first, (void)frames, (void)count, (void)ticket;
  return VM_IO;
}
#endif
#ifndef WITHOUT_vm_host_pages_ready
void vm_host_pages_ready(void* context, vm_object* object, vm_range pages) {
  (void)context, (void)object, (void)pages;
}
#endif
#ifndef WITHOUT_vm_host_object_gone
void vm_host_object_gone(vm_object* object) {
  (void)object;
}
#endif

void* memcpy(void* restrict to, const void* restrict from, size_t size) {
  (void)from, (void)size;
  return to;
}
void* memmove(void* to, const void* from, size_t size) {
  (void)from, (void)size;
  return to;
}
void* memset(void* to, int byte, size_t size) {
  (void)byte, (void)size;
  return to;
}
int memcmp(const void* a, const void* b, size_t size) {
  return a != b && size != 0;
}
