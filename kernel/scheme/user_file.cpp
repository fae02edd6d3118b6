#include "kernel/scheme/user_file.h"

#include <cstring>

#include "kernel/fd/poll_table.h"
#include "kernel/fd/seekable_file.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/scheme_waits.h"
#include "kernel/scheme/user_attributes.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

namespace {

constexpr uint64_t dots = 2;  // "." and "..": positions 0 and 1

UserSpace& current_space() {
  return current_thread().process().space();
}

template <typename T>
Outcome<uint64_t> moved_or(const T& transfer, uint64_t moved, Errno error) {
  return moved != 0 ? Outcome<uint64_t>(moved)
                    : Outcome<uint64_t>(transfer.faulted() ? Errno::bad_address : error);
}

}  // namespace

Outcome<FileStatus> to_file_status(const scheme_status& status, uint64_t device) {
  FileStatus to;
  to.device = device;
  to.inode = status.inode;
  to.mode = status.mode;
  to.links = status.links;
  to.user = status.user;
  to.group = status.group;
  to.special_device = status.device;
  to.size = status.size;
  to.blocks = status.blocks;
  to.accessed_ns = status.accessed_ns;
  to.modified_ns = status.modified_ns;
  to.changed_ns = status.changed_ns;
  const bool plausible = (status.mode & ~(mode_type | 07777u)) == 0 && int64_t(status.size) >= 0;
  return plausible ? Outcome<FileStatus>(to) : Outcome<FileStatus>(Errno::io);
}

// ---- Opening and closing

// The turn of one reader, writer or lister.
class UserFile::Turn {
 public:
  explicit Turn(UserFile& file) : file_(file), taken_(try_take()) {
    if (!taken_) {
      wait();
    }
  }
  ~Turn() {
    if (taken_) {
      file_.turn_.store<base::Order::sequential>(0);
      file_.turn_free_.wake_one();
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  // EINTR: the thread has to end; EDEADLK: it will never be its turn.
  [[nodiscard]] Outcome<> check() const { return taken_ ? Outcome<>() : Outcome<>(error_); }

 private:
  [[nodiscard]] bool try_take() { return file_.turn_.exchange<base::Order::acquire>(1) == 0; }
  // Whoever has the turn waits for the daemon.
  void wait() {
    const auto free = [this] { return file_.turn_.load<base::Order::acquire>() == 0; };
    SchemeWait waiting(*file_.queue_, free);
    const WaitResult waited =
        wait_until(file_.turn_free_, WaitKind::killable, Deadline::never(), [&] {
          taken_ = try_take();
          return taken_ || waiting.is_hopeless();
        });
    error_ = waited == WaitResult::ready ? Errno::would_deadlock : Errno::interrupted;
  }

  UserFile& file_;
  bool taken_;
  Errno error_ = Errno::interrupted;
};

Outcome<Ref<UserFile>> UserFile::prepare(UserQueue& queue, uint64_t device, uint32_t flags) {
  BASE_TRY_ASSIGN(Ref<QueueNote> close, make_ref<QueueNote>(SCHEME_CLOSE, uint64_t(0)));
  return make_ref<UserFile>(queue, device, flags, base::move(close));
}

UserFile::~UserFile() {
  if (is_open_) {
    if (polls()) {
      queue_->remove_poller(*this);
    }
    close_->set_file(opened_.number);
    (void)queue_->submit(base::move(close_));
  }
}

Outcome<Ref<File>> UserFile::open(Ref<UserFile> file, UserCall& call) {
  call.close_if_abandoned(file->close_);
  BASE_TRY_ASSIGN(const uint64_t number, call.perform());
  if (Ref<File> given = call.take_given()) {
    return given;
  }
  file->opened_ = {number, call.answer_value(0), call.answer_value(1)};
  file->is_open_ = true;
  if (file->opened_.node != 0 && (call.open_flags() & open_flag::truncate)) {
    vm::ObjectRef held;
    if (UserObject* object = file->pages(held)) {
      object->set_size(0);
    }
  }
  if (file->polls()) {
    file->queue_->add_poller(*file);
  }
  return Ref<File>(base::move(file));
}

Outcome<Ref<File>> UserFile::dup_named(Text name, uint32_t flags) {
  BASE_TRY_ASSIGN(Ref<UserFile> file, prepare(*queue_, device_,
                                              (this->flags() & open_flag::access_mode) |
                                                  (flags & open_flag::nonblock)));
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_DUP));
  BASE_TRY(call->use_text(name));
  call->value(0) = flags;
  return open(base::move(file), *call);
}

// ---- Bytes

UserObject* UserFile::pages(vm::ObjectRef& held) const {
  return opened_.node == 0 ? nullptr : UserObject::find(*queue_, opened_.node, held);
}

Outcome<uint64_t> UserFile::read_mapped(UserObject& object, Sink& sink, uint64_t position,
                                        uint64_t& wanted) {
  const uint64_t in_page = base::page_size - position % base::page_size;
  const uint64_t size = object.size();
  wanted = base::min(sink.remaining(), in_page);
  if (position >= size) {
    return uint64_t(0);
  }
  BASE_TRY_ASSIGN(const auto page,
                  hold_page(object.pages(), vm::ObjectPage(position >> base::page_shift)));
  return page ? Outcome<uint64_t>(sink.put({page->bytes() + position % base::page_size,
                                            size_t(base::min(wanted, size - position))}))
              : read_some(sink, position, wanted);
}

Outcome<uint64_t> UserFile::read_some(Sink& sink, uint64_t position, uint64_t limit) {
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_READ));
  call->value(0) = position;
  call->value(1) = flags();
  const Segment piece = sink.next_user_piece();
  if (base::min(piece.size, limit) <= SCHEME_SHORT) {
    BASE_TRY(call->use_short(
        base::min<uint64_t>(sink.remaining(), base::min<uint64_t>(limit, SCHEME_SHORT))));
    BASE_TRY_ASSIGN(const uint64_t got, call->perform());
    return sink.put({call->short_bytes(), size_t(got)});
  }
  BASE_TRY_ASSIGN(Owned<CallBuffer> buffer,
                  CallBuffer::prepare(current_space(), piece.base,
                                      base::min<uint64_t>(piece.size, SCHEME_LONGEST),
                                      CallBuffer::Direction::to_caller));
  call->use_long(base::move(buffer));
  const Outcome<uint64_t> got = call->perform();
  if (!got.ok() && got.error() == Errno::interrupted) {
    return got.error();  // the daemon may have the buffer still
  }
  BASE_TRY(call->long_buffer()->finish(current_space(), got.ok() ? got.value() : 0));
  if (got.ok()) {
    sink.skip(got.value());
  }
  return got.ok() ? Outcome<uint64_t>(got.value()) : Outcome<uint64_t>(got.error());
}

// What was written is what mappings show.
void UserFile::tell_mappers(const UserCall& call, uint64_t position, uint64_t size) const {
  vm::ObjectRef held;
  UserObject* object = pages(held);
  if (object == nullptr) {
    return;
  }
  if (call.long_buffer() != nullptr) {
    // Mapped since the call began: rare enough to ask for all of it again.
    const uint64_t start = base::align_down(position, base::page_size);
    object->set_size(base::max(object->size(), position + size));
    object->drop(start, base::align_up(position + size, base::page_size) - start);
    return;
  }
  const std::span<const uint8_t> bytes(call.short_bytes(), size);
  for (uint64_t done = 0; done < size;) {
    const uint64_t at = position + done;
    const uint64_t count = base::min(size - done, base::page_size - at % base::page_size);
    object->wrote(at, bytes.subspan(done, count));
    done += count;
  }
}

Outcome<uint64_t> UserFile::write_some(Source& source, uint64_t position, uint64_t& end) {
  vm::ObjectRef held;
  const bool mapped = pages(held) != nullptr;
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_WRITE));
  call->value(0) = position;
  call->value(1) = flags();
  const Segment piece = source.next_user_piece();
  uint64_t put = 0;
  if (piece.size <= SCHEME_SHORT || mapped) {
    BASE_TRY_ASSIGN(const auto buffer,
                    call->use_short(base::min<uint64_t>(source.remaining(), SCHEME_SHORT)));
    const size_t got = source.get(buffer);
    if (got < buffer.size()) {
      if (got == 0) {
        return Errno::bad_address;
      }
      BASE_TRY(call->use_short(got));
    }
    BASE_TRY_ASSIGN(put, call->perform());
  } else {
    BASE_TRY_ASSIGN(Owned<CallBuffer> buffer,
                    CallBuffer::prepare(current_space(), piece.base,
                                        base::min<uint64_t>(piece.size, SCHEME_LONGEST),
                                        CallBuffer::Direction::to_daemon));
    call->use_long(base::move(buffer));
    const Outcome<uint64_t> done = call->perform();
    if (!done.ok() && done.error() == Errno::interrupted) {
      return done.error();
    }
    BASE_TRY(call->long_buffer()->finish(current_space(), 0));
    if (!done.ok()) {
      return done.error();
    }
    put = done.value();
    source.skip(put);
  }
  end = position == SCHEME_AT_END ? call->answer_value(0) : position + put;
  if (put != 0 && end >= put && end <= UserObject::largest_file) {
    tell_mappers(*call, end - put, put);
  }
  return put;
}

Outcome<uint64_t> UserFile::read_at(Sink& sink, uint64_t position) {
  if (is_stream()) {
    return Errno::illegal_seek;
  }
  if (is_directory()) {
    return Errno::is_directory;
  }
  uint64_t moved = 0;
  while (sink.remaining() != 0 && !sink.faulted()) {
    const uint64_t piece = sink.next_user_piece().size;
    vm::ObjectRef held;
    uint64_t wanted = base::min<uint64_t>(piece <= SCHEME_SHORT ? SCHEME_SHORT : SCHEME_LONGEST,
                                          piece <= SCHEME_SHORT ? sink.remaining() : piece);
    UserObject* object = pages(held);
    const auto got = object != nullptr ? read_mapped(*object, sink, position + moved, wanted)
                                       : read_some(sink, position + moved);
    if (!got.ok()) {
      return moved_or(sink, moved, got.error());
    }
    moved += got.value();
    if (got.value() < wanted) {
      break;
    }
  }
  return sink.faulted() && moved == 0 ? Outcome<uint64_t>(Errno::bad_address)
                                      : Outcome<uint64_t>(moved);
}

Outcome<uint64_t> UserFile::read(Sink& sink) {
  if (is_stream()) {
    if (sink.remaining() == 0) {
      return uint64_t(0);
    }
    BASE_TRY_ASSIGN(const uint64_t got, read_some(sink, SCHEME_NO_OFFSET));
    return got == 0 && sink.faulted() ? Outcome<uint64_t>(Errno::bad_address)
                                      : Outcome<uint64_t>(got);
  }
  const Turn turn(*this);
  BASE_TRY(turn.check());
  BASE_TRY_ASSIGN(const uint64_t moved, read_at(sink, position_));
  position_ += moved;
  return moved;
}

// Until all is written or a part is not. `end`: the position after what was.
Outcome<uint64_t> UserFile::write_all(Source& source, uint64_t position, uint64_t& end) {
  uint64_t moved = 0;
  while (source.remaining() != 0 && !source.faulted()) {
    const uint64_t before = source.remaining();
    const auto put = write_some(source, position, end);
    if (!put.ok()) {
      return moved_or(source, moved, put.error());
    }
    moved += put.value();
    position = position == SCHEME_AT_END ? position : end;
    if (put.value() == 0 || before - source.remaining() != put.value()) {
      break;
    }
  }
  return source.faulted() && moved == 0 ? Outcome<uint64_t>(Errno::bad_address)
                                        : Outcome<uint64_t>(moved);
}

Outcome<uint64_t> UserFile::write_at(Source& source, uint64_t position) {
  if (is_stream()) {
    return Errno::illegal_seek;
  }
  if (flags() & open_flag::append) {
    position = SCHEME_AT_END;  // as on Linux
  }
  uint64_t end = 0;
  return write_all(source, position, end);
}

Outcome<uint64_t> UserFile::write(Source& source) {
  if (is_stream()) {
    uint64_t end = 0;
    return source.remaining() == 0 ? Outcome<uint64_t>(uint64_t(0))
                                   : write_some(source, SCHEME_NO_OFFSET, end);
  }
  const Turn turn(*this);
  BASE_TRY(turn.check());
  const uint64_t position = flags() & open_flag::append ? SCHEME_AT_END : position_;
  uint64_t end = position_;
  BASE_TRY_ASSIGN(const uint64_t moved, write_all(source, position, end));
  position_ = end;
  return moved;
}

Outcome<uint64_t> UserFile::seek(int64_t offset, Whence whence) {
  if (is_stream()) {
    return Errno::illegal_seek;
  }
  const Turn turn(*this);
  BASE_TRY(turn.check());
  if (is_directory()) {
    if (whence != Whence::start && whence != Whence::current) {
      return Errno::invalid;
    }
    BASE_TRY_ASSIGN(const uint64_t target,
                    seek_target(list_position_.load<base::Order::relaxed>(), 0, offset, whence));
    set_list_position(target);
    return target;
  }
  uint64_t size = 0;
  if (whence != Whence::start && whence != Whence::current) {
    BASE_TRY_ASSIGN(const FileStatus status, this->status());
    size = status.size;
  }
  BASE_TRY_ASSIGN(uint64_t target, seek_target(position_, size, offset, whence));
  if (whence == Whence::data || whence == Whence::hole) {
    BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_SEEK));
    call->value(0) = uint64_t(offset);
    call->value(1) = uint64_t(whence);
    const auto found = call->perform();
    if (!found.ok() && found.error() != Errno::not_implemented) {
      return found.error();
    }
    target = found.ok() ? found.value() : target;
  }
  position_ = target;
  return target;
}

// ---- Directories

Outcome<uint64_t> UserFile::list_position() {
  return is_directory() ? Outcome<uint64_t>(list_position_.load<base::Order::relaxed>())
                        : Outcome<uint64_t>(Errno::not_directory);
}

void UserFile::set_list_position(uint64_t position) {
  list_position_.store<base::Order::relaxed>(position);
}

// Names from `position`, the daemon's, on.
Outcome<> UserFile::fetch_entries(uint64_t position) {
  if (!entries_) {
    BASE_TRY_ASSIGN(entries_, make_owned<EntryBatch>());
  }
  entries_->size = entries_->at = 0;
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_READDIR));
  BASE_TRY(call->use_short(SCHEME_SHORT));
  call->value(0) = position;
  BASE_TRY_ASSIGN(const uint64_t size, call->perform());
  call->read_short(entries_->bytes, size);
  entries_->size = size;
  entries_->position = position;
  return {};
}

Outcome<bool> UserFile::next_entry(uint64_t& position, DirectoryEntry& entry) {
  if (!is_directory()) {
    return Errno::not_directory;
  }
  if (position < dots) {
    BASE_TRY_ASSIGN(const FileStatus own, status());
    entry.set(position == 0 ? "." : "..", own.inode, mode_directory);
    ++position;
    return true;
  }
  const Turn turn(*this);
  BASE_TRY(turn.check());
  const uint64_t wanted = position - dots;
  if (!entries_ || entries_->at == entries_->size || entries_->position != wanted) {
    BASE_TRY(fetch_entries(wanted));
  }
  EntryBatch& batch = *entries_;
  if (batch.size == 0) {
    return false;
  }
  scheme_entry head;
  const size_t left = batch.size - batch.at;
  if (left < sizeof(head)) {
    return Errno::io;
  }
  memcpy(&head, batch.bytes + batch.at, sizeof(head));
  constexpr uint64_t most_position = uint64_t(1) << 62;
  if (head.record > left || head.record < sizeof(head) + head.size || head.size == 0 ||
      head.size > DirectoryEntry::max_name || head.next >= most_position) {
    return Errno::io;
  }
  entry.set({reinterpret_cast<const char*>(batch.bytes + batch.at + sizeof(head)), head.size},
            head.inode, head.mode);
  batch.at += head.record;
  batch.position = head.next;
  position = head.next + dots;
  return true;
}

// ---- Everything else

Outcome<FileStatus> UserFile::status() {
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_FSTAT));
  BASE_TRY(call->use_short(sizeof(scheme_status)));
  BASE_TRY(call->perform());
  scheme_status status;
  call->read_short(&status, sizeof(status));
  return to_file_status(status, device_);
}

uint32_t UserFile::poll(PollTable* table) {
  if (!polls()) {
    return File::poll(table);
  }
  if (table != nullptr) {
    table->add(events_changed_);
  }
  return events_.load<base::Order::acquire>();
}

Outcome<> UserFile::prepare_poll(uint32_t wanted) {
  if (!polls()) {
    return {};
  }
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_POLL));
  call->value(0) = wanted;
  events_.store<base::Order::release>(0);
  const auto events = call->perform();
  if (!events.ok() && (events.error() == Errno::restart || events.error() == Errno::interrupted)) {
    return events.error();
  }
  events_.fetch_or<base::Order::acquire_release>(events.ok() ? uint32_t(events.value())
                                                             : poll_event::error);
  return {};
}

CallResult UserFile::ioctl(uint32_t request, uint64_t argument) {
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_CONTROL));
  call->value(0) = request;
  call->value(1) = argument;
  return call->perform();
}

CallResult UserFile::control(int32_t command, uint64_t argument) {
  if (command != SCHEME_PASS_FD) {
    return Errno::invalid;
  }
  Ref<File> passed = current_thread().process().files().find(uint32_t(argument));
  if (!passed) {
    return Errno::bad_descriptor;
  }
  if (!passed->may_be_passed()) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_PASS));
  call->pass(base::move(passed));
  return call->perform();
}

Outcome<> UserFile::set_size(uint64_t size) {
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_FTRUNCATE));
  call->value(0) = size;
  BASE_TRY(call->perform());
  vm::ObjectRef held;
  if (UserObject* object = pages(held)) {
    object->set_size(size);
  }
  return {};
}

Outcome<FileMapping> UserFile::map(const MapRequest& request) {
  if (opened_.node == 0) {
    return Errno::no_device;
  }
  // The kernel has none when it loads the first program.
  const UserSpace* space = current_thread().process().space_or_null();
  if (space != nullptr && queue_->is_served_by(*space)) {
    return Errno::would_deadlock;  // its pages could not be asked for
  }
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_MMAP));
  call->value(0) = request.offset;
  call->value(1) = request.size;
  call->value(2) = (request.access.can_read() ? 1u : 0u) | (request.access.can_write() ? 2u : 0u) |
                   (request.access.can_execute() ? 4u : 0u);
  call->value(3) = request.shared ? 1 : 0;
  BASE_TRY_ASSIGN(const uint64_t size, call->perform());
  BASE_TRY_ASSIGN(vm::ObjectRef object, UserObject::find_or_make(*queue_, opened_.node, size));
  return FileMapping{base::move(object), vm::ObjectPage(request.offset >> base::page_shift)};
}

Outcome<> UserFile::sync() {
  vm::ObjectRef held;
  if (UserObject* object = pages(held)) {
    BASE_TRY(object->store());
  }
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_FSYNC));
  BASE_TRY(call->perform());
  return {};
}

Outcome<> UserFile::set_attributes(const AttributeChange& change) {
  BASE_TRY_ASSIGN(const Ref<UserCall> call, make_call(SCHEME_FSETATTR));
  put_attributes(*call, change);
  BASE_TRY(call->perform());
  return {};
}

}  // namespace kernel
