/* SPDX-License-Identifier: MIT */
/* Small objects for the hypervisor: sizes 16 .. 2048 bytes from slabs of one
 * page, larger ones from page_alloc. Zeroed. */
#ifndef MM_HEAP_H
#define MM_HEAP_H

#include "types/words.h"

/* NULL when there is no memory. Aligned to 16 bytes; PAGE_SIZE and above: to a
 * page. */
void *heap_alloc(size_t size);
void *heap_alloc_array(size_t count, size_t size);
void heap_free(void *p);

/* Bytes handed out now, for leak checks. */
uint64_t heap_used(void);

#endif
