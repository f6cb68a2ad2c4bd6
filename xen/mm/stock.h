/* SPDX-License-Identifier: MIT */
/*
 * Inside mm: what each CPU has at hand. A CPU that hands out pages has some
 * free blocks of its own, so that CPUs do not meet in the allocator's lock: it
 * takes STOCK_PAGES from there at once, and brings as many back when it has
 * twice that: so a CPU that takes and gives back in turns needs no lock.
 *
 *   free pages = buddy.free + count of each stock
 *   claimed <= buddy.free          so what is in stock is nobody's yet
 *
 * The counts are exact. Who is refused for want of pages, of a large block, or
 * because of claims, has all stocks brought back and tries again
 * (stocks_drain_locked()), so nothing ever fails because of them; a CPU that is
 * idle for some time brings its own back. Then blocks merge that could not
 * before.
 *
 * What an account is charged, and may be, changes with its lock held and,
 * besides, the allocator's or that of a stock: who holds the allocator's and
 * those of all stocks sees everything as it is at one moment.
 */
#ifndef MM_STOCK_H
#define MM_STOCK_H

#include "mm/buddy.h"

#define STOCK_PAGES 512U
#define STOCK_ORDER 6U /* of the largest block that is taken from it */

struct stock {
    struct lock lock;
    struct free_lists lists;
    uint64_t count; /* pages on them */
    uint64_t dirty; /* free pages without PAGE_ZEROED: how many this CPU made
                       more or less; only the sum over all CPUs is a number */
    unsigned quiet; /* looks since it was used; this CPU's alone */
} __attribute__((aligned(64)));

extern struct stock stocks[MAX_CPUS];

static inline struct stock *stock_here(void)
{
    return &stocks[arch_cpu()];
}

/* So many free pages more, or less, are not known to be zero. */
static inline void stock_note_dirty(uint64_t more)
{
    struct stock *s = stock_here();

    WRITE_ONCE(s->dirty, s->dirty + more);
}

/* To look at an account or to change it, without the allocator's lock. */
void account_lock(struct account *a);
void account_unlock(struct account *a);

/* Blocks for a CPU that has no stock of such. False: not now. */
bool stock_fill(unsigned order);

/* The stock's lock held: a block as from buddy_take_locked(), or that frame and
 * what is behind it as from buddy_take_at_locked(). NULL: not in this stock. */
struct page *stock_take_locked(struct stock *s, unsigned order);
struct page *stock_take_at_locked(struct stock *s, mfn_t mfn, unsigned order);

/* Free pages into this CPU's stock, with that lock held, as buddy_put_locked()
 * and buddy_put_run_locked() do; without counting who is charged. Is there room
 * for so many? */
bool stock_has_room_locked(const struct stock *s, uint64_t count);
void stock_put_locked(struct stock *s, struct page *head, unsigned order);
void stock_put_run_locked(struct stock *s, struct page *first, uint64_t count);

/* With the allocator's lock: this CPU's but for `keep` pages, or all of all
 * CPUs', go back to where they merge. False: there was nothing. */
void stock_return_locked(uint64_t keep);
bool stocks_drain_locked(void);

/* Nothing comes to or from any stock; in between, what is in them all. */
void stocks_lock(void);
void stocks_unlock(void);
uint64_t stocks_count(void);
uint64_t stocks_dirty(void);

#endif
