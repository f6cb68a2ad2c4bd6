/* SPDX-License-Identifier: MIT */
/* References to GUEST and SPECIAL pages. See frame_table.h. */
#ifndef MM_PAGE_REF_H
#define MM_PAGE_REF_H

#include "mm/block.h"

/* Take a reference if pg belongs to `owner` and is in use (GUEST or SPECIAL,
 * references > 0). False otherwise. No lock needed. Splits a block. */
bool must_check page_get(struct page *pg, const struct account *owner);

/* Drop one. The last one frees the page (and lowers the owner's charge).
 * Returns true if that made a dying owner's page_count 0. */
bool page_put(struct page *pg);

/* Give up the owner's own reference, once: false if it was given up before.
 * Splits a block; page_release() does not. */
bool page_put_allocated(struct page *pg);

static inline uint32_t page_references(const struct page *pg)
{
    return __atomic_load_n(&page_speaker(pg)->references, __ATOMIC_ACQUIRE);
}

#endif
