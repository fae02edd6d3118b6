// text_file.h: files whose contents the kernel writes when they are read: /proc, /scheme/sys.
#pragma once

#include "kernel/fd/seekable_file.h"
#include "kernel/host/text.h"

namespace kernel {

// Text that grows in the heap, up to max_size; what does not fit any more is dropped from the first
// line that does not fit whole. Not locked.
class TextBuilder {
 public:
  static constexpr size_t max_size = 1u << 20;

  TextBuilder() = default;
  TextBuilder(const TextBuilder&) = delete;
  TextBuilder& operator=(const TextBuilder&) = delete;
  ~TextBuilder();

  void put(Text text);
  // log/format.h's conversions; up to 1023 characters.
  void print(const char* format, ...) __attribute__((format(printf, 2, 3)));

  [[nodiscard]] Text text() const { return {buffer_, size_}; }
  void clear() { size_ = 0; }
  // Memory ran out: the text is not whole.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  [[nodiscard]] bool grow(size_t size);

  char* buffer_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool failed_ = false;
  bool full_ = false;
};

// Read from the start, the text is made anew; further on it is what was made last. stat() shows a
// size of 0, as Linux's /proc does.
class TextFile : public SeekableFile {
 public:
  TextFile(const FileStatus& status, uint32_t flags) : SeekableFile(flags), status_(status) {}

  Outcome<FileStatus> status() override { return status_; }
  // ENOMEM; what make() says.
  Outcome<uint64_t> read_at(Sink& sink, uint64_t position) override;

 protected:
  [[nodiscard]] uint64_t size() const override { return 0; }
  // Writes the whole text. May block.
  virtual Outcome<> make(TextBuilder& text) = 0;

 private:
  FileStatus status_;
  Mutex lock_;
  TextBuilder text_ BASE_GUARDED_BY(lock_);
};

}  // namespace kernel
