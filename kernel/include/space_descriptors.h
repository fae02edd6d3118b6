/* space_descriptors.h: address spaces and processes as file descriptors, for C11 and C++.
 *
 * dup_named(fd, name, flags), system call SPACE_DUP_NAMED, derives a descriptor from another; flags
 * are O_CLOEXEC. docs/descriptors.md has the tour; this file is the reference.
 *
 * Process descriptors: open("proc:new") makes a process that has not started; "proc:self",
 * "proc:PID" (also /proc/PID) open existing ones. Names:
 *   addrspace          its address space
 *   files              its open files          read: struct process_file; write: the same, not
 *                                              once it has started (EBUSY)
 *   regs               its registers           read, write: struct process_registers; of a stopped
 *                                              process its first thread's; EBUSY while it runs
 *   name               its name                read, write: text, cut to 15 bytes
 *   program            what /proc shows        write: struct process_program, before the start
 *   status             what it does            read: struct process_status; write: its state
 *   current-addrspace  to give it a new space  write: struct process_switch; done at close
 *   exclusive          a copy that has not started: fork in two steps. Of the caller, or a process
 *                      that is stopped or not started; EBUSY while it runs
 * A process that was never started goes with its last descriptor.
 *
 * Address-space descriptors: from a process, or open("addrspace:") for one's own. Names:
 *   empty        a new space without mappings
 *   exclusive    a copy, every page shared until one side writes it: constant time
 *   min-address  read: struct space_bounds
 *   grant-HEX    the object behind the mapping at that address, to be mapped elsewhere; ENOENT:
 *                there is none (private zero-fill memory, a hole)
 *   read         struct space_mapping, by ascending address; the descriptor's position is an
 *                address, and lseek() sets it. Less room than one structure is EINVAL.
 *   write        struct space_change, up to SPACE_CHANGES_MAX: all are made, in order, or none
 *   mmap         borrows the space's pages: the offset is the address there. MAP_SHARED sees what
 *                the space sees, MAP_PRIVATE copies what is written. Rights only shrink. ENXIO: not
 *                mapped there; EACCES: mapped with fewer rights; EDEADLK: one's own pages, or a
 *                circle.
 *
 * Every structure begins with `version` and `size`. The kernel fills them in what it writes; a
 * later version may be longer, so step by `size`. In what it reads both must be as here, and
 * reserved fields 0: EINVAL. A write that fails has changed nothing.
 */
#ifndef LIBVM_SPACE_DESCRIPTORS_H
#define LIBVM_SPACE_DESCRIPTORS_H

#include <stdint.h>

#define SPACE_DUP_NAMED 0x1000 /* number of the system call */
#define SPACE_VERSION 1u
#define SPACE_CHANGES_MAX 64u
#define PROCESS_FILES_MAX 256u

/* ---- Address spaces */

/* Rights: PROT_READ, PROT_WRITE, PROT_EXEC. */

/* What is behind a mapping. */
enum space_kind {
  SPACE_ANONYMOUS = 0, /* zero-fill memory */
  SPACE_MEMORY = 1,    /* an object of shared memory */
  SPACE_PHYSICAL = 2,  /* device or other physical memory */
  SPACE_BORROWED = 3,  /* pages of another address space */
  SPACE_PAGED = 4      /* pages that a pager provides: a file */
};

/* What a mapping is for; shown, without effect. */
enum space_use {
  SPACE_USE_NONE = 0,
  SPACE_USE_HEAP = 1,
  SPACE_USE_STACK = 2,
  SPACE_USE_TEXT = 3,
  SPACE_USE_RODATA = 4,
  SPACE_USE_DATA = 5,
  SPACE_USE_FILE = 6,
  SPACE_USE_SHARED = 7,
  SPACE_USE_SIGNALS = 8
};

enum space_flags {
  SPACE_SHARED = 1,      /* writes reach the object; else they are private */
  SPACE_GROWS_DOWN = 2,  /* a stack */
  SPACE_UNCHARGED = 4,   /* does not count as committed (map: MAP_NORESERVE) */
  SPACE_LOCKED = 8,      /* read only: locked in memory */
  SPACE_NOT_COPIED = 16, /* read only: copies of the space lack it (MADV_DONTFORK) */
  SPACE_REPLACE = 32,    /* map, transfer: what is there goes; else it is EEXIST */
  SPACE_POPULATE = 64    /* map: bring the pages in, as far as they can be */
};

struct space_mapping {
  uint16_t version;
  uint16_t size;
  uint32_t flags;
  uint64_t base;
  uint64_t length;
  uint32_t access;
  uint32_t max_access; /* the most that mprotect can give */
  uint32_t kind;
  uint32_t use;
  uint64_t object; /* the same number for the same object while it is mapped anywhere; 0: none */
  uint64_t offset; /* in the object */
  /* Pages, as the page tables have them. */
  uint64_t resident;
  uint64_t shared; /* of those, what others have too */
  uint64_t swapped;
  /* Page tables for it (those at its edges serve neighbours too), and how many of them another
   * space shares. */
  uint64_t tables;
  uint64_t tables_shared;
};

enum space_operation {
  SPACE_MAP = 1,      /* file: what to map from `offset` on, or -1: zero-fill memory; access, flags,
                       * use. A shared mapping of nothing is fresh shared memory. */
  SPACE_UNMAP = 2,    /* holes are no error */
  SPACE_PROTECT = 3,  /* access; ENOMEM at a hole */
  SPACE_ADVISE = 4,   /* advice: MADV_NORMAL to MADV_DONTNEED, MADV_FREE, MADV_DONTFORK to
                       * MADV_NOHUGEPAGE, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT;
                       * ENOMEM at a hole */
  SPACE_TRANSFER = 5, /* file: an address-space descriptor, the same in all of the batch; its pages
                       * from `offset` on move here, mappings and all. EBUSY: one of the two lends
                       * pages */
  SPACE_SET_BREAK = 6 /* base: where brk() starts; length 0 */
};

struct space_change {
  uint16_t version;
  uint16_t size;
  uint32_t operation;
  uint64_t base;   /* page aligned, and so is offset */
  uint64_t length; /* bytes, > 0; rounded up to pages */
  uint32_t access;
  uint32_t flags;
  int32_t file;
  uint32_t advice;
  uint64_t offset;
  uint32_t use;
  uint32_t reserved;
};

struct space_bounds {
  uint16_t version;
  uint16_t size;
  uint32_t reserved;
  uint64_t lowest;    /* of all addresses that can be mapped */
  uint64_t end;       /* one past the highest */
  uint64_t stack_top; /* where the kernel would end the first stack, and which room stays free below
                       * the mappings that it places: random, unless aslr=off */
  uint64_t break_start;
  uint64_t break_end;
};

/* ---- Processes */

enum process_state { PROCESS_NEW = 0, PROCESS_RUNNING = 1, PROCESS_STOPPED = 2, PROCESS_ENDED = 3 };

/* Written, only `state` counts, the rest is 0: PROCESS_RUNNING starts a new process as a child of
 * the writer (EAGAIN: too many), or continues a stopped one as SIGCONT does; PROCESS_STOPPED stops
 * a running one as SIGSTOP does. Others: EINVAL. ESRCH: it has ended. */
struct process_status {
  uint16_t version;
  uint16_t size;
  uint32_t state;
  uint32_t id; /* 0: not started */
  uint32_t parent;
  uint32_t group;
  uint32_t session;
  uint32_t threads;
  uint32_t exit_status; /* as wait4() tells it; 0 before the end */
};

/* general: by their DWARF numbers. x86_64: rax rdx rcx rbx rsi rdi rbp rsp r8 to r15, of which rsp
 * is read-only here (stack_pointer is it). aarch64: x0 to x30. Others 0. */
struct process_registers {
  uint16_t version;
  uint16_t size;
  uint32_t reserved;
  uint64_t instruction_pointer;
  uint64_t stack_pointer;
  uint64_t flags; /* RFLAGS, PSTATE; of a written one the bits that a program may change */
  uint64_t thread_pointer;
  uint64_t general[32];
};

enum process_file_operation {
  PROCESS_FILE_PUT = 1,   /* file: a descriptor of the caller's, to be number `number` there */
  PROCESS_FILE_CLOSE = 2, /* number */
  PROCESS_FILES_COPY = 3  /* all of the caller's but those marked close-on-exec, and nothing else */
};

/* Read: operation 0, file -1; flags is PROCESS_FILE_MARKED or 0. */
enum process_file_flags { PROCESS_FILE_MARKED = 1 /* close-on-exec */ };

struct process_file {
  uint16_t version;
  uint16_t size;
  uint32_t operation;
  int32_t file;
  int32_t number;
  uint32_t flags;
  uint32_t reserved;
};

/* Where a program's words are in its memory, and a descriptor of its file (-1: none). */
struct process_program {
  uint16_t version;
  uint16_t size;
  int32_t file;
  uint64_t arguments;
  uint64_t arguments_end;
  uint64_t environment;
  uint64_t environment_end;
};

/* Written to `current-addrspace`: EBADF and EINVAL: no such space or address; EBUSY: the process
 * runs and is not the caller, or has several threads. When the descriptor is closed the process has
 * the memory `space` and goes on there; a stopped one when it is continued. */
struct process_switch {
  uint16_t version;
  uint16_t size;
  int32_t space;
  uint64_t stack_pointer;
  uint64_t instruction_pointer;
};

#endif
