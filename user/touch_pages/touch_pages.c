// touch_pages MIB: maps that much anonymous memory, writes a number of its own into every page,
// reads all back. Prints how many pages held what was written. Status 1: refused by mmap, 3: a page
// lost its number.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { page_bytes = 4096 };

int main(int argc, char** argv) {
  const size_t mib = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
  if (mib == 0 || mib > (1u << 20)) {
    fputs("usage: touch_pages MIB\n", stderr);
    return 2;
  }
  const size_t bytes = mib << 20;
  char* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("touch_pages: mmap");
    return 1;
  }
  for (size_t at = 0; at < bytes; at += page_bytes) *(volatile uint64_t*)(memory + at) = ~at;
  size_t good = 0;
  for (size_t at = 0; at < bytes; at += page_bytes) {
    good += *(volatile uint64_t*)(memory + at) == ~at &&
            *(volatile uint64_t*)(memory + at + page_bytes - 8) == 0;
  }
  printf("%zu pages\n", good);
  return good == bytes / page_bytes ? 0 : 3;
}
