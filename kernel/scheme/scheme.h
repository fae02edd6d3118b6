// Scheme: a tree of names and what is behind them: a kernel service, a file system, a program.
//
// Reached as `NAME:REST`, as /scheme/NAME/REST, or through the place it is mounted at (mounts.h).
// `rest` is what follows the name, without a leading '/'; "" is the scheme's own root. Every
// operation may block and is called with no lock held; the text need only live as long as the call.
//
// Two ways to be walked:
//   parts: the kernel goes part by part, asks status() for each, and follows symbolic links and
//          ".."; `rest` has no empty, "." or ".." part then.
//   whole: the scheme gets all that was written after its name and makes of it what it likes.
//
// An operation that is not overridden gives what Linux gives on a read-only file system: EROFS for
// changes, once the walk has found what Linux's would (path_walk.h).
#pragma once

#include "kernel/fd/file.h"

namespace kernel {

enum class Walk : uint8_t { parts, whole };
enum class RemoveKind : uint8_t { file, directory };

struct OpenRequest {
  uint32_t flags = 0;  // open_flag's
  uint32_t mode = 0;   // of a file that is created; the umask is already taken off
};

class Scheme : public RefCounted<Scheme> {
 public:
  static constexpr size_t max_name = 31;

  virtual ~Scheme() = default;

  [[nodiscard]] Text name() const { return name_; }
  [[nodiscard]] virtual Walk walk() const { return Walk::parts; }

  // What `rest` names; a symbolic link is itself. ENOENT, ENOTDIR.
  virtual Outcome<FileStatus> status(Text rest) = 0;
  // Opens it. With Walk::parts: what status() has shown to exist, no symbolic link, a directory
  // if flags say so; not path_only.
  virtual Outcome<Ref<File>> open(Text rest, const OpenRequest& request) = 0;
  // The target of the symbolic link `rest`, cut to `capacity`: its length. EINVAL: no link.
  virtual Outcome<size_t> read_link(Text rest, char* target, size_t capacity);
  // For a link whose target is an open file rather than a name (/proc/self/fd/0). EINVAL: it is
  // not.
  virtual Outcome<Ref<File>> linked_file(Text rest);

  // Whether changes are refused as on a read-only file system before the name is looked at.
  [[nodiscard]] virtual bool is_read_only() const { return true; }
  // A file that does not exist. EROFS.
  virtual Outcome<Ref<File>> create(Text rest, const OpenRequest& request);
  // Changes of names. With Walk::parts: the parents exist, what is made does not, and what is
  // removed, renamed or linked does. `flags` are renameat2()'s; `mode` of a node has its type, the
  // umask is taken off. EROFS.
  virtual Outcome<> make_directory(Text rest, uint32_t mode);
  virtual Outcome<> make_node(Text rest, uint32_t mode, uint64_t device);
  virtual Outcome<> remove(Text rest, RemoveKind kind);
  virtual Outcome<> rename(Text from, Text to, uint32_t flags);
  virtual Outcome<> link(Text existing, Text rest);
  virtual Outcome<> make_link(Text target, Text rest);
  // EROFS.
  virtual Outcome<> set_attributes(Text rest, const AttributeChange& change);

  // Tells the scheme's files from other schemes' (st_dev). Given when registered.
  [[nodiscard]] uint64_t device() const { return device_; }
  void set_device(uint64_t device) { device_ = device; }

  // statfs()'s f_type, and the file system's size in bytes.
  struct Usage {
    uint64_t magic = 0x6c76'6d00;
    uint64_t bytes = 0;
    uint64_t free_bytes = 0;
  };
  virtual Outcome<Usage> usage() { return Usage{}; }

 protected:
  // `name` lives as long as the scheme; lower-case letters, digits, '-', '_', '.'.
  explicit Scheme(Text name) : name_(name) {}

 private:
  Text name_;
  uint64_t device_ = 0;
};

}  // namespace kernel
