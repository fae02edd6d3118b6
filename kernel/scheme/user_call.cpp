#include "kernel/scheme/user_call.h"

#include <cstring>

#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/scheme/scheme_waits.h"

namespace kernel {

namespace {

constexpr int64_t most_errno = 4095;

UserQueue::SlotUse slot_use(uint32_t opcode) {
  return opcode == SCHEME_READ || opcode == SCHEME_POLL ? UserQueue::SlotUse::may_wait
                                                        : UserQueue::SlotUse::any;
}

// The most that an answer may say.
uint64_t most_result(const scheme_submission& call) {
  switch (call.opcode) {
    case SCHEME_READ:
    case SCHEME_WRITE:
    case SCHEME_READDIR: return call.size;
    case SCHEME_READLINK: return SCHEME_SHORT - 1;
    default: return uint64_t(INT64_MAX);
  }
}

}  // namespace

UserCall::UserCall(UserQueue& queue, uint32_t opcode, uint64_t file)
    : queue_(Ref<UserQueue>::share(queue)) {
  submission_.opcode = opcode;
  submission_.file = file;
  Thread& thread = current_thread();
  Process& process = thread.process();
  submission_.caller.process = process.id();
  submission_.caller.thread = thread.id();
  const base::Guard guard(process_lock);
  submission_.caller.user = process.credentials.user.effective;
  submission_.caller.group = process.credentials.group.effective;
}

UserCall::~UserCall() {
  if (slot_ != UserQueue::slot_count) {
    slot_page_ = base::Optional<HeldPage>();
    queue_->free_slot(slot_);
  }
}

Outcome<Ref<UserCall>> UserCall::make(UserQueue& queue, uint32_t opcode, uint64_t file) {
  if (!queue.is_started() || queue.is_dead()) {
    return Errno::no_device;
  }
  BASE_TRY_ASSIGN(Ref<UserCall> call, make_ref<UserCall>(queue, opcode, file));
  if (!queue.try_slot(slot_use(opcode), call->slot_)) {
    BASE_TRY_ASSIGN(call->slot_, queue.take_slot(slot_use(opcode)));
  }
  return call->slot_ == UserQueue::slot_count ? Outcome<Ref<UserCall>>(Errno::no_device)
                                              : Outcome<Ref<UserCall>>(base::move(call));
}

// ---- Buffers

Outcome<std::span<uint8_t>> UserCall::use_short(size_t size) {
  if (!slot_page_) {
    BASE_TRY_ASSIGN(HeldPage page, queue_->slot_page(slot_));
    memset(page.bytes(), 0, base::page_size);
    slot_page_ = base::Optional<HeldPage>(base::move(page));
  }
  submission_.buffer = queue_->slot_address(slot_);
  submission_.size = size;
  return std::span(slot_page_->bytes(), size);
}

Outcome<> UserCall::use_text(Text text) {
  if (text.size() >= SCHEME_SHORT) {
    return Errno::name_too_long;
  }
  BASE_TRY_ASSIGN(const auto buffer, use_short(text.size()));
  text.copy(reinterpret_cast<char*>(buffer.data()), text.size());
  return {};
}

Outcome<> UserCall::use_texts(Text first, Text second) {
  if (first.size() + second.size() + 2 > SCHEME_SHORT) {
    return Errno::name_too_long;
  }
  BASE_TRY_ASSIGN(const auto buffer, use_short(first.size() + 1 + second.size()));
  first.copy(reinterpret_cast<char*>(buffer.data()), first.size());
  second.copy(reinterpret_cast<char*>(buffer.data()) + first.size() + 1, second.size());
  submission_.value[0] = first.size();
  return {};
}

void UserCall::use_long(Owned<CallBuffer> buffer) {
  submission_.size = buffer->size();
  long_ = base::move(buffer);
}

void UserCall::read_short(void* to, size_t size) const {
  memcpy(to, slot_page_->bytes(), size);
}

// ---- The caller

bool UserCall::abandon() {
  auto pending = uint32_t(State::pending);
  return state_.compare_exchange(pending, uint32_t(State::abandoned));
}

// The daemon could never answer. It may have the call: then it is told, and what it answers yet is
// for a tag that nobody has.
Outcome<> UserCall::take_back() {
  queue_->cancel(*this);
  if (queue_->withdraw(*this)) {
    return Errno::would_deadlock;
  }
  if (queue_->revoke(*this)) {
    unmap_elsewhere();
    return Errno::would_deadlock;
  }
  // Somebody just now reads or answers it.
  const WaitResult waited =
      wait_until(done_, WaitKind::killable, Deadline::never(), [this] { return is_over(); });
  return waited == WaitResult::ready || !abandon() ? Outcome<>() : Outcome<>(Errno::interrupted);
}

Outcome<> UserCall::wait() {
  const auto over = [this] { return is_over(); };
  SchemeWait waiting(*queue_, over);
  const auto ends = [&] { return is_over() || waiting.is_hopeless(); };
  WaitResult waited = wait_until(done_, WaitKind::interruptible, Deadline::never(), ends);
  if (waited == WaitResult::ready) {
    return is_over() ? Outcome<>() : take_back();
  }
  const bool killed = current_thread().has_attention(Attention::kill);
  if (queue_->withdraw(*this)) {
    return killed ? Errno::interrupted : Errno::restart;
  }
  cancelled_ = true;
  queue_->cancel(*this);
  if (!killed) {
    waited = wait_until(done_, WaitKind::killable, Deadline::never(), ends);
    if (waited == WaitResult::ready && !is_over()) {
      return take_back();
    }
  }
  return waited == WaitResult::ready || !abandon() ? Outcome<>() : Outcome<>(Errno::interrupted);
}

Outcome<uint64_t> UserCall::perform() {
  BASE_TRY(queue_->submit(Ref<UserCall>::share(*this)));
  BASE_TRY(wait());
  if (answer_.result >= 0) {
    return uint64_t(answer_.result);
  }
  const auto error = Errno(-answer_.result);
  return error == Errno::interrupted && cancelled_ ? Errno::restart : error;
}

// ---- The daemon

bool UserCall::is_open() const {
  return submission_.opcode == SCHEME_OPEN || submission_.opcode == SCHEME_DUP;
}

Outcome<> UserCall::deliver(UserSpace& space, scheme_submission& to) {
  const uint64_t tag = to.tag;
  to = submission_;
  to.tag = tag;
  if (passed_) {
    Process& process = current_thread().process();
    BASE_TRY_ASSIGN(const uint32_t number,
                    process.files().add(passed_, CloseOnExec::yes, FileTable::max_files));
    to.value[0] = passed_as_ = number;
  }
  if (long_) {
    BASE_TRY_ASSIGN(to.buffer, long_->map(space));
  }
  return {};
}

void UserCall::unmap() {
  if (long_) {
    long_->unmap(current_thread().process().space());
  }
}

// From the daemon's memory, which is not the current one.
void UserCall::unmap_elsewhere() {
  if (const Ref<UserSpace> space = long_ ? queue_->space() : Ref<UserSpace>()) {
    long_->unmap(*space);
  }
}

void UserCall::undeliver() {
  unmap();
  if (passed_) {
    (void)current_thread().process().files().remove(passed_as_);
  }
}

Outcome<> UserCall::accept(const scheme_answer& answer) {
  if (answer.result < -most_errno ||
      (answer.result >= 0 && uint64_t(answer.result) > most_result(submission_))) {
    return Errno::invalid;
  }
  if ((answer.flags & ~SCHEME_PASSED) != 0 || ((answer.flags & SCHEME_PASSED) && !is_open())) {
    return Errno::invalid;
  }
  if ((answer.flags & SCHEME_PASSED) && answer.result >= 0) {
    given_ = current_thread().process().files().find(uint64_t(answer.result));
    if (!given_ || !given_->may_be_passed()) {
      given_.reset();
      return Errno::invalid;
    }
  }
  return {};
}

Outcome<> UserCall::answered(const scheme_answer& answer) {
  unmap();
  const Outcome<> accepted = accept(answer);
  if (accepted.ok()) {
    end(answer);
  } else {
    failed(Errno::io);
  }
  return accepted;
}

void UserCall::failed(Errno error) {
  if (queue_->is_dead()) {
    unmap_elsewhere();
  }
  scheme_answer answer{};
  answer.result = -int64_t(error);
  end(answer);
}

void UserCall::end(const scheme_answer& answer) {
  if (state_.load<base::Order::acquire>() == uint32_t(State::over)) {
    return;
  }
  answer_ = answer;
  auto pending = uint32_t(State::pending);
  if (state_.compare_exchange(pending, uint32_t(State::over))) {
    done_.wake_all();
    return;
  }
  // Nobody waits any more: what was opened is closed.
  given_.reset();
  if (is_open() && close_ && answer.result >= 0 && !(answer.flags & SCHEME_PASSED)) {
    close_->set_file(uint64_t(answer.result));
    (void)queue_->submit(base::move(close_));
  }
}

}  // namespace kernel
