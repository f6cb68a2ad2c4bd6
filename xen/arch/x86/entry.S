/* SPDX-License-Identifier: MIT */
/*
 * First instruction: from the boot loader's 32-bit world to boot_main().
 *
 * Multiboot 1 (eax = 0x2BADB002) and 2 (0x36D76289) both enter at `start` with
 * paging off and ebx pointing at what they know. We are linked at the
 * physical address where we are loaded, so symbols are right from the start.
 *
 * The boot tables map the first 4 GiB twice, at 0 and at the direct map's
 * base, with 2 MiB pages; hostmap.c replaces them by the real ones (W^X, no
 * identity map but our own image). The CPUs that come up later pass through
 * them once more (smp_start.S).
 */
#include "arch/x86/layout.h"

#define MB1_MAGIC 0x1BADB002
#define MB1_FLAGS 0x00000003 /* page-aligned modules, memory map */
#define MB2_MAGIC 0xE85250D6

        .section .multiboot, "a"
        .balign 8
        .long   MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

        .balign 8
mb2_header:
        .long   MB2_MAGIC, 0, mb2_end - mb2_header
        .long   0x100000000 - (MB2_MAGIC + (mb2_end - mb2_header))
        .balign 8
        .word   1, 0            /* information request */
        .long   mb2_request_end - . + 4
        .long   1, 3, 6, 8, 14, 15 /* command line, modules, memory, screen, ACPI */
mb2_request_end:
        .balign 8
        .word   6, 0            /* page-aligned modules */
        .long   8
        .balign 8
        .word   5, 1            /* a screen of points; another or none will do */
        .long   20
        .long   1024, 768, 32
        .balign 8
        .word   0, 0
        .long   8
mb2_end:

        .section .text.start, "ax"
        .code32
        .globl  start
start:
        cli
        cld
        movl    %eax, %esi      /* magic */
        movl    %ebx, %edi      /* information */
        movl    $boot_stack_top, %esp

        /* Clear .bss: not every loader does. */
        movl    %edi, %ebp
        movl    $__bss_start, %edi
        movl    $__bss_end, %ecx
        subl    %edi, %ecx
        shrl    $2, %ecx
        xorl    %eax, %eax
        rep stosl
        movl    %ebp, %edi

        /* 2048 entries of 2 MiB: four page directories in a row. */
        movl    $boot_pd, %ebx
        movl    $0x83, %eax     /* present, writable, 2 MiB */
        xorl    %edx, %edx
        movl    $2048, %ecx
1:      movl    %eax, (%ebx)
        movl    %edx, 4(%ebx)
        addl    $0x200000, %eax
        addl    $8, %ebx
        loop    1b

        movl    $(boot_pd + 3), %eax
        movl    $boot_pdpt, %ebx
        movl    $4, %ecx
2:      movl    %eax, (%ebx)
        addl    $0x1000, %eax
        addl    $8, %ebx
        loop    2b

        movl    $(boot_pdpt + 3), %eax
        movl    %eax, boot_pml4
        movl    %eax, boot_pml4 + DIRECTMAP_SLOT * 8

        call    enter_long_mode
        ljmp    $SEL_CODE64, $start64

/* Switch on PAE, long mode with NX, paging; uses the boot tables and GDT. */
        .globl  enter_long_mode
enter_long_mode:
        movl    %cr4, %eax
        orl     $0x20, %eax     /* PAE */
        movl    %eax, %cr4
        movl    $boot_pml4, %eax
        movl    %eax, %cr3
        movl    $0xC0000080, %ecx
        rdmsr
        orl     $0x900, %eax    /* LME, NXE */
        wrmsr
        movl    $0x80010033, %eax /* PG WP NE ET MP PE; CD and NW clear */
        movl    %eax, %cr0
        lgdt    boot_gdt_pointer
        ret

        .code64
start64:
        xorl    %eax, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        movl    $boot_stack_top, %esp
        xorl    %ebp, %ebp      /* end of the chain of frames */
        xchgl   %edi, %esi      /* edi = magic, esi = information */
        movl    %edi, %edi
        movl    %esi, %esi
        call    boot_main
        ud2

        .section .data.boot, "aw"
        .balign 8
        .globl  boot_gdt_pointer
boot_gdt:
        .quad   0
        .quad   0x00AF9B000000FFFF /* SEL_CODE64 */
        .quad   0x00CF9B000000FFFF /* SEL_CODE32 */
        .quad   0x00CF93000000FFFF /* SEL_DATA */
boot_gdt_pointer:
        .word   . - boot_gdt - 1
        .quad   boot_gdt

        .section .bss.boot, "aw", @nobits
        .balign 4096
        .globl  boot_pml4
boot_pml4:
        .skip   4096
boot_pdpt:
        .skip   4096
boot_pd:
        .skip   4096 * 4
        .skip   16384
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
