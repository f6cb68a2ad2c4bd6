/* SPDX-License-Identifier: MIT */
/*
 * Pages of zeros are looked for by CPUs that have nothing else to do, before
 * the cache of a domain that was promised more than it has runs dry: so that a
 * touch finds a page there and need not search itself (P8).
 */
#ifndef DOMAIN_BACKGROUND_H
#define DOMAIN_BACKGROUND_H

#include "p2m/p2m.h"

struct domain;

/* Pages in the cache: below LOW it is filled, to HIGH. Small domains have lower
 * marks: 1/32 of what they are charged for, and 1/8. */
#define BACKGROUND_LOW  1024U
#define BACKGROUND_HIGH 4096U

/* Embedded in struct domain. All zero: nothing to do. */
struct background {
    bool wanted;      /* the cache was found low; atomic */
    bool busy;        /* a CPU is at it, the fields below are its own; atomic */
    uint64_t next_ns; /* not before this time */
    uint64_t rest_ns; /* how long it rests when it found nothing */
    bool resting;     /* until next_ns, or until a touch is given a page */
    bool touched;     /* one was, since all was last in vain; atomic */
    bool thorough;    /* superpages may be taken apart */
    struct p2m_search search;
};

/* On unless it is switched off at boot. */
void background_set(bool on);

/* d was given a page from its cache, or found none there: if that is low, have
 * an idle CPU fill it. Cheap. */
void background_note(struct domain *d, bool given);

/*
 * This CPU is idle: one slice for the domain that waits longest, if any.
 * Returns when it should be called again, if the CPU is still idle then.
 */
uint64_t background_work(void);

#endif
