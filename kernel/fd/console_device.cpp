#include "kernel/fd/console_device.h"

#include "kernel/fd/console_pipe.h"
#include "kernel/fd/tty.h"
#include "kernel/host/options.h"
#include "kernel/log/panic.h"

namespace kernel {

namespace {

ConsoleDevice* device = nullptr;  // set once, kept

template <typename T>
void install() {
  auto made = make_owned<T>();
  if (!made.ok()) {
    panic("no memory for the console");
  }
  T* object = made.value().release();
  device = object;
  set_console_receiver(*object);
}

}  // namespace

ConsoleDevice& console_device() {
  return *device;
}

void init_console_device() {
  options().console == ConsoleMode::tty ? install<Tty>() : install<ConsolePipe>();
}

}  // namespace kernel
