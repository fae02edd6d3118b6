// callbench: what it costs to ask another process for bytes, and to give it bytes, in instructions
// of the guest (user/vmbench/counting.h). The other process is a scheme daemon where there are
// schemes, else it is at the other end of a pair of Unix sockets; and beside both, of two pipes.
// In each the bytes come from memory of the other process, or end there.
//
// callbench [NAME...]: all rows, or those whose names begin so. As process 1 it powers off at the
// end.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/include/scheme_protocol.h"
#include "user/vmbench/counting.h"

enum { page = 4096, largest = 1 << 20, rounds = 60 };

// What either side has; every page of it is there.
static char* mine;

static char* make_memory(void) {
  char* const at = mmap(0, largest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("mmap");
  memset(at, 1, largest);
  return at;
}

// ---- A daemon

static int64_t result_of(const struct scheme_submission* call) {
  void* const buffer = (void*)(uintptr_t)call->buffer;
  switch (call->opcode) {
    case SCHEME_READ: memcpy(buffer, mine, call->size); return (int64_t)call->size;
    case SCHEME_WRITE: memcpy(mine, buffer, call->size); return (int64_t)call->size;
    default: return 0;
  }
}

static void serve_calls(int queue) {
  struct scheme_submission calls[8];
  for (;;) {
    const ssize_t got = read(queue, calls, sizeof calls);
    if (got <= 0) _exit(1);
    struct scheme_answer answers[8];
    memset(answers, 0, sizeof answers);
    unsigned count = 0;
    for (unsigned i = 0; i < (unsigned)got / sizeof calls[0]; ++i) {
      if (calls[i].tag == 0) continue;
      struct scheme_answer* const answer = &answers[count++];
      answer->tag = calls[i].tag;
      answer->version = SCHEME_VERSION;
      answer->value[0] = calls[i].opcode == SCHEME_OPEN ? SCHEME_FILE_STREAM : 0;
      answer->result = result_of(&calls[i]);
    }
    if (count != 0 && write(queue, answers, count * sizeof answers[0]) < 0) _exit(1);
  }
}

static int called;  // the daemon's file; -1: there are no schemes

static void start_daemon(int ready) {
  const int queue = open("scheme:callbench", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  struct scheme_answer start;
  memset(&start, 0, sizeof start);
  start.kind = SCHEME_START;
  start.version = SCHEME_VERSION;
  if (queue < 0 || write(queue, &start, sizeof start) != sizeof start) fail("scheme:callbench");
  (void)!write(ready, "r", 1);
  mine = make_memory();
  serve_calls(queue);
}

static void ask_daemon(size_t size) {
  if (size == 0) {
    for (int i = 0; i < rounds; ++i) SAMPLE(ioctl(called, 1, 0));
    return;
  }
  for (int i = 0; i < rounds; ++i)
    SAMPLE(if (read(called, mine, size) != (ssize_t)size) fail("read"));
}
static void tell_daemon(size_t size) {
  for (int i = 0; i < rounds; ++i) {
    SAMPLE(if (write(called, mine, size) != (ssize_t)size) fail("write"));
  }
}

// ---- The other end of sockets or pipes

static void get_all(int from, char* to, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t got = read(from, to + done, size - done);
    if (got <= 0) _exit(0);
    done += (size_t)got;
  }
}
static void put_all(int to, const char* from, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t put = write(to, from + done, size - done);
    if (put <= 0) _exit(0);
    done += (size_t)put;
  }
}

struct Request {
  uint32_t gives;  // bytes that follow
  uint32_t wants;  // bytes of the answer; at least the one that says that all is done
};

struct Ends {
  int in, out;
};

static void serve_ends(struct Ends ends) {
  static char request[sizeof(struct Request) + page];
  for (;;) {
    // With the bytes that follow it, if they are few.
    const ssize_t got = read(ends.in, request, sizeof request);
    if (got < (ssize_t)sizeof(struct Request)) _exit(0);
    struct Request asked;
    memcpy(&asked, request, sizeof asked);
    const size_t come = (size_t)got - sizeof asked;
    memcpy(mine, request + sizeof asked, come);
    get_all(ends.in, mine + come, asked.gives - come);
    put_all(ends.out, mine, asked.wants);
  }
}

static char* message;  // a request and what follows it

static void ask(struct Ends ends, size_t gives, size_t wants) {
  const struct Request request = {(uint32_t)gives, (uint32_t)wants};
  memcpy(message, &request, sizeof request);
  put_all(ends.out, message, sizeof request + gives);
  get_all(ends.in, mine, wants);
}

static void ask_ends(struct Ends ends, size_t size) {
  for (int i = 0; i < rounds; ++i) SAMPLE(ask(ends, 0, size == 0 ? 1 : size));
}
static void tell_ends(struct Ends ends, size_t size) {
  for (int i = 0; i < rounds; ++i) SAMPLE(ask(ends, size, 1));
}

static struct Ends start_server(const int (*there)[2], const int (*back)[2]) {
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    close((*there)[1]);
    if (back != there) close((*back)[0]);
    mine = make_memory();
    serve_ends((struct Ends){(*there)[0], back == there ? (*there)[0] : (*back)[1]});
  }
  close((*there)[0]);
  if (back != there) close((*back)[1]);
  return (struct Ends){back == there ? (*there)[1] : (*back)[0], (*there)[1]};
}

// ---- Rows

static const struct {
  const char* name;
  size_t bytes;
} sizes[] = {{"0_B", 0}, {"64_B", 64}, {"4_KiB", page}, {"64_KiB", 16 * page}, {"1_MiB", largest}};

static struct Ends sockets, pipes;

static void row(const char* kind, const char* size, size_t bytes, int tells) {
  char name[32];
  snprintf(name, sizeof name, "%s_%s", kind, size);
  if (!is_wanted(name)) return;
  const int is_call = strncmp(kind, "call", 4) == 0;
  for (int round = 0; round < 2; ++round) {  // the first brings everything in
    sample_count = 0;
    if (is_call && called >= 0) {
      (tells ? tell_daemon : ask_daemon)(bytes);
    } else {
      (tells ? tell_ends : ask_ends)(is_call ? sockets : pipes, bytes);
    }
  }
  report(name, 1);
}

// Its address is where tools/bench --profile begins to count.
__attribute__((noinline)) void run_rows(void) {
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    row("call_read", sizes[i].name, sizes[i].bytes, 0);
    if (sizes[i].bytes != 0) row("call_write", sizes[i].name, sizes[i].bytes, 1);
    row("pipe_read", sizes[i].name, sizes[i].bytes, 0);
    if (sizes[i].bytes != 0) row("pipe_write", sizes[i].name, sizes[i].bytes, 1);
  }
}

static void start_others(void) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) fail("pipe");
  pipes = start_server(&there, &back);
  called = open("/scheme/sys/audit", O_RDONLY);
  if (called < 0) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) fail("socketpair");
    const int(*both)[2] = &pair;
    sockets = start_server(both, both);
    return;
  }
  close(called);
  int ready[2];
  char byte;
  if (pipe(ready) != 0) fail("pipe");
  if (fork() == 0) start_daemon(ready[1]);
  if (read(ready[0], &byte, 1) != 1) fail("the daemon");
  called = open("/scheme/callbench/file", O_RDWR);
  if (called < 0) fail("/scheme/callbench");
}

int main(int count, char** words) {
  (void)count;
  wanted = words + 1;
  mine = make_memory();
  message = mmap(0, largest + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (message == MAP_FAILED) fail("mmap");
  memset(message, 2, largest + page);
  calibrate();
  printf("units_of_instruction %.3f\n", units_of_instruction);
  start_others();
  run_rows();
  puts("end");
  fflush(stdout);
  if (getpid() == 1) reboot(RB_POWER_OFF);
  _exit(0);
}
