/* SPDX-License-Identifier: MIT */
/* Sysctls that only Podium has (public/podium.h). */
#include "guest/sysctl.h"

#include "arch/timer.h"
#include "base/audit.h"
#include "base/trace.h"
#include "domain/memory.h"
#include "guest/copy.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "public/podium.h"
#include "types/error.h"

/* The counters are one array of words, in the ABI's order. */
BUILD_ASSERT(sizeof(struct pod_counters) ==
                 PODIUM_POD_COUNTER_COUNT * sizeof(uint64_t),
             "pod counters");
BUILD_ASSERT(offsetof(struct pod_counters, steals) ==
                 PODIUM_STEALS * sizeof(uint64_t),
             "pod counters");
BUILD_ASSERT(offsetof(struct pod_counters, superpages_reformed) ==
                 PODIUM_SUPERPAGES_REFORMED * sizeof(uint64_t),
             "pod counters");
BUILD_ASSERT(offsetof(struct pod_counters, background_reclaimed) ==
                 PODIUM_BACKGROUND_RECLAIMED * sizeof(uint64_t),
             "pod counters");
BUILD_ASSERT(offsetof(struct pod_counters, zero_upgrades) ==
                 PODIUM_ZERO_UPGRADES * sizeof(uint64_t),
             "pod counters");
BUILD_ASSERT(sizeof(struct podium_pod_counters) <=
                 sizeof(((struct xen_sysctl *)0)->u),
             "sysctl ABI");
BUILD_ASSERT(sizeof(struct podium_audit) <= sizeof(((struct xen_sysctl *)0)->u),
             "sysctl ABI");

BUILD_ASSERT(sizeof(struct podium_trace) <= sizeof(((struct xen_sysctl *)0)->u),
             "sysctl ABI");
BUILD_ASSERT(sizeof(struct podium_trace_record) ==
                     sizeof(struct trace_record) &&
                 TRACE_RING_RECORDS == PODIUM_TRACE_RECORDS &&
                 (unsigned)TRACE_EVENT_COUNT == PODIUM_TRACE_EVENT_COUNT &&
                 (unsigned)TRACE_POPULATE == PODIUM_TRACE_POPULATE &&
                 (unsigned)TRACE_P2M_WRITE == PODIUM_TRACE_P2M_WRITE &&
                 (unsigned)TRACE_RING_COUNT == PODIUM_TRACE_RING_COUNT,
             "trace records");

static int get_counters(struct sysctl *c)
{
    struct podium_pod_counters *p = (void *)&c->op.u;
    struct domain *d = domain_get(p->domid);
    struct memory_pod_info info;
    uint32_t count = MIN(p->count, (uint32_t)PODIUM_POD_COUNTER_COUNT);

    if (!d) {
        return -ESRCH;
    }
    memory_get_pod(d, &info);
    domain_put(d);
    p->count = PODIUM_POD_COUNTER_COUNT;
    return copy_to_guest(c->caller, p->buffer, &info.counters,
                         count * sizeof(uint64_t));
}

/* what: a domain; NULL: all of them and the host. */
static unsigned run_audit(void *what)
{
    unsigned differences;
    struct domain *d;

    if (what) {
        return domain_audit(what);
    }
    differences = mm_audit();
    d = domain_get_next(0);
    while (d) {
        domid_t next = d->id + 1;

        differences += domain_audit(d);
        domain_put(d);
        d = domain_get_next(next);
    }
    return differences;
}

static void set_text(char *to, size_t size, const char *from)
{
    size_t length = MIN(strlen(from), size - 1);

    memcpy(to, from, length);
    memset(to + length, 0, size - length);
}

static void audit_report(struct podium_audit *a, struct domain *d)
{
    struct audit_difference first = {.invariant = "", .what = ""};

    a->differences = audit_confirm(run_audit, d, &first);
    a->at_domid = (uint16_t)first.domid;
    a->gfn = first.gfn;
    a->mfn = first.mfn;
    a->found = first.found;
    a->expected = first.expected;
    set_text(a->invariant, sizeof(a->invariant), first.invariant);
    set_text(a->what, sizeof(a->what), first.what);
}

static int audit(struct sysctl *c)
{
    struct podium_audit *a = (void *)&c->op.u;
    struct domain *d = NULL;

    if (a->domid != DOMID_SELF) {
        d = domain_get(a->domid);
        if (!d) {
            return -ESRCH;
        }
    }
    audit_report(a, d);
    if (d) {
        domain_put(d);
    }
    return 0;
}

static int copy_ring(struct sysctl *c, struct podium_trace *t,
                     struct trace_record *records)
{
    unsigned have =
        trace_copy(t->cpu, (enum trace_ring)t->ring, records, &t->first);
    unsigned given = MIN(have, t->count);

    t->first += have - given;
    t->count = given;
    return copy_to_guest(c->caller, t->buffer, records + have - given,
                         given * sizeof(*records));
}

static int get_trace(struct sysctl *c)
{
    struct podium_trace *t = (void *)&c->op.u;
    struct trace_record *records;
    int rc;

    if (t->cpu >= arch_cpu_count() || t->ring >= TRACE_RING_COUNT ||
        (t->flags & ~PODIUM_TRACE_SET_MASK)) {
        return -EINVAL;
    }
    records = heap_alloc_array(TRACE_RING_RECORDS, sizeof(*records));
    if (!records) {
        return -ENOMEM;
    }
    rc = copy_ring(c, t, records);
    heap_free(records);
    if (!rc && (t->flags & PODIUM_TRACE_SET_MASK)) {
        WRITE_ONCE(trace_mask,
                   t->mask & (uint32_t)(BIT(TRACE_EVENT_COUNT) - 1));
    }
    t->mask = READ_ONCE(trace_mask);
    t->cpus = arch_cpu_count();
    t->tsc_khz = arch_tsc_khz();
    t->tsc_boot = arch_tsc_origin();
    return rc;
}

static const struct sysctl_row rows[] = {
    {PODIUM_SYSCTL_pod_counters, get_counters},
    {PODIUM_SYSCTL_audit, audit},
    {PODIUM_SYSCTL_trace, get_trace},
};

const struct sysctl_family sysctl_podium = {rows, ARRAY_COUNT(rows)};
