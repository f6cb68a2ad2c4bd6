/* SPDX-License-Identifier: MIT */
/*
 * Rings of what happened last on each CPU, printed by panic and by the debug
 * key 't', and read by "xl trace" (public/podium.h has the same numbers). Costs
 * a few stores per record. What guests do and what becomes of their memory have
 * a ring each: there is an exit or a hypercall for everything.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include "types/bits.h"
#include "types/check.h"
#include "types/words.h"

enum trace_event {
    TRACE_EXIT,      /* vcpu (domid << 16 | id), exit reason, rip, detail */
    TRACE_HYPERCALL, /* vcpu, number, arg1, result */
    TRACE_INJECT,    /* vcpu, vector */
    TRACE_SCHED,     /* vcpu in, vcpu out */
    TRACE_POPULATE,  /* domid, gfn, mfn, order */
    TRACE_RECLAIM,   /* domid, gfn, mfn, order */
    TRACE_SPLINTER,  /* domid, gfn, order, type */
    TRACE_DECREASE,  /* domid, gfn, order, gfns done */
    TRACE_FLUSH,     /* domid, pages that waited */
    TRACE_P2M_WRITE, /* domid, gfn, mfn, order | type << 8 | table << 16 */
    TRACE_EVENT_COUNT,
};

enum trace_ring {
    TRACE_RING_RUN,    /* up to TRACE_SCHED */
    TRACE_RING_MEMORY, /* the others */
    TRACE_RING_COUNT,
};
#define TRACE_RING_RECORDS 128U /* a power of two */

struct trace_record {
    uint64_t tsc;
    uint64_t event;
    uint64_t data[4];
};

/* A bit for each event that is recorded; all but TRACE_P2M_WRITE at first. */
extern uint32_t trace_mask;

static inline bool trace_wants(enum trace_event event)
{
    return READ_ONCE(trace_mask) & BIT(event);
}

void trace_record(enum trace_event event, uint64_t a, uint64_t b, uint64_t c,
                  uint64_t d);

static inline void trace(enum trace_event event, uint64_t a, uint64_t b,
                         uint64_t c, uint64_t d)
{
    if (likely(trace_wants(event))) {
        trace_record(event, a, b, c, d);
    }
}

/*
 * What a ring of a CPU holds, oldest first, to `to`, which has room for
 * TRACE_RING_RECORDS. Whole records only, though the CPU goes on writing.
 * Returns how many; *first is the number of the first since boot, so that who
 * reads again knows what was missed.
 */
unsigned trace_copy(unsigned cpu, enum trace_ring which,
                    struct trace_record *to, uint64_t *first);

/* Print a CPU's newest `count` records of each ring, oldest first. */
void trace_dump(unsigned cpu, unsigned count);

#endif
