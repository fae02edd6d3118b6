// trap_entry.S: every way into the kernel after boot, and the way back.
//
// Register table (all paths): the interrupted registers are saved in a TrapFrame at the top of the
// kernel stack (offsets generated from trap_frame.h); rdi carries its address to C++.
// GS: in user mode GS base is the user's and KERNEL_GS_BASE this CPU's PerCpu block; SWAPGS exactly
// once per crossing. Traps that may hit between the crossing and its SWAPGS (double fault, NMI,
// machine check) run on their own stacks and look at GS base itself: a kernel pointer is negative,
// and user mode cannot set a negative one (FSGSBASE is off, arch_prctl checks).
// SMAP: EFLAGS.AC is cleared on every entry; IRETQ and SYSRET bring the interrupted value back.

#include "asm_offsets.h"

// A place where CLAC belongs if the processor has SMAP: a three-byte no-op, its address listed
// for features.cpp to patch.
.macro CLOSE_USER_ACCESS
771:    nopl    (%rax)
        .pushsection cpu_clac_sites, "a", @progbits
        .quad   771b
        .popsection
.endm

.macro PUSH_REGISTERS
        pushq   %rax
        pushq   %rcx
        pushq   %rdx
        pushq   %rbx
        pushq   %rbp
        pushq   %rsi
        pushq   %rdi
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
.endm

.macro POP_REGISTERS
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rdi
        popq    %rsi
        popq    %rbp
        popq    %rbx
        popq    %rdx
        popq    %rcx
        popq    %rax
.endm

        .text

// One 16-byte stub a vector: pushes 0 where the processor pushes no error code, and the vector.
        .balign 16
        .globl  cpu_vector_stubs
        .type   cpu_vector_stubs, @function
cpu_vector_stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
        .else
        pushq   $0
        .endif
        pushq   $vector
        .if (vector == 2) || (vector == 8) || (vector == 18)
        jmp     paranoid_entry
        .else
        jmp     common_entry
        .endif
        .set    vector, vector + 1
        .endr
        .size   cpu_vector_stubs, . - cpu_vector_stubs

// Exceptions and interrupts. Calls
//   extern "C" void cpu_dispatch_trap(cpu::TrapFrame* frame);
        .type   common_entry, @function
common_entry:
        .cfi_startproc simple
        .cfi_signal_frame
        testb   $3, 24(%rsp)            // saved CS, above vector, error, rip
        jz      1f
        swapgs
        lfence                          // the branch must not be speculated past SWAPGS
1:      CLOSE_USER_ACCESS
        PUSH_REGISTERS
        cld
        movq    %rsp, %rdi
        testb   $3, FRAME_CS(%rsp)
        jz      2f
        xorl    %ebp, %ebp              // kernel backtraces end here
2:      call    cpu_dispatch_trap
        jmp     cpu_return
        .cfi_endproc
        .size   common_entry, . - common_entry

// Double fault, NMI, machine check: on an emergency stack, GS unknown. rbx (callee-saved)
// remembers whether to swap back.
        .type   paranoid_entry, @function
paranoid_entry:
        CLOSE_USER_ACCESS
        PUSH_REGISTERS
        cld
        xorl    %ebx, %ebx
        movl    $GS_BASE_MSR, %ecx
        rdmsr
        testl   %edx, %edx
        js      1f
        swapgs
        movl    $1, %ebx
1:      movq    %rsp, %rdi
        testb   $3, FRAME_CS(%rsp)
        jz      2f
        xorl    %ebp, %ebp
2:      call    cpu_dispatch_trap
        testl   %ebx, %ebx
        jz      3f
        swapgs
3:      POP_REGISTERS
        addq    $16, %rsp
        iretq
        .size   paranoid_entry, . - paranoid_entry

// SYSCALL from user mode: rcx = return address, r11 = flags, interrupts masked by FMASK.
// Calls the same dispatcher.
        .balign 16
        .globl  cpu_syscall_entry
        .type   cpu_syscall_entry, @function
cpu_syscall_entry:
        swapgs
        movq    %rsp, %gs:PER_CPU_USER_SP
        movq    %gs:PER_CPU_KERNEL_STACK_TOP, %rsp
        pushq   $USER_DATA_SELECTOR
        pushq   %gs:PER_CPU_USER_SP
        pushq   %r11
        pushq   $USER_CODE_SELECTOR
        pushq   %rcx
        pushq   $0
        pushq   $SYSCALL_VECTOR
        PUSH_REGISTERS
        movq    %rsp, %rdi
        xorl    %ebp, %ebp
        call    cpu_dispatch_trap
        // falls through
        .size   cpu_syscall_entry, . - cpu_syscall_entry

// Restores the frame at rsp. Interrupts masked.
        .type   cpu_return, @function
cpu_return:
        testb   $3, FRAME_CS(%rsp)
        jz      return_to_kernel
        // A user pc at or past the end of the user half could be non-canonical: IRETQ and SYSRET
        // would then fault in kernel mode with the user's GS. Refuse it here.
        movq    FRAME_RIP(%rsp), %rax
        cmpq    cpu_user_limit(%rip), %rax
        jae     bad_user_pc
        // SYSRET only where it restores everything: rcx and r11 are what it needs, no single step.
        cmpq    $SYSCALL_VECTOR, FRAME_VECTOR(%rsp)
        jne     return_by_iret
        cmpq    FRAME_RCX(%rsp), %rax
        jne     return_by_iret
        movq    FRAME_RFLAGS(%rsp), %rax
        cmpq    FRAME_R11(%rsp), %rax
        jne     return_by_iret
        testl   $0x10100, %eax          // RF, TF
        jnz     return_by_iret
        POP_REGISTERS
        movq    32+8(%rsp), %rsp        // vector, error, rip, cs, rflags, then rsp
        swapgs
        sysretq
return_by_iret:
        POP_REGISTERS
        addq    $16, %rsp
        swapgs
        iretq
return_to_kernel:
        POP_REGISTERS
        addq    $16, %rsp
        iretq
bad_user_pc:
        movq    %rsp, %rdi
        call    cpu_refuse_user_pc
        jmp     cpu_return
        .size   cpu_return, . - cpu_return

//   extern "C" [[noreturn]] void cpu_enter_user(const cpu::TrapFrame* frame);
// in   rdi  frame to restore; copied to the top of this CPU's kernel stack first, so that it may
//           lie anywhere
        .globl  cpu_enter_user
        .type   cpu_enter_user, @function
cpu_enter_user:
        cli
        movq    %rdi, %rsi
        movq    %gs:PER_CPU_KERNEL_STACK_TOP, %rdi
        subq    $FRAME_SIZE, %rdi
        movq    %rdi, %rdx
        cmpq    %rdi, %rsi
        je      1f
        movl    $(FRAME_SIZE / 8), %ecx
        rep movsq
1:      movq    %rdx, %rsp
        jmp     cpu_return
        .size   cpu_enter_user, . - cpu_enter_user

        .section .note.GNU-stack, "", @progbits
