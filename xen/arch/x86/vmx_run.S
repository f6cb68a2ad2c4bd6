/* SPDX-License-Identifier: MIT */
/*
 * unsigned vmx_enter(struct guest_regs *regs, const uint32_t *stop,
 *                    uint64_t launched)
 *
 * Interrupts are off; NMIs cannot be. One that comes after *stop was looked at
 * and before the guest was entered means that *stop has changed: its handler
 * (trap_entry.S) sees that it interrupted the lines between vmx_looked and
 * vmx_entered, and goes on at vmx_stopped. RSP is the same in all of them.
 *
 * RSP, RIP and RFLAGS of the guest are in the VMCS.
 */
#include "arch/x86/returns.inc"

#define VMCS_HOST_RSP 0x6C14

        .text
        .code64
        .globl  vmx_enter, vmx_looked, vmx_entered, vmx_stopped, vmx_exit_point
vmx_enter:
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rdi
        movl    $VMCS_HOST_RSP, %eax
        vmwrite %rsp, %rax
        cmpl    $0, (%rsi)
vmx_looked:
        jne     vmx_stopped
        testq   %rdx, %rdx
        movq    0*8(%rdi), %rax
        movq    1*8(%rdi), %rcx
        movq    2*8(%rdi), %rdx
        movq    3*8(%rdi), %rbx
        movq    5*8(%rdi), %rbp
        movq    6*8(%rdi), %rsi
        movq    8*8(%rdi), %r8
        movq    9*8(%rdi), %r9
        movq    10*8(%rdi), %r10
        movq    11*8(%rdi), %r11
        movq    12*8(%rdi), %r12
        movq    13*8(%rdi), %r13
        movq    14*8(%rdi), %r14
        movq    15*8(%rdi), %r15
        movq    7*8(%rdi), %rdi
        je      1f
        vmresume
        jmp     vmx_entered
1:      vmlaunch
vmx_entered:
        movl    $2, %eax        /* still here: refused */
        jmp     2f
vmx_stopped:
        movl    $1, %eax
2:      addq    $8, %rsp
        jmp     3f

vmx_exit_point:
        xchgq   %rdi, (%rsp)
        movq    %rax, 0*8(%rdi)
        movq    %rcx, 1*8(%rdi)
        movq    %rdx, 2*8(%rdi)
        movq    %rbx, 3*8(%rdi)
        movq    %rbp, 5*8(%rdi)
        movq    %rsi, 6*8(%rdi)
        movq    %r8, 8*8(%rdi)
        movq    %r9, 9*8(%rdi)
        movq    %r10, 10*8(%rdi)
        movq    %r11, 11*8(%rdi)
        movq    %r12, 12*8(%rdi)
        movq    %r13, 13*8(%rdi)
        movq    %r14, 14*8(%rdi)
        movq    %r15, 15*8(%rdi)
        popq    %rax
        movq    %rax, 7*8(%rdi)
        STUFF_RETURNS
        xorl    %eax, %eax
3:      popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret

        .section .note.GNU-stack, "", @progbits
