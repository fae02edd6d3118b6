#include "kernel/fd/console_device.h"

#include "kernel/fd/console_pipe.h"
#include "kernel/fd/tty.h"
#include "kernel/host/options.h"
#include "kernel/log/panic.h"

namespace kernel {

namespace {

ConsoleDevice* device = nullptr;  // set once, kept

template <typename T>
T& install() {
  auto made = make_owned<T>();
  if (!made.ok()) {
    panic("no memory for the console");
  }
  T* object = made.value().release();
  device = object;
  set_console_receiver(*object);
  return *object;
}

}  // namespace

ConsoleDevice& console_device() {
  return *device;
}

void init_console_device() {
  if (options().console == ConsoleMode::pipe) {
    install<ConsolePipe>();
    return;
  }
  Tty& tty = install<Tty>();
  if (options().columns != 0) {
    tty.set_window_size({uint16_t(options().rows), uint16_t(options().columns), 0, 0});
  }
}

}  // namespace kernel
