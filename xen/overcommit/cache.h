/* SPDX-License-Identifier: MIT */
/*
 * Inside overcommit: the cached pages of one domain as blocks of 2^order
 * aligned frames, orders 0 to 9, on pod->blocks[order].
 *
 *   C = sum of 2^order * |blocks[order]| + run_count
 *
 * Two halves of one block that are both cached are always merged, so pages
 * that come back one by one are superpages again when the last has come. All
 * pages of a block are CACHE, with one reference and a flag PAGE_ZEROED each;
 * those that are not its head say ORDER_NOT_HEAD. A block of order 9 is one of
 * mm/block.h, whose head speaks for all. Everything here needs pod->lock.
 */
#ifndef OVERCOMMIT_CACHE_H
#define OVERCOMMIT_CACHE_H

#include "overcommit/pod.h"

/* Link a block of order 0 or 9 whose pages are CACHE already; C rises. */
void cache_put(struct pod *pod, struct page *head, unsigned order);

/* Unlink a block, cut from the smallest that will do: so single pages come
 * from what is most broken, and a superpage is broken last. NULL: none. */
struct page *cache_take(struct pod *pod, unsigned order);

/* The next page of the run, which has some. */
static inline struct page *cache_take_run(struct pod *pod)
{
    struct page *pg = pod->run++;

    pod->run_count--;
    pod->cache_count--;
    WRITE_ONCE(pg->order, 0);
    return pg;
}

/* Unlink that very page, if it is cached. Mostly it is the next of the run. */
struct page *cache_take_elsewhere(struct pod *pod, mfn_t mfn);
static inline struct page *cache_take_at(struct pod *pod, mfn_t mfn)
{
    if (pod->run_count && mfn_eq(page_to_mfn(pod->run), mfn)) {
        return cache_take_run(pod);
    }
    return cache_take_elsewhere(pod, mfn);
}

/* The smallest order of which there is a block; above ORDER_2M: nothing is
 * cached. */
unsigned cache_smallest(struct pod *pod);

/* Is that frame the head of one of our blocks? */
bool cache_is_block(const struct pod *pod, uint64_t mfn, unsigned order);

#endif
