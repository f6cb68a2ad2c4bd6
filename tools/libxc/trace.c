/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor has two rings for each CPU, which are copied one by one; put
 * together by time they tell what the host did last. How far back that is
 * differs from ring to ring.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxc/handle.h"
#include "libxc/podium_calls.h"

static uint64_t time_of(const struct podium_trace *t, uint64_t tsc)
{
    uint64_t ticks = tsc > t->tsc_boot ? tsc - t->tsc_boot : 0;
    uint64_t khz = t->tsc_khz ? t->tsc_khz : 1;

    return ticks / khz * 1000000 + ticks % khz * 1000000 / khz;
}

static int add_records(struct xc_trace *trace, const struct podium_trace *t,
                       const struct podium_trace_record *records)
{
    struct xc_trace_record *all =
        realloc(trace->records, (trace->count + t->count + 1) * sizeof(*all));

    if (!all) {
        return -ENOMEM;
    }
    trace->records = all;
    for (uint32_t i = 0; i < t->count; i++) {
        struct xc_trace_record *r = &all[trace->count++];

        r->time_ns = time_of(t, records[i].tsc);
        r->cpu = t->cpu;
        r->event = (uint32_t)records[i].event;
        memcpy(r->data, records[i].data, sizeof(r->data));
    }
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct xc_trace_record *x = a, *y = b;

    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static int read_rings(struct xc *xc, struct xc_trace *trace)
{
    struct podium_trace_record records[PODIUM_TRACE_RECORDS];
    uint32_t cpus = 1;

    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        for (uint32_t ring = 0; ring < PODIUM_TRACE_RING_COUNT; ring++) {
            struct podium_trace t = {.cpu = cpu, .ring = ring};
            int rc = podium_trace(xc, &t, records);

            if (!rc) {
                cpus = t.cpus;
                rc = add_records(trace, &t, records);
            }
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}

int xc_trace(struct xc *xc, struct xc_trace *trace)
{
    int rc;

    *trace = (struct xc_trace){0};
    rc = read_rings(xc, trace);
    if (rc) {
        free(trace->records);
        *trace = (struct xc_trace){0};
        return xc_fail_errno(xc, rc, "cannot read the trace rings");
    }
    qsort(trace->records, trace->count, sizeof(*trace->records), by_time);
    return 0;
}

int xc_trace_p2m_writes(struct xc *xc, bool on)
{
    struct podium_trace_record records[PODIUM_TRACE_RECORDS];
    struct podium_trace t = {0};
    int rc = podium_trace(xc, &t, records);

    if (!rc) {
        uint32_t bit = 1u << PODIUM_TRACE_P2M_WRITE;

        t = (struct podium_trace){.flags = PODIUM_TRACE_SET_MASK,
                                  .mask = on ? t.mask | bit : t.mask & ~bit};
        rc = podium_trace(xc, &t, records);
    }
    return rc ? xc_fail_errno(xc, rc, "cannot change what is traced") : 0;
}
