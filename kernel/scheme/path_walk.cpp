#include "kernel/scheme/path_walk.h"

#include "kernel/scheme/mounts.h"
#include "kernel/scheme/registry.h"

namespace kernel {

namespace {

constexpr unsigned max_links = 40;
constexpr size_t max_part = 255;

enum class Goal : uint8_t { last, parent };

// One walk. In the heap: its buffers would fill a kernel stack.
class PathWalker {
 public:
  PathWalker(Goal goal, LastLink last_link) : goal_(goal), last_link_(last_link) {}

  [[nodiscard]] Outcome<> walk(Text base, Text path);
  // After walk().
  [[nodiscard]] Outcome<Resolved> result();
  [[nodiscard]] Outcome<ResolvedParent> parent_result();

 private:
  [[nodiscard]] Text done() const { return {done_, done_size_}; }
  // "/" for the root, whose name in done_ is empty.
  [[nodiscard]] Text canonical() const { return done_size_ == 0 ? Text("/") : done(); }

  [[nodiscard]] Outcome<> set_pending(Text path);
  [[nodiscard]] Outcome<> set_done(Text path);
  [[nodiscard]] Outcome<> push(Text part);
  void pop();
  // Begins at the root, at `base`, or in the scheme that `path` names.
  [[nodiscard]] Outcome<> begin(Text base, Text path);
  // Takes the next part off what is pending; false: there is none.
  bool next_part();
  // Looks `part_` up in the directory where the walk is. True: the walk is over.
  [[nodiscard]] Outcome<bool> step();
  [[nodiscard]] Outcome<> look();
  // Where a walk begins there is a directory: asked for only if the path ends there.
  [[nodiscard]] Outcome<> look_at_start();
  [[nodiscard]] Outcome<> follow();
  [[nodiscard]] bool is_last() const { return rest_.find_first_not_of('/') == Text::npos; }
  [[nodiscard]] bool has_slash() const { return is_last() && !rest_.empty(); }
  [[nodiscard]] bool enters_whole_scheme();

  const Goal goal_;
  const LastLink last_link_;
  unsigned links_ = 0;
  Text rest_;  // what is pending, a part of pending_
  Text part_;
  LastPart last_ = LastPart::root;
  bool slash_ = false;
  Located at_{};
  FileStatus status_;
  Ref<File> file_;
  size_t done_size_ = 0;
  char done_[max_path];
  char pending_[max_path];
  char target_[max_path];
};

Outcome<> PathWalker::set_pending(Text path) {
  if (path.size() >= max_path) {
    return Errno::name_too_long;
  }
  path.copy(pending_, path.size());
  rest_ = Text(pending_, path.size());
  return {};
}

Outcome<> PathWalker::set_done(Text path) {
  done_size_ = path == "/" ? 0 : path.copy(done_, max_path);
  return {};
}

Outcome<> PathWalker::push(Text part) {
  if (done_size_ + 1 + part.size() >= max_path) {
    return Errno::name_too_long;
  }
  done_[done_size_++] = '/';
  done_size_ += part.copy(done_ + done_size_, part.size());
  return {};
}

void PathWalker::pop() {
  const size_t slash = done().rfind('/');
  done_size_ = slash == Text::npos ? 0 : slash;
}

Outcome<> PathWalker::look() {
  at_ = locate_path(canonical());
  if (!at_.scheme) {
    return Errno::no_entry;
  }
  BASE_TRY_ASSIGN(status_, at_.scheme->status(canonical().substr(at_.rest_start)));
  return {};
}

Outcome<> PathWalker::look_at_start() {
  if (is_last()) {
    return look();
  }
  at_ = locate_path(canonical());
  status_ = {};
  status_.mode = mode_directory;
  return at_.scheme ? Outcome<>() : Outcome<>(Errno::no_entry);
}

Outcome<> PathWalker::begin(Text base, Text path) {
  BASE_TRY(set_pending(path));
  if (path.starts_with('/')) {
    done_size_ = 0;
    return look_at_start();
  }
  const size_t colon = path.find_first_of(":/");
  if (colon != Text::npos && path[colon] == ':' && find_scheme(path.substr(0, colon))) {
    BASE_TRY(set_done("/scheme"));
    BASE_TRY(push(path.substr(0, colon)));
    rest_.remove_prefix(colon + 1);
  } else {
    BASE_TRY(set_done(base));
  }
  return enters_whole_scheme() ? Outcome<>() : look_at_start();
}

bool PathWalker::next_part() {
  const size_t start = rest_.find_first_not_of('/');
  if (start == Text::npos) {
    return false;
  }
  const size_t end = rest_.find('/', start);
  part_ = rest_.substr(start, end - start);
  rest_.remove_prefix(end == Text::npos ? rest_.size() : end);
  return true;
}

bool PathWalker::enters_whole_scheme() {
  at_ = locate_path(canonical());
  return at_.scheme && at_.scheme->walk() == Walk::whole;
}

// The walk stands on a link, `part_`: continues with its target before what is pending.
Outcome<> PathWalker::follow() {
  const Text name = canonical().substr(at_.rest_start);
  if (is_last()) {
    if (auto linked = at_.scheme->linked_file(name); linked.ok()) {
      file_ = base::move(linked).value();
      BASE_TRY_ASSIGN(status_, file_->status());
      return {};
    }
  }
  if (++links_ > max_links) {
    return Errno::too_many_links;
  }
  BASE_TRY_ASSIGN(size_t size, at_.scheme->read_link(name, target_, max_path));
  if (size == 0) {
    return Errno::no_entry;
  }
  if (size + rest_.size() >= max_path) {
    return Errno::name_too_long;
  }
  size += rest_.copy(target_ + size, rest_.size());
  BASE_TRY(set_pending(Text(target_, size)));
  if (target_[0] == '/') {
    done_size_ = 0;
  } else {
    pop();
  }
  return look_at_start();
}

Outcome<bool> PathWalker::step() {
  if (!status_.is(mode_directory)) {
    return Errno::not_directory;
  }
  if (goal_ == Goal::parent && is_last()) {
    slash_ = has_slash();
    last_ = part_ == "." ? LastPart::dot : part_ == ".." ? LastPart::dot_dot : LastPart::name;
    return part_.size() > max_part ? Outcome<bool>(Errno::name_too_long) : Outcome<bool>(true);
  }
  if (part_ == ".") {
    if (is_last()) {
      BASE_TRY(look());  // it may be where the walk began
    }
    return false;
  }
  if (part_ == "..") {
    pop();
    BASE_TRY(look());
    return false;
  }
  if (part_.size() > max_part) {
    return Errno::name_too_long;
  }
  BASE_TRY(push(part_));
  if (enters_whole_scheme()) {
    return false;
  }
  BASE_TRY(look());
  if (status_.is(mode_link) && (!is_last() || has_slash() || last_link_ == LastLink::follow)) {
    BASE_TRY(follow());
    return bool(file_);
  }
  if (has_slash() && !status_.is(mode_directory)) {
    return Errno::not_directory;
  }
  return false;
}

Outcome<> PathWalker::walk(Text base, Text path) {
  if (path.empty()) {
    return Errno::no_entry;
  }
  BASE_TRY(begin(base, path));
  for (;;) {
    if (at_.scheme->walk() == Walk::whole) {
      // The rest is the scheme's business, to the byte.
      status_ = {};
      rest_.remove_prefix(rest_.starts_with('/') ? 1 : 0);
      if (!rest_.empty()) {
        BASE_TRY(push(rest_));
        ++at_.rest_start;  // the '/' between
      }
      return {};
    }
    if (!next_part()) {
      return {};
    }
    BASE_TRY_ASSIGN(const bool over, step());
    if (over) {
      return {};
    }
  }
}

Outcome<Resolved> PathWalker::result() {
  Resolved resolved;
  BASE_TRY_ASSIGN(resolved.path, PathText::create(canonical()));
  resolved.scheme = base::move(at_.scheme);
  resolved.rest_start = at_.rest_start;
  resolved.status = status_;
  resolved.file = base::move(file_);
  // Where a path ends in a whole scheme's name, no '/' follows.
  resolved.rest_start = base::min(resolved.rest_start, resolved.path->text().size());
  return resolved;
}

Outcome<ResolvedParent> PathWalker::parent_result() {
  ResolvedParent found;
  found.last = last_;
  found.slash = slash_;
  BASE_TRY_ASSIGN(found.parent, result());
  if (found.parent.scheme->walk() == Walk::whole) {
    found.last = LastPart::name;
    found.path = found.parent.path;
    return found;
  }
  if (last_ != LastPart::name) {
    return found;
  }
  BASE_TRY(push(part_));
  BASE_TRY_ASSIGN(found.path, PathText::create(canonical()));
  const Outcome<> looked = look();
  if (!looked.ok() && looked.error() != Errno::no_entry) {
    return looked.error();
  }
  found.exists = looked.ok();
  found.status = status_;
  return found;
}

}  // namespace

Outcome<Resolved> resolve_path(Text base, Text path, LastLink last) {
  BASE_TRY_ASSIGN(auto walker, make_owned<PathWalker>(Goal::last, last));
  BASE_TRY(walker->walk(base, path));
  return walker->result();
}

Outcome<Ref<Scheme>> scheme_of_path(Text path, size_t& rest_start) {
  Located found = locate_path(path);
  if (!found.scheme) {
    return Errno::no_entry;
  }
  rest_start = found.rest_start;
  return base::move(found.scheme);
}

Outcome<ResolvedParent> resolve_parent(Text base, Text path) {
  BASE_TRY_ASSIGN(auto walker, make_owned<PathWalker>(Goal::parent, LastLink::keep));
  BASE_TRY(walker->walk(base, path));
  return walker->parent_result();
}

}  // namespace kernel
