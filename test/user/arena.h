// A range of addresses that belongs to a test alone: results are told relative to it, so they do
// not depend on where the system put it.
#pragma once

#include "case.h"

enum { arena_pages = 64 };

// Reserves `arena_pages` pages, aligned to 2 MiB, with a page that is never mapped on either side.
// One arena a program.
char* arena_create(void);

// The standard layout, whatever was there before. Pages 0 to 7 writable, private, zero; 8 to 11
// readable; 12 to 15 without access; 16 to 23 nothing; 24 to 31 writable, shared; the rest nothing.
void arena_reset(char* arena);

// "arena+3", "arena+3.5 bytes", or "elsewhere"; errors by name.
const char* arena_place(const char* arena, long result);

// The lowest address that no program may map, as far as munmap tells.
uintptr_t user_end(void);

// Prints `page_states` of the arena after `text`.
void arena_show(const char* arena, const char* text);
