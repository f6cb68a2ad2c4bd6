/* SPDX-License-Identifier: MIT */
/*
 * The way back (M2P): a frame knows the one gfn where its owner has it mapped;
 * the head of a block (mm/block.h) knows it for all of them. Mapping makes
 * contents unknown. Needs p2m->lock, or pages that nobody else knows yet. Of a
 * block's pages some can be set only after the block was split.
 */
#ifndef P2M_M2P_H
#define P2M_M2P_H

#include "mm/block.h"
#include "types/bits.h"

static inline void m2p_set_page(struct page *pg, gfn_t gfn)
{
    /* In this order: an audit takes no lock of ours. */
    pg->flags &= (uint8_t)~PAGE_ZEROED;
    WRITE_ONCE(pg->gfn, gfn.v);
}

static inline void m2p_set(struct page *head, gfn_t gfn, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order);) {
        bool block = page_is_block(&head[i]);

        m2p_set_page(&head[i], gfn_add(gfn, i));
        i += block ? BLOCK_PAGES : 1;
    }
}

static inline void m2p_clear(struct page *head, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order);) {
        bool block = page_is_block(&head[i]);

        head[i].gfn = INVALID_GFN.v;
        i += block ? BLOCK_PAGES : 1;
    }
}

#endif
