// sleeper: says so and never ends. For tests of time limits; needs no system call but write.
#include <stdio.h>

int main(void) {
  puts("sleeping");
  fflush(stdout);
  for (volatile unsigned turn = 0;; turn = turn + 1) {
  }
}
