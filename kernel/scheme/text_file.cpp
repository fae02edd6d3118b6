#include "kernel/scheme/text_file.h"

#include <cstdarg>
#include <cstring>

#include "kernel/log/format.h"
#include "kernel/memory/heap.h"
#include "kernel/scheme/device_scheme.h"

namespace kernel {

TextBuilder::~TextBuilder() {
  heap_free(buffer_);
}

bool TextBuilder::grow(size_t size) {
  if (size <= capacity_) {
    return true;
  }
  size_t capacity = capacity_ == 0 ? 1008 : capacity_ * 2;
  while (capacity < size) {
    capacity *= 2;
  }
  auto larger = heap_allocate(capacity);
  if (!larger) {
    failed_ = true;
    return false;
  }
  if (size_ != 0) {
    memcpy(larger.value(), buffer_, size_);
  }
  heap_free(buffer_);
  buffer_ = static_cast<char*>(larger.value());
  capacity_ = capacity;
  return true;
}

void TextBuilder::put(Text text) {
  full_ = full_ || text.size() > max_size - size_;
  if (text.empty() || full_ || failed_ || !grow(size_ + text.size())) {
    return;
  }
  memcpy(buffer_ + size_, text.data(), text.size());
  size_ += text.size();
}

void TextBuilder::print(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char line[1024];
  struct Piece {
    char* to;
    size_t size;
  } piece{line, 0};
  format_to(
      [](void* context, const char* text, size_t size) {
        Piece& to = *static_cast<Piece*>(context);
        to.size += Text(text, size).copy(to.to + to.size, sizeof(line) - to.size);
      },
      &piece, format, arguments);
  va_end(arguments);
  put({line, piece.size});
}

Outcome<uint64_t> TextFile::read_at(Sink& sink, uint64_t position) {
  const base::Guard guard(lock_);
  if (position == 0) {
    text_.clear();
    BASE_TRY(make(text_));
    if (text_.failed()) {
      return Errno::no_memory;
    }
  }
  const Text text = text_.text();
  if (position < text.size()) {
    const Text rest = text.substr(position);
    (void)sink.put({reinterpret_cast<const uint8_t*>(rest.data()), rest.size()});
  }
  return moved_or_fault(sink);
}

}  // namespace kernel
