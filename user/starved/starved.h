// starved.h: things that are done while the kernel runs out of memory. Each returns 0, or the error
// number; what it made is gone again.
#pragma once

#include <sys/types.h>

// The `nth` allocation from now on that the kernel makes for this thread fails; 0: none. What is
// left of that.
void arm(unsigned nth);
unsigned left(void);
// How a child ended.
int ended(pid_t child);

// Schemes (schemes.c). The daemon that the others call.
pid_t start_honest_daemon(void);
int do_scheme_files(void);
int do_scheme_buffers(void);
int do_scheme_mapping(void);
int do_scheme_passing(void);
int do_scheme_registration(void);
int do_scheme_serving(void);
