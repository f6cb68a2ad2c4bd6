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
#include "overcommit/tmem.h"
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
BUILD_ASSERT(offsetof(struct pod_counters, borrowed) ==
                 PODIUM_BORROWED * sizeof(uint64_t),
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
BUILD_ASSERT(sizeof(struct podium_pod_state) <=
                 sizeof(((struct xen_sysctl *)0)->u),
             "sysctl ABI");
BUILD_ASSERT(PODIUM_ON_EMPTY_WAIT == (int)MEMORY_WAIT &&
                 PODIUM_ON_EMPTY_BORROW == (int)MEMORY_BORROW &&
                 PODIUM_ON_EMPTY_CRASH == (int)MEMORY_CRASH,
             "policies");
BUILD_ASSERT(PODIUM_VIRQ_MEMORY == VIRQ_ARCH_7, "the VIRQ");

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

static int set_policy(struct sysctl *c)
{
    const struct podium_pod_policy *p = (void *)&c->op.u;
    struct memory_policy policy = {
        .on_empty = (enum memory_on_empty)p->on_empty,
        .borrow_limit = p->borrow_limit,
        .on_demand = p->mode == PODIUM_POD_ON_DEMAND,
    };
    struct domain *d;
    int rc;

    if (p->on_empty >= MEMORY_ON_EMPTY_COUNT ||
        p->mode > PODIUM_POD_ON_DEMAND || p->pad) {
        return -EINVAL;
    }
    d = domain_get(p->domid);
    if (!d) {
        return -ESRCH;
    }
    rc = memory_set_policy(d, &policy);
    domain_put(d);
    return rc;
}

/* What a larger target would do (POD-4.28): a cache of T' - P pages. */
static void fill_hints(struct podium_pod_state *s)
{
    if (s->waiting) {
        s->target_next = s->total + s->claimed + s->waiting;
    }
    if (s->deficit) {
        s->target_all = s->total + s->claimed + s->deficit;
    }
}

static void fill_state(struct podium_pod_state *s, struct domain *d)
{
    struct memory_waiters waiters = memory_wait_info(d);
    struct memory_pod_info info;
    uint64_t set_aside;

    memory_get_pod(d, &info);
    set_aside = info.cache_pages + info.claimed;
    *s = (struct podium_pod_state){
        .domid = d->id,
        .on_empty = (uint16_t)READ_ONCE(d->wait.policy),
        .mode = READ_ONCE(d->pod.on_demand) ? PODIUM_POD_ON_DEMAND
                                            : PODIUM_POD_RESERVED,
        .waiting = waiters.count,
        .waits = info.counters.waits,
        .gfn = waiters.gfn.v,
        .total = info.tot_pages,
        .entries = info.entries,
        .cached = info.cache_pages,
        .claimed = info.claimed,
        .deficit = info.entries - MIN(info.entries, set_aside),
        .borrowed = info.borrowed,
        .borrow_limit = READ_ONCE(d->wait.borrow_limit),
    };
    fill_hints(s);
}

static int get_state(struct sysctl *c)
{
    struct podium_pod_state *s = (void *)&c->op.u;
    struct domain *d = domain_get(s->domid);

    if (!d) {
        return -ESRCH;
    }
    fill_state(s, d);
    domain_put(d);
    return 0;
}

/* what: a domain; NULL: all of them and the host. */
static unsigned run_audit(void *what)
{
    unsigned differences;
    struct domain *d;

    if (what) {
        return domain_audit(what);
    }
    differences = mm_audit() + tmem_audit();
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
    memset(to, 0, size);
    for (size_t i = 0; i + 1 < size && from[i]; i++) {
        to[i] = from[i];
    }
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
    {PODIUM_SYSCTL_pod_policy, set_policy},
    {PODIUM_SYSCTL_pod_state, get_state},
    {PODIUM_SYSCTL_audit, audit},
    {PODIUM_SYSCTL_trace, get_trace},
};

const struct sysctl_family sysctl_podium = {rows, ARRAY_COUNT(rows)};
