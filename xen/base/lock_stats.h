/* SPDX-License-Identifier: MIT */
/*
 * How often locks of each rank were taken, and waited for, by all CPUs: what
 * shows whether CPUs meet in a lock. Read by the debug key 'l' and by
 * XEN_SYSCTL_lockprof_op.
 */
#ifndef BASE_LOCK_STATS_H
#define BASE_LOCK_STATS_H

#include "base/lock_order.h"
#include "types/words.h"

struct lock_stats {
    uint64_t taken;   /* how often, waited for or not */
    uint64_t waited;  /* how often somebody else had it */
    uint64_t wait_ns; /* and for how long in all */
};

/* Since the last reset; a moment old on a running machine. */
struct lock_stats lock_stats_of(enum lock_rank rank);

/* How long ago the last reset was, or boot; ns. */
uint64_t lock_stats_age(void);

/* Count from 0 on. One caller at a time. */
void lock_stats_reset(void);

/* As it is called in lock_order.h, in small letters. */
const char *lock_rank_name(enum lock_rank rank);

#endif
