/* SPDX-License-Identifier: MIT */
/*
 * The way back (M2P): a frame knows the one gfn where its owner has it mapped.
 * Mapping makes contents unknown. Needs p2m->lock, or pages that nobody else
 * knows yet.
 */
#ifndef P2M_M2P_H
#define P2M_M2P_H

#include "mm/frame_table.h"
#include "types/bits.h"

static inline void m2p_set(struct page *head, gfn_t gfn, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        head[i].gfn = gfn.v + i;
        head[i].flags &= (uint8_t)~PAGE_ZEROED;
    }
}

static inline void m2p_clear(struct page *head, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        head[i].gfn = INVALID_GFN.v;
    }
}

#endif
