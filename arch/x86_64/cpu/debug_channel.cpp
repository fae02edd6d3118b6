#include "cpu/debug_channel.h"

#include "cpu/io.h"

namespace cpu {

void debug_channel_write(char byte) {
  out8(0xe9, uint8_t(byte));
}

}  // namespace cpu
