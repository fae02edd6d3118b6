// greeter: the first daemon of docs/schemes.md, to the letter from here on: `head -n 1 greeter:`.
#include <string.h>

#include "user/scheme/daemon.h"

class Greeter final : public scheme::Daemon {
 public:
  Greeter() : Daemon("greeter", 0) {}
  int64_t open(const char* path, uint32_t, uint32_t, scheme::Opened& opened) override {
    opened.flags = SCHEME_FILE_STREAM;  // no positions
    return strlen(path) == 0 ? 0 : -2;  // ENOENT
  }
  int64_t read(uint64_t, uint64_t, void* to, size_t size) override {
    const size_t count = size < 6 ? size : 6;
    memcpy(to, "hello\n", count);
    return int64_t(count);
  }
};

int main() {
  return Greeter().serve() == 0 ? 0 : 1;
}
