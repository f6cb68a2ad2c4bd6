/* SPDX-License-Identifier: MIT */
/* What tmem-swap has done, in /sys/block/tmemswap/tmem: a file each. */
#ifndef TMEM_SWAP_COUNTERS_H
#define TMEM_SWAP_COUNTERS_H

struct attribute_group;

enum counter {
    PUTS,        /* slots that the hypervisor took, */
    REFUSED,     /* and did not take (each try counts) */
    GETS,        /* slots that it gave back */
    FLUSHES,     /* slots that it was told to forget */
    DISK_WRITES, /* slots to the fallback, */
    DISK_READS,  /* and from there */
    COUNTERS
};

void count(enum counter id);

extern const struct attribute_group *counter_groups[];

#endif
