// A process that makes the calls of the Linux oracle on itself and says what came of them.
//
//   linux_agent
//
// Descriptors given by the parent (host.h): the requests and answers of process 0 and of process 1,
// the file, and the file for reading. It begins as process 0; a fork makes the child the other one.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "linux/call.h"
#include "linux/descriptors.h"

namespace {

using namespace linux_oracle;

constexpr size_t page_size = 4096;
unsigned self = 0;
sigjmp_buf after_fault;
volatile Touch fault_kind;

char* address_of(unsigned page) {
  return reinterpret_cast<char*>(arena_address) + page * page_size;
}

void on_fault(int signal, siginfo_t* information, void*) {
  fault_kind = signal == SIGBUS                      ? Touch::bus
               : information->si_code == SEGV_MAPERR ? Touch::unmapped
                                                     : Touch::access;
  siglongjmp(after_fault, 1);
}

Answer touch(const Call& call) {
  Answer answer;
  auto* word = reinterpret_cast<volatile uint64_t*>(address_of(call.page)) + 3;
  if (sigsetjmp(after_fault, 0) != 0) {
    answer.touch = fault_kind;
    return answer;
  }
  if (call.kind == Kind::write) {
    *word = call.value;
  } else {
    answer.value = *word;
  }
  return answer;
}

bool in_arena(const void* at) {
  return at >= address_of(0) && at < address_of(arena_pages);
}

Answer map(const Call& call) {
  Answer answer;
  int flags = call.backing == Backing::anonymous || call.backing == Backing::private_file
                  ? MAP_PRIVATE
                  : MAP_SHARED;
  int file = -1;
  off_t offset = 0;
  if (call.backing == Backing::anonymous || call.backing == Backing::shared_anonymous) {
    flags |= MAP_ANONYMOUS;
  } else {
    file = call.backing == Backing::shared_read_only_file ? read_only_file : the_file;
    offset = off_t(call.target * page_size);
  }
  if (call.placement == Placement::fixed) flags |= MAP_FIXED;
  if (call.placement == Placement::no_replace) flags |= MAP_FIXED_NOREPLACE;
  void* hint = call.placement == Placement::anywhere ? nullptr : address_of(call.page);
  void* at = mmap(hint, call.count * page_size, call.rights, flags, file, offset);
  if (at == MAP_FAILED) {
    answer.error = errno;
  } else if (!in_arena(at)) {
    answer.elsewhere = 1;
    munmap(at, call.count * page_size);
  }
  return answer;
}

Answer remap(const Call& call) {
  Answer answer;
  int flags = call.move == Move::never ? 0 : MREMAP_MAYMOVE;
  if (call.move == Move::fixed || call.move == Move::fixed_leave) flags |= MREMAP_FIXED;
  if (call.move == Move::may_leave || call.move == Move::fixed_leave) flags |= MREMAP_DONTUNMAP;
  // Without MREMAP_FIXED the target is a hint, which libvm does not take.
  void* target = (flags & MREMAP_FIXED) != 0 ? address_of(call.target) : nullptr;
  void* at = mremap(address_of(call.page), call.count * page_size, call.new_count * page_size,
                    flags, target);
  if (at == MAP_FAILED) {
    answer.error = errno;
  } else if (!in_arena(at)) {
    // And back again, in the old size.
    answer.elsewhere = 1;
    at = mremap(at, call.new_count * page_size, call.count * page_size,
                MREMAP_MAYMOVE | MREMAP_FIXED, address_of(call.page));
    if (at == MAP_FAILED) answer.error = -errno;
  }
  return answer;
}

int advise(const Call& call) {
  static constexpr int numbers[] = {
      MADV_NORMAL,        MADV_RANDOM,        MADV_SEQUENTIAL, MADV_WILLNEED,   MADV_DONTNEED,
      MADV_FREE,          MADV_REMOVE,        MADV_HUGEPAGE,   MADV_NOHUGEPAGE, MADV_DONTFORK,
      MADV_DOFORK,        MADV_WIPEONFORK,    MADV_KEEPONFORK, MADV_COLD,       MADV_PAGEOUT,
      MADV_POPULATE_READ, MADV_POPULATE_WRITE};
  char* at = address_of(call.page);
  const size_t size = call.count * page_size;
  const int result = madvise(at, size, numbers[unsigned(call.advice)]);
  const int error = result == 0 ? 0 : errno;
  // What has been freed is there or zero, as the kernel likes: decide it.
  if (call.advice == Advice::free) {
    for (unsigned i = 0; i < call.count; ++i) {
      if (error == EINVAL && madvise(at + i * page_size, page_size, MADV_FREE) != 0 &&
          errno == EINVAL) {
        break;
      }
      (void)madvise(at + i * page_size, page_size, MADV_DONTNEED);
    }
  }
  return error;
}

void look(Answer& answer) {
  static char text[1 << 16];
  const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  size_t size = 0;
  for (ssize_t more; (more = read(file, text + size, sizeof text - 1 - size)) > 0;) {
    size += size_t(more);
  }
  close(file);
  text[size] = '\0';
  for (char* line = text; line != nullptr && *line != '\0';) {
    unsigned long first = 0;
    unsigned long end = 0;
    unsigned long offset = 0;
    unsigned long inode = 0;
    char rights_text[5] = {};
    std::sscanf(line, "%lx-%lx %4s %lx %*s %lu", &first, &end, rights_text, &offset, &inode);
    for (unsigned page = 0; page < arena_pages; ++page) {
      const uint64_t at = arena_address + page * page_size;
      if (at < first || at >= end) continue;
      MappedPage& it = answer.pages[page];
      it.mapped = 1;
      it.rights = uint8_t((rights_text[0] == 'r' ? PROT_READ : 0) |
                          (rights_text[1] == 'w' ? PROT_WRITE : 0) |
                          (rights_text[2] == 'x' ? PROT_EXEC : 0));
      it.shared = rights_text[3] == 's';
      it.starts = at == first;
      it.inode = inode;
      it.file_page = inode == 0 ? 0 : (offset + (at - first)) / page_size;
    }
    line = std::strchr(line, '\n');
    if (line != nullptr) ++line;
  }
}

Answer make(const Call& call) {
  Answer answer;
  const auto status = [&](int result) { answer.error = result == 0 ? 0 : errno; };
  char* at = address_of(call.page);
  const size_t size = call.count * page_size;
  switch (call.kind) {
    case Kind::mmap: answer = map(call); break;
    case Kind::munmap: status(munmap(at, size)); break;
    case Kind::mprotect: status(mprotect(at, size, call.rights)); break;
    case Kind::mremap: answer = remap(call); break;
    case Kind::madvise: answer.error = advise(call); break;
    case Kind::mlock: status(mlock(at, size)); break;
    case Kind::munlock: status(munlock(at, size)); break;
    case Kind::write:
    case Kind::read: answer = touch(call); break;
    case Kind::fork: {
      const pid_t child = fork();
      if (child < 0) answer.error = errno;
      if (child == 0) self = 1 - self;
      break;
    }
    case Kind::reset:
      munmap(address_of(0), arena_pages * page_size);
      status(ftruncate(the_file, 0));
      status(ftruncate(the_file, off_t(call.value * page_size)));
      break;
    case Kind::look:
    case Kind::quit: break;
  }
  return answer;
}

}  // namespace

int main() {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
  // The first process only waits for all others, whoever forked them.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (const pid_t first = fork(); first != 0) {
    for (const int descriptor : {requests[0], requests[1], linux_oracle::answers[0],
                                 linux_oracle::answers[1], the_file, read_only_file}) {
      close(descriptor);
    }
    while (wait(nullptr) > 0) {
    }
    return first > 0 ? 0 : 1;
  }
  std::signal(SIGCHLD, SIG_IGN);
  Call call;
  while (read(requests[self], &call, sizeof call) == ssize_t(sizeof call)) {
    const unsigned asked = self;
    Answer answer = make(call);
    if (self != asked) continue;  // the child waits for requests of its own
    look(answer);
    if (write(answers[self], &answer, sizeof answer) != ssize_t(sizeof answer)) return 1;
    if (call.kind == Kind::quit) return 0;
  }
  return 0;
}
