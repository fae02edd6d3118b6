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
Outcome<> Scheme::make_directory(Text, uint32_t) {
  return Errno::read_only;
}
Outcome<> Scheme::make_node(Text, uint32_t, uint64_t) {
  return Errno::read_only;
}
Outcome<> Scheme::remove(Text, RemoveKind) {
  return Errno::read_only;
}
Outcome<> Scheme::rename(Text, Text, uint32_t) {
  return Errno::read_only;
}
Outcome<> Scheme::link(Text, Text) {
  return Errno::read_only;
}
Outcome<> Scheme::make_link(Text, Text) {
  return Errno::read_only;
}
Outcome<> Scheme::set_attributes(Text, const AttributeChange&) {
  return Errno::read_only;
}

}  // namespace kernel
