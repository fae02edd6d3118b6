#include "kernel/scheme/queue_file.h"

#include "kernel/fd/poll_table.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/scheme_waits.h"
#include "kernel/scheme/user_object.h"

namespace kernel {

namespace {

constexpr uint64_t known_start_flags = SCHEME_IS_TREE | SCHEME_IS_READ_ONLY;

bool is_valid(const scheme_answer& word) {
  return word.version == SCHEME_VERSION && word.reserved[0] == 0 && word.reserved[1] == 0;
}

Process& current_process() {
  return current_thread().process();
}

}  // namespace

QueueFile::~QueueFile() {
  queue_->end();
}

// False: nothing waits.
Outcome<bool> QueueFile::read_one(Sink& sink) {
  for (;;) {
    scheme_submission submission{};
    const Ref<QueueItem> item = queue_->take(submission.tag);
    if (!item) {
      return false;
    }
    const Outcome<> brought = item->deliver(current_process().space(), submission);
    if (!brought.ok()) {
      queue_->delivery_failed(*item);
      item->failed(brought.error());
      continue;
    }
    submission.version = SCHEME_VERSION;
    const auto* bytes = reinterpret_cast<const uint8_t*>(&submission);
    if (sink.put({bytes, sizeof(submission)}) != sizeof(submission)) {
      item->undeliver();
      queue_->not_delivered(*item);
      return Errno::bad_address;
    }
    queue_->delivered(*item);
    return true;
  }
}

Outcome<uint64_t> QueueFile::read(Sink& sink) {
  if (!queue_->is_served_by(current_process().space())) {
    return Errno::not_permitted;
  }
  if (sink.remaining() < sizeof(scheme_submission)) {
    return Errno::invalid;
  }
  note_scheme_server(*queue_, current_process());
  uint64_t done = 0;
  while (sink.remaining() >= sizeof(scheme_submission)) {
    const auto read = read_one(sink);
    if (!read.ok()) {
      return done != 0 ? Outcome<uint64_t>(done) : Outcome<uint64_t>(read.error());
    }
    if (read.value()) {
      done += sizeof(scheme_submission);
      continue;
    }
    if (done != 0) {
      break;
    }
    UserObject::sweep();
    if (queue_->has_waiting()) {
      continue;
    }
    if (is_nonblocking()) {
      return Errno::again;
    }
    if (wait_until(queue_->readable(), WaitKind::interruptible, Deadline::never(),
                   [this] { return queue_->has_waiting(); }) != WaitResult::ready) {
      return Errno::restart;
    }
  }
  return done;
}

// Nobody maps the node: nothing is to be done.
Outcome<> QueueFile::take_page_notice(const scheme_answer& notice) {
  vm::ObjectRef held;
  UserObject* object = UserObject::find(*queue_, notice.value[0], held);
  if (notice.kind == SCHEME_RESIZED) {
    if (notice.value[1] > UserObject::largest_file) {
      return Errno::invalid;
    }
    if (object != nullptr) {
      object->set_size(notice.value[1]);
    }
    return {};
  }
  if (notice.value[1] % base::page_size != 0 || notice.value[2] % base::page_size != 0 ||
      notice.value[1] > UserObject::largest_file) {
    return Errno::invalid;
  }
  if (object != nullptr) {
    object->drop(notice.value[1], notice.value[2]);
  }
  return {};
}

Outcome<> QueueFile::take_notice(const scheme_answer& notice) {
  if (notice.tag != 0 || notice.flags != 0) {
    return Errno::invalid;
  }
  switch (notice.kind) {
    case SCHEME_START:
      if ((uint64_t(notice.result) & ~known_start_flags) != 0) {
        return Errno::invalid;
      }
      BASE_TRY(queue_->start(current_process().space_ref(), uint64_t(notice.result)));
      note_scheme_server(*queue_, current_process());
      return {};
    case SCHEME_EVENTS: return queue_->tell_events(notice.value[0], uint32_t(notice.value[1]));
    case SCHEME_RESIZED:
    case SCHEME_STALE: return take_page_notice(notice);
    default: return Errno::invalid;
  }
}

Outcome<> QueueFile::take_word(const scheme_answer& word) {
  if (!is_valid(word)) {
    return Errno::invalid;
  }
  if (word.kind != SCHEME_START && !queue_->is_served_by(current_process().space())) {
    return Errno::not_permitted;
  }
  if (word.kind != SCHEME_ANSWER) {
    return take_notice(word);
  }
  const Ref<QueueItem> item = queue_->take_answered(word.tag);
  return item ? item->answered(word) : Outcome<>(Errno::invalid);
}

Outcome<uint64_t> QueueFile::write(Source& source) {
  uint64_t done = 0;
  if (source.remaining() < sizeof(scheme_answer)) {
    return Errno::invalid;
  }
  while (source.remaining() >= sizeof(scheme_answer)) {
    scheme_answer word;
    const size_t got = source.get({reinterpret_cast<uint8_t*>(&word), sizeof(word)});
    const Outcome<> taken = got == sizeof(word) ? take_word(word) : Outcome<>(Errno::bad_address);
    if (!taken.ok()) {
      return done != 0 ? Outcome<uint64_t>(done) : Outcome<uint64_t>(taken.error());
    }
    done += sizeof(word);
  }
  return done;
}

uint32_t QueueFile::poll(PollTable* table) {
  if (table != nullptr) {
    table->add(queue_->readable());
  }
  return poll_event::writable | (queue_->has_waiting() ? poll_event::readable : 0);
}

Outcome<FileStatus> QueueFile::status() {
  FileStatus status;
  status.mode = mode_character | 0600;
  return status;
}

}  // namespace kernel
