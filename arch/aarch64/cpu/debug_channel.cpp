#include "cpu/debug_channel.h"

#include "cpu/semihosting.h"

namespace cpu {

void debug_channel_write(char byte) {
  semihosting_call(SemihostingOperation::write_byte, &byte);
}

}  // namespace cpu
