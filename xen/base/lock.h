/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks (fair: a test-and-set lock starves for ever under an
 * emulator that runs CPUs in turns), with the rank of lock_order.h checked at
 * each take. Interrupts are off in the hypervisor, so none is ever taken twice.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/lock_order.h"
#include "types/words.h"

struct lock {
    uint32_t next, serving;
    uint16_t rank;
    uint16_t holder; /* CPU + 1 while held */
};

#define LOCK_INIT(r)                                                           \
    {                                                                          \
        .rank = (r)                                                            \
    }

void lock_init(struct lock *l, enum lock_rank rank);

/* Take l. Stops the host if this CPU holds a lock of l's rank or a later one. */
void lock(struct lock *l);
bool try_lock(struct lock *l);
void unlock(struct lock *l);

/* Two different locks of one rank; one after the other when a == b is one. */
void lock_two(struct lock *a, struct lock *b);
void unlock_two(struct lock *a, struct lock *b);

/* For ASSERT only: does this CPU hold l? */
bool lock_held(const struct lock *l);

#endif
