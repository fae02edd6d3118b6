#include "kernel/process/root.h"

#include "kernel/host/options.h"
#include "kernel/log/log.h"
#include "kernel/process/image.h"
#include "kernel/process/init.h"
#include "kernel/process/process.h"
#include "kernel/scheme/mounts.h"
#include "kernel/scheme/registry.h"

namespace kernel {

namespace {

constexpr Text initial = "initfs";

Outcome<> run_and_mount(Text name) {
  char program[sizeof("/bin/") + sizeof(Options::root)];
  Text path = "/bin/";
  size_t size = path.copy(program, path.size());
  size += name.copy(program + size, name.size());
  path = Text(program, size);
  StringList arguments;
  for (const Text word : {path, name, Text("--from"), Text("/scheme/initfs")}) {
    BASE_TRY(arguments.add(word));
  }
  BASE_TRY_ASSIGN(const uint32_t id,
                  spawn(init_process(), path, base::move(arguments), StringList()));
  if (wait_as_init(id) != 0) {
    return Errno::io;
  }
  Ref<Scheme> scheme = find_scheme(name);
  if (!scheme || scheme->walk() != Walk::parts) {
    return Errno::no_device;
  }
  BASE_TRY_ASSIGN(Ref<PathText> at, PathText::create("/"));
  return mount_scheme(base::move(at), base::move(scheme));
}

}  // namespace

void mount_root() {
  const Text name = options().root;
  if (name.empty() || name == initial) {
    return;
  }
  if (const Outcome<> mounted = run_and_mount(name); !mounted.ok()) {
    LOG_ERROR("root=%.*s: error %u; the initial file system stays the root", int(name.size()),
              name.data(), unsigned(mounted.error()));
  }
}

}  // namespace kernel
