/* SPDX-License-Identifier: MIT */
/* References to GUEST and SPECIAL pages. See frame_table.h. */
#ifndef MM_PAGE_REF_H
#define MM_PAGE_REF_H

#include "mm/block.h"

/* Take a reference if pg belongs to `owner` and is in use (GUEST or SPECIAL,
 * references > 0). False otherwise, or if there are 2^24 - 1 of them. No lock
 * needed. Splits a block. */
bool must_check page_get(struct page *pg, const struct account *owner);

/* The same, whoever the owner is: for who knows that the page does not change
 * hands meanwhile. */
bool must_check page_get_any(struct page *pg);

/* Drop one. The last one frees the page (and lowers the owner's charge).
 * Returns true if that made a dying owner's page_count 0. */
bool page_put(struct page *pg);

/* Give up the owner's own reference, once: false if it was given up before.
 * Splits a block; page_release() does not. */
bool page_put_allocated(struct page *pg);

/* Drop the hypervisor's own reference on a SPECIAL page: from now on it has no
 * owner, for others may keep it longer than that is there. */
void page_put_special(struct page *pg);

static inline uint32_t page_references(const struct page *pg)
{
    union page_word seen = {
        .bits = __atomic_load_n(&page_speaker(pg)->w.bits, __ATOMIC_ACQUIRE)};

    return seen.references;
}

#endif
