// transfer_calls.cpp: reading and writing open files.
#include "kernel/syscall/calls.h"
#include "kernel/syscall/file_arguments.h"
#include "kernel/syscall/user_copy.h"

namespace kernel::calls {

namespace {

// preadv2() and pwritev2(): priority, data sync, sync, no wait, append. All but `append` and
// `no_wait` are what happens anyway.
constexpr uint64_t known_transfer_flags = 0x1f;
constexpr uint64_t transfer_no_wait = 0x08;

// EBADF.
Outcome<Ref<File>> readable_file(const CallArguments& arguments, unsigned index = 0) {
  BASE_TRY_ASSIGN(Ref<File> file, fetch_file(arguments, index));
  return file->is_readable() ? Outcome<Ref<File>>(base::move(file))
                             : Outcome<Ref<File>>(Errno::bad_descriptor);
}
Outcome<Ref<File>> writable_file(const CallArguments& arguments, unsigned index = 0) {
  BASE_TRY_ASSIGN(Ref<File> file, fetch_file(arguments, index));
  return file->is_writable() ? Outcome<Ref<File>>(base::move(file))
                             : Outcome<Ref<File>>(Errno::bad_descriptor);
}

// A file position as pread() has it. EINVAL.
Outcome<uint64_t> checked_position(uint64_t raw, uint64_t size) {
  uint64_t end = 0;
  if (int64_t(raw) < 0 || __builtin_add_overflow(raw, size, &end) || int64_t(end) < 0) {
    return Errno::invalid;
  }
  return raw;
}

// ESPIPE, or nothing: a file without positions refuses before its arguments are looked at.
Outcome<> check_seekable(File& file) {
  BASE_TRY(file.seek(0, Whence::current));
  return {};
}

CallResult read_vectors(const CallArguments& arguments, uint64_t position) {
  if (int64_t(position) < 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_file(arguments));
  BASE_TRY(check_seekable(*file));
  BASE_TRY(readable_file(arguments));
  SegmentList list;
  BASE_TRY(list.fetch(arguments.address(1), arguments.value[2]));
  Sink sink(list.segments());
  BASE_TRY(checked_position(position, sink.remaining()));
  return file->read_at(sink, position);
}

CallResult write_vectors(const CallArguments& arguments, uint64_t position) {
  if (int64_t(position) < 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_file(arguments));
  BASE_TRY(check_seekable(*file));
  BASE_TRY(writable_file(arguments));
  SegmentList list;
  BASE_TRY(list.fetch(arguments.address(1), arguments.value[2]));
  Source source(list.segments());
  BASE_TRY(checked_position(position, source.remaining()));
  return file->write_at(source, position);
}

// The flags of preadv2(). EOPNOTSUPP.
Outcome<> check_transfer_flags(const CallArguments& arguments) {
  const uint64_t flags = uint32_t(arguments.value[5]);
  return (flags & ~known_transfer_flags) || (flags & transfer_no_wait)
             ? Outcome<>(Errno::not_supported)
             : Outcome<>();
}

constexpr uint64_t own_position = ~0ULL;

}  // namespace

CallResult read(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, readable_file(arguments));
  BASE_TRY_ASSIGN(const Segment buffer, fetch_buffer(arguments.address(1), arguments.value[2]));
  Sink sink({&buffer, 1});
  return file->read(sink);
}

CallResult write(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, writable_file(arguments));
  BASE_TRY_ASSIGN(const Segment buffer, fetch_buffer(arguments.address(1), arguments.value[2]));
  Source source({&buffer, 1});
  return file->write(source);
}

CallResult pread64(const CallArguments& arguments) {
  if (int64_t(arguments.value[3]) < 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_file(arguments));
  BASE_TRY(check_seekable(*file));
  BASE_TRY(readable_file(arguments));
  BASE_TRY_ASSIGN(const Segment buffer, fetch_buffer(arguments.address(1), arguments.value[2]));
  BASE_TRY_ASSIGN(const uint64_t position, checked_position(arguments.value[3], buffer.size));
  Sink sink({&buffer, 1});
  return file->read_at(sink, position);
}

CallResult pwrite64(const CallArguments& arguments) {
  if (int64_t(arguments.value[3]) < 0) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_file(arguments));
  BASE_TRY(check_seekable(*file));
  BASE_TRY(writable_file(arguments));
  BASE_TRY_ASSIGN(const Segment buffer, fetch_buffer(arguments.address(1), arguments.value[2]));
  BASE_TRY_ASSIGN(const uint64_t position, checked_position(arguments.value[3], buffer.size));
  Source source({&buffer, 1});
  return file->write_at(source, position);
}

CallResult readv(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, readable_file(arguments));
  SegmentList list;
  BASE_TRY(list.fetch(arguments.address(1), arguments.value[2]));
  Sink sink(list.segments());
  return file->read(sink);
}

CallResult writev(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, writable_file(arguments));
  SegmentList list;
  BASE_TRY(list.fetch(arguments.address(1), arguments.value[2]));
  Source source(list.segments());
  return file->write(source);
}

CallResult preadv(const CallArguments& arguments) {
  return read_vectors(arguments, arguments.value[3]);
}
CallResult pwritev(const CallArguments& arguments) {
  return write_vectors(arguments, arguments.value[3]);
}

CallResult preadv2(const CallArguments& arguments) {
  BASE_TRY(check_transfer_flags(arguments));
  return arguments.value[3] == own_position ? readv(arguments) : preadv(arguments);
}
CallResult pwritev2(const CallArguments& arguments) {
  BASE_TRY(check_transfer_flags(arguments));
  return arguments.value[3] == own_position ? writev(arguments) : pwritev(arguments);
}

CallResult lseek(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> file, fetch_real_file(arguments));
  const uint64_t whence = uint32_t(arguments.value[2]);
  if (whence > uint64_t(Whence::hole)) {
    return Errno::invalid;
  }
  return file->seek(int64_t(arguments.value[1]), Whence(whence));
}

namespace {

constexpr size_t relay_size = 4096;
struct Relay {
  uint8_t bytes[relay_size];
};

// Moves bytes from `in`, at `position`, to `out`; advances `position` by what was written.
Outcome<uint64_t> relay(File& in, File& out, uint64_t& position, uint64_t count) {
  BASE_TRY_ASSIGN(const auto buffer, make_owned<Relay>());
  uint64_t done = 0;
  while (done < count) {
    Sink sink(std::span(buffer->bytes).first(base::min<uint64_t>(count - done, relay_size)));
    const auto got = in.read_at(sink, position);
    if (!got.ok() || got.value() == 0) {
      return done != 0 || got.ok() ? Outcome<uint64_t>(done) : Outcome<uint64_t>(got.error());
    }
    Source source(std::span<const uint8_t>(buffer->bytes).first(got.value()));
    const auto put = out.write(source);
    if (!put.ok()) {
      return done != 0 ? Outcome<uint64_t>(done) : Outcome<uint64_t>(put.error());
    }
    position += put.value();
    done += put.value();
    if (put.value() < got.value()) {
      break;
    }
  }
  return done;
}

}  // namespace

CallResult sendfile(const CallArguments& arguments) {
  BASE_TRY_ASSIGN(const Ref<File> in, readable_file(arguments, 1));
  BASE_TRY_ASSIGN(const Ref<File> out, writable_file(arguments));
  const uint64_t count = base::min(arguments.value[3], max_transfer);
  const bool has_position = arguments.value[2] != 0;
  const auto own = in->seek(0, Whence::current);
  if (!own.ok()) {
    return has_position ? Errno::illegal_seek : Errno::invalid;
  }
  uint64_t position = own.value();
  if (has_position) {
    BASE_TRY_ASSIGN(position, read_user<uint64_t>(arguments.address(2)));
    BASE_TRY(checked_position(position, 0));
  }
  const uint64_t start = position;
  BASE_TRY_ASSIGN(const uint64_t moved, relay(*in, *out, position, count));
  if (has_position) {
    BASE_TRY(write_user(arguments.address(2), position));
  } else if (position != start) {
    BASE_TRY(in->seek(int64_t(position), Whence::start));
  }
  return moved;
}

}  // namespace kernel::calls
