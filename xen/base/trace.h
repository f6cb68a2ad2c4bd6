/* SPDX-License-Identifier: MIT */
/* A ring of what happened last on each CPU, printed by panic and by the debug
 * key 't'. Costs a few stores per record. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include "types/words.h"

enum trace_event {
    TRACE_EXIT,      /* vcpu (domid << 16 | id), exit reason, rip, detail */
    TRACE_HYPERCALL, /* vcpu, number, arg1, result */
    TRACE_INJECT,    /* vcpu, vector */
    TRACE_SCHED,     /* vcpu in, vcpu out */
    TRACE_POPULATE,  /* domid, gfn, mfn, order */
    TRACE_RECLAIM,   /* domid, gfn, mfn, order */
    TRACE_SPLINTER,  /* domid, gfn, order */
    TRACE_DECREASE,  /* domid, gfn, order */
    TRACE_FLUSH,
    TRACE_EVENT_COUNT,
};

void trace(enum trace_event event, uint64_t a, uint64_t b, uint64_t c,
           uint64_t d);

/* Print this CPU's newest `count` records, oldest first. */
void trace_dump(unsigned cpu, unsigned count);

#endif
