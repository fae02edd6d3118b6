// DirectoryFile: an open directory: a position in a list of names. "." and ".." come first; the
// derived class lists the rest.
#pragma once

#include "kernel/fd/file.h"

namespace kernel {

class DirectoryFile : public File {
 public:
  // EISDIR.
  Outcome<uint64_t> read(Sink& sink) override;
  Outcome<uint64_t> read_at(Sink& sink, uint64_t position) override;
  // Positions are what list_position() and next_entry() gave.
  Outcome<uint64_t> seek(int64_t offset, Whence whence) override;
  Outcome<> sync() override { return {}; }

  Outcome<bool> next_entry(uint64_t& position, DirectoryEntry& entry) override;
  Outcome<uint64_t> list_position() override { return position_.load<base::Order::relaxed>(); }
  void set_list_position(uint64_t position) override {
    position_.store<base::Order::relaxed>(position);
  }

 protected:
  using File::File;

  // The next entry but "." and "..", as File::next_entry(). `position` starts at 0.
  virtual Outcome<bool> next_child(uint64_t& position, DirectoryEntry& entry) = 0;

 private:
  base::Atomic<uint64_t> position_{0};
};

}  // namespace kernel
