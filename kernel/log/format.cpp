#include "kernel/log/format.h"

#include <cstdint>

#include "kernel/host/text.h"

namespace kernel {

namespace {

struct Conversion {
  bool zero_pad = false;
  bool left = false;
  size_t width = 0;
  size_t precision = SIZE_MAX;
  unsigned longs = 0;
};

class Formatter {
 public:
  Formatter(TextSink sink, void* context) : sink_(sink), context_(context) {}

  void run(const char* format, va_list arguments) {
    va_list list;
    va_copy(list, arguments);
    while (*format != '\0') {
      const char* start = format;
      while (*format != '\0' && *format != '%') {
        ++format;
      }
      emit(start, size_t(format - start));
      if (*format == '%') {
        format = convert(format + 1, &list);
      }
    }
    va_end(list);
  }

 private:
  // va_list decays differently on each architecture when passed on; a pointer to it does not.
  const char* convert(const char* format, va_list* list) {
    Conversion c;
    for (;; ++format) {
      if (*format == '0') {
        c.zero_pad = true;
      } else if (*format == '-') {
        c.left = true;
      } else {
        break;
      }
    }
    if (*format == '*') {
      c.width = size_t(va_arg(*list, int));
      ++format;
    }
    while (*format >= '0' && *format <= '9') {
      c.width = c.width * 10 + size_t(*format++ - '0');
    }
    if (*format == '.') {
      ++format;
      c.precision = 0;
      if (*format == '*') {
        c.precision = size_t(va_arg(*list, int));
        ++format;
      }
      while (*format >= '0' && *format <= '9') {
        c.precision = c.precision * 10 + size_t(*format++ - '0');
      }
    }
    for (; *format == 'l' || *format == 'z' || *format == 'h'; ++format) {
      c.longs += *format == 'h' ? 0 : 1;
    }
    switch (*format) {
      case 'd':
      case 'i': {
        const int64_t value = c.longs ? va_arg(*list, long) : va_arg(*list, int);
        number(c, value < 0 ? 0 - uint64_t(value) : uint64_t(value), 10, value < 0);
        break;
      }
      case 'u': number(c, unsigned_argument(c, list), 10, false); break;
      case 'x':
      case 'X': number(c, unsigned_argument(c, list), 16, false); break;
      case 'p':
        emit("0x", 2);
        number(c, reinterpret_cast<uint64_t>(va_arg(*list, void*)), 16, false);
        break;
      case 'c': {
        const char byte = char(va_arg(*list, int));
        padded(c, &byte, 1);
        break;
      }
      case 's': {
        const char* text = va_arg(*list, const char*);
        text = text == nullptr ? "(null)" : text;
        padded(c, text, bounded_length(text, c.precision));
        break;
      }
      case '%': emit("%", 1); break;
      case '\0': return format;
      default: emit("%?", 2); break;
    }
    return format + 1;
  }

  static uint64_t unsigned_argument(const Conversion& c, va_list* list) {
    return c.longs ? va_arg(*list, unsigned long) : va_arg(*list, unsigned);
  }

  void number(const Conversion& c, uint64_t value, uint64_t radix, bool negative) {
    char digits[24];
    size_t at = sizeof(digits);
    do {
      digits[--at] = "0123456789abcdef"[value % radix];
      value /= radix;
    } while (value != 0);
    const size_t size = sizeof(digits) - at + (negative ? 1 : 0);
    if (c.zero_pad && !c.left) {
      if (negative) {
        emit("-", 1);
      }
      pad('0', c.width, size);
    } else {
      if (!c.left) {
        pad(' ', c.width, size);
      }
      if (negative) {
        emit("-", 1);
      }
    }
    emit(digits + at, sizeof(digits) - at);
    if (c.left) {
      pad(' ', c.width, size);
    }
  }

  void padded(const Conversion& c, const char* text, size_t size) {
    if (!c.left) {
      pad(' ', c.width, size);
    }
    emit(text, size);
    if (c.left) {
      pad(' ', c.width, size);
    }
  }

  void pad(char fill, size_t width, size_t size) {
    for (; size < width; ++size) {
      emit(&fill, 1);
    }
  }

  void emit(const char* text, size_t size) {
    if (size != 0) {
      sink_(context_, text, size);
    }
  }

  TextSink sink_;
  void* context_;
};

struct Buffer {
  char* data;
  size_t capacity;
  size_t used;
};

}  // namespace

void format_to(TextSink sink, void* context, const char* format, va_list arguments) {
  Formatter(sink, context).run(format, arguments);
}

size_t format_into(char* buffer, size_t capacity, const char* format, ...) {
  Buffer target{buffer, capacity - 1, 0};
  va_list arguments;
  va_start(arguments, format);
  format_to(
      [](void* context, const char* text, size_t size) {
        auto* to = static_cast<Buffer*>(context);
        for (size_t i = 0; i < size && to->used < to->capacity; ++i) {
          to->data[to->used++] = text[i];
        }
      },
      &target, format, arguments);
  va_end(arguments);
  buffer[target.used] = '\0';
  return target.used;
}

}  // namespace kernel
