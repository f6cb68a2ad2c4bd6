/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts: a stub per vector makes all frames alike (struct
 * trap_frame) and trap_dispatch() decides. trap_catch() is the way to survive
 * an exception: it notes where it can be resumed in struct cpu, which GS
 * points at, in ring 3 too.
 */
#include "layout.h"

    .text
    .code64
    .balign 16
    .global trap_stubs
trap_stubs:
    .set    vector, 0
    .rept   256
    .balign 16
    .if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
    push    $0
    .endif
    push    $vector
    jmp     common
    .set    vector, vector + 1
    .endr

common:
    push    %rax
    push    %rcx
    push    %rdx
    push    %rbx
    push    %rbp
    push    %rsi
    push    %rdi
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    cld
    mov     %rsp, %rdi
    mov     %rsp, %rbp
    and     $-16, %rsp
    call    trap_dispatch
    mov     %rbp, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rdi
    pop     %rsi
    pop     %rbp
    pop     %rbx
    pop     %rdx
    pop     %rcx
    pop     %rax
    add     $16, %rsp           /* vector and error code */
    iretq

/* unsigned trap_catch(void (*function)(void *), void *argument) */
    .global trap_catch, trap_resume
trap_catch:
    push    %rbp
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    push    %gs:CPU_RECOVER     /* catches nest */
    mov     %rsp, %gs:CPU_RECOVER
    mov     %rdi, %rax
    mov     %rsi, %rdi
    call    *%rax
    mov     $256, %eax          /* TRAP_NONE */
trap_resume:                    /* RAX: the vector */
    mov     %gs:CPU_RECOVER, %rsp
    pop     %gs:CPU_RECOVER
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    pop     %rbp
    ret

/*
 * void enter_user(void (*function)(void), void *stack_top, uint64_t argument)
 * The function gets the argument in RDI, and leaves by an exception only.
 */
    .global enter_user
enter_user:
    push    $USER_DS
    push    %rsi
    push    $0x2
    push    $USER_CS
    push    %rdi
    mov     %rdx, %rdi
    iretq

    .section .note.GNU-stack, "", @progbits
