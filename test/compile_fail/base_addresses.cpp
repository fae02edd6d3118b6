// Addresses, page numbers and sizes do not mix, and come from integers only by name.
#include "base/access.h"
#include "base/address.h"
#include "base/page_range.h"

using namespace base;

void use_physical(PhysAddr);
void use_virtual(VirtAddr);
void use_user(UserAddr);
void use_bytes(Bytes);
void use_pages(PageCount);
void use_frame(Pfn);
void use_access(Access);

void control(PhysAddr physical, VirtAddr address, UserAddr user) {
  use_physical(physical + Bytes(16));
  use_virtual(address - Bytes(8));
  use_user(user);
  use_frame(physical.frame());
  use_bytes(PageCount(2).bytes());
  use_pages(Vpn(7) - Vpn(3));
}

#ifdef CASE_physical_is_not_virtual  // error: no known conversion from 'PhysAddr'
void f(PhysAddr a) {
  use_virtual(a);
}
#endif
#ifdef CASE_virtual_is_not_physical  // error: no known conversion from 'VirtAddr'
void f(VirtAddr a) {
  use_physical(a);
}
#endif
#ifdef CASE_user_is_not_virtual  // error: no known conversion from 'UserAddr'
void f(UserAddr a) {
  use_virtual(a);
}
#endif
#ifdef CASE_virtual_is_not_user  // error: no known conversion from 'VirtAddr'
void f(VirtAddr a) {
  use_user(a);
}
#endif
#ifdef CASE_integer_is_not_address  // error: no known conversion from 'uint64_t'
void f(uint64_t a) {
  use_physical(a);
}
#endif
#ifdef CASE_zero_is_not_address  // error: no known conversion from 'int'
void f() {
  use_virtual(0);
}
#endif
#ifdef CASE_address_is_not_integer  // error: no viable conversion from returned value of type
                                    // 'PhysAddr'
uint64_t f(PhysAddr a) {
  return a;
}
#endif
#ifdef CASE_pointer_is_not_address  // error: cannot convert argument of incomplete type 'void *' to
                                    // 'VirtAddr'
void f(void* a) {
  use_virtual(a);
}
#endif
#ifdef CASE_explicit_pointer_is_not_address  // error: no matching conversion for functional-style
                                             // cast
void f(void* a) {
  use_virtual(VirtAddr(a));
}
#endif
#ifdef CASE_address_is_not_pointer  // error: cannot cast from type 'VirtAddr' to pointer type
void* f(VirtAddr a) {
  return (void*)a;
}
#endif
#ifdef CASE_user_address_is_not_dereferenced  // error: indirection requires pointer operand
int f(UserAddr a) {
  return *a;
}
#endif
#ifdef CASE_frame_is_not_page  // error: no known conversion from 'Vpn'
void f(Vpn a) {
  use_frame(a);
}
#endif
#ifdef CASE_frame_is_not_address  // error: no known conversion from 'Pfn'
void f(Pfn a) {
  use_physical(a);
}
#endif
#ifdef CASE_pages_are_not_bytes  // error: no known conversion from 'PageCount'
void f(PageCount a) {
  use_bytes(a);
}
#endif
#ifdef CASE_bytes_are_not_pages  // error: no known conversion from 'Bytes'
void f(Bytes a) {
  use_pages(a);
}
#endif
#ifdef CASE_address_plus_integer  // error: invalid operands to binary expression
void f(PhysAddr a) {
  use_physical(a + 4096);
}
#endif
#ifdef CASE_address_plus_pages  // error: invalid operands to binary expression
void f(PhysAddr a) {
  use_physical(a + PageCount(1));
}
#endif
#ifdef CASE_page_plus_bytes  // error: invalid operands to binary expression
void f(Vpn a) {
  (void)(a + Bytes(4096));
}
#endif
#ifdef CASE_address_plus_address  // error: invalid operands to binary expression
void f(PhysAddr a) {
  use_physical(a + a);
}
#endif
#ifdef CASE_distance_of_different_kinds  // error: invalid operands to binary expression
void f(PhysAddr a, VirtAddr b) {
  (void)(a - b);
}
#endif
#ifdef CASE_comparing_different_kinds  // error: invalid operands to binary expression
bool f(PhysAddr a, VirtAddr b) {
  return a == b;
}
#endif
#ifdef CASE_comparing_with_integer  // error: invalid operands to binary expression
bool f(PhysAddr a) {
  return a < 4096;
}
#endif
#ifdef CASE_range_of_another_kind  // error: no known conversion from 'PageRange<Vpn>' to
                                   // 'PageRange<Pfn>'
void use(PageRange<Pfn>);
void f(PageRange<Vpn> a) {
  use(a);
}
#endif
#ifdef CASE_integer_is_not_access  // error: no known conversion from 'int' to 'Access'
void f() {
  use_access(3);
}
#endif
