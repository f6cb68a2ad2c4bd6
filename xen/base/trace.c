/* SPDX-License-Identifier: MIT */
/* Each CPU writes its own ring only, so there is no lock. A dump of another
 * CPU's ring may show a record that is being overwritten. */
#include "base/trace.h"
#include "arch/cpu.h"
#include "arch/timer.h"
#include "base/console.h"
#include "types/bits.h"

#define RING_RECORDS 128 /* a power of two */

struct record {
    uint64_t tsc;
    uint64_t event;
    uint64_t data[4];
};

struct ring {
    struct record record[RING_RECORDS];
    uint64_t count; /* of all records ever written */
};

static struct ring rings[MAX_CPUS];

static const char *const event_names[TRACE_EVENT_COUNT] = {
    [TRACE_EXIT] = "exit",         [TRACE_HYPERCALL] = "hypercall",
    [TRACE_INJECT] = "inject",     [TRACE_SCHED] = "sched",
    [TRACE_POPULATE] = "populate", [TRACE_RECLAIM] = "reclaim",
    [TRACE_SPLINTER] = "splinter", [TRACE_DECREASE] = "decrease",
    [TRACE_FLUSH] = "flush",
};

void trace(enum trace_event event, uint64_t a, uint64_t b, uint64_t c,
           uint64_t d)
{
    struct ring *ring = &rings[arch_cpu()];
    struct record *r = &ring->record[ring->count++ % RING_RECORDS];

    r->tsc = arch_tsc();
    r->event = event;
    r->data[0] = a;
    r->data[1] = b;
    r->data[2] = c;
    r->data[3] = d;
}

void trace_dump(unsigned cpu, unsigned count)
{
    const struct ring *ring = &rings[cpu % MAX_CPUS];
    uint64_t end = READ_ONCE(ring->count);
    uint64_t n = MIN(MIN(end, RING_RECORDS), count);

    for (uint64_t i = end - n; i < end; i++) {
        const struct record *r = &ring->record[i % RING_RECORDS];
        const char *name =
            r->event < TRACE_EVENT_COUNT ? event_names[r->event] : NULL;

        log_line(LOG_ERROR, "cpu%u tsc %lu %-9s %lx %lx %lx %lx", cpu, r->tsc,
                 name ? name : "?", r->data[0], r->data[1], r->data[2],
                 r->data[3]);
    }
}
