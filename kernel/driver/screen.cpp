#include "kernel/driver/screen.h"

#include <algorithm>

#include "base/lock.h"
#include "base/utility.h"
#include "kernel/driver/font.h"
#include "kernel/driver/pixels.h"
#include "kernel/driver/terminal.h"
#include "kernel/host/boot_info.h"
#include "kernel/host/options.h"
#include "kernel/host/spin_lock.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/process/timer.h"

namespace kernel {

namespace {

// A tick draws this many cells at most and looks at so many times more: some 100 us.
constexpr unsigned cells_a_tick = 400;
// Screens at least this wide show every pixel of a glyph as several.
constexpr unsigned large_width = 2560;
constexpr unsigned columns_on_large = 160;

// Characters up to here can have glyphs: Latin, Greek, Cyrillic, punctuation, arrows, line drawing.
constexpr size_t mapped_characters = 0x2c00;
uint16_t glyph_map[mapped_characters];

SpinLock lock{LockRank::screen};
PixelArea pixels BASE_GUARDED_BY(lock);
Font font_of_screen BASE_GUARDED_BY(lock);
Terminal terminal BASE_GUARDED_BY(lock);
Cell* shown BASE_GUARDED_BY(lock) = nullptr;  // columns * rows cells
bool changed BASE_GUARDED_BY(lock) = false;
unsigned next_cell BASE_GUARDED_BY(lock) = 0;  // where the next tick goes on
bool present = false;                          // set once, before there is another thread

// Runs while anything is to be drawn.
void redraw(void*, Timer& timer);
constexpr uint64_t redraw_ns = 10'000'000;
[[clang::no_destroy]] constinit Timer redraw_timer(redraw, nullptr);

constexpr Cell never_drawn{0xffff'ffff, {}};

const char* map_pixels(const boot::BootFramebuffer& frame, PixelArea& area) {
  if (frame.base == 0 || frame.format == boot::BootPixelFormat::none) {
    return "the firmware offers no framebuffer";
  }
  const bool known = frame.format == boot::BootPixelFormat::rgbx8888 ||
                     frame.format == boot::BootPixelFormat::bgrx8888;
  constexpr uint32_t most = 16384;
  if (!known || frame.width == 0 || frame.height == 0 || frame.width > most ||
      frame.height > most || frame.stride / 4 < frame.width || frame.stride % 4 != 0 ||
      uint64_t(frame.stride) * frame.height > frame.size || frame.base % 4 != 0) {
    return "the firmware's description of the framebuffer makes no sense";
  }
  const uint64_t size = uint64_t(frame.stride) * frame.height;
  for (const boot::BootMemoryRange& range : boot_memory_map()) {
    const bool is_ours = range.kind == boot::BootMemoryKind::usable ||
                         range.kind == boot::BootMemoryKind::boot_data ||
                         range.kind == boot::BootMemoryKind::kernel_image;
    if (is_ours && frame.base < range.base + range.size && range.base < frame.base + size) {
      return "the firmware's framebuffer lies in memory that it gave away";
    }
  }
  void* mapped = map_framebuffer(frame.base, size);
  if (mapped == nullptr) {
    return "no memory to map the framebuffer";
  }
  area = PixelArea(static_cast<uint32_t*>(mapped), frame.width, frame.height, frame.stride / 4,
                   frame.format == boot::BootPixelFormat::rgbx8888);
  return nullptr;
}

// The cell as it is to be shown: colours resolved, the cursor in it.
CellStyle resolve(CellStyle style, bool swap) {
  if (style.bold && style.foreground < 8) {
    style.foreground = uint8_t(style.foreground + 8);
  }
  if (style.reverse != swap) {
    std::swap(style.foreground, style.background);
  }
  style.bold = style.reverse = false;
  return style;
}

Cell wanted(unsigned row, unsigned column) BASE_REQUIRES(lock) {
  const Cell& cell = terminal.at(row, column);
  const bool cursor =
      terminal.cursor_visible() && row == terminal.row() && column == terminal.column();
  return {cell.code, resolve(cell.style, cursor != terminal.reverse_video())};
}

// Looks at no more than all cells, draws no more than `budget`.
void draw(unsigned budget) BASE_REQUIRES(lock) {
  const unsigned columns = terminal.columns();
  const unsigned total = columns * terminal.rows();
  unsigned row = next_cell / columns;
  unsigned column = next_cell % columns;
  for (unsigned looked = 0; looked < total; ++looked) {
    const Cell cell = wanted(row, column);
    Cell& there = shown[row * columns + column];
    if (!(cell == there)) {
      if (budget-- == 0) {
        next_cell = row * columns + column;
        return;
      }
      pixels.draw(font_of_screen, row, column, cell);
      there = cell;
    }
    if (++column == columns) {
      column = 0;
      row = row + 1 == terminal.rows() ? 0 : row + 1;
    }
  }
  changed = false;
}

void redraw(void*, Timer& timer) {
  const base::Guard guard(lock);
  draw(cells_a_tick);
  if (changed) {
    timer.start(Deadline::after_ns(redraw_ns));
  }
}

// Bytes as they are, or with a carriage return before each newline.
void write(Text bytes, bool lines) {
  if (!present) {
    return;
  }
  const base::Guard guard(lock);
  if (!base::exchange(changed, true)) {
    redraw_timer.start(Deadline::after_ns(redraw_ns));
  }
  while (!bytes.empty()) {
    const size_t newline = lines ? bytes.find('\n') : Text::npos;
    terminal.write(bytes.substr(0, newline));
    if (newline == Text::npos) {
      return;
    }
    terminal.write("\r\n");
    bytes.remove_prefix(newline + 1);
  }
}

}  // namespace

const char* init_screen(std::span<const uint8_t> file) {
  const auto font = Font::parse(file, glyph_map);
  if (!font) {
    return font.error();
  }
  PixelArea area;
  if (const char* problem = map_pixels(boot_info().framebuffer, area)) {
    return problem;
  }
  const unsigned scale =
      area.width() >= large_width ? area.width() / (columns_on_large * font->width()) : 1;
  area.set_cell(*font, std::max(scale, 1u));
  unsigned columns = std::min(area.columns(), Terminal::max_columns);
  unsigned rows = std::min(area.rows(), Terminal::max_rows);
  // As large as the terminal that is mirrored, if that is known and fits.
  columns = options().columns != 0 ? std::min(columns, options().columns) : columns;
  rows = options().rows != 0 ? std::min(rows, options().rows) : rows;
  if (columns == 0 || rows == 0) {
    return "the screen is smaller than a character";
  }
  const size_t both = Terminal::cells_needed(columns, rows);
  const size_t one = size_t(columns) * rows;
  auto cells = heap_allocate((both + one) * sizeof(Cell));
  if (!cells) {
    return "no memory for the screen's characters";
  }
  auto* all = static_cast<Cell*>(cells.value());
  std::fill_n(all, both, Cell{});
  std::fill_n(all + both, one, never_drawn);
  area.clear();
  const base::Guard guard(lock);
  pixels = area;
  font_of_screen = *font;
  terminal = Terminal({all, both}, columns, rows);
  shown = all + both;
  changed = true;
  present = true;
  redraw_timer.start(Deadline::after_ns(redraw_ns));
  return nullptr;
}

bool screen_present() {
  return present;
}

ScreenSize screen_size() {
  if (!present) {
    return {0, 0};
  }
  const base::Guard guard(lock);
  return {terminal.columns(), terminal.rows()};
}

void screen_write(Text bytes) {
  write(bytes, false);
}

void screen_write_lines(Text lines) {
  write(lines, true);
}

void finish_screen() BASE_NO_THREAD_SAFETY_ANALYSIS {
  if (present) {
    next_cell = 0;
    draw(terminal.columns() * terminal.rows());
  }
}

}  // namespace kernel
