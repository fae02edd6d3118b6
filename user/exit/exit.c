// exit N: ends with status N (0 to 255). Status 2 and a message when N is no such number.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  char* end = NULL;
  errno = 0;
  long status = argc == 2 ? strtol(argv[1], &end, 10) : 0;
  if (end == NULL || end == argv[1] || *end != '\0' || errno != 0 || status < 0 || status > 255) {
    fputs("usage: exit N, 0 to 255\n", stderr);
    return 2;
  }
  return (int)status;
}
