// hello: the first program. One line on standard output, status 0.
#include <stdio.h>

int main(void) {
  return puts("hello, world") < 0 || fflush(stdout) != 0;
}
