/* SPDX-License-Identifier: MIT */
/* Numbers that C and assembly share. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#ifdef __ASSEMBLER__
#define PAGE_SIZE 4096 /* for C: types/words.h */
#endif
#define STACK_SIZE 16384
#define MAX_CPUS   8

/* Where secondary vCPUs start in real mode: vector << 12. */
#define TRAMPOLINE 0x8000

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define CODE32_CS 0x18
#define USER_DS   0x23
#define USER_CS   0x2b
#define CODE16_CS 0x30
#define FIRST_TSS 0x40

#define CR0_PE 0x1
#define CR0_MP 0x2
#define CR0_TS 0x8
#define CR0_ET 0x10
#define CR0_NE 0x20
#define CR0_WP 0x10000
#define CR0_PG 0x80000000

#define CR4_PSE        0x10
#define CR4_PAE        0x20
#define CR4_OSFXSR     0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_OSXSAVE    0x40000

#define MSR_APIC_BASE 0x1b
#define MSR_EFER      0xc0000080
#define MSR_GS_BASE   0xc0000101
#define EFER_SCE      0x1
#define EFER_LME      0x100
#define EFER_LMA      0x400
#define EFER_NXE      0x800

#define PTE_PRESENT 0x1
#define PTE_WRITE   0x2
#define PTE_USER    0x4
#define PTE_LARGE   0x80
#define PTE_TABLE   (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define PTE_LEAF_2M (PTE_TABLE | PTE_LARGE)

/* struct cpu, which GS points at. */
#define CPU_SELF    0
#define CPU_RECOVER 8

#endif
