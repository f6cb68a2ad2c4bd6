/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks (fair: a test-and-set lock starves for ever under an
 * emulator that runs CPUs in turns), with the rank of lock_order.h checked at
 * each take. Interrupts are off in the hypervisor, so none is ever taken twice.
 *
 * A rank check is one comparison with a per-CPU mask that has a bit for each
 * rank held: the mask is the smaller number unless something of l's rank or
 * inner is held. Taking and releasing are inline, as they are on every path.
 * Each CPU counts by rank how often it took one and how often and how long it
 * waited: lock_stats.h.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/lock_order.h"
#include "base/percpu.h"
#include "types/bits.h"
#include "types/check.h"
#include "types/words.h"

struct lock {
    uint32_t next, serving;
    uint32_t rank_bit; /* 1 << rank */
    uint16_t rank;
    uint16_t holder; /* debug builds: CPU + 1 while held */
};

#define LOCK_INIT(r)                                                           \
    {                                                                          \
        .rank_bit = 1U << (r), .rank = (r)                                     \
    }

#ifdef PODIUM_DEBUG
#define LOCK_KNOWS_HOLDER true
#else
#define LOCK_KNOWS_HOLDER false
#endif

void lock_init(struct lock *l, enum lock_rank rank);

/* The slow halves of what follows; never called directly. */
void lock_wait(struct lock *l, uint32_t ticket);
noreturn_fn void lock_rank_violated(const struct lock *l);

/* Stops the host if this CPU holds a lock of l's rank or a later one. */
static inline void lock_note_rank(const struct lock *l)
{
    struct percpu *cpu = this_percpu();

    if (unlikely(cpu->held_ranks >= l->rank_bit)) {
        lock_rank_violated(l);
    }
    cpu->held_ranks |= l->rank_bit;
}

static inline void lock_forget_rank(const struct lock *l)
{
    this_percpu()->held_ranks &= ~l->rank_bit;
}

static inline void lock_take(struct lock *l)
{
    uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    this_percpu()->locks_taken[l->rank]++;

    if (unlikely(__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)) {
        lock_wait(l, ticket);
    }
    if (LOCK_KNOWS_HOLDER) {
        WRITE_ONCE(l->holder, (uint16_t)(arch_cpu() + 1));
    }
}

static inline void lock_release(struct lock *l)
{
    if (LOCK_KNOWS_HOLDER) {
        CHECK(l->holder == arch_cpu() + 1);
        WRITE_ONCE(l->holder, 0);
    }
    __atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

/* Take l; the rank is checked first. */
static inline void lock(struct lock *l)
{
    lock_note_rank(l);
    lock_take(l);
}

static inline void unlock(struct lock *l)
{
    lock_forget_rank(l);
    lock_release(l);
}

/* Take l if nobody holds it. The rank is checked all the same. */
bool must_check try_lock(struct lock *l);

/* Two different locks of one rank; one after the other when a == b is one. */
void lock_two(struct lock *a, struct lock *b);
void unlock_two(struct lock *a, struct lock *b);

/* For ASSERT only: does this CPU hold l? (Release builds: does anybody?) */
bool lock_held(const struct lock *l);

#endif
