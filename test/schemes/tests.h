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
void test_notices();
void test_mounting();
void test_queue();
void test_buffers();
void test_nested();
void test_concurrent();
void test_no_answer();
void test_cycles();
void test_passing();
void test_nothing_lost();

inline constexpr Test tests[] = {
    {"names", test_names},         {"bytes", test_bytes},
    {"changes", test_changes},     {"notices", test_notices},
    {"mounting", test_mounting},   {"queue", test_queue},
    {"mappings", test_mappings},   {"buffers", test_buffers},
    {"nested", test_nested},       {"concurrent", test_concurrent},
    {"no_answer", test_no_answer}, {"cycles", test_cycles},
    {"passing", test_passing},     {"nothing_lost", test_nothing_lost},

};
