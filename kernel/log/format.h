// format.h: printf-style formatting without floating point and without allocation.
//
// Conversions: %d %i %u %x %X %c %s %p %% with flags 0 - and width, precision for %s, length
// l ll z h hh. Checked by the compiler through the format attribute.
#pragma once

#include <cstdarg>
#include <cstddef>

namespace kernel {

// Receives formatted text piece by piece; `context` is the caller's.
using TextSink = void (*)(void* context, const char* text, size_t size);

void format_to(TextSink sink, void* context, const char* format, va_list arguments);

// Writes at most capacity - 1 bytes and a NUL; returns the length written. capacity > 0.
size_t format_into(char* buffer, size_t capacity, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

}  // namespace kernel
