// path_walk.h: from a path to what it names: working directory, mounted schemes, symbolic links,
// "." and "..", in Linux's order of errors.
//
// ENOENT (also for an empty path), ENOTDIR, ELOOP (more than 40 links), ENAMETOOLONG (a part above
// 255 bytes, a path above 4095), ENOMEM, and what a scheme says. Blocks; no lock held.
#pragma once

#include "kernel/scheme/last_link.h"
#include "kernel/scheme/scheme.h"

namespace kernel {

inline constexpr size_t max_path = 4096;  // with the NUL

// Something that exists, or (Walk::whole) may.
struct Resolved {
  Ref<Scheme> scheme;
  Ref<PathText> path;
  FileStatus status;      // with Walk::whole: of mode 0, not asked for
  Ref<File> file;         // of a link to an open file that was followed
  size_t rest_start = 0;  // where the scheme's part of the path begins

  [[nodiscard]] Text rest() const { return path->text().substr(rest_start); }
  // `status`, asked for where the walk has not.
  [[nodiscard]] Outcome<FileStatus> status_now() const {
    return file || scheme->walk() == Walk::parts ? status : scheme->status(rest());
  }
};

// `base` is a canonical path of a directory, for relative paths.
[[nodiscard]] Outcome<Resolved> resolve_path(Text base, Text path, LastLink last);

// The scheme that a canonical path belongs to, and where its part begins. ENOENT.
[[nodiscard]] Outcome<Ref<Scheme>> scheme_of_path(Text path, size_t& rest_start);

// What the last part of a path is, for calls that create, remove or rename it.
enum class LastPart : uint8_t { name, dot, dot_dot, root };

struct ResolvedParent {
  Resolved parent;     // a directory; with Walk::whole: the thing itself
  Ref<PathText> path;  // of the thing itself, if it is a name
  LastPart last = LastPart::name;
  bool slash = false;  // the path ends with one
  bool exists = false;
  FileStatus status;  // if it exists; a symbolic link is itself

  // The name in its scheme, whose root the parent may be.
  [[nodiscard]] Text rest() const {
    const bool below_root = parent.rest().empty() && parent.scheme->walk() == Walk::parts;
    return path->text().substr(below_root ? path->text().rfind('/') + 1 : parent.rest_start);
  }
};

[[nodiscard]] Outcome<ResolvedParent> resolve_parent(Text base, Text path);

// Opens a path as open() does, links and O_CREAT and all. The file knows its path.
[[nodiscard]] Outcome<Ref<File>> open_path(Text base, Text path, const OpenRequest& request);

}  // namespace kernel
