/* SPDX-License-Identifier: MIT */
/*
 * Where things are in the hypervisor's own address space.
 *
 *   0x200000 ...            our image, linked where it is loaded
 *   DIRECTMAP_BASE ...      all RAM, read-write, never executable; a hole
 *                           where our image is, so that nothing is both
 *                           writable and executable
 *   MMIO_BASE ...           device pages, uncached
 *
 * Shared with assembly.
 */
#ifndef ARCH_X86_LAYOUT_H
#define ARCH_X86_LAYOUT_H

#define DIRECTMAP_SLOT 256 /* entry of the top table */
#define MMIO_SLOT      384

#define SEL_CODE64 0x08
#define SEL_CODE32 0x10
#define SEL_DATA   0x18
#define SEL_TSS    0x20

#ifndef __ASSEMBLER__
#define DIRECTMAP_BASE 0xFFFF800000000000ULL
#define MMIO_BASE      0xFFFFC00000000000ULL
#define STACK_SIZE     16384

extern char __image_start[], __text_end[], __rodata_end[], __data_end[],
    __bss_start[], __bss_end[], __image_end[];
extern void (*const __init_array_start[])(void),
    (*const __init_array_end[])(void);
#endif

#endif
