// dev_scheme.cpp: `dev:` (/dev): the devices' usual names, and the schemes that are meant.
#include "kernel/fd/directory_file.h"
#include "kernel/scheme/kernel_schemes.h"
#include "kernel/scheme/registry.h"

namespace kernel {

namespace {

struct Name {
  Text name;
  Text scheme;  // whose device it is; "": a symbolic link
  Text rest;    // in that scheme; of a link: its target
};

constexpr Name names[] = {
    {"console", "console", ""},
    {"fd", "", "/proc/self/fd"},
    {"null", "null", ""},
    {"random", "rand", "random"},
    {"stderr", "", "/proc/self/fd/2"},
    {"stdin", "", "/proc/self/fd/0"},
    {"stdout", "", "/proc/self/fd/1"},
    {"tty", "tty", ""},
    {"urandom", "rand", ""},
    {"zero", "zero", ""},
};

const Name* find_name(Text name) {
  for (const Name& entry : names) {
    if (entry.name == name) {
      return &entry;
    }
  }
  return nullptr;
}

FileStatus root_status(uint64_t device) {
  FileStatus status;
  status.device = device;
  status.inode = 1;
  status.mode = mode_directory | 0755;
  status.links = 2;
  return status;
}

FileStatus link_status(uint64_t device, const Name& link) {
  constexpr uint64_t first_inode = 2;
  FileStatus status;
  status.device = device;
  status.inode = first_inode + uint64_t(&link - names);
  status.mode = mode_link | 0777;
  status.size = link.rest.size();
  return status;
}

Outcome<FileStatus> status_of(const Name& entry, uint64_t device) {
  if (entry.scheme.empty()) {
    return link_status(device, entry);
  }
  const Ref<Scheme> scheme = find_scheme(entry.scheme);
  return scheme ? scheme->status(entry.rest) : Outcome<FileStatus>(Errno::no_entry);
}

class DevDirectory final : public DirectoryFile {
 public:
  DevDirectory(uint64_t device, uint32_t flags) : DirectoryFile(flags), device_(device) {}

  Outcome<FileStatus> status() override { return root_status(device_); }

 protected:
  Outcome<bool> next_child(uint64_t& position, DirectoryEntry& to) override {
    while (position < std::size(names)) {
      const Name& entry = names[position++];
      if (const auto found = status_of(entry, device_); found.ok()) {
        to.set(entry.name, found.value().inode, found.value().mode);
        return true;
      }
    }
    return false;
  }

 private:
  uint64_t device_;
};

class DevScheme final : public Scheme {
 public:
  DevScheme() : Scheme("dev") {}

  Outcome<FileStatus> status(Text rest) override {
    if (rest.empty()) {
      return root_status(device());
    }
    const Name* entry = find_name(rest);
    return entry == nullptr ? Outcome<FileStatus>(Errno::no_entry) : status_of(*entry, device());
  }
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    if (rest.empty()) {
      return make_ref<DevDirectory>(device(), request.flags);
    }
    const Name* entry = find_name(rest);
    const Ref<Scheme> scheme = entry == nullptr ? Ref<Scheme>() : find_scheme(entry->scheme);
    return scheme ? scheme->open(entry->rest, request) : Outcome<Ref<File>>(Errno::no_entry);
  }
  Outcome<size_t> read_link(Text rest, char* target, size_t capacity) override {
    const Name* entry = find_name(rest);
    if (entry == nullptr || !entry->scheme.empty()) {
      return entry == nullptr ? Errno::no_entry : Errno::invalid;
    }
    return entry->rest.copy(target, capacity);
  }
};

}  // namespace

base::Result<Ref<Scheme>> make_dev_scheme() {
  return make_scheme<DevScheme>();
}

}  // namespace kernel
