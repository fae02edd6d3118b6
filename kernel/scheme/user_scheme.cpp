#include "kernel/scheme/user_scheme.h"

#include <cstring>

#include "kernel/scheme/queue_file.h"
#include "kernel/scheme/registry.h"
#include "kernel/scheme/user_attributes.h"
#include "kernel/scheme/user_file.h"

namespace kernel {

namespace {

constexpr uint64_t user_scheme_magic = 0x6c76'6d01;

class UserScheme final : public Scheme {
 public:
  explicit UserScheme(Ref<UserQueue> queue) : Scheme(queue->name()), queue_(base::move(queue)) {}

  Walk walk() const override {
    return queue_->has_flag(SCHEME_IS_TREE) ? Walk::parts : Walk::whole;
  }
  bool is_read_only() const override { return queue_->has_flag(SCHEME_IS_READ_ONLY); }

  Outcome<FileStatus> status(Text rest) override {
    BASE_TRY_ASSIGN(const Ref<UserCall> call, path_call(SCHEME_STAT, rest));
    BASE_TRY(call->perform());
    scheme_status status;
    call->read_short(&status, sizeof(status));
    return to_file_status(status, device());
  }

  Outcome<Ref<File>> open(Text rest, const OpenRequest& request) override {
    BASE_TRY_ASSIGN(Ref<UserFile> file, UserFile::prepare(*queue_, device(), request.flags));
    BASE_TRY_ASSIGN(const Ref<UserCall> call, path_call(SCHEME_OPEN, rest));
    const bool creates = walk() == Walk::whole;
    call->value(0) =
        creates ? request.flags : request.flags & ~(open_flag::create | open_flag::exclusive);
    call->value(1) = request.mode;
    return UserFile::open(base::move(file), *call);
  }
  Outcome<Ref<File>> create(Text rest, const OpenRequest& request) override {
    BASE_TRY(check_writable());
    BASE_TRY_ASSIGN(Ref<UserFile> file, UserFile::prepare(*queue_, device(), request.flags));
    BASE_TRY_ASSIGN(const Ref<UserCall> call, path_call(SCHEME_OPEN, rest));
    call->value(0) = request.flags;
    call->value(1) = request.mode;
    return UserFile::open(base::move(file), *call);
  }

  Outcome<size_t> read_link(Text rest, char* target, size_t capacity) override {
    BASE_TRY_ASSIGN(const Ref<UserCall> call, path_call(SCHEME_READLINK, rest));
    BASE_TRY_ASSIGN(const uint64_t size, call->perform());
    const size_t count = base::min<size_t>(size, capacity);
    call->read_short(target, count);
    return count;
  }

  Outcome<> make_directory(Text rest, uint32_t mode) override {
    return change(SCHEME_MKDIR, rest, mode);
  }
  Outcome<> make_node(Text rest, uint32_t mode, uint64_t device) override {
    return change(SCHEME_MKNOD, rest, mode, device);
  }
  Outcome<> remove(Text rest, RemoveKind kind) override {
    return change(kind == RemoveKind::directory ? SCHEME_RMDIR : SCHEME_UNLINK, rest);
  }
  Outcome<> rename(Text from, Text to, uint32_t flags) override {
    return change_two(SCHEME_RENAME, from, to, flags);
  }
  Outcome<> link(Text existing, Text rest) override {
    return change_two(SCHEME_LINK, existing, rest, 0);
  }
  Outcome<> make_link(Text target, Text rest) override {
    return change_two(SCHEME_SYMLINK, target, rest, 0);
  }
  Outcome<> set_attributes(Text rest, const AttributeChange& change) override {
    BASE_TRY(check_writable());
    BASE_TRY_ASSIGN(const Ref<UserCall> call, path_call(SCHEME_SETATTR, rest));
    put_attributes(*call, change);
    BASE_TRY(call->perform());
    return {};
  }

  Outcome<Usage> usage() override {
    BASE_TRY_ASSIGN(const Ref<UserCall> call, UserCall::make(*queue_, SCHEME_STATFS, 0));
    const auto asked = call->perform();
    if (!asked.ok()) {
      return asked.error() == Errno::not_implemented
                 ? Outcome<Usage>(Usage{user_scheme_magic, 0, 0})
                 : Outcome<Usage>(asked.error());
    }
    const uint64_t magic = call->answer_value(2);
    return Usage{magic == 0 ? user_scheme_magic : magic, call->answer_value(0),
                 call->answer_value(1)};
  }

 private:
  [[nodiscard]] Outcome<> check_writable() const {
    return is_read_only() ? Outcome<>(Errno::read_only) : Outcome<>();
  }
  [[nodiscard]] Outcome<Ref<UserCall>> path_call(uint32_t opcode, Text path) const {
    BASE_TRY_ASSIGN(Ref<UserCall> call, UserCall::make(*queue_, opcode, 0));
    BASE_TRY(call->use_text(path));
    return call;
  }
  [[nodiscard]] Outcome<> change(uint32_t opcode, Text rest, uint64_t first = 0,
                                 uint64_t second = 0) {
    BASE_TRY(check_writable());
    BASE_TRY_ASSIGN(const Ref<UserCall> call, path_call(opcode, rest));
    call->value(0) = first;
    call->value(1) = second;
    BASE_TRY(call->perform());
    return {};
  }
  [[nodiscard]] Outcome<> change_two(uint32_t opcode, Text first, Text second, uint64_t flags) {
    BASE_TRY(check_writable());
    BASE_TRY_ASSIGN(const Ref<UserCall> call, UserCall::make(*queue_, opcode, 0));
    BASE_TRY(call->use_texts(first, second));
    call->value(1) = flags;
    BASE_TRY(call->perform());
    return {};
  }

  const Ref<UserQueue> queue_;
};

bool is_name(Text name) {
  return !name.empty() && name.size() <= Scheme::max_name &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == Text::npos &&
         name[0] != '.';
}

}  // namespace

Outcome<Ref<File>> register_user_scheme(Text name, uint32_t flags) {
  if (!is_name(name)) {
    return Errno::invalid;
  }
  BASE_TRY_ASSIGN(const Ref<UserQueue> queue, make_ref<UserQueue>(name));
  BASE_TRY_ASSIGN(Ref<UserScheme> scheme, make_ref<UserScheme>(queue));
  BASE_TRY_ASSIGN(Ref<QueueFile> file, make_ref<QueueFile>(queue, flags));
  BASE_TRY(register_scheme(base::move(scheme)));
  queue->set_registered();
  return Ref<File>(base::move(file));
}

}  // namespace kernel
