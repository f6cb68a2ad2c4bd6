/* SPDX-License-Identifier: MIT */
/*
 * void svm_enter(uint64_t vmcb, struct guest_regs *regs, uint64_t host_vmcb)
 *
 * GIF is clear on entry and return: nothing can come between VMRUN and the
 * VMLOAD that gives us GS back. RAX, RSP, RIP and RFLAGS of the guest are
 * in the VMCB. svm_enter_guarded() is the same for a processor that needs its
 * return stack filled after an exit (spec.c). IF is set around VMRUN, because with V_INTR_MASKING it is the
 * host's IF at VMRUN that lets physical interrupts end the guest's run.
 */
#include "arch/x86/returns.inc"

        .text
        .code64
        .macro  SVM_ENTER guarded
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rdx
        pushq   %rsi
        movq    %rdi, %rax
        movq    1*8(%rsi), %rcx
        movq    2*8(%rsi), %rdx
        movq    3*8(%rsi), %rbx
        movq    5*8(%rsi), %rbp
        movq    7*8(%rsi), %rdi
        movq    8*8(%rsi), %r8
        movq    9*8(%rsi), %r9
        movq    10*8(%rsi), %r10
        movq    11*8(%rsi), %r11
        movq    12*8(%rsi), %r12
        movq    13*8(%rsi), %r13
        movq    14*8(%rsi), %r14
        movq    15*8(%rsi), %r15
        movq    6*8(%rsi), %rsi
        sti
        vmload  %rax
        vmrun   %rax
svm_exited\guarded:
        vmsave  %rax
        cli
        movq    (%rsp), %rax
        movq    %rcx, 1*8(%rax)
        movq    %rdx, 2*8(%rax)
        movq    %rbx, 3*8(%rax)
        movq    %rbp, 5*8(%rax)
        movq    %rsi, 6*8(%rax)
        movq    %rdi, 7*8(%rax)
        movq    %r8, 8*8(%rax)
        movq    %r9, 9*8(%rax)
        movq    %r10, 10*8(%rax)
        movq    %r11, 11*8(%rax)
        movq    %r12, 12*8(%rax)
        movq    %r13, 13*8(%rax)
        movq    %r14, 14*8(%rax)
        movq    %r15, 15*8(%rax)
        popq    %rsi
        popq    %rax
        vmload  %rax
        .if     \guarded
        STUFF_RETURNS
        .endif
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .endm

        .globl  svm_enter, svm_enter_guarded, svm_exited0, svm_exited1
svm_enter:
        SVM_ENTER 0
svm_enter_guarded:
        SVM_ENTER 1

        .section .note.GNU-stack, "", @progbits
