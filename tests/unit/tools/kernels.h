/* SPDX-License-Identifier: MIT */
/*
 * Kernel files made by hand, for tests: small enough to look at, with every
 * field in the reach of a test that wants it wrong.
 */
#ifndef TESTS_TOOLS_KERNELS_H
#define TESTS_TOOLS_KERNELS_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libxc/file.h"

#define KERNEL_PADDR   0x1000000ull
#define KERNEL_ENTRY   (KERNEL_PADDR + 0x10)
#define SEGMENT_COUNT  2
#define SEGMENT_BYTES  0x400
#define SEGMENT_MEMORY 0x3000

/* A 64-bit ELF: headers, a note, two segments, the second with zeros. */
struct kernel64 {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[SEGMENT_COUNT + 1];
    Elf64_Nhdr note;
    char note_name[4];
    uint64_t note_entry;
    uint8_t bytes[SEGMENT_COUNT][SEGMENT_BYTES];
};

static inline void kernel64_segment(struct kernel64 *k, unsigned int i)
{
    k->ph[i] = (Elf64_Phdr){
        .p_type = PT_LOAD,
        .p_offset = offsetof(struct kernel64, bytes) + i * SEGMENT_BYTES,
        .p_vaddr = 0xffffffff80000000u + i * SEGMENT_MEMORY,
        .p_paddr = KERNEL_PADDR + i * SEGMENT_MEMORY,
        .p_filesz = SEGMENT_BYTES,
        .p_memsz = SEGMENT_MEMORY,
    };
    memset(k->bytes[i], 0x11 * (int)(i + 1), SEGMENT_BYTES);
}

static inline void kernel64_make(struct kernel64 *k)
{
    memset(k, 0, sizeof(*k));
    memcpy(k->eh.e_ident, ELFMAG, SELFMAG);
    k->eh.e_ident[EI_CLASS] = ELFCLASS64;
    k->eh.e_ident[EI_DATA] = ELFDATA2LSB;
    k->eh.e_ident[EI_VERSION] = EV_CURRENT;
    k->eh.e_type = ET_EXEC;
    k->eh.e_machine = EM_X86_64;
    k->eh.e_phoff = offsetof(struct kernel64, ph);
    k->eh.e_phentsize = sizeof(Elf64_Phdr);
    k->eh.e_phnum = SEGMENT_COUNT + 1;
    for (unsigned int i = 0; i < SEGMENT_COUNT; i++) {
        kernel64_segment(k, i);
    }
    k->ph[SEGMENT_COUNT] = (Elf64_Phdr){
        .p_type = PT_NOTE,
        .p_offset = offsetof(struct kernel64, note),
        .p_filesz = sizeof(k->note) + 4 + 8,
        .p_align = 4,
    };
    k->note = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 8, .n_type = 18};
    memcpy(k->note_name, "Xen", 4);
    k->note_entry = KERNEL_ENTRY;
}

/* A copy of exactly `size` bytes: reading beyond is caught. */
static inline struct file file_of(const void *data, size_t size)
{
    struct file f = {.data = malloc(size ? size : 1), .size = size};

    memcpy(f.data, data, size);
    return f;
}

/* A bzImage around a payload. The caller frees ->data. */
static inline struct file bzimage_of(const void *payload, size_t size)
{
    size_t setup = 2 * 512;
    struct file f = {.data = calloc(1, setup + size), .size = setup + size};
    uint32_t offset = 0, length = (uint32_t)size;

    f.data[0x1f1] = 1; /* setup sectors, besides the first */
    f.data[0x1fe] = 0x55;
    f.data[0x1ff] = 0xaa;
    memcpy(f.data + 0x202, "HdrS", 4);
    f.data[0x206] = 0x0f;
    f.data[0x207] = 0x02;
    memcpy(f.data + 0x248, &offset, 4);
    memcpy(f.data + 0x24c, &length, 4);
    memcpy(f.data + setup, payload, size);
    return f;
}

#endif
