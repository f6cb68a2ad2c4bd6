/* SPDX-License-Identifier: MIT */
/*
 * First instructions of a microkernel guest.
 *
 * A PVH loader finds the note below, puts the segments at their physical
 * addresses and enters vCPU 0 at entry32: 32-bit, flat, no paging, EBX the
 * address of start_info. Secondary vCPUs come from real mode through
 * smp_start.S to entry32_secondary. Both turn on long mode with tables that
 * map the first 4 GiB to themselves in 2 MiB leaves, so that a pointer is a
 * physical address everywhere in these guests, and jump to next_entry on the
 * stack next_stack.
 *
 * All leaves are user-accessible: tests run code in ring 3.
 */
#include "layout.h"

    .section .note.Xen, "a", @note
    .balign 4
    .long 4                     /* size of the name */
    .long 4                     /* size of the descriptor */
    .long 18                    /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long entry32

    .section .head, "ax"
    .code32
    .global entry32
entry32:
    cli
    cld
    mov     %ebx, start_info_address

    .global entry32_secondary
entry32_secondary:
    mov     $(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
    mov     %eax, %cr4
    mov     $boot_l4, %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $(EFER_SCE | EFER_LME | EFER_NXE), %eax
    wrmsr
    mov     $(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE), %eax
    mov     %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $KERNEL_CS, $entry64

    .code64
entry64:
    mov     $KERNEL_DS, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    xor     %eax, %eax
    mov     %eax, %fs
    mov     %eax, %gs
    mov     next_stack(%rip), %rsp
    xor     %ebp, %ebp
    push    $0                  /* a return address that ends a backtrace */
    jmp     *next_entry(%rip)

    .data
    .balign 8
    .global next_stack, next_entry, start_info_address
next_stack:         .quad boot_stack_top
next_entry:         .quad main_start
start_info_address: .quad 0

    .balign 8
    .global gdt
gdt:
    .quad 0
    .quad 0x00af9b000000ffff    /* KERNEL_CS: 64-bit code */
    .quad 0x00cf93000000ffff    /* KERNEL_DS */
    .quad 0x00cf9b000000ffff    /* CODE32_CS */
    .quad 0x00cff3000000ffff    /* USER_DS */
    .quad 0x00affb000000ffff    /* USER_CS: 64-bit code, ring 3 */
    .quad 0x008f9b000000ffff    /* CODE16_CS */
    .quad 0
    .fill MAX_CPUS * 2, 8, 0    /* one TSS each */
gdt_end:

    .global gdt_pointer
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

    .balign PAGE_SIZE
    .global boot_l4
boot_l4:
    .quad boot_l3 + PTE_TABLE
    .fill 511, 8, 0
boot_l3:
    .quad boot_l2 + PTE_TABLE
    .quad boot_l2 + PAGE_SIZE + PTE_TABLE
    .quad boot_l2 + 2 * PAGE_SIZE + PTE_TABLE
    .quad boot_l2 + 3 * PAGE_SIZE + PTE_TABLE
    .fill 508, 8, 0
boot_l2:
    .set    address, 0
    .rept   2048
    .quad   address + PTE_LEAF_2M
    .set    address, address + 0x200000
    .endr

    .bss
    .balign 16
    .skip   STACK_SIZE
    .global boot_stack_top
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
