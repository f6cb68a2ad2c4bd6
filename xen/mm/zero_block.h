/* SPDX-License-Identifier: MIT */
/* 2 MiB of zeros for all who read what is only promised. */
#ifndef MM_ZERO_BLOCK_H
#define MM_ZERO_BLOCK_H

#include "mm/frame_table.h"
#include "types/bits.h"

/* Allocate it, once, before there are guests. Without it (no such block was
 * free) promises are populated when they are read. */
void zero_block_init(void);

extern mfn_t zero_block;

static inline bool zero_block_exists(void)
{
    return mfn_valid(zero_block);
}

/* The frame to show at gfn: a leaf of any order up to 2 MiB may start there. */
static inline mfn_t zero_block_frame(gfn_t gfn)
{
    return mfn_add(zero_block, gfn.v % BIT(ORDER_2M));
}

/* Is all of it zero still? */
bool zero_block_audit(void);

#endif
