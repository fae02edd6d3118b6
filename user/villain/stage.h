// stage.h: what every crime needs: a daemon process that speaks the protocol by hand, callers, and
// a judge who waits for both with a time limit.
//
// Roles are processes. A daemon() is asked politely() or not; a caller() ends with 0 if it met what
// it should. Who expects something else says so on stdout and ends with 1.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/include/scheme_protocol.h"

enum { page = 4096, file_pages = 16, name_size = 32 };

// ---- The daemon's part

// Registers /scheme/NAME and starts it; the queue. Ends the process when it cannot.
int start_scheme(const char* name);
// The next submission. False: the queue is over.
int next_call(int queue, struct scheme_submission* call);
// write()'s result is 64 for an answer that was taken, else -errno.
int answer(int queue, uint64_t tag, int64_t result, uint64_t value0, uint64_t value1);
int say(int queue, const struct scheme_answer* words, unsigned count);
struct scheme_answer word_of(uint16_t kind, uint64_t tag, int64_t result);
// Answers as an honest scheme would: one file of `file_pages` pages, which is node 1.
void politely(int queue, const struct scheme_submission* call);
// Answers politely until `opcode` comes, which is left to the caller of this.
void until(int queue, uint32_t opcode, struct scheme_submission* call);
// Politely for ever; ends the process when the queue is over.
void serve(int queue);
void* buffer_of(const struct scheme_submission* call);

// ---- Processes

// Runs `play` as a daemon for `name` and returns when its scheme can be opened.
pid_t daemon_of(const char* name, void (*play)(int queue));
pid_t caller_of(int (*play)(const char* path), const char* name);
// The status of a process as a shell has it; kills it after five seconds and says so.
int end_of(pid_t process);
void kill_it(pid_t process);
// Whether it is still there after a while.
int goes_on(pid_t process);

// ---- Mappings

// Maps the file's first pages, shared and writable; ends the process when it cannot.
char* map_file(const char* path, size_t pages);
// The signal that reading a byte ends with, else -byte.
int look_at(const volatile char* at);

// ---- What the kernel holds, when what has just ended has been cleared away

struct Held {
  unsigned long free_frames;
  unsigned long heap_blocks;
};
struct Held held(void);

// ---- What is expected. False: told.
int expect(const char* what, long got, long wanted);
int expect_error(const char* what, long result, int wanted);
