// tests.h: what there is to run.
#pragma once

struct Test {
  const char* name;
  void (*run)();
};

void test_names();
void test_bytes();
void test_changes();
void test_mappings();
void test_queue();

inline constexpr Test tests[] = {
    {"names", test_names}, {"bytes", test_bytes},       {"changes", test_changes},
    {"queue", test_queue}, {"mappings", test_mappings},
};
