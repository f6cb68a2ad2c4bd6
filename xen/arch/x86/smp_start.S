/* SPDX-License-Identifier: MIT */
/*
 * The first steps of the other CPUs. smp.c copies this page to TRAMPOLINE and
 * sends INIT/SIPI; the CPU begins here in real mode at TRAMPOLINE:0 and goes
 * on in ap_start64 with the stack that smp_ap_stack names (one CPU at a time).
 */
#include "arch/x86/layout.h"

        .section .rodata.trampoline, "a"
        .code16
        .globl  trampoline_start, trampoline_end
trampoline_start:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   TRAMPOLINE + (tramp_gdt_pointer - trampoline_start)
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $SEL_CODE32, $(TRAMPOLINE + (tramp32 - trampoline_start))

        .code32
tramp32:
        movl    $SEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $(TRAMPOLINE + 0x1000), %esp
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
        .long   TRAMPOLINE + (tramp_gdt - trampoline_start)
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
