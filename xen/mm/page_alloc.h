/* SPDX-License-Identifier: MIT */
/*
 * Buddy allocator of machine pages, orders 0 .. 18.
 *
 * free pages + allocated pages = RAM given by page_alloc_add(). Of the free
 * ones, `claimed` are promised to accounts: an allocation that is not for a
 * claimant leaves them alone. Pages are scrubbed between owners: what is
 * handed out is zero, whoever had it before (flag PAGE_ZEROED tells which
 * free pages already are; idle CPUs raise their number).
 */
#ifndef MM_PAGE_ALLOC_H
#define MM_PAGE_ALLOC_H

#include "mm/frame_table.h"

#define MAX_ORDER 18

/* Boot: make frames [start, start + count) of RAM available. */
void page_alloc_add(mfn_t start, uint64_t count);

/*
 * 2^order contiguous, aligned pages for the hypervisor itself, state HEAP or
 * TABLE, zeroed; each has one reference. NULL: none free (claims respected).
 * Freed by page_free() in the same order.
 */
struct page *page_alloc(enum page_state state, unsigned order);
void page_free(struct page *head, unsigned order);

/* The same, state HEAP, with anything in them: for who overwrites all of it
 * before anybody else sees it. */
struct page *page_alloc_dirty(unsigned order);

/* A table page within a->table_limit (-> NULL beyond it). Of a's claim, as
 * special pages are, when nothing else is free. */
struct page *page_alloc_table(struct account *a);
void page_free_table(struct account *a, struct page *pg);

/*
 * 2^order pages charged to `a`, zeroed, state GUEST, flag ALLOCATED, one
 * reference each, gfn invalid, flag ZEROED; as blocks (block.h) from order 9
 * on. They are on no list: whoever has them maps them, puts them into a cache
 * or gives them up. NULL when a is dying, the charge would exceed
 * a->max_pages, or memory or claims do not allow it; nothing has changed then.
 * Uses up a's claim.
 */
struct page *page_alloc_guest(struct account *a, unsigned order);

/* The same from a's claim, which it keeps for that (page_claim_keep()): NULL
 * when less than 2^order pages are left of it. */
struct page *page_alloc_claimed(struct account *a, unsigned order);

/* The same as a loan: of what nobody has claimed, whatever a->max_pages says,
 * up to a->borrowed == limit. */
struct page *page_borrow(struct account *a, unsigned order, uint64_t limit);

/* The same for what will take the place of as many pages of a's own, and is not
 * charged meanwhile; one block of an account at a time. From page_end_move() on
 * it is charged, as a loan, which those pay back that a gives up next: the
 * old ones, or the block itself. */
struct page *page_begin_move(struct account *a, unsigned order);
void page_end_move(struct account *a);

/* A larger right takes over what was a loan: as much as `right` pages cover. */
void page_loan_cover(struct account *a, uint64_t right);

/*
 * Single pages as page_alloc_guest(a, 0) gives them, `count` (PAGES_AT_ONCE at
 * most), of which as many are in pages[] as it returns. If it is `count`, the
 * i-th of them is frame wanted[i], should that be free. wanted NULL: any.
 */
#define PAGES_AT_ONCE 64
unsigned page_alloc_guest_some(struct account *a, struct page **pages,
                               const mfn_t *wanted, unsigned count);

/* One SPECIAL page shown to `a`; not charged. One reference. */
struct page *page_alloc_special(struct account *a);

/* Set 2^order pages aside for a list of their owner's (PoD cache), and show
 * them again: the charge does not change; state GUEST <-> CACHE. From GUEST:
 * order 0..9, references must be 1 each (checked); order 9 makes a block. To
 * GUEST: as page_alloc_guest() gives.
 */
void page_guest_to_cache(struct page *head, unsigned order);
void page_cache_to_guest(struct page *head, unsigned order);

/* 512 CACHE pages, aligned, each off its list, are a block from now on: zero,
 * if all of them are known to be. */
void page_form_cached_block(struct page *head);

/* A CACHE page, off its list and known to be zero, becomes a table of its owner
 * without being free in between. False: the owner's table_limit is reached. */
bool must_check page_cache_to_table(struct page *pg);

/*
 * The owner gives up its reference on `count` GUEST pages in a row: those that
 * nobody else refers to are free then, the others when they let go of them. A
 * block is given up whole.
 */
void page_release(struct page *first, uint64_t count);

/* Free 2^order CACHE pages (already off the cache's list) to the host. */
void page_free_cache(struct page *head, unsigned order);

/*
 * loose.c: 2^order pages more for `a` that are mapped nowhere. False: as NULL
 * from page_alloc_guest().
 */
bool must_check page_alloc_loose(struct account *a, unsigned order);

/* Teardown: free `max` of the loose pages, or a few more, as blocks go whole.
 * -ERESTART while some are left, then 0. */
int must_check page_free_loose(struct account *a, uint64_t max);

/*
 * Claim `pages` in all for `a` (POD-4.46): 0 cancels. -EINVAL: a second claim,
 * not more than charged, above max_pages, or dying; -ENOMEM: not that much
 * free.
 */
int must_check page_claim(struct account *a, uint64_t pages);

/*
 * Limit and claim at once: a->max_pages becomes max_pages, and `claim` free
 * pages are a's alone, whatever it had claimed before. -ENOMEM: not as many
 * are free, -ESRCH: dying; nothing changed.
 */
int must_check page_set_size(struct account *a, uint64_t max_pages,
                             uint64_t claim);
/* What is claimed beyond `claim` pages is anybody's again. */
void page_trim_claim(struct account *a, uint64_t claim);

/*
 * From now on a's claim is for page_alloc_claimed() alone, and is of so many
 * pages, whatever it was: -ENOMEM: not that much free, -EINVAL: dying, or with
 * what is charged above max_pages, unless it is no larger than it was; nothing
 * has changed then. page_claim() of such an account is -EINVAL.
 */
int must_check page_claim_keep(struct account *a, uint64_t pages);

/* Free pages that nobody has claimed, a moment ago. */
uint64_t page_unclaimed(void);

struct page_alloc_info {
    uint64_t total;   /* pages of RAM managed */
    uint64_t free;    /* free pages, zeroed or not */
    uint64_t dirty;   /* of them, not known to be zero */
    uint64_t claimed; /* of them, promised */
};
struct page_alloc_info page_alloc_info(void);

/* The free pages that this CPU has at hand are anybody's again: at once, or,
 * when an idle CPU has asked for it a few times, since it made no use of them.
 */
void page_stock_return(void);
void page_stock_idle(void);

/* Scrub up to `pages` free dirty pages; returns how many (idle work). */
uint64_t page_scrub_some(uint64_t pages);

/* Debug builds: fail the n-th allocation from now (1: the next), once; 0: none.
 * For tests that every operation survives every allocation that fails. Returns
 * what the last call's n was short of: 0 if that one failed. */
uint64_t page_alloc_fail_nth(uint64_t n);

/* Fill freed pages with a pattern, unless they are known to be zero. */
void page_alloc_set_junk(bool junk);

/* Recount everything from the frame table; prints differences, returns how
 * many (mm_audit.c). */
unsigned mm_audit(void);

#endif
