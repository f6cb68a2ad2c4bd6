/* SPDX-License-Identifier: MIT */
/*
 * One struct page for each frame of machine RAM.
 *
 * state FREE: in the buddy allocator. For all others references >= 1.
 *   HEAP    hypervisor's own memory, no account
 *   TABLE   second-stage page table
 *   GUEST   charged to owner, on owner->pages; references: one "allocated"
 *           reference while flag PAGE_ALLOCATED is set, and one for each
 *           foreign or grant mapping and each hypervisor pointer. The frame
 *           is freed when the last goes.
 *   CACHE   charged to owner, on a list of its PoD cache; references == 1
 *   SPECIAL belongs to the hypervisor and is shown to owner (shared_info,
 *           grant frames): not charged, never ballooned into the cache.
 */
#ifndef MM_FRAME_TABLE_H
#define MM_FRAME_TABLE_H

#include "lib/list.h"
#include "mm/account.h"
#include "types/frame.h"

enum page_state {
    PAGE_NOT_RAM,
    PAGE_FREE,
    PAGE_HEAP,
    PAGE_TABLE,
    PAGE_GUEST,
    PAGE_CACHE,
    PAGE_SPECIAL,
};

enum {
    PAGE_ZEROED = 1,    /* contents known to be zero (free and cached pages) */
    PAGE_ALLOCATED = 2, /* GUEST: the owner's own reference is still there */
};

struct page {
    struct list link;      /* free list, owner's list or cache list */
    struct account *owner; /* GUEST, CACHE, SPECIAL; else NULL */
    uint64_t gfn;          /* GUEST: where it is mapped; ~0 when nowhere (M2P) */
    uint32_t references;   /* atomic */
    uint8_t state;         /* enum page_state */
    uint8_t order;         /* head of a free or cached block: its order */
    uint8_t flags;
    uint8_t reserved;
};

/* The table: frame_count entries; entries of frames that are not RAM exist and
 * say PAGE_NOT_RAM. */
extern struct page *frame_table;
extern uint64_t frame_count;

/* NULL if m is beyond the table or not RAM. */
struct page *page_from_mfn(mfn_t m);
mfn_t page_to_mfn(const struct page *pg);
void *page_map(const struct page *pg);

#endif
