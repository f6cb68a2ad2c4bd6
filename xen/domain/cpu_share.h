/* SPDX-License-Identifier: MIT */
/*
 * A domain's share of the CPUs: its weight against others, and a cap on what it
 * may use in all.
 *
 * The cap is a budget for each period of 20 ms: as much CPU time as the cap's
 * percents of one CPU. What was used beyond it is owed to the periods that
 * follow, so that the mean is right, whatever was used at once by several
 * vCPUs.
 */
#ifndef DOMAIN_CPU_SHARE_H
#define DOMAIN_CPU_SHARE_H

#include "base/lock.h"

#define CPU_WEIGHT_DEFAULT 256
#define CPU_PERIOD_NS      20000000ULL

struct cpu_share {
    struct lock lock; /* RANK_CAP; for what follows */
    uint16_t weight;  /* 1 .. 65535; read without the lock, as cap */
    uint16_t cap;     /* percent of one CPU, 0: none */
    uint64_t period;  /* number of the last period that was looked at */
    uint64_t used;    /* ns of CPU time in it, and what was owed before */
    uint64_t since;   /* time when the cap was set; earlier use is not owed */
};

void cpu_share_init(struct cpu_share *s);

/* From now (ns) on. */
void cpu_share_set(struct cpu_share *s, uint16_t weight, uint16_t cap,
                   uint64_t now);

/* One of its vCPUs ran for so many ns, until now. */
void cpu_share_use(struct cpu_share *s, uint64_t ran, uint64_t now);

/* CPU time that it may use from now on, ns; 0: none before *again, which is
 * written only then. ~0: there is no cap. */
uint64_t cpu_share_left(struct cpu_share *s, uint64_t now, uint64_t *again);

/* Nanoseconds of CPU time, as they count for one of this weight. */
static inline uint64_t cpu_share_scale(const struct cpu_share *s, uint64_t ran)
{
    uint16_t weight = READ_ONCE(s->weight);

    return weight == CPU_WEIGHT_DEFAULT ? ran
                                        : ran * CPU_WEIGHT_DEFAULT / weight;
}

#endif
