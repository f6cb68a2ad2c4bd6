/* SPDX-License-Identifier: MIT */
/*
 * Linux's kernel file, a bzImage: a boot sector and setup code, then a program
 * that carries the kernel proper, an ELF file, in packed form. Only that
 * payload is of interest here. The file is not trusted.
 */
#ifndef BOOT_BZIMAGE_H
#define BOOT_BZIMAGE_H

#include "types/check.h"

struct bzimage {
    const uint8_t *payload; /* within the image */
    size_t size;
    uint32_t unpacked_size; /* in bytes, as the payload's end says */
};

bool bzimage_is(const void *image, size_t size);

/* Where the payload is. NULL, or what is wrong in words for the operator. */
const char *must_check bzimage_read(const void *image, size_t size,
                                    struct bzimage *out);

#endif
