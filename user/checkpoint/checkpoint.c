// checkpoint PID [FILE]: a snapshot of a process's memory, in constant time, while it runs on; then
// the snapshot's readable private memory goes to standard output or FILE through borrowed pages:
// struct chunk and its bytes, one after the other, up to a chunk of length 0. Mappings of which
// nothing is resident are left out. A line on standard error says how much it was.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/spawn/build.h"

struct chunk {
  uint64_t address;
  uint64_t length;
};

enum { window = 2 << 20 };

static int write_all(int out, const char* bytes, size_t size) {
  while (size != 0) {
    const ssize_t done = write(out, bytes, size);
    if (done < 0) return -1;
    bytes += done;
    size -= (size_t)done;
  }
  return 0;
}

static int write_mapping(int out, int snapshot, const struct space_mapping* mapping) {
  const struct chunk chunk = {mapping->base, mapping->length};
  if (write_all(out, (const char*)&chunk, sizeof(chunk)) < 0) return -1;
  for (uint64_t done = 0; done < mapping->length; done += window) {
    const size_t size = mapping->length - done < window ? mapping->length - done : window;
    char* pages = mmap(NULL, size, PROT_READ, MAP_SHARED, snapshot, (off_t)(mapping->base + done));
    if (pages == MAP_FAILED) return -1;
    const int result = write_all(out, pages, size);
    munmap(pages, size);
    if (result < 0) return -1;
  }
  return 0;
}

int main(int argc, char** argv) {
  char path[32];
  if (argc != 2 && argc != 3) {
    fputs("usage: checkpoint PID [FILE]\n", stderr);
    return 2;
  }
  snprintf(path, sizeof(path), "/proc/%s", argv[1]);
  const int process = open(path, O_RDONLY | O_CLOEXEC);
  const int space = process < 0 ? -1 : dup_named(process, "addrspace");
  const int snapshot = space < 0 ? -1 : dup_named(space, "exclusive");
  if (snapshot < 0) {
    fprintf(stderr, "checkpoint: %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  close(space);
  close(process);
  const int out = argc == 3 ? open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600) : STDOUT_FILENO;
  uint64_t mappings = 0;
  uint64_t bytes = 0;
  struct space_mapping mapping;
  int result = out < 0 ? -1 : 0;
  while (result == 0 && read(snapshot, &mapping, sizeof(mapping)) == sizeof(mapping)) {
    if ((mapping.flags & SPACE_SHARED) || mapping.resident == 0 || !(mapping.access & PROT_READ)) {
      continue;
    }
    result = write_mapping(out, snapshot, &mapping);
    mappings++;
    bytes += mapping.length;
  }
  const struct chunk end = {0, 0};
  if (result == 0) result = write_all(out, (const char*)&end, sizeof(end));
  if (result < 0) {
    fprintf(stderr, "checkpoint: %s\n", strerror(errno));
    return 1;
  }
  fprintf(stderr, "%llu mappings, %llu bytes\n", (unsigned long long)mappings,
          (unsigned long long)bytes);
  return 0;
}
