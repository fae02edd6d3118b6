#include "kernel/scheme/scheme.h"

namespace kernel {

Outcome<size_t> Scheme::read_link(Text, char*, size_t) {
  return Errno::invalid;
}
Outcome<Ref<File>> Scheme::linked_file(Text) {
  return Errno::invalid;
}
Outcome<Ref<File>> Scheme::create(Text, const OpenRequest&) {
  return Errno::read_only;
}

}  // namespace kernel
