// vectors [SEED [ROUNDS]]: fills every vector register with values made from SEED, makes ROUNDS
// system calls with a busy loop after each, and looks whether the registers still hold them.
#include <stdio.h>
#include <stdlib.h>

// The number of the first register that changed, -1 for none.
long vectors_hold(unsigned long seed, unsigned long rounds);

int main(int argc, char** argv) {
  const unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 0x0123456789abcdef;
  const unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 200;
  const long changed = vectors_hold(seed, rounds);
  if (changed >= 0) {
    printf("vector register %ld changed\n", changed);
    return 1;
  }
  puts("vector registers held");
  return 0;
}
