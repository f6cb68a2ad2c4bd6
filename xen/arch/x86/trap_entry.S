/* SPDX-License-Identifier: MIT */
/*
 * Where the processor goes on exceptions and interrupts of the hypervisor
 * itself: 256 stubs that make the stack look the same (struct trap_frame) and
 * call trap_handle(). NMI has a stub of its own that does next to nothing: it
 * is mostly sent to make a CPU leave its guest. With VMX it can come just
 * before the guest is entered, and must keep that from happening (vmx_run.S).
 * One that nobody sent is counted (trouble.c); GS is the hypervisor's whenever
 * an NMI can come.
 */
#define CPU_NMI_SENT    8
#define CPU_NMI_FOREIGN 12

        .text
        .code64

        .altmacro
        .macro  STUB n
        .balign 16
        .if (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21) || (\n == 29) || (\n == 30)
        .else
        pushq   $0              /* no error code from the processor */
        .endif
        pushq   $\n
        jmp     trap_common
        .endm

        .balign 16
        .globl  trap_stubs
trap_stubs:
        .set    i, 0
        .rept   256
        STUB    %i
        .set    i, i + 1
        .endr

trap_common:
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
        cld
        movq    %rsp, %rdi
        movq    %rsp, %rbp
        andq    $-16, %rsp
        call    trap_handle
        movq    %rbp, %rsp
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
        addq    $16, %rsp
        iretq

        .balign 16
        .globl  nmi_stub
nmi_stub:
        cmpq    $vmx_looked, (%rsp)
        jb      1f
        cmpq    $vmx_entered, (%rsp)
        jae     1f
        movq    $vmx_stopped, (%rsp)
1:      lock decl %gs:CPU_NMI_SENT
        jns     2f
        lock incl %gs:CPU_NMI_SENT
        lock incl %gs:CPU_NMI_FOREIGN
2:      iretq

/* Bochs keeps a guest's single step, due when the guest exits instead by SVM,
 * for us: GS is not ours there, and it is nobody's any more. */
        .balign 16
        .globl debug_stub
debug_stub:
        cmpq    $svm_exited0, (%rsp)
        je      1f
        cmpq    $svm_exited1, (%rsp)
        jne     trap_stubs + 1 * 16
1:      iretq

        .section .note.GNU-stack, "", @progbits
