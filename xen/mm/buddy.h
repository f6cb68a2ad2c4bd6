/* SPDX-License-Identifier: MIT */
/*
 * Inside mm: the free blocks, and everything else that the allocator's lock
 * covers.
 *
 * A free block is 2^order frames, aligned, all PAGE_FREE; only its head has an
 * order (the others say ORDER_NOT_HEAD) and is on a list. Two buddies that are
 * both free are always merged.
 *
 * Zeroed or not is kept per page (PAGE_ZEROED), so a clean page stays clean
 * through merging and splitting. `first_dirty` of a head saves looking: all
 * pages before that offset are zeroed; of those from it on, each flag tells.
 * first_dirty == 2^order means that the whole block is zeroed, and such blocks
 * have lists of their own.
 *
 * Each CPU has some free blocks of its own besides (stock.h). Those merge only
 * with each other: the owner of a free head says whose they are, NO_ACCOUNT:
 * the buddies'.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include "base/lock.h"
#include "mm/frame_table.h"
#include "mm/page_alloc.h"
#include "mm/page_list.h"

/* Free pages have no references: in a head, first_dirty stands there. */
static inline uint64_t first_dirty(const struct page *head)
{
    return head->references;
}

static inline void set_first_dirty(struct page *head, uint64_t offset)
{
    head->references = offset & REFERENCES_MAX;
}
BUILD_ASSERT(1U << MAX_ORDER <= REFERENCES_MAX, "any offset");

struct free_lists {
    struct page_list blocks[2]
                           [MAX_ORDER + 1]; /* [0] may be dirty, [1] zeroed */
    uint32_t nonempty[2];                   /* bit per order with blocks */
    uint16_t mark;                          /* what heads say as their owner */
};

/* The largest order of which a block has no more than `pages` (not 0). */
static inline unsigned order_within(uint64_t pages)
{
    return 63U - (unsigned)__builtin_clzll(pages);
}

/* Of the blocks on them; MAX_ORDER if there are none. */
static inline unsigned smallest_order(const struct free_lists *l)
{
    uint32_t any = READ_ONCE(l->nonempty[0]) | READ_ONCE(l->nonempty[1]);

    return (unsigned)__builtin_ctz(any | (1U << MAX_ORDER));
}

struct buddy {
    struct lock lock;
    struct free_lists lists;
    unsigned scrubbing; /* blocks out of the lists for scrubbing, yet free */
    uint64_t total, free, claimed; /* free: without what CPUs have in stock */
};

extern struct buddy buddy;

/* Blocks on lists, whosever they are. Putting one merges it with those on the
 * same lists, up to max_order; inserting one does not. Taking one makes it
 * BUSY, with order and first_dirty, and cuts it; NULL: none. */
void blocks_insert(struct free_lists *l, struct page *head, unsigned order);
void blocks_put(struct free_lists *l, struct page *head, unsigned order,
                unsigned max_order);
void blocks_remove(struct free_lists *l, struct page *head);
struct page *blocks_take(struct free_lists *l, unsigned order);
/* Just that one, which is on these lists, whole. */
void blocks_take_this(struct free_lists *l, struct page *head);
/* Cut a BUSY block in two; the upper half returns to the lists. Or the lower
 * one, and the upper one is what remains. */
void blocks_halve(struct free_lists *l, struct page *head);
struct page *blocks_keep_upper(struct free_lists *l, struct page *head);

/*
 * The smallest block that will do, cut to 2^order; zeroed ones first. Comes as
 * BUSY, with order and first_dirty. NULL: none. Counts are the caller's.
 */
struct page *buddy_take_locked(unsigned order);

/* That very frame and what is free behind it, cut out of the free block that it
 * lies in: of that order at most. Comes as BUSY. NULL: it is not free. */
struct page *buddy_take_at_locked(mfn_t mfn, unsigned order);

/* Insert a block and merge it: all pages FREE and ORDER_NOT_HEAD, first_dirty
 * set in the head. */
void buddy_put_locked(struct page *head, unsigned order);

/* The same for any number of dirty pages in a row, as the blocks they make. */
void buddy_put_run_locked(struct page *first, uint64_t count);

/* Cut a BUSY block in two; the lower half returns to the lists and merges. */
struct page *buddy_keep_upper_locked(struct page *head);

/* Any block that may be dirty, whole and BUSY; large ones first. */
struct page *buddy_take_dirty_locked(void);

/* Make all pages of a BUSY block zero; returns how many had to be cleared. No
 * lock needed. */
uint64_t buddy_clear(struct page *head);
/* They are not counted as dirty any more, and stay as they are: for one who
 * overwrites them. */
void buddy_leave_dirty(struct page *head);

/* A page's fields for when it leaves the allocator or comes back to it. */
void page_start(struct page *pg, enum page_state state,
                const struct account *owner, unsigned order, unsigned flags);
void page_retire(struct page *pg, bool zeroed);

/* account.c: whose number that is, NULL: nobody's; all are below the limit. */
struct account *account_at_locked(unsigned number);
/* The same without the lock, of a page of the caller's that is charged. */
struct account *account_at(unsigned number);
unsigned account_limit_locked(void);
/* True if that made a dying account's page_count 0. The allocator's lock is
 * held, and a's is taken; or a's is held, as stock.h says. */
bool account_uncharge_locked(struct account *a, uint64_t count);
bool account_uncharge_held(struct account *a, uint64_t count);

/* claim.c; a may be NULL in the first: nobody's claim. */
bool claim_allows_locked(const struct account *a, uint64_t count);
void claim_use_locked(struct account *a, uint64_t count);
void claim_use_if_short_locked(struct account *a);
void claim_drop_locked(struct account *a);

/* page_ref.c: free one GUEST or SPECIAL page without references; true if that
 * made a dying owner's page_count 0. */
bool page_free_last_locked(struct page *pg);

/* scrub.c: fill a page that is being freed, if that was asked for. */
void page_junk(const struct page *pg);

#endif
