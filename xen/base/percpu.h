/* SPDX-License-Identifier: MIT */
/* What base keeps per CPU. Other layers keep arrays of MAX_CPUS of their own,
 * indexed by arch_cpu(). */
#ifndef BASE_PERCPU_H
#define BASE_PERCPU_H

#include "arch/cpu.h"
#include "base/lock_order.h"
#include "types/check.h"

struct percpu {
    uint32_t held_ranks; /* bit per rank of which this CPU holds a lock */
    /* lock_stats.h; by rank, since boot, written by this CPU alone */
    uint64_t locks_taken[RANK_COUNT], locks_waited[RANK_COUNT];
    uint64_t locks_wait_ns[RANK_COUNT];
};
BUILD_ASSERT(sizeof(struct percpu) <= PERCPU_BYTES,
             "what arch_percpu() has room for");
BUILD_ASSERT(RANK_COUNT <= 32, "one bit per rank");

static inline struct percpu *this_percpu(void)
{
    return arch_percpu();
}

#endif
