/* SPDX-License-Identifier: MIT */
/*
 * Inside mm: blocks for an account, and on what grounds it gets them. Taking
 * one and charging it are one step. It comes out of this CPU's stock, or from
 * the allocator when that has none, or when a claim has to be used.
 */
#ifndef MM_CHARGE_H
#define MM_CHARGE_H

#include "mm/buddy.h"

struct charge {
    struct account *a;
    enum {
        BY_RIGHT,
        CLAIMED,
        BORROWED,
        MOVING
    } how;
    uint64_t limit; /* of what is BORROWED */
};

/* BUSY, charged, and with its owner; not cleared yet. NULL: not to be had. */
struct page *take_charged(const struct charge *c, unsigned order);

/* The same for what no account is charged for: a table of `owner`'s, or a
 * SPECIAL page shown to it, or the hypervisor's own (owner is NULL or has a
 * budget of tables); counted there. */
struct page *take_uncharged(enum page_state state, unsigned order,
                            struct account *owner);

/* Blocks of `count` pages together, on `heads`: those that single pages would
 * be cut from one after the other, so small ones first. Returns how many. */
unsigned take_pages(struct account *a, unsigned count, struct page_list *heads);

/* Of the wanted frames those that are free, at their places in pages[], which
 * are NULL otherwise; their blocks are on `heads`. Returns how many. */
unsigned take_wanted(struct account *a, struct page **pages,
                     const mfn_t *wanted, unsigned count,
                     struct page_list *heads);

bool may_have_table(const struct account *a);

#endif
