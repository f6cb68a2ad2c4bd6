/* SPDX-License-Identifier: MIT */
/* The way back, from a frame to the one gfn where its owner has it mapped. */
#include "p2m/internal.h"

void m2p_set(struct page *head, gfn_t gfn, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        head[i].gfn = gfn.v + i;
        head[i].flags &= (uint8_t)~PAGE_ZEROED;
    }
}

void m2p_clear(struct page *head, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        head[i].gfn = INVALID_GFN.v;
    }
}
