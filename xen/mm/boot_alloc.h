/* SPDX-License-Identifier: MIT */
/*
 * Memory before the page allocator is up. The boot code adds the RAM ranges
 * of the machine and reserves what is in use (ourselves, modules); then the
 * frame table is placed, and the rest handed to page_alloc.
 */
#ifndef MM_BOOT_ALLOC_H
#define MM_BOOT_ALLOC_H

#include "types/check.h"
#include "types/frame.h"

/* RAM [start, start + bytes); bounds are rounded inwards to pages. */
void boot_alloc_add(paddr_t start, uint64_t bytes);

/* In use; rounded outwards. May lie outside RAM. */
void boot_alloc_reserve(paddr_t start, uint64_t bytes);

/* Zeroed pages, kept for good; aligned to 2^align_order pages; panics if none.
 */
mfn_t boot_alloc_pages(uint64_t count, unsigned align_order);

/* Pages with whatever was in them; false: not as many in a row. They go back
 * by boot_alloc_free(), or after boot_alloc_finish() by boot_alloc_release().
 */
bool must_check boot_alloc_try(uint64_t count, mfn_t *first);
void boot_alloc_free(mfn_t first, uint64_t count);

/* Build the frame table and hand all that is neither reserved nor taken to
 * page_alloc_add(). Called once. */
void boot_alloc_finish(void);

/* Give a reserved range back after boot_alloc_finish() (modules): whole pages
 * inside. */
void boot_alloc_release(paddr_t start, uint64_t bytes);

#endif
