// Handoff: what the trampoline reads, shared by C++ and assembly.
//
// It lies in the trampoline page behind the code; the offsets below are checked against the
// structure in machine.cpp.
#pragma once

#define HANDOFF_ROOT 0
#define HANDOFF_CR4 8
#define HANDOFF_GDT 16
#define HANDOFF_GDT_HIGH 32
#define HANDOFF_LONG_MODE 48
#define HANDOFF_ENTRY 56
#define HANDOFF_STACK 64
#define HANDOFF_INFO 72
#define HANDOFF_IDT 80
#define HANDOFF_DESCRIPTORS 96
#define HANDOFF_SIZE 128

// Where the Handoff starts in the trampoline page.
#define HANDOFF_OFFSET 2048

#define SELECTOR_CODE64 8
#define SELECTOR_DATA 16
#define SELECTOR_CODE32 24
