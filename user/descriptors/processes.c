// Cases about process descriptors: built, started, stopped, copied, given another space.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/descriptors/check.h"

static struct process_status state_of(int process) {
  struct process_status status;
  const int fd = dup_named(process, "status");
  EXPECT(take(fd, &status, sizeof(status)) == 0);
  close(fd);
  return status;
}

static int set_state(int process, unsigned state) {
  const int fd = dup_named(process, "status");
  const struct process_status status = {
      .version = SPACE_VERSION, .size = sizeof(status), .state = state};
  const int result = put(fd, &status, sizeof(status));
  const int error = errno;
  close(fd);
  errno = error;
  return result;
}

static int put_to(int process, const char* name, const void* record, size_t size) {
  const int fd = dup_named(process, name);
  const int result = put(fd, record, size);
  const int error = errno;
  close(fd);
  errno = error;
  return result;
}

static int take_from(int process, const char* name, void* record, size_t size) {
  const int fd = dup_named(process, name);
  const int result = take(fd, record, size);
  const int error = errno;
  close(fd);
  errno = error;
  return result;
}

// ---- What spawn runs is what fork and execve run.

enum { most_output = 1 << 16 };

static int run_by_fork(char* const words[]) {
  const int child = vfork();
  if (child == 0) {
    execve(words[0], words, environ);
    _exit(126);
  }
  return child;
}

static int run_by_descriptors(char* const words[]) {
  const int process = build_process(words[0], words, environ);
  EXPECT(process >= 0);
  EXPECT(state_of(process).state == PROCESS_NEW && state_of(process).id == 0);
  const int id = start_process(process);
  close(process);
  return id;
}

// Standard output of the program, then its status.
static char* output_of(int (*run)(char* const words[]), char* const words[]) {
  int ends[2];
  char* text = calloc(1, most_output + 16);
  EXPECT(text != NULL && pipe2(ends, O_CLOEXEC) == 0);
  const int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
  EXPECT(dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
  const int child = run(words);
  EXPECT(dup2(saved, STDOUT_FILENO) == STDOUT_FILENO);
  close(saved);
  close(ends[1]);
  EXPECT(child > 0);
  size_t size = 0;
  ssize_t got;
  while (size < most_output && (got = read(ends[0], text + size, most_output - size)) > 0) {
    size += (size_t)got;
  }
  for (size_t i = 0; i < size; i++) text[i] = text[i] == '\0' ? '|' : text[i];
  close(ends[0]);
  snprintf(text + size, 16, "= %d\n", status_of(child));
  return text;
}

static void like_fork_and_execve(void) {
  static char* const programs[][7] = {
      {"/bin/hello", NULL},
      {"/bin/hello-pie", NULL},
      {"/bin/exit", "77", NULL},
      {"/bin/args", "one", "", "three words here", NULL},
      {"/bin/vectors", NULL},
      {"/bin/busybox", "sh", "-c", "echo $PWD; kill -9 $$", NULL},
      {"/bin/busybox", "cat", "/proc/self/maps", "/proc/self/cmdline", "/proc/self/environ", NULL},
      {"/bin/busybox", "cat", "/proc/self/comm", "/proc/self/limits", NULL},
      {"/bin/busybox", "stat", "-c", "%N %A %h %u %s", "/proc/self/exe", "/proc/self/cwd", NULL},
      {"/bin/busybox", "ls", "/proc/self/fd", NULL},
      {"/bin/touch_pages", "8", NULL},
  };
  for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
    char* forked = output_of(run_by_fork, programs[i]);
    char* built = output_of(run_by_descriptors, programs[i]);
    if (strcmp(forked, built) != 0) {
      printf("%s\n--- fork:\n%s--- descriptors:\n%s", programs[i][0], forked, built);
      EXPECT(!"equal output");
    }
    free(forked);
    free(built);
  }
}

// ---- Before the start

static void unstarted(void) {
  const int process = open("proc:new", O_RDONLY | O_CLOEXEC);
  EXPECT(process >= 0);
  EXPECT(state_of(process).state == PROCESS_NEW && state_of(process).id == 0);
  EXPECT_ERROR(set_state(process, PROCESS_STOPPED), EINVAL);
  EXPECT_ERROR(set_state(process, 9), EINVAL);
  struct process_status status = {.version = 2, .size = sizeof(status), .state = PROCESS_RUNNING};
  EXPECT_ERROR(put_to(process, "status", &status, sizeof(status)), EINVAL);
  status.version = SPACE_VERSION;
  status.id = 5;
  EXPECT_ERROR(put_to(process, "status", &status, sizeof(status)), EINVAL);
  EXPECT_ERROR(put_to(process, "status", &status, 8), EINVAL);

  struct process_registers registers;
  EXPECT(take_from(process, "regs", &registers, sizeof(registers)) == 0);
  EXPECT(registers.instruction_pointer == 0 && registers.general[0] == 0);
  registers.instruction_pointer = 0x400000;
  registers.stack_pointer = 0x7000;
  registers.thread_pointer = 0x5000;
  registers.flags = ~(uint64_t)0;
  registers.general[1] = 11;
  EXPECT(put_to(process, "regs", &registers, sizeof(registers)) == 0);
  EXPECT(take_from(process, "regs", &registers, sizeof(registers)) == 0);
  EXPECT(registers.instruction_pointer == 0x400000 && registers.stack_pointer == 0x7000);
  EXPECT(registers.thread_pointer == 0x5000 && registers.general[1] == 11);
  EXPECT(registers.flags != ~(uint64_t)0);
  struct process_registers bad = registers;
  bad.instruction_pointer = ~(uint64_t)0;
  EXPECT_ERROR(put_to(process, "regs", &bad, sizeof(bad)), EINVAL);
  bad = registers;
  bad.reserved = 1;
  EXPECT_ERROR(put_to(process, "regs", &bad, sizeof(bad)), EINVAL);

  const int name = dup_named(process, "name");
  char text[32] = "";
  EXPECT(put(name, "a-name-that-is-too-long", 23) == 0);
  EXPECT(read(name, text, sizeof(text)) == 15 && strcmp(text, "a-name-that-is-") == 0);
  const struct process_program program = {SPACE_VERSION, sizeof(program), -1, 2, 1, 0, 0};
  EXPECT_ERROR(put_to(process, "program", &program, sizeof(program)), EINVAL);
  // Nobody sees it, and nothing of it stays.
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d", 0);
  EXPECT_ERROR(open(path, O_RDONLY), ENOENT);
}

static void files(void) {
  const int process = open("proc:new", O_RDONLY | O_CLOEXEC);
  const int list = dup_named(process, "files");
  struct process_file file;
  EXPECT(read(list, &file, sizeof(file)) == 0);
  EXPECT_ERROR(read(list, &file, 8), EINVAL);
  struct process_file changes[3] = {
      {SPACE_VERSION, sizeof(file), PROCESS_FILE_PUT, 1, 7, PROCESS_FILE_MARKED, 0},
      {SPACE_VERSION, sizeof(file), PROCESS_FILE_PUT, 1, 3, 0, 0},
      {SPACE_VERSION, sizeof(file), PROCESS_FILE_PUT, 999, 4, 0, 0}};
  EXPECT_ERROR(put(list, changes, sizeof(changes)), EBADF);
  EXPECT(read(list, &file, sizeof(file)) == 0);
  changes[2].operation = 9;
  EXPECT_ERROR(put(list, changes, sizeof(changes)), EINVAL);
  changes[2].operation = PROCESS_FILE_PUT;
  changes[2].file = 1;
  changes[2].number = -1;
  EXPECT_ERROR(put(list, changes, sizeof(changes)), EBADF);
  changes[2].number = 100000;
  EXPECT_ERROR(put(list, changes, sizeof(changes)), EBADF);
  EXPECT_ERROR(put(list, changes, sizeof(changes) - 8), EINVAL);
  EXPECT(put(list, changes, 2 * sizeof(file)) == 0);
  EXPECT(take(list, &file, sizeof(file)) == 0 && file.number == 3 && file.flags == 0);
  EXPECT(take(list, &file, sizeof(file)) == 0 && file.number == 7);
  EXPECT(file.flags == PROCESS_FILE_MARKED && file.file == -1);
  EXPECT(read(list, &file, sizeof(file)) == 0);
  const struct process_file shut = {SPACE_VERSION, sizeof(file), PROCESS_FILE_CLOSE, -1, 3, 0, 0};
  EXPECT(put(list, &shut, sizeof(shut)) == 0);
  EXPECT_ERROR(put(list, &shut, sizeof(shut)), EBADF);
}

// ---- Processes that run, and that are stopped

static volatile int flag;

// As the stack pointer is when a function is entered.
static uint64_t entry_stack(uint64_t below) {
#if defined(__x86_64__)
  return (below & ~(uint64_t)15) - 8;
#else
  return below & ~(uint64_t)15;
#endif
}

static void leave_with_42(void) {
  _exit(42);
}

static void leave_with_flag(void) {
  _exit(flag);
}

static int spinning_child(void) {
  const int child = fork();
  if (child == 0) {
    while (!flag) {
    }
    _exit(flag);
  }
  return child;
}

static void stop(int child, int process) {
  int status = 0;
  EXPECT(set_state(process, PROCESS_STOPPED) == 0);
  EXPECT(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
  EXPECT(state_of(process).state == PROCESS_STOPPED);
}

static void running(void) {
  const int child = spinning_child();
  const int process = process_of(child);
  struct process_status status = state_of(process);
  EXPECT(status.state == PROCESS_RUNNING && (int)status.id == child && status.threads == 1);
  EXPECT((int)status.parent == getpid());
  struct process_registers registers;
  EXPECT_ERROR(take_from(process, "regs", &registers, sizeof(registers)), EBUSY);
  const struct process_file file = {SPACE_VERSION, sizeof(file), PROCESS_FILES_COPY, -1, -1, 0, 0};
  EXPECT_ERROR(put_to(process, "files", &file, sizeof(file)), EBUSY);
  const struct process_program program = {SPACE_VERSION, sizeof(program), -1, 0, 0, 0, 0};
  EXPECT_ERROR(put_to(process, "program", &program, sizeof(program)), EBUSY);
  EXPECT_ERROR(dup_named(process, "exclusive"), EBUSY);
  const struct process_switch change = {SPACE_VERSION, sizeof(change), own_space(), 0x8000,
                                        0x400000};
  EXPECT_ERROR(put_to(process, "current-addrspace", &change, sizeof(change)), EBUSY);
  EXPECT(set_state(process, PROCESS_RUNNING) == 0);
  EXPECT(kill(child, SIGKILL) == 0 && status_of(child) == 128 + SIGKILL);
  EXPECT(state_of(process).state == PROCESS_ENDED);
  EXPECT(state_of(process).exit_status == SIGKILL);
  EXPECT_ERROR(take_from(process, "regs", &registers, sizeof(registers)), ESRCH);
  EXPECT_ERROR(dup_named(process, "addrspace"), ESRCH);
  EXPECT_ERROR(dup_named(process, "exclusive"), ESRCH);
  EXPECT_ERROR(set_state(process, PROCESS_RUNNING), ESRCH);
}

static void stopped(void) {
  const int child = spinning_child();
  const int process = process_of(child);
  stop(child, process);
  struct process_registers registers;
  EXPECT(take_from(process, "regs", &registers, sizeof(registers)) == 0);
  EXPECT(registers.thread_pointer != 0 && registers.stack_pointer != 0);
  // It goes on elsewhere.
  registers.instruction_pointer = (uint64_t)&leave_with_42;
  registers.stack_pointer = entry_stack(registers.stack_pointer - 4096);
  EXPECT(put_to(process, "regs", &registers, sizeof(registers)) == 0);
  EXPECT(set_state(process, PROCESS_RUNNING) == 0);
  EXPECT(status_of(child) == 42);
}

// A stopped process copied; each goes its own way.
static void copied(void) {
  const int child = spinning_child();
  const int process = process_of(child);
  stop(child, process);
  const int copy = dup_named(process, "exclusive");
  EXPECT(copy >= 0 && state_of(copy).state == PROCESS_NEW);
  int* shared = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, dup_named(copy, "addrspace"),
                     (off_t)((uint64_t)&flag & ~(uint64_t)(page - 1)));
  EXPECT(shared != MAP_FAILED);
  const int id = start_process(copy);
  EXPECT(id > 0 && id != child);
  *(volatile int*)((char*)shared + (uint64_t)&flag % page) = 21;
  EXPECT(status_of(id) == 21);
  EXPECT(state_of(process).state == PROCESS_STOPPED);
  EXPECT(kill(child, SIGKILL) == 0 && status_of(child) == 128 + SIGKILL);
}

// One's own copy returns 0 from the call that made it, as fork's child.
static void copy_of_oneself(void) {
  flag = 1;
  const int copy = dup_named(own_process(), "exclusive");
  if (copy == 0) _exit(flag == 1 ? 9 : 1);
  EXPECT(copy > 0);
  flag = 2;
  const int id = start_process(copy);
  EXPECT(id > 0 && status_of(id) == 9);
  EXPECT(state_of(copy).state == PROCESS_ENDED);
  EXPECT_ERROR(start_process(copy), ESRCH);
  // One that is never started.
  const int unused = dup_named(own_process(), "exclusive");
  if (unused == 0) _exit(1);
  EXPECT(unused > 0 && close(unused) == 0);
}

// ---- Another space

static volatile int before_switch;
static char other_stack[4 * page];

static void arrived(void) {
  _exit(before_switch == 1 ? 5 : 6);
}

static void* idle(void* unused) {
  (void)unused;
  for (;;) pause();
}

static void switching(void) {
  const int child = fork();
  if (child == 0) {
    const int process = own_process();
    const int space = dup_named(process, "addrspace");
    before_switch = 1;
    const int other = dup_named(space, "exclusive");
    before_switch = 2;
    const struct process_switch change = {
        SPACE_VERSION, sizeof(change), other,
        entry_stack((uint64_t)(other_stack + sizeof(other_stack))), (uint64_t)&arrived};
    struct process_switch bad = change;
    bad.space = 999;
    EXPECT_ERROR(put_to(process, "current-addrspace", &bad, sizeof(bad)), EBADF);
    bad.space = process;
    EXPECT_ERROR(put_to(process, "current-addrspace", &bad, sizeof(bad)), EINVAL);
    bad = change;
    bad.instruction_pointer = ~(uint64_t)0;
    EXPECT_ERROR(put_to(process, "current-addrspace", &bad, sizeof(bad)), EINVAL);
    bad = change;
    bad.version = 7;
    EXPECT_ERROR(put_to(process, "current-addrspace", &bad, sizeof(bad)), EINVAL);
    const int fd = dup_named(process, "current-addrspace");
    EXPECT(put(fd, &change, sizeof(change)) == 0);
    EXPECT(before_switch == 2);  // not before it is closed
    close(fd);
    _exit(1);
  }
  EXPECT(status_of(child) == 5);
  // A stopped process takes it when it goes on.
  const int spinning = spinning_child();
  const int process = process_of(spinning);
  stop(spinning, process);
  flag = 33;
  const int mine = dup_named(own_space(), "exclusive");
  const struct process_switch change = {SPACE_VERSION, sizeof(change), mine,
                                        entry_stack((uint64_t)(other_stack + sizeof(other_stack))),
                                        (uint64_t)&leave_with_flag};
  EXPECT(put_to(process, "current-addrspace", &change, sizeof(change)) == 0);
  EXPECT(state_of(process).state == PROCESS_STOPPED);
  EXPECT(set_state(process, PROCESS_RUNNING) == 0);
  EXPECT(status_of(spinning) == 33);
  // Not with two threads.
  pthread_t thread;
  EXPECT(pthread_create(&thread, NULL, idle, NULL) == 0);
  EXPECT_ERROR(put_to(own_process(), "current-addrspace", &change, sizeof(change)), EBUSY);
}

const struct test_case process_cases[] = {{"like-fork-and-execve", like_fork_and_execve},
                                          {"unstarted", unstarted},
                                          {"files", files},
                                          {"running", running},
                                          {"stopped", stopped},
                                          {"copied", copied},
                                          {"copy-of-oneself", copy_of_oneself},
                                          {"switching", switching},
                                          {NULL, NULL}};
