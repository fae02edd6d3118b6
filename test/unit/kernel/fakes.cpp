#include "test/unit/kernel/fakes.h"

#include <cstdarg>
#include <cstdio>

#include "kernel/host/boot_info.h"
#include "kernel/log/log.h"
#include "kernel/seam/memory.h"

namespace kernel {

namespace fake {

std::vector<uint8_t> memory;
boot::BootInfo info{};
std::vector<uint8_t> kernel_file;
std::vector<std::string> log;

bool logged(const std::string& text) {
  for (const std::string& line : log) {
    if (line.find(text) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace fake

const boot::BootInfo& boot_info() {
  return fake::info;
}

std::span<const uint8_t> boot_kernel_elf() {
  return fake::kernel_file;
}

bool in_direct_map(base::PhysAddr physical, uint64_t size) {
  const uint64_t at = physical.raw();
  const uint64_t end = fake::memory_base + fake::memory.size();
  return at >= fake::memory_base && at <= end && size <= end - at;
}

void* direct_map(uint64_t physical) {
  return fake::memory.data() + (physical - fake::memory_base);
}

void log_line(LogLevel, const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  fake::log.emplace_back(line);
}

}  // namespace kernel
