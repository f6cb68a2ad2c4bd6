/* SPDX-License-Identifier: MIT */
/* As much of ELF64 as loading the servant takes. Its file is our own, so
 * nothing is checked. */
#ifndef GUEST_ELF_H
#define GUEST_ELF_H

#include "types/check.h"

enum {
    ELF_LOAD = 1
};

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

BUILD_ASSERT(sizeof(struct elf_header) == 64, "ELF");
BUILD_ASSERT(sizeof(struct elf_segment) == 56, "ELF");

/* start.S has its PVH note and its ELF entry say the same. */
static inline uint64_t elf_pvh_entry(const uint8_t *image)
{
    return ((const struct elf_header *)(const void *)image)->entry;
}

#endif
