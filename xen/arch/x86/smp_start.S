/* SPDX-License-Identifier: MIT */
/*
 * The first steps of the other CPUs. smp.c copies this to a page below 1 MiB and
 * sends INIT/SIPI; the CPU begins there in real mode, with the page in CS, and
 * goes on in ap_start64 with the stack that smp_ap_stack names (one CPU at a
 * time). What the processor wants as an address is filled in on the way.
 */
#include "arch/x86/layout.h"

#define HERE(label) ((label) - trampoline_start)

        .section .rodata.trampoline, "a"
        .code16
        .globl  trampoline_start, trampoline_end
trampoline_start:
        cli
        cld
        movw    %cs, %ax
        movw    %ax, %ds
        movzwl  %ax, %ebx
        shll    $4, %ebx        /* where this page is */
        leal    HERE(tramp_gdt)(%ebx), %eax
        movl    %eax, HERE(tramp_gdt_pointer) + 2
        leal    HERE(tramp32)(%ebx), %eax
        movl    %eax, HERE(tramp_entry)
        lgdtl   HERE(tramp_gdt_pointer)
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   *HERE(tramp_entry)

        .code32
tramp32:
        movl    $SEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        leal    0x1000(%ebx), %esp
        movl    $enter_long_mode, %eax
        call    *%eax
        ljmp    $SEL_CODE64, $ap_start64

        .balign 8
tramp_gdt:
        .quad   0
        .quad   0x00AF9B000000FFFF
        .quad   0x00CF9B000000FFFF
        .quad   0x00CF93000000FFFF
tramp_gdt_pointer:
        .word   . - tramp_gdt - 1
        .long   0
tramp_entry:
        .long   0
        .word   SEL_CODE32
trampoline_end:

        .text
        .code64
ap_start64:
        xorl    %eax, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        movq    smp_ap_stack, %rsp
        xorl    %ebp, %ebp
        call    smp_ap_main
        ud2

        .section .note.GNU-stack, "", @progbits
