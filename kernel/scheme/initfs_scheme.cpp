// initfs_scheme.cpp: `initfs:` (/): the initial file system's files and directories.
#include "kernel/fd/directory_file.h"
#include "kernel/fd/initfs.h"
#include "kernel/fd/seekable_file.h"
#include "kernel/memory/file_object.h"
#include "kernel/scheme/device_scheme.h"
#include "kernel/scheme/kernel_schemes.h"

namespace kernel {

namespace {

constexpr uint64_t ns_per_second = 1'000'000'000;
constexpr uint64_t block_size = 512;

FileStatus status_of(const InitfsEntry& entry, uint64_t device) {
  FileStatus status;
  status.device = device;
  status.inode = entry.inode;
  status.mode = entry.mode;
  status.links = entry.links;
  status.size = entry.contents.size();
  status.blocks = (entry.contents.size() + block_size - 1) / block_size;
  status.accessed_ns = status.modified_ns = status.changed_ns = entry.modified * ns_per_second;
  return status;
}

class InitfsFile final : public SeekableFile {
 public:
  InitfsFile(const InitfsEntry& entry, uint64_t device, uint32_t flags)
      : SeekableFile(flags), entry_(entry), device_(device) {}

  Outcome<FileStatus> status() override { return status_of(entry_, device_); }
  Outcome<uint64_t> read_at(Sink& sink, uint64_t position) override {
    if (position >= entry_.contents.size()) {
      return uint64_t(0);
    }
    (void)sink.put(entry_.contents.subspan(position));
    return moved_or_fault(sink);
  }
  Outcome<> sync() override { return {}; }
  std::span<const uint8_t> constant_bytes() const override { return entry_.contents; }
  Outcome<FileMapping> map(const MapRequest& request) override {
    BASE_TRY_ASSIGN(vm::ObjectRef object, file_object(entry_.contents));
    return FileMapping{base::move(object), vm::ObjectPage(request.offset >> base::page_shift)};
  }

 protected:
  uint64_t size() const override { return entry_.contents.size(); }

 private:
  const InitfsEntry& entry_;
  uint64_t device_;
};

class InitfsDirectory final : public DirectoryFile {
 public:
  InitfsDirectory(const InitfsEntry& entry, uint64_t device, uint32_t flags)
      : DirectoryFile(flags), entry_(entry), device_(device) {}

  Outcome<FileStatus> status() override { return status_of(entry_, device_); }

 protected:
  Outcome<bool> next_child(uint64_t& position, DirectoryEntry& to) override {
    const InitfsEntry* child = initfs().next_child(entry_.name, position);
    if (child == nullptr) {
      return false;
    }
    to.set(child->name.substr(child->name.rfind('/') + 1), child->inode, child->mode);
    return true;
  }

 private:
  const InitfsEntry& entry_;
  uint64_t device_;
};

class InitfsScheme final : public Scheme {
 public:
  InitfsScheme() : Scheme("initfs") {}

  Outcome<FileStatus> status(Text rest) override {
    const InitfsEntry* entry = initfs().find(rest);
    return entry == nullptr ? Outcome<FileStatus>(Errno::no_entry)
                            : Outcome<FileStatus>(status_of(*entry, device()));
  }
  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    const InitfsEntry* entry = initfs().find(rest);
    if (entry == nullptr) {
      return Errno::no_entry;
    }
    switch (entry->mode & mode_type) {
      case mode_directory: return make_ref<InitfsDirectory>(*entry, device(), request.flags);
      case mode_regular: return make_ref<InitfsFile>(*entry, device(), request.flags);
      default: return Errno::no_such_address;  // a device nobody serves
    }
  }
  Outcome<size_t> read_link(Text rest, char* target, size_t capacity) override {
    const InitfsEntry* entry = initfs().find(rest);
    if (entry == nullptr || (entry->mode & mode_type) != mode_link) {
      return entry == nullptr ? Errno::no_entry : Errno::invalid;
    }
    const Text text(reinterpret_cast<const char*>(entry->contents.data()), entry->contents.size());
    return text.copy(target, capacity);
  }
  Outcome<Usage> usage() override { return Usage{0x8584'58f6, 0, 0}; }  // ramfs
};

}  // namespace

base::Result<Ref<Scheme>> make_initfs_scheme() {
  return make_scheme<InitfsScheme>();
}

}  // namespace kernel
