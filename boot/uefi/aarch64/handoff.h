// Handoff: what the trampoline reads, shared by C++ and assembly.
//
// It lies in the trampoline page behind the code; the offsets below are checked against the
// structure in machine.cpp.
#pragma once

#define HANDOFF_MAIR 0
#define HANDOFF_TCR 8
#define HANDOFF_TTBR0 16
#define HANDOFF_TTBR1 24
#define HANDOFF_SCTLR 32
#define HANDOFF_ENTRY 40
#define HANDOFF_STACK 48
#define HANDOFF_INFO 56
#define HANDOFF_SIZE 64

// Where the Handoff starts in the trampoline page.
#define HANDOFF_OFFSET 2048
