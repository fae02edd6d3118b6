// UserFile: an open file of a user scheme. Positions are kept here; everything else is asked of the
// daemon, by the number that it gave the file.
//
// Who uses the position has a turn, waited for killably: the daemon may never answer.
#pragma once

#include "kernel/fd/file.h"
#include "kernel/scheme/user_call.h"

namespace kernel {

class UserObject;

class UserFile : public File {
 public:
  // What the daemon says of a file that it opened.
  struct Opened {
    uint64_t number = 0;
    uint64_t flags = 0;  // SCHEME_FILE_*
    uint64_t node = 0;
  };

  // A file that is not open yet, with all the memory that opening takes. ENOMEM.
  [[nodiscard]] static Outcome<Ref<UserFile>> prepare(UserQueue& queue, uint64_t device,
                                                      uint32_t flags);
  UserFile(UserQueue& queue, uint64_t device, uint32_t flags, Ref<QueueNote> close)
      : File(flags),
        queue_(Ref<UserQueue>::share(queue)),
        close_(base::move(close)),
        device_(device) {}
  ~UserFile() override;

  // `call` is SCHEME_OPEN or SCHEME_DUP: performs it. The file, or the one that the daemon passed.
  [[nodiscard]] static Outcome<Ref<File>> open(Ref<UserFile> file, UserCall& call);

  [[nodiscard]] uint64_t number() const { return opened_.number; }
  void add_events(uint32_t events) {
    events_.fetch_or<base::Order::acquire_release>(events);
    events_changed_.wake_all();
  }
  UserFile* next_poller = nullptr;  // the queue's

  Outcome<uint64_t> read(Sink& sink) override;
  Outcome<uint64_t> write(Source& source) override;
  Outcome<uint64_t> read_at(Sink& sink, uint64_t position) override;
  Outcome<uint64_t> write_at(Source& source, uint64_t position) override;
  Outcome<uint64_t> seek(int64_t offset, Whence whence) override;
  Outcome<bool> next_entry(uint64_t& position, DirectoryEntry& entry) override;
  Outcome<uint64_t> list_position() override;
  void set_list_position(uint64_t position) override;
  Outcome<FileStatus> status() override;
  uint32_t poll(PollTable* table) override;
  Outcome<> prepare_poll(uint32_t wanted) override;
  CallResult ioctl(uint32_t request, uint64_t argument) override;
  CallResult control(int32_t command, uint64_t argument) override;
  Outcome<Ref<File>> dup_named(Text name, uint32_t flags) override;
  Outcome<FileMapping> map(const MapRequest& request) override;
  Outcome<> set_size(uint64_t size) override;
  Outcome<> sync() override;
  Outcome<> set_attributes(const AttributeChange& change) override;

 private:
  // Names read ahead of a directory.
  struct EntryBatch {
    uint64_t position = 0;  // the daemon's, of the entry at `at`
    size_t at = 0;
    size_t size = 0;
    uint8_t bytes[SCHEME_SHORT];
  };
  class Turn;

  [[nodiscard]] bool is_stream() const { return (opened_.flags & SCHEME_FILE_STREAM) != 0; }
  [[nodiscard]] bool is_directory() const { return (opened_.flags & SCHEME_FILE_DIRECTORY) != 0; }
  [[nodiscard]] bool polls() const { return (opened_.flags & SCHEME_FILE_POLLS) != 0; }
  [[nodiscard]] Outcome<Ref<UserCall>> make_call(uint32_t opcode) const {
    return UserCall::make(*queue_, opcode, opened_.number);
  }
  // Its pages, if anybody maps it; `held` keeps them.
  [[nodiscard]] UserObject* pages(vm::ObjectRef& held) const;
  // One call's worth, at most `limit` bytes. The bytes moved.
  [[nodiscard]] Outcome<uint64_t> read_some(Sink& sink, uint64_t position,
                                            uint64_t limit = SCHEME_LONGEST);
  // Of a mapped file, up to the end of a page.
  [[nodiscard]] Outcome<uint64_t> read_mapped(UserObject& object, Sink& sink, uint64_t position,
                                              uint64_t& wanted);
  void tell_mappers(const UserCall& call, uint64_t position, uint64_t size) const;
  // `end`: the position after it.
  [[nodiscard]] Outcome<uint64_t> write_some(Source& source, uint64_t position, uint64_t& end);
  [[nodiscard]] Outcome<uint64_t> write_all(Source& source, uint64_t position, uint64_t& end);
  [[nodiscard]] Outcome<> fetch_entries(uint64_t position);

  const Ref<UserQueue> queue_;
  Ref<QueueNote> close_;
  const uint64_t device_;
  Opened opened_;
  bool is_open_ = false;

  base::Atomic<uint32_t> turn_{0};
  WaitQueue turn_free_;
  uint64_t position_ = 0;      // whose turn it is
  Owned<EntryBatch> entries_;  // the same
  base::Atomic<uint64_t> list_position_{0};

  base::Atomic<uint32_t> events_{0};
  WaitQueue events_changed_;
};

// The daemon's words. EIO: they make no sense.
[[nodiscard]] Outcome<FileStatus> to_file_status(const scheme_status& status, uint64_t device);

}  // namespace kernel
