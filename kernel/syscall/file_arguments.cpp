#include "kernel/syscall/file_arguments.h"

#include "kernel/process/process.h"
#include "kernel/syscall/user_copy.h"

namespace kernel {

FileTable& files_of(const CallArguments& arguments) {
  return arguments.process.files();
}

uint32_t file_limit(const CallArguments& arguments) {
  const base::Guard guard(process_lock);
  return uint32_t(
      base::min<uint64_t>(arguments.process.limits.get(Limit::files).soft, FileTable::max_files));
}

Outcome<Ref<File>> fetch_file(const CallArguments& arguments, unsigned index) {
  Ref<File> file = files_of(arguments).find(uint32_t(arguments.value[index]));
  return file ? Outcome<Ref<File>>(base::move(file)) : Outcome<Ref<File>>(Errno::bad_descriptor);
}

Outcome<Ref<File>> fetch_real_file(const CallArguments& arguments, unsigned index) {
  BASE_TRY_ASSIGN(Ref<File> file, fetch_file(arguments, index));
  if (file->flags() & open_flag::path_only) {
    return Errno::bad_descriptor;
  }
  return file;
}

Outcome<Owned<PathBuffer>> fetch_path(base::UserAddr from) {
  BASE_TRY_ASSIGN(auto buffer, make_owned<PathBuffer>());
  const auto text = copy_string_from_user(buffer->text, from);
  if (!text.ok()) {
    return text.error() == base::Error::limit_exceeded ? Errno::name_too_long
                                                       : errno_of(text.error());
  }
  buffer->size = text.value().size();
  return buffer;
}

Outcome<Ref<PathText>> base_directory(const CallArguments& arguments, int32_t directory,
                                      Text path) {
  if (directory == at_working_directory || path.starts_with('/')) {
    return arguments.process.paths().directory();
  }
  const Ref<File> file = files_of(arguments).find(uint32_t(directory));
  if (!file) {
    return Errno::bad_descriptor;
  }
  BASE_TRY_ASSIGN(const FileStatus status, file->status());
  if (!status.is(mode_directory) || !file->path()) {
    return Errno::not_directory;
  }
  return file->path();
}

Outcome<Resolved> place_of(Ref<File> file) {
  Resolved resolved;
  BASE_TRY_ASSIGN(resolved.status, file->status());
  if (file->path()) {
    BASE_TRY_ASSIGN(resolved.scheme, scheme_of_path(file->path()->text(), resolved.rest_start));
  }
  resolved.path = file->path();
  resolved.file = base::move(file);
  return resolved;
}

Outcome<Resolved> fetch_place(const CallArguments& arguments, const Place& place) {
  BASE_TRY_ASSIGN(const auto buffer, fetch_path(place.path));
  const Text path = buffer->path();
  if (path.empty() && place.empty == EmptyPath::descriptor) {
    if (place.directory == at_working_directory) {
      return resolve_path(arguments.process.paths().directory()->text(), ".", place.last);
    }
    Ref<File> file = files_of(arguments).find(uint32_t(place.directory));
    return file ? place_of(base::move(file)) : Outcome<Resolved>(Errno::bad_descriptor);
  }
  if (path.empty()) {
    return Errno::no_entry;
  }
  BASE_TRY_ASSIGN(const Ref<PathText> from, base_directory(arguments, place.directory, path));
  return resolve_path(from->text(), path, place.last);
}

Outcome<Segment> fetch_buffer(base::UserAddr at, uint64_t size) {
  // Of a huge size as much as can be moved has to be user memory, but the end has to exist.
  BASE_TRY_ASSIGN(const auto slice, usercopy::UserSlice::rw(at, base::Bytes(size)));
  return Segment{slice.address().raw(), base::min(size, max_transfer)};
}

Outcome<> SegmentList::fetch(base::UserAddr from, uint64_t count) {
  constexpr uint64_t most = 1024;
  if (count > most) {
    return Errno::invalid;
  }
  if (count > few) {
    BASE_TRY_ASSIGN(allocated_, heap_allocate(count * sizeof(Segment)));
    segments_ = static_cast<Segment*>(allocated_);
  }
  BASE_TRY(copy_from_user(segments_, from, count * sizeof(Segment)));
  for (uint64_t i = 0; i < count; ++i) {
    if (int64_t(segments_[i].size) < 0) {
      return Errno::invalid;
    }
  }
  uint64_t left = max_transfer;
  for (uint64_t i = 0; i < count; ++i) {
    BASE_TRY(fetch_buffer(base::UserAddr(segments_[i].base), segments_[i].size));
    segments_[i].size = base::min(segments_[i].size, left);
    left -= segments_[i].size;
  }
  count_ = count;
  return {};
}

}  // namespace kernel
