// A Result is looked at, and is a value or an Error, nothing between.
#include "base/result.h"

using namespace base;

Result<int> number();
Status action();

Result<int> control() {
  BASE_TRY(action());
  Result<int> result = number();
  if (!result.ok()) return result.error();
  return result.value() + 1;
}

#ifdef CASE_result_is_not_ignored  // error: ignoring return value
void f() {
  number();
}
#endif
#ifdef CASE_status_is_not_ignored  // error: ignoring return value
void f() {
  action();
}
#endif
#ifdef CASE_result_is_not_its_value  // error: no viable conversion from returned value of type
                                     // 'Result<int>'
int f() {
  return number();
}
#endif
#ifdef CASE_result_is_not_implicitly_true  // error: no viable conversion
bool f() {
  return number();
}
#endif
#ifdef CASE_error_is_not_an_integer  // error: cannot initialize
int f(Error error) {
  return error;
}
#endif
#ifdef CASE_integer_is_not_an_error  // error: no viable conversion
Status f() {
  return 3;
}
#endif
#ifdef CASE_status_has_no_value  // error: no member named 'value'
void f() {
  (void)action().value();
}
#endif
#ifdef CASE_result_is_not_copied  // error: deleted
Result<int> f(const Result<int>& other) {
  return other;
}
#endif
#ifdef CASE_try_needs_a_result_to_return  // error: void function
void f() {
  BASE_TRY(action());
}
#endif
