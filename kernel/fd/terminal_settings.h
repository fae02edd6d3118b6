// terminal_settings.h: struct termios as Linux's ioctl() has it, and the bits that mean something
// here.
#pragma once

#include <cstdint>

namespace kernel {

namespace input_mode {
inline constexpr uint32_t strip = 0000040;     // ISTRIP
inline constexpr uint32_t nl_to_cr = 0000100;  // INLCR
inline constexpr uint32_t drop_cr = 0000200;   // IGNCR
inline constexpr uint32_t cr_to_nl = 0000400;  // ICRNL
inline constexpr uint32_t flow = 0002000;      // IXON
inline constexpr uint32_t any_resumes = 0004000;
inline constexpr uint32_t bell_when_full = 0020000;  // IMAXBEL
inline constexpr uint32_t utf8 = 0040000;            // IUTF8
}  // namespace input_mode

namespace output_mode {
inline constexpr uint32_t process = 0000001;     // OPOST
inline constexpr uint32_t nl_to_crnl = 0000004;  // ONLCR
inline constexpr uint32_t cr_to_nl = 0000010;    // OCRNL
inline constexpr uint32_t no_cr_at_0 = 0000020;
inline constexpr uint32_t nl_returns = 0000040;  // ONLRET
inline constexpr uint32_t tabs = 0014000;        // TABDLY: all bits set: tabs become blanks
}  // namespace output_mode

namespace local_mode {
inline constexpr uint32_t signals = 0000001;     // ISIG
inline constexpr uint32_t lines = 0000002;       // ICANON
inline constexpr uint32_t echo = 0000010;        // ECHO
inline constexpr uint32_t echo_erase = 0000020;  // ECHOE
inline constexpr uint32_t echo_kill = 0000040;   // ECHOK
inline constexpr uint32_t echo_newline = 0000100;
inline constexpr uint32_t keep_on_signal = 0000200;        // NOFLSH
inline constexpr uint32_t stop_background = 0000400;       // TOSTOP
inline constexpr uint32_t echo_control = 0001000;          // ECHOCTL
inline constexpr uint32_t echo_kill_by_erasing = 0004000;  // ECHOKE
inline constexpr uint32_t extended = 0100000;              // IEXTEN
}  // namespace local_mode

// Indices of control characters; one that is 0 is disabled.
enum class Control : uint8_t {
  interrupt = 0,
  quit = 1,
  erase = 2,
  kill = 3,
  end_of_file = 4,
  time = 5,
  minimum = 6,
  start = 8,
  stop = 9,
  suspend = 10,
  end_of_line = 11,
  reprint = 12,
  word_erase = 14,
  literal_next = 15,
  end_of_line_2 = 16,
};

struct TerminalSettings {
  uint32_t input = input_mode::cr_to_nl | input_mode::flow;
  uint32_t output = output_mode::process | output_mode::nl_to_crnl;
  uint32_t control = 0x4bf;  // 38400 baud, 8 bits, receiver on, hang up on close
  uint32_t local = local_mode::signals | local_mode::lines | local_mode::echo |
                   local_mode::echo_erase | local_mode::echo_kill | local_mode::echo_control |
                   local_mode::echo_kill_by_erasing | local_mode::extended;
  uint8_t line = 0;
  uint8_t characters[19] = {0x03, 0x1c, 0x7f, 0x15, 0x04, 0,    1, 0, 0x11, 0x13,
                            0x1a, 0,    0x12, 0x0f, 0x17, 0x16, 0, 0, 0};

  [[nodiscard]] uint8_t character(Control which) const { return characters[uint8_t(which)]; }
  // Whether `byte` is that control character.
  [[nodiscard]] bool is(uint8_t byte, Control which) const {
    return byte != 0 && byte == character(which);
  }
};
static_assert(sizeof(TerminalSettings) == 36);

struct WindowSize {
  uint16_t rows, columns, pixels_x, pixels_y;
};

}  // namespace kernel
