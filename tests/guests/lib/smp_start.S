/* SPDX-License-Identifier: MIT */
/*
 * Where a secondary vCPU begins: real mode, CS base TRAMPOLINE, IP 0. The code
 * between the labels is copied there, goes to 32-bit mode and from there on as
 * vCPU 0 did.
 */
#include "layout.h"

    .section .rodata
    .code16
    .balign 16
    .global smp_trampoline, smp_trampoline_end
smp_trampoline:
    cli
    mov     %cs, %ax
    mov     %ax, %ds
    lgdtl   (pointer - smp_trampoline)
    mov     $CR0_PE, %eax
    mov     %eax, %cr0
    ljmpl   $CODE32_CS, $secondary32
    .balign 8
pointer:
    .word   8 * 8 - 1
    .long   gdt
smp_trampoline_end:

    .text
    .code32
secondary32:
    mov     $KERNEL_DS, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    jmp     entry32_secondary

    .section .note.GNU-stack, "", @progbits
