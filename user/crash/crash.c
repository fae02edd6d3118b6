// crash KIND: provokes one fault that must kill this process alone. Each kind says what the kernel
// must do; reaching the end of main means that the protection is missing (status 99).
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if UINTPTR_MAX != UINT64_MAX
#error "64-bit programs only"
#endif

static volatile unsigned char data_code[16] = {0xc3, 0xc3, 0xc3, 0xc3};
static const volatile int constant = 1;
static volatile int sink;

static uint64_t kernel_address(void) {
  return UINT64_C(0xffffffff80000000);  // in the kernel's half on both architectures
}

static void null_read(void) {
  sink = *(volatile int*)(uintptr_t)(sink & 0);
}

static void null_write(void) {
  *(volatile int*)(uintptr_t)(sink & 0) = 1;
}

static void null_call(void) {
  ((void (*)(void))(uintptr_t)(sink & 0))();
}

static void data_execute(void) {
  ((void (*)(void))(uintptr_t)data_code)();
}

static void stack_execute(void) {
  volatile unsigned char code[16] = {0xc3, 0xc3, 0xc3, 0xc3};
  ((void (*)(void))(uintptr_t)code)();
}

static void text_write(void) {
  *(volatile unsigned char*)(uintptr_t)text_write = 0;
}

static void constant_write(void) {
  *(volatile int*)(uintptr_t)&constant = 2;
}

static void kernel_read(void) {
  sink = *(volatile int*)kernel_address();
}

static void kernel_write(void) {
  *(volatile int*)kernel_address() = 1;
}

static void kernel_call(void) {
  ((void (*)(void))kernel_address())();
}

static void noncanonical_read(void) {
  sink = *(volatile int*)UINT64_C(0x4000000000000000);
}

static int recurse(int depth) {
  volatile char frame[4096];
  memset((char*)frame, depth, sizeof frame);
  if (depth < 0) return 0;  // not reached
  return recurse(depth + 1) + frame[depth % 4096];
}

static void stack_overflow(void) {
  sink = recurse(1);
}

static void bad_instruction(void) {
  __builtin_trap();
}

static void do_abort(void) {
  abort();
}

static const struct {
  const char* name;
  void (*run)(void);
} kinds[] = {
    {"null-read", null_read},
    {"null-write", null_write},
    {"null-call", null_call},
    {"data-execute", data_execute},
    {"stack-execute", stack_execute},
    {"text-write", text_write},
    {"constant-write", constant_write},
    {"kernel-read", kernel_read},
    {"kernel-write", kernel_write},
    {"kernel-call", kernel_call},
    {"noncanonical", noncanonical_read},
    {"stack-overflow", stack_overflow},
    {"bad-instruction", bad_instruction},
    {"abort", do_abort},
};

int main(int argc, char** argv) {
  for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(argv[1], kinds[i].name) != 0) continue;
    kinds[i].run();
    printf("%s did not fault\n", argv[1]);
    return 99;
  }
  fputs("usage: crash KIND\nkinds:", stderr);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) fprintf(stderr, " %s", kinds[i].name);
  fputc('\n', stderr);
  return 2;
}
