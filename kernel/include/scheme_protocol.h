/* scheme_protocol.h: what a scheme daemon and the kernel say to each other, for C11 and C++.
 *
 * A daemon registers NAME by open("scheme:NAME", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC). The
 * descriptor is its queue:
 *
 *   write(queue, answers, n * 64)        answers and notices, in batches; the first is SCHEME_START
 *   read(queue, submissions, n * 128)    what callers want, in batches; waits unless O_NONBLOCK
 *   poll(queue)                          readable: submissions wait
 *   close(queue), or the daemon's end    every call in progress is ENODEV, the name is free again
 *
 * From SCHEME_START on the scheme can be opened, and only the address space that sent it may read
 * and write the queue (EPERM). read() with less room than one submission is EINVAL. write() takes
 * whole entries; it stops at the first bad one and returns the bytes before it, or EINVAL if it was
 * the first: wrong version, a tag that is not in progress (unknown, answered already, another
 * queue's), reserved fields that are not zero, values out of range.
 *
 * Buffers. `buffer` is an address in the daemon's memory where `size` bytes are; valid until the
 * submission is answered, then gone. Up to SCHEME_SHORT bytes are copies in a window that
 * SCHEME_START mapped; longer ones are the caller's own pages, borrowed, whose partial first and
 * last pages are replaced by pages with zeroes around the caller's bytes. Buffers of calls that
 * read are writable, others are not to be written (longer ones cannot be).
 *
 * Paths have no leading '/', are NUL-terminated, and `size` does not count the NUL; "" is the
 * scheme's root. Errors are answered as -errno. All structures are little-endian as the machine's;
 * `reserved` is zero in both directions.
 */
#ifndef LIBVM_SCHEME_PROTOCOL_H
#define LIBVM_SCHEME_PROTOCOL_H

#include <stdint.h>

#define SCHEME_VERSION 1u
#define SCHEME_SHORT 4096u              /* bytes up to which buffers are copied */
#define SCHEME_LONGEST 1048576u         /* bytes of the longest buffer; longer transfers are cut */
#define SCHEME_NO_OFFSET (~UINT64_C(0)) /* of a file without positions */
#define SCHEME_AT_END (~UINT64_C(1))    /* of a write with O_APPEND */

/* ---- What the kernel asks. "->" is what the answer's `result` says when it is not an error. */
enum scheme_opcode {
  /* path; value: open() flags, mode of a new file (umask taken off) -> file, any number >= 0;
   * answer.value: SCHEME_FILE_* flags, node. A scheme of trees gets O_CREAT only for what does not
   * exist, and never a symbolic link. With SCHEME_PASSED in answer.flags the result is one of the
   * daemon's descriptors, and the caller gets that open file itself. */
  SCHEME_OPEN = 1,
  /* file, path: a name; value: flags -> as SCHEME_OPEN. For dup_named(). */
  SCHEME_DUP = 2,
  /* file: nobody has it open any more. Not answered. */
  SCHEME_CLOSE = 3,
  /* file, buffer to fill; value: offset or SCHEME_NO_OFFSET, status flags (O_NONBLOCK) -> bytes; 0
   * is the end */
  SCHEME_READ = 4,
  /* file, buffer; value: offset, SCHEME_NO_OFFSET or SCHEME_AT_END, status flags -> bytes taken;
   * answer.value: size of the file now */
  SCHEME_WRITE = 5,
  /* file; value: offset, SEEK_DATA or SEEK_HOLE -> position. ENOSYS: the kernel takes all for data.
   */
  SCHEME_SEEK = 6,
  /* path; the buffer becomes a scheme_status -> 0. A symbolic link is itself. */
  SCHEME_STAT = 7,
  /* file; buffer: a scheme_status to fill -> 0 */
  SCHEME_FSTAT = 8,
  /* path; the buffer becomes the link's target -> its length */
  SCHEME_READLINK = 9,
  /* file; buffer to fill with scheme_entry records; value: 0 or the `next` of the entry before ->
   * bytes; 0 is the end. Without "." and "..". */
  SCHEME_READDIR = 10,
  /* file; value: 1 if the data are enough -> 0 */
  SCHEME_FSYNC = 11,
  /* file; value: size -> 0 */
  SCHEME_FTRUNCATE = 12,
  /* path -> 0 */
  SCHEME_UNLINK = 13,
  SCHEME_RMDIR = 14,
  /* path; value: mode -> 0 */
  SCHEME_MKDIR = 15,
  /* path; value: mode with the type, device number -> 0 */
  SCHEME_MKNOD = 16,
  /* Two paths one after the other, each with its NUL; value: size of the first, flags -> 0.
   * `size` counts all but the last NUL. From, to; flags are renameat2()'s. */
  SCHEME_RENAME = 17,
  /* Existing, new. */
  SCHEME_LINK = 18,
  /* Target (any text), new. */
  SCHEME_SYMLINK = 19,
  /* path; value: SCHEME_SET_* mask, mode, user, group, accessed ns, modified ns -> 0 */
  SCHEME_SETATTR = 20,
  /* file; the same */
  SCHEME_FSETATTR = 21,
  /* -> 0; answer.value: bytes in all, bytes free, f_type. ENOSYS: zeroes. */
  SCHEME_STATFS = 22,
  /* file; value: offset, bytes, PROT_*, 1 if shared -> size of the file in bytes. Its node can be
   * mapped from now on, until SCHEME_FORGET. */
  SCHEME_MMAP = 23,
  /* file: a node; buffer to fill, whole pages of zeroes; value: offset -> bytes that exist */
  SCHEME_READ_PAGES = 24,
  /* file: a node; buffer: dirty pages to store, cut at the file's end; value: offset -> 0 */
  SCHEME_WRITE_PAGES = 25,
  /* file: a node that nobody maps any more; what was dirty has been stored. Not answered. */
  SCHEME_FORGET = 26,
  /* value: the tag of a call whose caller wants no more, or not wait any longer. Not answered; the
   * call itself still is, at once if that can be (EINTR, or what it has come to). */
  SCHEME_CANCEL = 27,
  /* file; value: poll events of interest -> those that hold now. When others of them begin to hold
   * the daemon says so once by SCHEME_EVENTS. Only with SCHEME_FILE_POLLS. */
  SCHEME_POLL = 28,
  /* file; value: ioctl request, its argument as a number -> result. ENOTTY. */
  SCHEME_CONTROL = 29,
  /* file; value: a descriptor that is the daemon's from now on, what the caller said of it ->
   * result. The caller passes it by fcntl(fd, SCHEME_PASS_FD, descriptor), which says 0. */
  SCHEME_PASS = 30
};

#define SCHEME_PASS_FD 0x1001 /* fcntl() command */

/* Who calls. Everybody is root: identities are for information. */
struct scheme_caller {
  uint32_t process;
  uint32_t thread;
  uint32_t user;
  uint32_t group;
};

struct scheme_submission {
  uint64_t tag; /* names the call in its answer; 0: not answered */
  uint32_t opcode;
  uint32_t version;
  uint64_t file;
  uint64_t value[6];
  uint64_t buffer; /* 0: none */
  uint64_t size;
  struct scheme_caller caller;
  uint64_t reserved[3];
};

/* ---- What the daemon says */
enum scheme_kind {
  SCHEME_ANSWER = 0, /* tag, result, value */
  /* The first of all: result: SCHEME_IS_* flags. May fail with ENOMEM. */
  SCHEME_START = 1,
  /* value: file, poll events that hold now: wakes who polls it */
  SCHEME_EVENTS = 2,
  /* value: node, size in bytes: the file has this size now, not by a call of the kernel's */
  SCHEME_RESIZED = 3,
  /* value: node, offset, bytes (whole pages): pages the kernel holds are out of date: it drops
   * them, dirty or not, and asks again */
  SCHEME_STALE = 4
};

/* Flags of SCHEME_START. */
enum {
  /* The kernel walks paths part by part (SCHEME_STAT), follows links and "..": a file system.
   * Without it SCHEME_OPEN gets all that follows the name, as written. */
  SCHEME_IS_TREE = 1,
  SCHEME_IS_READ_ONLY = 2 /* changes are EROFS without asking */
};

/* answer.value[0] of an open file. */
enum {
  SCHEME_FILE_STREAM = 1,    /* no positions: ESPIPE */
  SCHEME_FILE_DIRECTORY = 2, /* SCHEME_READDIR */
  SCHEME_FILE_POLLS = 4      /* not always ready: SCHEME_POLL */
};

enum { SCHEME_PASSED = 1 }; /* answer.flags */

struct scheme_answer {
  uint64_t tag; /* 0 in notices */
  int64_t result;
  uint64_t value[3];
  uint16_t kind;
  uint16_t flags;
  uint32_t version;
  uint64_t reserved[2];
};

struct scheme_status {
  uint64_t inode;
  uint32_t mode; /* with the type */
  uint32_t links;
  uint32_t user;
  uint32_t group;
  uint64_t device; /* of a device node */
  uint64_t size;
  uint64_t blocks; /* of 512 bytes */
  uint64_t accessed_ns;
  uint64_t modified_ns;
  uint64_t changed_ns;
  uint64_t reserved[3];
};

/* A name in a directory: this, the name, a NUL, then zeroes up to a multiple of 8 bytes. */
struct scheme_entry {
  uint64_t next; /* position after it; below 2^62 */
  uint64_t inode;
  uint32_t mode;   /* the type counts */
  uint16_t record; /* bytes in all */
  uint16_t size;   /* of the name */
};

/* SCHEME_SETATTR: which values count. */
enum {
  SCHEME_SET_MODE = 1,
  SCHEME_SET_USER = 2,
  SCHEME_SET_GROUP = 4,
  SCHEME_SET_ACCESSED = 8,
  SCHEME_SET_MODIFIED = 16
};

#ifdef __cplusplus
#define SCHEME_CHECK(condition, text) static_assert(condition, text)
#else
#define SCHEME_CHECK(condition, text) _Static_assert(condition, text)
#endif
SCHEME_CHECK(sizeof(struct scheme_submission) == 128, "submission");
SCHEME_CHECK(sizeof(struct scheme_answer) == 64, "answer");
SCHEME_CHECK(sizeof(struct scheme_status) == 96, "status");
SCHEME_CHECK(sizeof(struct scheme_entry) == 24, "entry");
#undef SCHEME_CHECK

#endif
