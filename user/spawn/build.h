// build.h: building a process out of descriptors (kernel/include/space_descriptors.h), and short
// names for what that takes.
#pragma once

#include <stddef.h>

#include "kernel/include/space_descriptors.h"

// The descriptor that `name` gives of `fd`, close-on-exec; -1 and errno.
int dup_named(int fd, const char* name);

// A change with version and size filled in.
struct space_change space_change_of(unsigned operation, uint64_t base, uint64_t length);
// Writes all of a structure: 0, or -1 and errno.
int put(int fd, const void* record, size_t size);
// Reads one structure: 0, or -1 and errno (EIO: it was shorter).
int take(int fd, void* record, size_t size);

// A process that will run the static ELF program `path`, as fork and execve would make it, and has
// not started: its descriptor. -1 and errno (ENOEXEC: no such program).
int build_process(const char* path, char* const arguments[], char* const environment[]);
// Starts it as a child: its number; -1 and errno.
int start_process(int process);
