// args [WORD]...: prints what the kernel put on the initial stack: arguments, environment,
// auxiliary vector. One item a line, so that tests can look for a line.
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char** environ;

static const struct {
  unsigned long type;
  const char* name;
} names[] = {
    {AT_PHDR, "AT_PHDR"},
    {AT_PHENT, "AT_PHENT"},
    {AT_PHNUM, "AT_PHNUM"},
    {AT_PAGESZ, "AT_PAGESZ"},
    {AT_BASE, "AT_BASE"},
    {AT_FLAGS, "AT_FLAGS"},
    {AT_ENTRY, "AT_ENTRY"},
    {AT_UID, "AT_UID"},
    {AT_EUID, "AT_EUID"},
    {AT_GID, "AT_GID"},
    {AT_EGID, "AT_EGID"},
    {AT_PLATFORM, "AT_PLATFORM"},
    {AT_HWCAP, "AT_HWCAP"},
    {AT_HWCAP2, "AT_HWCAP2"},
    {AT_CLKTCK, "AT_CLKTCK"},
    {AT_SECURE, "AT_SECURE"},
    {AT_RANDOM, "AT_RANDOM"},
    {AT_EXECFN, "AT_EXECFN"},
    {AT_SYSINFO_EHDR, "AT_SYSINFO_EHDR"},
    {AT_MINSIGSTKSZ, "AT_MINSIGSTKSZ"},
};

static const char* auxv_name(unsigned long type) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].type == type) return names[i].name;
  }
  return "AT_?";
}

int main(int argc, char** argv) {
  printf("argc=%d\n", argc);
  for (int i = 0; i < argc; i++) printf("argv[%d]=%s\n", i, argv[i]);
  printf("argv[argc]=%s\n", argv[argc] == NULL ? "null" : "not null");
  char** entry = environ;
  for (; *entry != NULL; entry++) printf("env %s\n", *entry);
  const unsigned long* aux = (const unsigned long*)(entry + 1);
  for (; aux[0] != AT_NULL; aux += 2) {
    printf("auxv %s(%lu)=0x%lx\n", auxv_name(aux[0]), aux[0], aux[1]);
    if (aux[0] == AT_EXECFN) printf("execfn %s\n", (const char*)aux[1]);
    if (aux[0] == AT_RANDOM) {
      printf("random %s\n", memcmp((const void*)aux[1], (const char[16]){0}, 16) ? "set" : "zero");
    }
  }
  printf("stack alignment %lu\n", (unsigned long)((uintptr_t)(argv - 1) % 16));
  return fflush(stdout) != 0;
}
