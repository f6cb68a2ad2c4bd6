/* SPDX-License-Identifier: MIT */
/*
 * What Podium adds to Xen's ABI. All of it is found by a probe, so a client
 * of plain Xen never notices: xen_version(XENVER_extraversion) of Podium is
 * ".podium", and sysctl PODIUM_SYSCTL_pod_counters answers.
 */
#ifndef PUBLIC_PODIUM_H
#define PUBLIC_PODIUM_H

#include <stdint.h>

#define PODIUM_EXTRAVERSION ".podium"

/* xen_sysctl.cmd; the rest of the union holds struct podium_pod_counters. */
#define PODIUM_SYSCTL_pod_counters 0x70640001u
/* Recount everything of one domain (domid; 0x7ff0: all and the host): the
 * result is in struct podium_audit. Debugging; long. */
#define PODIUM_SYSCTL_audit 0x70640002u

struct podium_pod_counters {
    uint16_t domid; /* in */
    uint16_t pad[3];
    uint64_t buffer; /* in: guest virtual address of `count` uint64_t */
    uint32_t count;  /* in: room; out: how many there are */
    uint32_t pad2;
};

/* Meaning of the buffer's words, in order (pages unless said otherwise). */
enum podium_pod_counter {
    PODIUM_POPULATE_4K, /* populates of 4 KiB */
    PODIUM_POPULATE_2M, /* populates of 2 MiB */
    PODIUM_SPLINTER_2M, /* 2 MiB placeholders or leaves split */
    PODIUM_SPLINTER_1G,
    PODIUM_EAGER_CHECKED,
    PODIUM_SWEEP_GFNS_VISITED,
    PODIUM_SWEEP_PAGES_READ,
    PODIUM_UNMAPS,          /* pages unmapped to be checked again */
    PODIUM_UNMAPS_RESTORED, /* of them put back */
    PODIUM_RECLAIMED_4K,
    PODIUM_RECLAIMED_2M,
    PODIUM_TLB_FLUSHES_RECLAIM,
    PODIUM_STEALS,      /* ballooned pages that went to the cache */
    PODIUM_CACHE_FREED, /* cached pages given back to the host */
    PODIUM_PAGES_CLEARED,
    PODIUM_OOM_EVENTS, /* touches that found no page at all */
    PODIUM_MAX_GFNS_PER_LOCK_HOLD,
    PODIUM_SUPERPAGES_REFORMED,
    PODIUM_POD_COUNTER_COUNT,
};

struct podium_audit {
    uint16_t domid; /* in */
    uint16_t pad[3];
    uint32_t differences; /* out: 0 is well */
    uint32_t pad2;
};

#endif
