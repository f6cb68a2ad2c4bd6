/* SPDX-License-Identifier: MIT */
/*
 * Populate-on-demand: a domain may be promised more memory than it was given.
 *
 *   entry_count  E  pages covered by placeholders in the domain's p2m
 *   cache_count  C  pages set aside to honour them
 *   claimed      K  in the mode on_demand: free pages of the host that the
 *                   account keeps a claim on to honour the rest; else 0
 *   deficit      D = E - C - K: promises that could not all be kept today
 *
 * In the mode `reserved` the pages that honour promises lie in the cache from
 * the start. On demand they stay with the host, claimed, until a placeholder
 * is touched; the cache then has only what the guest gave back or the search
 * found. Beyond both a domain may borrow: account.borrowed.
 *
 * The supplier: hands out and takes back pages and keeps the counts. It knows
 * no p2m: p2m/ installs and removes, and tells it. Lock: pod.lock, inside the
 * p2m lock, outside the page allocator's.
 */
#ifndef OVERCOMMIT_POD_H
#define OVERCOMMIT_POD_H

#include "base/lock.h"
#include "mm/page_alloc.h"
#include "mm/page_list.h"

/* Monotonic, but for those that say "now"; POD-6.7. Read by a privileged call
 * (xen/public/podium.h has the same fields in the same order). */
struct pod_counters {
    uint64_t populate_4k, populate_2m;
    uint64_t splinter_2m, splinter_1g;
    uint64_t eager_checked;
    uint64_t sweep_gfns_visited, sweep_pages_read;
    uint64_t unmaps, unmaps_restored;
    uint64_t reclaimed_4k, reclaimed_2m;
    uint64_t tlb_flushes_reclaim;
    uint64_t steals;
    uint64_t cache_freed;
    uint64_t pages_cleared;
    uint64_t oom_events;
    uint64_t max_gfns_per_lock_hold;
    uint64_t superpages_reformed;
    uint64_t sweep_pages_known;
    uint64_t searches;
    uint64_t background_slices, background_reclaimed;
    uint64_t zero_maps_4k, zero_maps_2m; /* reads answered by zeros */
    uint64_t zero_upgrades;              /* of what they showed, written to */
    uint64_t superpages_mapped, superpages_cached; /* of 2 MiB, now */
    uint64_t superpages_broken;
    uint64_t cache_entered;
    uint64_t tables_paid;
    uint64_t tables_reserved, tables_owed; /* now: see p2m/reserve.c */
    uint64_t waits;                        /* a vCPU had to wait for a page */
    uint64_t borrowed;                     /* pages, ever */
    uint64_t superpages_gathered;          /* of 2 MiB, by copying */
};

struct pod {
    struct lock lock;
    struct account *account; /* pages of the cache are charged here */
    uint64_t entry_count, cache_count;
    struct page_list blocks[ORDER_2M + 1]; /* cached pages: see cache.h */
    struct page *run; /* run_count pages that are handed out one by one, in
                         turn: the rest of a block, on no list */
    uint64_t run_count;
    gfn_t max_guest;  /* highest gfn populated by demand */
    uint64_t pattern; /* of the guest's scrubber; 0: zero alone. Set before the
                         guest runs */
    struct page *pattern_page; /* a SPECIAL one full of it, for who only reads;
                                  NULL: there is none */
    bool on_demand;            /* set before anything is promised */
    struct pod_counters counters;
};

void pod_init(struct pod *pod, struct account *account);

/* The functions below need pod->lock unless they say otherwise. */

static inline bool pod_has_superpage(const struct pod *pod)
{
    return !page_list_empty(&pod->blocks[ORDER_2M]);
}

/*
 * A zeroed block of 2^order pages (0 or 9) for the guest: state GUEST again, C
 * lowered. NULL: none of that size. Order 0 comes from
 * the smallest block, and breaks a superpage only if there is nothing else.
 * Pages without PAGE_ZEROED are cleared here, once, when it is sure that they
 * are needed.
 */
struct page *pod_take_locked(struct pod *pod, unsigned order);

/* The same of just that page; NULL: it is not in this cache. */
struct page *pod_take_at_locked(struct pod *pod, mfn_t mfn);

/* A page of the cache as an empty table of its owner, without being free in
 * between: C falls, so D rises. NULL: none, or the owner's table_limit. */
struct page *pod_take_table_locked(struct pod *pod);

/*
 * Put 2^order (0..9) GUEST pages with one reference
 * each, already unmapped everywhere and flushed, into the cache. PAGE_ZEROED
 * says which are known to be zero. C raised.
 */
void pod_give_locked(struct pod *pod, struct page *head, unsigned order);

/* Placeholders came (+) or went (-): E changes; never below 0. */
void pod_entries_locked(struct pod *pod, int64_t change);

/* C + K; without the lock a moment old. */
uint64_t pod_set_aside(const struct pod *pod);

/* D = E - C - K. */
int64_t pod_deficit_locked(const struct pod *pod);

/* The core of p2m_rebalance(): until C + K <= E give up the claim, then pages
 * of the cache, superpages first while 512 or more are in excess; at most
 * `max` pages. Returns -ERESTART if there is more to free, else 0. */
int pod_shrink_to_entries_locked(struct pod *pod, uint64_t max);

/*
 * A larger cache for promises that cannot be kept otherwise: by 2^order pages
 * (0 or 9) out of the claim, in the mode on_demand; by up to 512 pages that
 * are borrowed from the host, until `limit` are. False: nothing was added. Both
 * take the lock themselves, and allocate before.
 */
bool pod_fill(struct pod *pod, unsigned order);
bool pod_borrow(struct pod *pod, uint64_t limit);

/* In the mode on_demand: claim what is missing for a cache of `target` pages,
 * and no more. 0, or -ENOMEM and nothing has changed. Takes the lock. */
int must_check pod_set_claim(struct pod *pod, uint64_t target);

/* Grow or (build time only) shrink the cache towards `target` pages with pages
 * charged to the account, at most `max` pages per call: 0 reached, -ERESTART
 * more to do, -ENOMEM (what was added stays). Takes the lock itself. */
int must_check pod_set_cache(struct pod *pod, uint64_t target, uint64_t max);

/* Teardown: move up to `max` cached pages to the host: -ERESTART or 0. Takes
 * the lock. */
int must_check pod_empty(struct pod *pod, uint64_t max);

/* I1, I4 and C's part of I5: recount the lists, check state, references and
 * zero contents of every cached page; prints, returns how many differ. */
unsigned pod_audit_locked(struct pod *pod);

#endif
