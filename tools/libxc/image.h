/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_IMAGE_H
#define LIBXC_IMAGE_H
/*
 * A kernel that can be started as a PVH guest: what goes where, and where to
 * begin. Everything in it has been checked: whoever loads it may trust it.
 */
#include <stddef.h>
#include <stdint.h>

#include "libxc/file.h"

struct xc;

#define IMAGE_SEGMENTS_MAX 32

struct image_segment {
    uint64_t paddr;      /* guest physical, below 4 GiB */
    uint64_t mem_size;   /* >= file_size; the rest starts as zeros */
    const uint8_t *data; /* file_size bytes inside image->elf */
    uint64_t file_size;
};

struct image {
    struct file elf; /* owned: the unpacked kernel */
    struct image_segment segments[IMAGE_SEGMENTS_MAX]; /* ascending, apart */
    unsigned int segment_count;                        /* at least 1 */
    uint64_t start, end;                               /* of all segments */
    uint32_t entry; /* physical, inside a segment */
};

/* -ENOENT..., -ENOEXEC if it is damaged or not PVH. */
int image_load(struct xc *xc, const char *path, struct image *image);
/* The same from memory; takes `file` over in any case. */
int image_parse(struct xc *xc, struct file *file, struct image *image);
void image_free(struct image *image);

#endif
