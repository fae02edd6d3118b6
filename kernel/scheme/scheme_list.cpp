// scheme_list.cpp: /scheme: the registered schemes.
#include "kernel/fd/directory_file.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/scheme/registry.h"

namespace kernel {

namespace {

FileStatus list_status() {
  FileStatus status;
  status.inode = 1;
  status.mode = mode_directory | 0755;
  status.links = 2;
  return status;
}

class SchemeListFile final : public DirectoryFile {
 public:
  explicit SchemeListFile(uint32_t flags) : DirectoryFile(flags) {}

  Outcome<FileStatus> status() override { return list_status(); }

 protected:
  Outcome<bool> next_child(uint64_t& position, DirectoryEntry& entry) override {
    const Ref<Scheme> scheme = scheme_at(position);
    if (!scheme) {
      return false;
    }
    // What a scheme's root is only it knows, and it may have to be waited for.
    constexpr uint32_t unknown_type = 0;
    entry.set(scheme->name(), scheme->device(), unknown_type);
    ++position;
    return true;
  }
};

class SchemeList final : public Scheme {
 public:
  SchemeList() : Scheme("scheme") {}

  Outcome<FileStatus> status(Text rest) override {
    return rest.empty() ? Outcome<FileStatus>(list_status()) : Outcome<FileStatus>(Errno::no_entry);
  }
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY(status(rest));
    return make_ref<SchemeListFile>(request.flags);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_scheme_list() {
  return make_scheme<SchemeList>();
}

}  // namespace kernel
