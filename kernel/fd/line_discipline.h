// LineDiscipline: what a terminal makes of the bytes that are typed and those that are shown:
// lines that can be edited, echo, signals, translation of line ends. Linux's n_tty in what it does.
//
// A pure component: bytes in, bytes out through a callback, no waiting, no lock (the terminal's
// guards it). Input that is not read is kept up to 4095 bytes; more is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/fd/terminal_settings.h"
#include "kernel/host/text.h"

namespace kernel {

// What typing brings to the foreground's attention.
enum class TypedSignal : uint8_t { none, interrupt, quit, suspend };

class LineDiscipline {
 public:
  static constexpr size_t capacity = 4096;

  // Where echo and output go.
  struct Output {
    void* context;
    void (*write)(void* context, Text bytes);
  };
  explicit LineDiscipline(Output output) : output_(output) {}

  [[nodiscard]] const TerminalSettings& settings() const { return settings_; }
  // What has been typed is kept, as one line when lines begin to matter.
  void set_settings(const TerminalSettings& settings);

  // A byte was typed.
  [[nodiscard]] TypedSignal receive(uint8_t byte);
  // Shows bytes of a program. How many were taken: less than all while output is stopped.
  size_t write(std::span<const uint8_t> bytes);
  [[nodiscard]] bool is_stopped() const { return stopped_; }
  void set_stopped(bool stopped) { stopped_ = stopped; }

  // Bytes that read() would give: of complete lines in line mode (an end of file counts one).
  [[nodiscard]] size_t available() const;
  // Whether a reader that wants `wanted` bytes need not wait: a line, or VMIN bytes (1 with VTIME).
  [[nodiscard]] bool is_readable(size_t wanted) const;
  // Takes bytes; in line mode up to the end of a line. `ended`: the line ended (or the file: with
  // 0 bytes), so that the reader gets no more by this read.
  struct Taken {
    size_t size;
    bool ended;
  };
  [[nodiscard]] Taken read(std::span<uint8_t> to);
  // Drops all that was typed.
  void flush_input();

 private:
  [[nodiscard]] bool has(uint32_t local) const { return (settings_.local & local) != 0; }
  [[nodiscard]] bool is_line_mode() const { return has(local_mode::lines); }
  [[nodiscard]] static size_t at(uint64_t position) { return position % capacity; }

  void receive_in_line(uint8_t byte);
  void put(uint8_t byte);
  enum class Ending : uint8_t { none, line, file };
  void finish_line(uint8_t byte, Ending ending);
  enum class Erase : uint8_t { character, word, line };
  void erase(Erase what);
  void erase_last();
  void reprint();
  void echo(uint8_t byte);
  void echo_plain(uint8_t byte) { show(byte); }
  void echo_signal(uint8_t byte);
  // Output processing of one byte.
  void show(uint8_t byte);
  void send(const char* bytes, size_t size) { output_.write(output_.context, {bytes, size}); }
  // Columns that the tab at `position` of the line being typed took.
  [[nodiscard]] unsigned tab_width(uint64_t position) const;
  [[nodiscard]] bool takes_two_columns(uint8_t byte) const;

  void mark(uint64_t position, Ending ending) { endings_[at(position)] = ending; }
  [[nodiscard]] Ending ending(uint64_t position) const { return endings_[at(position)]; }

  Output output_;
  TerminalSettings settings_;
  // Positions since the beginning: read so far, end of complete lines, typed so far.
  uint64_t read_ = 0;
  uint64_t complete_ = 0;
  uint64_t typed_ = 0;
  unsigned column_ = 0;       // of the cursor
  unsigned line_column_ = 0;  // where the line being typed began
  bool literal_ = false;      // the next byte means itself
  bool stopped_ = false;
  // What ends with a byte; that of an end of file is given to nobody.
  Ending endings_[capacity]{};
  uint8_t bytes_[capacity]{};
};

}  // namespace kernel
