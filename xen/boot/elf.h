/* SPDX-License-Identifier: MIT */
/*
 * PVH kernels as ELF files: what to load where, and the entry point from the
 * note of type 18 (PB-1, PB-2). The file is not trusted: every offset and
 * length in it is checked against its size before it is used.
 */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include "types/check.h"

#define ELF_SEGMENT_LIMIT 16

struct elf_segment {
    uint64_t address;     /* guest-physical */
    uint64_t memory_size; /* what lies beyond file_size is zero */
    uint64_t file_size;
    const void *bytes; /* within the image */
};

struct elf_kernel {
    uint64_t entry;      /* guest-physical, 32-bit protected mode */
    uint64_t start, end; /* all segments lie in [start, end) */
    unsigned segment_count;
    struct elf_segment segments[ELF_SEGMENT_LIMIT];
};

/*
 * Read `image`, ELF of 32 or 64 bits. NULL, or what is wrong with it in words
 * for the operator; `out` is meaningless then.
 */
const char *must_check elf_read_kernel(const void *image, size_t size,
                                       struct elf_kernel *out);

#endif
