// What the test programs share: output by test case, raw system calls, names of errors, a look at
// an address range without touching what it may not.
//
// A program prints facts, not verdicts: the same binary runs on Linux, and equal output is the
// test. So nothing printed may depend on where things lie, on process numbers, on time, or on which
// of two processes runs first. Output is unbuffered: a line is one write, and a fork repeats
// nothing.
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { page_bytes = 4096 };

// Begins a test case: all that is printed until the next one belongs to it.
void test_case(const char* name);

// One line, or a part of one: a line that does not end in "\n" goes on with the next call. At most
// 2047 bytes.
void say(const char* format, ...) __attribute__((format(printf, 1, 2)));

// "EINVAL" for 22; the number for one without a name here.
const char* error_name(int error);

// "ok" for 0 and more, the name of the error for -4095 to -1.
const char* outcome(long result);

// "exit 3", "signal SIGSEGV", "stopped SIGTSTP", "continued", as wait4 reported it.
const char* status_text(int status);
const char* signal_name(int number);

// The error as a negative number instead of errno.
long error_or(long result);
#define call(name, ...) error_or(syscall(SYS_##name, ##__VA_ARGS__))

// The state of every page of a range: '.' nothing there, '-' no access, 'r', 'w' as well as 'r'. No
// content changes. `text` has room for count + 1 characters.
void page_states(const void* start, size_t count, char* text);

// FNV-1a over a range.
uint64_t hash_bytes(const void* start, size_t length, uint64_t seed);

// A seeded generator (splitmix64): the same numbers everywhere.
uint64_t next_random(uint64_t* state);

// Ends the program with a message when the test itself cannot go on.
_Noreturn void give_up(const char* what);
#define require(condition) ((condition) ? (void)0 : give_up(#condition))

// Forks; the child runs `body` and ends with what it returns. Waits, and returns the status.
int in_child(int (*body)(void*), void* argument);
