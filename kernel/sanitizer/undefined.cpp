// undefined.cpp: what code compiled with -fsanitize=undefined calls when it is about to do what the
// language does not define: a panic that says what, where, and with which values.
//
// The names and the layouts of the arguments are the compiler's (clang 19): each check passes the
// address of a constant record and the values, widened to a word.
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "kernel/host/text.h"
#include "kernel/log/format.h"
#include "kernel/log/panic.h"

namespace kernel {

namespace {

struct Place {
  const char* file;
  uint32_t line;
  uint32_t column;
};

struct Type {
  uint16_t kind;  // 0: integer
  uint16_t info;  // bit 0: signed; above: log2 of the width in bits

  // Follows the structure: in quotes, NUL terminated.
  [[nodiscard]] const char* name() const { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] unsigned bits() const { return 1U << (info >> 1); }
  [[nodiscard]] bool is_signed() const { return (info & 1) != 0; }
};

struct TypedPlace {
  Place place;
  const Type* type;
};
struct TypesPlace {
  Place place;
  const Type* left;
  const Type* right;
};
struct AccessPlace {
  Place place;
  const Type* type;
  uint8_t log2_alignment;
  uint8_t kind;
};
struct AssumptionPlace {
  Place place;
  Place assumed;
  const Type* type;
};
struct ArgumentPlace {
  Place place;
  Place attribute;
  int32_t number;
};
struct BuiltinPlace {
  Place place;
  uint8_t kind;
};

// A value as text. Wider ones than a word are passed by address and shown so.
class Shown {
 public:
  Shown(const Type& type, uint64_t value) {
    const unsigned bits = type.bits();
    if (type.kind != 0 || bits > 64) {
      format_into(text_, sizeof(text_), "(at 0x%lx)", value);
      return;
    }
    const unsigned unused = 64 - bits;
    if (type.is_signed()) {
      format_into(text_, sizeof(text_), "%ld", int64_t(value << unused) >> unused);
    } else {
      format_into(text_, sizeof(text_), "%lu", value << unused >> unused);
    }
  }
  [[nodiscard]] const char* text() const { return text_; }

 private:
  char text_[24];
};

const char* file_name(const char* path) {
  const Text text(path == nullptr ? "?" : path);
  const size_t slash = text.rfind('/');
  return text.data() + (slash == Text::npos ? 0 : slash + 1);
}

[[noreturn]] __attribute__((format(printf, 2, 3))) void report(const Place& place,
                                                               const char* format, ...) {
  struct What {
    char text[160];
    size_t used = 0;
  } what;
  va_list values;
  va_start(values, format);
  format_to(
      [](void* context, const char* text, size_t size) {
        auto* to = static_cast<What*>(context);
        for (size_t i = 0; i < size && to->used + 1 < sizeof(to->text); ++i) {
          to->text[to->used++] = text[i];
        }
      },
      &what, format, values);
  va_end(values);
  what.text[what.used] = '\0';
  panic("undefined behaviour: %s (%s:%u:%u)", what.text, file_name(place.file), place.line,
        place.column);
}

[[noreturn]] void report_overflow(const TypedPlace& at, const char* sign, uint64_t left,
                                  uint64_t right) {
  report(at.place, "%s %s %s does not fit %s", Shown(*at.type, left).text(), sign,
         Shown(*at.type, right).text(), at.type->name());
}

constexpr const char* access_kinds[] = {
    "load of",        "store to",         "reference to", "member access in",
    "member call on", "constructor call", "downcast of",  "downcast of",
    "upcast of",      "cast of",          "pointer to",   "dynamic operation on"};

}  // namespace

}  // namespace kernel

using namespace kernel;

extern "C" {

[[noreturn]] void __ubsan_handle_type_mismatch_v1_abort(const AccessPlace* at, uint64_t address) {
  constexpr size_t known = sizeof(access_kinds) / sizeof(access_kinds[0]);
  const char* kind = at->kind < known ? access_kinds[at->kind] : "access of";
  const uint64_t alignment = uint64_t(1) << at->log2_alignment;
  if (address == 0) {
    report(at->place, "%s null, as %s", kind, at->type->name());
  }
  if (address % alignment != 0) {
    report(at->place, "%s 0x%lx, misaligned for %s, which needs %lu", kind, address,
           at->type->name(), alignment);
  }
  report(at->place, "%s 0x%lx, too little room for %s", kind, address, at->type->name());
}

[[noreturn]] void __ubsan_handle_alignment_assumption_abort(const AssumptionPlace* at,
                                                            uint64_t address, uint64_t alignment,
                                                            uint64_t offset) {
  report(at->place, "0x%lx less 0x%lx is assumed to be aligned to %lu", address, offset, alignment);
}

[[noreturn]] void __ubsan_handle_add_overflow_abort(const TypedPlace* at, uint64_t left,
                                                    uint64_t right) {
  report_overflow(*at, "+", left, right);
}

[[noreturn]] void __ubsan_handle_sub_overflow_abort(const TypedPlace* at, uint64_t left,
                                                    uint64_t right) {
  report_overflow(*at, "-", left, right);
}

[[noreturn]] void __ubsan_handle_mul_overflow_abort(const TypedPlace* at, uint64_t left,
                                                    uint64_t right) {
  report_overflow(*at, "*", left, right);
}

[[noreturn]] void __ubsan_handle_divrem_overflow_abort(const TypedPlace* at, uint64_t left,
                                                       uint64_t right) {
  report_overflow(*at, "/", left, right);
}

[[noreturn]] void __ubsan_handle_negate_overflow_abort(const TypedPlace* at, uint64_t value) {
  report(at->place, "-(%s) does not fit %s", Shown(*at->type, value).text(), at->type->name());
}

[[noreturn]] void __ubsan_handle_shift_out_of_bounds_abort(const TypesPlace* at, uint64_t value,
                                                           uint64_t by) {
  report(at->place, "%s of type %s is shifted by %s", Shown(*at->left, value).text(),
         at->left->name(), Shown(*at->right, by).text());
}

[[noreturn]] void __ubsan_handle_out_of_bounds_abort(const TypesPlace* at, uint64_t index) {
  report(at->place, "index %s is outside %s", Shown(*at->right, index).text(), at->left->name());
}

[[noreturn]] void __ubsan_handle_vla_bound_not_positive_abort(const TypedPlace* at,
                                                              uint64_t bound) {
  report(at->place, "an array of %s elements", Shown(*at->type, bound).text());
}

[[noreturn]] void __ubsan_handle_load_invalid_value_abort(const TypedPlace* at, uint64_t value) {
  report(at->place, "%lu is no value of %s", value, at->type->name());
}

[[noreturn]] void __ubsan_handle_invalid_builtin_abort(const BuiltinPlace* at) {
  report(at->place, "a builtin that counts zeros is given zero");
}

[[noreturn]] void __ubsan_handle_nonnull_arg_abort(const ArgumentPlace* at) {
  report(at->place, "argument %d must not be null", at->number);
}

[[noreturn]] void __ubsan_handle_nonnull_return_v1_abort(const Place*, const Place* at) {
  report(*at, "a function that never returns null does");
}

[[noreturn]] void __ubsan_handle_pointer_overflow_abort(const Place* at, uint64_t base,
                                                        uint64_t result) {
  report(*at, "pointer 0x%lx becomes 0x%lx", base, result);
}

[[noreturn]] void __ubsan_handle_builtin_unreachable(const Place* at) {
  report(*at, "what cannot be reached is");
}

[[noreturn]] void __ubsan_handle_missing_return(const Place* at) {
  report(*at, "a function ends without its value");
}

}  // extern "C"
