/* SPDX-License-Identifier: MIT */
/*
 * Domain 0's kernel as distributions ship it, a bzImage, made into the ELF
 * file that is in it.
 */
#ifndef BOOT_UNPACK_H
#define BOOT_UNPACK_H

#include "types/check.h"
#include "types/frame.h"

struct unpacked_kernel {
    const void *image; /* the ELF file */
    size_t size;
    /* Where it lies, for boot_alloc_release(); 0: in the file itself. */
    paddr_t memory;
    uint64_t memory_size;
};

/*
 * A kernel file that is no bzImage is returned as it is. To be called before
 * boot_alloc_finish(), since that is where memory comes from; it may be short,
 * which is an answer, too. NULL, or what is wrong in words for the operator.
 */
const char *must_check kernel_unpack(const void *file, size_t size,
                                     struct unpacked_kernel *out);

#endif
