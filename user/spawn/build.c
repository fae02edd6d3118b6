#include "user/spawn/build.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { page = 4096, most_segments = 16, stack_pages = 33, most_changes = 2 * most_segments + 2 };

static const uint64_t position_independent_base = 0x555555554000;

int dup_named(int fd, const char* name) {
  return (int)syscall(SPACE_DUP_NAMED, fd, name, O_CLOEXEC);
}

struct space_change space_change_of(unsigned operation, uint64_t base, uint64_t length) {
  struct space_change change;
  memset(&change, 0, sizeof(change));
  change.version = SPACE_VERSION;
  change.size = sizeof(change);
  change.operation = operation;
  change.base = base;
  change.length = length;
  change.file = -1;
  return change;
}

int put(int fd, const void* record, size_t size) {
  const ssize_t done = write(fd, record, size);
  if (done >= 0 && (size_t)done != size) errno = EIO;
  return done == (ssize_t)size ? 0 : -1;
}

int take(int fd, void* record, size_t size) {
  const ssize_t done = read(fd, record, size);
  if (done >= 0 && (size_t)done != size) errno = EIO;
  return done == (ssize_t)size ? 0 : -1;
}

// What is known of a process while it is being built.
struct plan {
  int file;
  int process;
  int space;
  Elf64_Ehdr header;
  Elf64_Phdr segments[most_segments];
  uint64_t bias;
  uint64_t program_headers;
  uint64_t end;  // of the highest segment, page aligned
  uint64_t stack_top;
  uint64_t stack_pointer;
  struct process_program words;
  struct space_change changes[most_changes];
  unsigned count;
};

static uint64_t down(uint64_t value) {
  return value & ~(uint64_t)(page - 1);
}
static uint64_t up(uint64_t value) {
  return down(value + page - 1);
}

static int read_headers(struct plan* plan) {
  Elf64_Ehdr* header = &plan->header;
  if (pread(plan->file, header, sizeof(*header), 0) != sizeof(*header) ||
      memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > most_segments) {
    errno = ENOEXEC;
    return -1;
  }
  const size_t size = header->e_phnum * sizeof(Elf64_Phdr);
  if (pread(plan->file, plan->segments, size, (off_t)header->e_phoff) != (ssize_t)size) {
    errno = ENOEXEC;
    return -1;
  }
  plan->bias = header->e_type == ET_DYN ? position_independent_base : 0;
  return 0;
}

static void plan_segment(struct plan* plan, const Elf64_Phdr* segment) {
  const uint64_t start = plan->bias + segment->p_vaddr;
  const uint64_t file_end = up(start + segment->p_filesz);
  const uint64_t end = up(start + segment->p_memsz);
  const uint32_t access = ((segment->p_flags & PF_R) ? PROT_READ : 0u) |
                          ((segment->p_flags & PF_W) ? PROT_WRITE : 0u) |
                          ((segment->p_flags & PF_X) ? PROT_EXEC : 0u);
  const uint32_t use = (segment->p_flags & PF_X)   ? SPACE_USE_TEXT
                       : (segment->p_flags & PF_W) ? SPACE_USE_DATA
                                                   : SPACE_USE_RODATA;
  uint64_t zeroes = down(start);
  if (segment->p_filesz != 0) {
    struct space_change map = space_change_of(SPACE_MAP, down(start), file_end - down(start));
    map.access = access;
    map.use = use;
    map.file = plan->file;
    map.offset = down(segment->p_offset);
    plan->changes[plan->count++] = map;
    zeroes = file_end;
  }
  if (zeroes < end) {
    struct space_change map = space_change_of(SPACE_MAP, zeroes, end - zeroes);
    map.access = access;
    map.use = use;
    plan->changes[plan->count++] = map;
  }
  if (plan->end < end) plan->end = end;
  if (segment->p_offset <= plan->header.e_phoff &&
      plan->header.e_phoff - segment->p_offset < segment->p_filesz) {
    plan->program_headers = start + (plan->header.e_phoff - segment->p_offset);
  }
}

// All mappings of the program and its stack, at once.
static int map_everything(struct plan* plan) {
  for (unsigned i = 0; i < plan->header.e_phnum; i++) {
    const Elf64_Phdr* segment = &plan->segments[i];
    if (segment->p_type == PT_INTERP) {
      errno = ENOEXEC;
      return -1;
    }
    if (segment->p_type == PT_LOAD && segment->p_memsz != 0) plan_segment(plan, segment);
  }
  struct space_change stack = space_change_of(SPACE_MAP, plan->stack_top - stack_pages * page,
                                              (uint64_t)stack_pages * page);
  stack.access = PROT_READ | PROT_WRITE;
  stack.flags = SPACE_GROWS_DOWN;
  stack.use = SPACE_USE_STACK;
  plan->changes[plan->count++] = stack;
  plan->changes[plan->count++] = space_change_of(SPACE_SET_BREAK, plan->end, 0);
  return put(plan->space, plan->changes, plan->count * sizeof(plan->changes[0]));
}

// The pages around [from, from + size) of the new space, borrowed.
static char* borrow(const struct plan* plan, uint64_t from, uint64_t size) {
  char* pages = mmap(NULL, up(from + size) - down(from), PROT_READ | PROT_WRITE, MAP_SHARED,
                     plan->space, (off_t)down(from));
  return pages == MAP_FAILED ? NULL : pages;
}

// What of a segment's last page of the file belongs to its zeroes.
static int clear_tails(const struct plan* plan) {
  for (unsigned i = 0; i < plan->header.e_phnum; i++) {
    const Elf64_Phdr* segment = &plan->segments[i];
    const uint64_t file_end = plan->bias + segment->p_vaddr + segment->p_filesz;
    uint64_t end = plan->bias + segment->p_vaddr + segment->p_memsz;
    if (end > up(file_end)) end = up(file_end);
    if (segment->p_type != PT_LOAD || segment->p_filesz == 0 || file_end >= end) continue;
    char* pages = borrow(plan, file_end, end - file_end);
    if (pages == NULL) return -1;
    memset(pages + file_end % page, 0, end - file_end);
    munmap(pages, page);
  }
  return 0;
}

// Writes to a borrowed stack, downwards; addresses are the new process's.
struct stack {
  char* memory;  // of `lowest`
  uint64_t lowest;
  uint64_t at;
};

static uint64_t push(struct stack* stack, const void* bytes, size_t size) {
  stack->at -= size;
  if (stack->at < stack->lowest) abort();
  memcpy(stack->memory + (stack->at - stack->lowest), bytes, size);
  return stack->at;
}

static uint64_t push_strings(struct stack* stack, char* const strings[], size_t count) {
  while (count-- != 0) push(stack, strings[count], strlen(strings[count]) + 1);
  return stack->at;
}

static size_t count_of(char* const strings[]) {
  size_t count = 0;
  while (strings[count] != NULL) count++;
  return count;
}

static uint64_t bytes_of(char* const strings[]) {
  uint64_t bytes = 0;
  for (; *strings != NULL; strings++) bytes += strlen(*strings) + 1;
  return bytes;
}

static uint64_t* add_pointers(uint64_t* to, char* const strings[], uint64_t address) {
  for (; *strings != NULL; strings++) {
    *to++ = address;
    address += strlen(*strings) + 1;
  }
  *to++ = 0;
  return to;
}

// Arguments, environment and auxiliary vector.
static int fill_stack(struct plan* plan, const char* path, char* const arguments[],
                      char* const environment[]) {
  const size_t argument_count = count_of(arguments);
  const size_t environment_count = count_of(environment);
  const uint64_t size = (uint64_t)stack_pages * page;
  if (bytes_of(arguments) + bytes_of(environment) + strlen(path) +
          (argument_count + environment_count) * 8 + 1024 >
      size) {
    errno = E2BIG;
    return -1;
  }
  struct stack stack = {NULL, plan->stack_top - size, plan->stack_top};
  stack.memory = borrow(plan, stack.lowest, size);
  if (stack.memory == NULL) return -1;
  unsigned char seed[16];
  (void)getrandom(seed, sizeof(seed), 0);
  const char* platform = (const char*)getauxval(AT_PLATFORM);
  const uint64_t file_name = push(&stack, path, strlen(path) + 1);
  plan->words.environment = push_strings(&stack, environment, environment_count);
  plan->words.environment_end = plan->words.environment + bytes_of(environment);
  plan->words.arguments = push_strings(&stack, arguments, argument_count);
  plan->words.arguments_end = plan->words.arguments + bytes_of(arguments);
  const uint64_t random = push(&stack, seed, sizeof(seed));
  const uint64_t machine = push(&stack, platform, strlen(platform) + 1);
  const uint64_t auxiliary[] = {AT_PHDR,     plan->program_headers,
                                AT_PHENT,    sizeof(Elf64_Phdr),
                                AT_PHNUM,    plan->header.e_phnum,
                                AT_PAGESZ,   page,
                                AT_ENTRY,    plan->bias + plan->header.e_entry,
                                AT_UID,      0,
                                AT_EUID,     0,
                                AT_GID,      0,
                                AT_EGID,     0,
                                AT_SECURE,   0,
                                AT_CLKTCK,   100,
                                AT_HWCAP,    getauxval(AT_HWCAP),
                                AT_HWCAP2,   getauxval(AT_HWCAP2),
                                AT_RANDOM,   random,
                                AT_PLATFORM, machine,
                                AT_EXECFN,   file_name,
                                AT_NULL,     0};
  const size_t words =
      1 + argument_count + 1 + environment_count + 1 + sizeof(auxiliary) / sizeof(auxiliary[0]);
  uint64_t* vector = malloc(words * sizeof(*vector));
  if (vector == NULL) {
    munmap(stack.memory, size);
    return -1;
  }
  vector[0] = argument_count;
  uint64_t* at = add_pointers(vector + 1, arguments, plan->words.arguments);
  at = add_pointers(at, environment, plan->words.environment);
  memcpy(at, auxiliary, sizeof(auxiliary));
  stack.at &= ~(uint64_t)15;
  if (words % 2 != 0) stack.at -= 8;
  plan->stack_pointer = push(&stack, vector, words * sizeof(*vector));
  free(vector);
  munmap(stack.memory, size);
  return 0;
}

static int set_registers(const struct plan* plan) {
  const int registers = dup_named(plan->process, "regs");
  struct process_registers values = {.version = SPACE_VERSION, .size = sizeof(values)};
  values.instruction_pointer = plan->bias + plan->header.e_entry;
  values.stack_pointer = plan->stack_pointer;
  const int result = registers < 0 ? -1 : put(registers, &values, sizeof(values));
  close(registers);
  return result;
}

static int give_files(const struct plan* plan) {
  const int files = dup_named(plan->process, "files");
  struct process_file all = {SPACE_VERSION, sizeof(all), PROCESS_FILES_COPY, -1, -1, 0, 0};
  const int result = files < 0 ? -1 : put(files, &all, sizeof(all));
  close(files);
  return result;
}

// What /proc shows of it.
static int describe(struct plan* plan, const char* path) {
  const char* slash = strrchr(path, '/');
  const char* last = slash == NULL ? path : slash + 1;
  const int name = dup_named(plan->process, "name");
  int result = name < 0 ? -1 : put(name, last, strlen(last));
  close(name);
  const int program = dup_named(plan->process, "program");
  plan->words.version = SPACE_VERSION;
  plan->words.size = sizeof(plan->words);
  plan->words.file = plan->file;
  if (result == 0) result = program < 0 ? -1 : put(program, &plan->words, sizeof(plan->words));
  close(program);
  return result;
}

static int find_stack(struct plan* plan) {
  const int bounds = dup_named(plan->space, "min-address");
  struct space_bounds values;
  const int result = bounds < 0 ? -1 : take(bounds, &values, sizeof(values));
  close(bounds);
  if (result == 0) plan->stack_top = values.stack_top;
  return result;
}

int build_process(const char* path, char* const arguments[], char* const environment[]) {
  struct plan plan;
  memset(&plan, 0, sizeof(plan));
  plan.process = plan.space = -1;
  plan.file = open(path, O_RDONLY | O_CLOEXEC);
  const int good =
      plan.file >= 0 && read_headers(&plan) == 0 &&
      (plan.process = open("proc:new", O_RDONLY | O_CLOEXEC)) >= 0 &&
      (plan.space = dup_named(plan.process, "addrspace")) >= 0 && find_stack(&plan) == 0 &&
      map_everything(&plan) == 0 && clear_tails(&plan) == 0 &&
      fill_stack(&plan, path, arguments, environment) == 0 && set_registers(&plan) == 0 &&
      give_files(&plan) == 0 && describe(&plan, path) == 0;
  const int error = errno;
  if (!good) {
    close(plan.process);
    plan.process = -1;
  }
  close(plan.file);
  close(plan.space);
  errno = error;
  return plan.process;
}

int start_process(int process) {
  const int status = dup_named(process, "status");
  struct process_status state = {
      .version = SPACE_VERSION, .size = sizeof(state), .state = PROCESS_RUNNING};
  int id = -1;
  if (status >= 0 && put(status, &state, sizeof(state)) == 0 &&
      take(status, &state, sizeof(state)) == 0) {
    id = (int)state.id;
  }
  const int error = errno;
  close(status);
  errno = error;
  return id;
}
