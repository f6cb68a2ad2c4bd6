/* SPDX-License-Identifier: MIT */
/* What base keeps per CPU. Other layers keep arrays of MAX_CPUS of their own,
 * indexed by arch_cpu(). */
#ifndef BASE_PERCPU_H
#define BASE_PERCPU_H

#include "arch/cpu.h"
#include "base/lock_order.h"

struct percpu {
    uint32_t held[RANK_COUNT]; /* locks held now, by rank */
};

struct percpu *this_percpu(void);

#endif
