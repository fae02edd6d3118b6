// User memory is copied in the right direction, whole, and never dereferenced.
#include "usercopy/user_ptr.h"
#include "usercopy/user_slice.h"

using namespace usercopy;

struct Plain {
  uint32_t a;
  uint32_t b;
};
struct Padded {
  uint8_t a;
  uint32_t b;
};
struct Clever {
  Clever(const Clever&);
  uint32_t a;
};
enum class Kind : uint32_t { one };

void control(UserSliceRo in, UserSliceWo out, base::Span<uint8_t> bytes, base::UserAddr address) {
  (void)in.copy_to(bytes);
  (void)out.copy_from(bytes);
  (void)in.read_struct<Plain>();
  (void)out.write_struct(Plain{1, 2});
  (void)UserPtrIn<Plain>::checked(address);
  (void)UserPtrOut<uint64_t>::checked(address);
}

#ifdef CASE_a_slice_for_reading_is_not_written  // error: constraints not satisfied
void f(UserSliceRo in, base::Span<uint8_t> bytes) {
  (void)in.copy_from(bytes);
}
#endif
#ifdef CASE_a_slice_for_writing_is_not_read  // error: constraints not satisfied
void f(UserSliceWo out, base::Span<uint8_t> bytes) {
  (void)out.copy_to(bytes);
}
#endif
#ifdef CASE_a_slice_for_reading_is_not_cleared  // error: constraints not satisfied
void f(UserSliceRo in) {
  (void)in.clear();
}
#endif
#ifdef CASE_a_slice_for_reading_takes_no_structure  // error: no matching member function
void f(UserSliceRo in) {
  (void)in.write_struct(Plain{1, 2});
}
#endif
#ifdef CASE_directions_do_not_convert  // error: no viable conversion
UserSliceWo f(UserSliceRo in) {
  return in;
}
#endif
#ifdef CASE_padded_structures_are_not_written  // error: no matching member function
void f(UserSliceWo out, Padded padded) {
  (void)out.write_struct(padded);
}
#endif
#ifdef CASE_padded_structures_have_no_pointer  // error: constraints not satisfied
UserPtrOut<Padded> f();
#endif
#ifdef CASE_types_with_behaviour_are_not_copied  // error: constraints not satisfied
UserPtrIn<Clever> f();
#endif
#ifdef CASE_pointers_do_not_cross  // error: constraints not satisfied
UserPtrIn<char*> f();
#endif
#ifdef CASE_bool_does_not_cross  // error: constraints not satisfied
UserPtrIn<bool> f();
#endif
#ifdef CASE_enumerations_do_not_cross  // error: constraints not satisfied
UserPtrIn<Kind> f();
#endif
#ifdef CASE_a_slice_is_not_copied  // error: deleted
void f(UserSliceRo& in) {
  UserSliceRo again = in;
}
#endif
#ifdef CASE_a_raw_pointer_is_not_a_user_address  // error: no matching function
void f(void* pointer, char* to) {
  (void)copy_from_user(to, pointer, 4);
}
#endif
#ifdef CASE_an_integer_is_not_a_user_address  // error: no matching function
void f(uint64_t address, char* to) {
  (void)copy_from_user(to, address, 4);
}
#endif
#ifdef CASE_a_kernel_address_is_not_a_user_address  // error: no matching function
void f(base::VirtAddr address, char* to) {
  (void)copy_from_user(to, address, 4);
}
#endif
#ifdef CASE_a_slice_is_not_made_unchecked  // error: private constructor
UserSliceRo f(base::UserAddr address) {
  return UserSliceRo(address, 4);
}
#endif
#ifdef CASE_a_user_pointer_is_not_dereferenced  // error: indirection requires pointer operand
Plain f(UserPtrIn<Plain> pointer) {
  return *pointer;
}
#endif
#ifdef CASE_a_pointer_is_read_once  // error: 'this' argument to member function 'read' is an lvalue
void f(UserPtrIn<uint64_t> pointer) {
  (void)pointer.read();
}
#endif
#ifdef CASE_a_copy_is_not_ignored  // error: ignoring return value
void f(UserSliceRo in, base::Span<uint8_t> bytes) {
  in.copy_to(bytes);
}
#endif
