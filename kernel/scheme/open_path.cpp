// open_path.cpp: open()'s decisions after the walk, in Linux's order.
#include "kernel/fd/path_file.h"
#include "kernel/scheme/path_walk.h"

namespace kernel {

namespace {

bool wants_write(uint32_t flags) {
  return (flags & open_flag::access_mode) != open_flag::read_only || (flags & open_flag::truncate);
}

// Files whose contents the file system stores: a read-only one keeps them as they are.
bool is_stored(const FileStatus& status) {
  return status.is(mode_regular) || status.is(mode_directory) || status.is(mode_link);
}

Outcome<> check_kind(const Resolved& place, uint32_t flags) {
  if (place.status.is(mode_link) && !(flags & open_flag::path_only)) {
    return Errno::too_many_links;  // open_flag::no_follow met one
  }
  if ((flags & open_flag::directory) && !place.status.is(mode_directory)) {
    return Errno::not_directory;
  }
  if (flags & open_flag::path_only) {
    return {};
  }
  if (place.status.is(mode_directory) && (wants_write(flags) || (flags & open_flag::create))) {
    return Errno::is_directory;
  }
  if (wants_write(flags) && is_stored(place.status) && place.scheme->is_read_only()) {
    return Errno::read_only;
  }
  return {};
}

constexpr unsigned max_created_links = 8;

struct LinkTarget {
  char text[max_path];
};

// The open file behind a link is shared, not opened again.
Outcome<Ref<File>> share(Ref<File> file, uint32_t flags) {
  const uint32_t mode = flags & open_flag::access_mode;
  if ((mode != open_flag::write_only && !file->is_readable()) ||
      (mode != open_flag::read_only && !file->is_writable())) {
    return Errno::access;
  }
  return file;
}

Outcome<Ref<File>> open_resolved(Resolved place, const OpenRequest& request) {
  if (place.scheme->walk() == Walk::parts) {
    BASE_TRY(check_kind(place, request.flags));
  }
  Ref<PathText> path = place.path;
  if (request.flags & open_flag::path_only) {
    BASE_TRY_ASSIGN(Ref<File> file, make_ref<PathFile>(base::move(place), request.flags));
    file->set_path(base::move(path));
    return file;
  }
  if (place.file) {
    return share(base::move(place.file), request.flags);
  }
  BASE_TRY_ASSIGN(Ref<File> file, place.scheme->open(place.rest(), request));
  // One that a daemon passed on is not ours to name.
  if (!file->path() && file->references() == 1) {
    file->set_path(base::move(path));
  }
  return file;
}

Outcome<Ref<File>> create_or_open(Text base, Text path, const OpenRequest& request, LastLink last,
                                  unsigned links);

// `found` is a link whose target does not exist.
Outcome<Ref<File>> create_behind_link(const ResolvedParent& found, const OpenRequest& request,
                                      LastLink last, unsigned links) {
  if (links == 0) {
    return Errno::too_many_links;
  }
  BASE_TRY_ASSIGN(const auto target, make_owned<LinkTarget>());
  BASE_TRY_ASSIGN(const size_t size,
                  found.parent.scheme->read_link(found.rest(), target->text, max_path));
  return create_or_open(found.parent.path->text(), {target->text, size}, request, last, links - 1);
}

Outcome<Ref<File>> create_or_open(Text base, Text path, const OpenRequest& request, LastLink last,
                                  unsigned links) {
  BASE_TRY_ASSIGN(ResolvedParent found, resolve_parent(base, path));
  if (found.parent.scheme->walk() == Walk::whole) {
    return open_resolved(base::move(found.parent), request);
  }
  if (found.last != LastPart::name || found.slash) {
    return Errno::is_directory;
  }
  if (!found.exists) {
    BASE_TRY_ASSIGN(Ref<File> file, found.parent.scheme->create(found.rest(), request));
    if (!file->path() && file->references() == 1) {
      file->set_path(found.path);
    }
    return file;
  }
  if (request.flags & open_flag::exclusive) {
    return Errno::exists;
  }
  Outcome<Resolved> place = resolve_path(base, path, last);
  if (!place.ok()) {
    // A link to where nothing is is followed and the file created there.
    return place.error() == Errno::no_entry && found.status.is(mode_link)
               ? create_behind_link(found, request, last, links)
               : Outcome<Ref<File>>(place.error());
  }
  return open_resolved(base::move(place).value(), request);
}

}  // namespace

Outcome<Ref<File>> open_path(Text base, Text path, const OpenRequest& asked) {
  OpenRequest request = asked;
  if (request.flags & open_flag::path_only) {
    request.flags &= open_flag::path_only | open_flag::directory | open_flag::no_follow;
  }
  const LastLink last = request.flags & open_flag::no_follow ? LastLink::keep : LastLink::follow;
  if ((request.flags & open_flag::unnamed) && !(request.flags & open_flag::path_only)) {
    if (!(request.flags & open_flag::directory) || !wants_write(request.flags)) {
      return Errno::invalid;
    }
    BASE_TRY_ASSIGN(const Resolved place, resolve_path(base, path, LastLink::follow));
    if (!place.status.is(mode_directory)) {
      return Errno::not_directory;
    }
    return place.scheme->is_read_only() ? Errno::read_only : Errno::not_supported;
  }
  if (request.flags & open_flag::create) {
    return create_or_open(base, path, request, last, max_created_links);
  }
  BASE_TRY_ASSIGN(Resolved place, resolve_path(base, path, last));
  return open_resolved(base::move(place), request);
}

}  // namespace kernel
