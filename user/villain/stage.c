#include "user/villain/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// ---- The daemon's part

struct scheme_answer word_of(uint16_t kind, uint64_t tag, int64_t result) {
  struct scheme_answer word;
  memset(&word, 0, sizeof(word));
  word.kind = kind;
  word.tag = tag;
  word.result = result;
  word.version = SCHEME_VERSION;
  return word;
}

int say(int queue, const struct scheme_answer* words, unsigned count) {
  const ssize_t taken = write(queue, words, count * sizeof(*words));
  return taken < 0 ? -errno : (int)taken;
}

int answer(int queue, uint64_t tag, int64_t result, uint64_t value0, uint64_t value1) {
  struct scheme_answer word = word_of(SCHEME_ANSWER, tag, result);
  word.value[0] = value0;
  word.value[1] = value1;
  return say(queue, &word, 1);
}

int start_scheme(const char* name) {
  char path[64];
  snprintf(path, sizeof(path), "scheme:%s", name);
  const int queue = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const struct scheme_answer start = word_of(SCHEME_START, 0, 0);
  if (queue < 0 || say(queue, &start, 1) != sizeof(start)) {
    printf("%s: no scheme: %s\n", path, strerror(errno));
    _exit(2);
  }
  return queue;
}

int next_call(int queue, struct scheme_submission* call) {
  for (;;) {
    const ssize_t got = read(queue, call, sizeof(*call));
    if (got == sizeof(*call)) {
      return 1;
    }
    if (got >= 0 || errno != EINTR) {
      return 0;
    }
  }
}

void* buffer_of(const struct scheme_submission* call) {
  return (void*)(uintptr_t)call->buffer;
}

static int64_t polite_result(const struct scheme_submission* call, uint64_t* values) {
  switch (call->opcode) {
    case SCHEME_OPEN:
    case SCHEME_DUP: values[1] = 1; return 1;
    case SCHEME_READ: memset(buffer_of(call), 'r', call->size); return (int64_t)call->size;
    case SCHEME_WRITE: values[0] = file_pages * page; return (int64_t)call->size;
    case SCHEME_FSTAT: {
      struct scheme_status status;
      memset(&status, 0, sizeof(status));
      status.inode = 1;
      status.mode = 0100644;
      status.links = 1;
      status.size = file_pages * page;
      memcpy(buffer_of(call), &status, sizeof(status));
      return 0;
    }
    case SCHEME_MMAP: return file_pages * page;
    case SCHEME_READ_PAGES: memset(buffer_of(call), 'p', call->size); return (int64_t)call->size;
    default: return 0;
  }
}

void politely(int queue, const struct scheme_submission* call) {
  if (call->tag == 0) {
    return;
  }
  uint64_t values[2] = {0, 0};
  const int64_t result = polite_result(call, values);
  (void)answer(queue, call->tag, result, values[0], values[1]);
}

void until(int queue, uint32_t opcode, struct scheme_submission* call) {
  for (;;) {
    if (!next_call(queue, call)) {
      _exit(2);
    }
    if (call->opcode == opcode) {
      return;
    }
    politely(queue, call);
  }
}

void serve(int queue) {
  struct scheme_submission call;
  while (next_call(queue, &call)) {
    politely(queue, &call);
  }
  _exit(0);
}

// ---- Processes

static void pause_for(unsigned milliseconds) {
  const struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
  nanosleep(&time, 0);
}

pid_t daemon_of(const char* name, void (*play)(int queue)) {
  int ready[2];
  if (pipe(ready) != 0) {
    _exit(2);
  }
  const pid_t process = fork();
  if (process == 0) {
    close(ready[0]);
    const int queue = start_scheme(name);
    (void)write(ready[1], "r", 1);
    close(ready[1]);
    play(queue);
    _exit(0);
  }
  close(ready[1]);
  char byte = 0;
  if (process < 0 || read(ready[0], &byte, 1) != 1) {
    printf("%s: the daemon did not start\n", name);
    _exit(2);
  }
  close(ready[0]);
  return process;
}

pid_t caller_of(int (*play)(const char* path), const char* name) {
  const pid_t process = fork();
  if (process == 0) {
    char path[64];
    snprintf(path, sizeof(path), "/scheme/%s/file", name);
    _exit(play(path));
  }
  if (process < 0) {
    printf("no process for a caller\n");
    _exit(2);
  }
  return process;
}

static int status_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int end_of(pid_t process) {
  int status = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    if (waitpid(process, &status, WNOHANG) == process) {
      return status_of(status);
    }
    pause_for(i < 20 ? 1 : 20);
  }
  printf("process %d hangs\n", (int)process);
  kill(process, SIGKILL);
  waitpid(process, &status, 0);
  return 1;
}

void kill_it(pid_t process) {
  kill(process, SIGKILL);
  (void)expect("a killed process", end_of(process), 128 + SIGKILL);
}

int goes_on(pid_t process) {
  pause_for(100);
  siginfo_t info;
  info.si_pid = 0;
  return waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

// ---- Mappings

char* map_file(const char* path, size_t pages) {
  const int file = open(path, O_RDWR);
  char* const at = mmap(0, pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file < 0 || at == MAP_FAILED) {
    printf("no mapping: %s\n", strerror(errno));
    _exit(2);
  }
  close(file);
  return at;
}

static _Thread_local sigjmp_buf back;

static void on_fault(int signal) {
  siglongjmp(back, signal);
}

int look_at(const volatile char* at) {
  signal(SIGSEGV, on_fault);
  signal(SIGBUS, on_fault);
  const int fault = sigsetjmp(back, 1);
  return fault != 0 ? fault : -*at;
}

// ---- What the kernel holds

struct Held held(void) {
  char text[512] = "";
  usleep(50000);
  const int audit = open("/scheme/sys/audit", O_RDONLY);
  struct Held found = {0, 0};
  if (audit < 0 || read(audit, text, sizeof(text) - 1) <= 0 ||
      sscanf(text, "frames_free %lu heap_blocks %lu", &found.free_frames, &found.heap_blocks) !=
          2) {
    perror("/scheme/sys/audit");
    exit(2);
  }
  close(audit);
  return found;
}

// ---- What is expected

int expect(const char* what, long got, long wanted) {
  if (got != wanted) {
    printf("%s: %ld, not %ld\n", what, got, wanted);
    exit(1);
  }
  return 1;
}

int expect_error(const char* what, long result, int wanted) {
  const int error = errno;
  if (result != -1 || error != wanted) {
    printf("%s: %ld, error %d, not %d\n", what, result, result == -1 ? error : 0, wanted);
    exit(1);
  }
  return 1;
}
