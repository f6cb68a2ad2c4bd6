/* SPDX-License-Identifier: MIT */
/*
 * Sysctls about the machine: TS-6, 9, 10, 11. Tools see one node, one socket
 * with a core per CPU, one CPU pool, and a scheduler whose parameters are those
 * of Xen's credit2.
 */
#include "guest/sysctl.h"

#include "arch/timer.h"
#include "domain/sched.h"
#include "guest/bitmap.h"
#include "guest/copy.h"
#include "guest/cpu_policy.h"
#include "types/error.h"

enum {
    LOCAL_DISTANCE = 10,
    CAPABILITIES = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap |
                   XEN_SYSCTL_PHYSCAP_gnttab_v1,
};

static int get_physinfo(struct sysctl *c)
{
    struct xen_sysctl_physinfo *p = &c->op.u.physinfo;
    struct page_alloc_info memory = page_alloc_info();
    uint32_t words[CPU_FEATURE_WORDS];

    *p = (struct xen_sysctl_physinfo){
        .threads_per_core = 1,
        .cores_per_socket = arch_cpu_count(),
        .nr_cpus = arch_cpu_count(),
        .max_cpu_id = arch_cpu_count() - 1,
        .nr_nodes = 1,
        .cpu_khz = (uint32_t)arch_tsc_khz(),
        .capabilities = CAPABILITIES,
        .total_pages = memory.total,
        .free_pages = memory.free,
        .scrub_pages = memory.dirty,
        .outstanding_pages = memory.claimed,
        .max_mfn = frame_count - 1,
    };
    cpu_policy_features(words);
    for (unsigned i = 0; i < ARRAY_COUNT(p->hw_cap); i++) {
        p->hw_cap[i] = words[i];
    }
    return 0;
}

static int get_sched_id(struct sysctl *c)
{
    c->op.u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

static int set_ratelimit(uint32_t us)
{
    if (us && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN ||
               us > XEN_SYSCTL_SCHED_RATELIMIT_MAX)) {
        return -EINVAL;
    }
    sched_set_ratelimit_us(us);
    return 0;
}

static int scheduler_op(struct sysctl *c)
{
    struct xen_sysctl_scheduler_op *s = &c->op.u.scheduler_op;

    if (s->cpupool_id) {
        return -ESRCH;
    }
    if (s->sched_id != XEN_SCHEDULER_CREDIT2) {
        return -EINVAL;
    }
    switch (s->cmd) {
    case XEN_SYSCTL_SCHEDOP_putinfo:
        return set_ratelimit(s->u.sched_credit2.ratelimit_us);
    case XEN_SYSCTL_SCHEDOP_getinfo:
        s->u.sched_credit2.ratelimit_us = sched_ratelimit_us();
        return 0;
    default:
        return -EINVAL;
    }
}

static int get_heap(struct sysctl *c)
{
    struct xen_sysctl_availheap *h = &c->op.u.availheap;

    if (h->node > 0) {
        return -EINVAL;
    }
    h->avail_bytes = page_alloc_info().free << PAGE_SHIFT;
    return 0;
}

/* Lists of CPUs and nodes: without a buffer the question is how long they are;
 * with one, what fits is written, and the count says what there is. */
static int get_topology(struct sysctl *c)
{
    struct xen_sysctl_cputopoinfo *t = &c->op.u.cputopoinfo;
    uint64_t at = (uintptr_t)t->cputopo.p;
    unsigned cpus = arch_cpu_count();
    int rc = 0;

    for (unsigned i = 0; at && !rc && i < MIN(cpus, t->num_cpus); i++) {
        const struct xen_sysctl_cputopo one = {.core = i};

        rc = copy_to_guest(c->caller, at + i * sizeof(one), &one, sizeof(one));
    }
    t->num_cpus = cpus;
    return rc;
}

static int get_numa(struct sysctl *c)
{
    struct xen_sysctl_numainfo *n = &c->op.u.numainfo;
    struct page_alloc_info memory = page_alloc_info();
    const struct xen_sysctl_meminfo node = {
        .memsize = memory.total << PAGE_SHIFT,
        .memfree = memory.free << PAGE_SHIFT,
    };
    const uint32_t distance = LOCAL_DISTANCE;
    int rc = 0;

    if (n->num_nodes && n->meminfo.p) {
        rc = copy_to_guest(c->caller, (uintptr_t)n->meminfo.p, &node,
                           sizeof(node));
    }
    if (!rc && n->num_nodes && n->distance.p) {
        rc = copy_to_guest(c->caller, (uintptr_t)n->distance.p, &distance,
                           sizeof(distance));
    }
    n->num_nodes = 1;
    return rc;
}

static uint32_t count_domains(void)
{
    struct domain *d = domain_get_next(0);
    uint32_t count = 0;

    while (d) {
        domid_t next = d->id + 1;

        domain_put(d);
        count++;
        d = domain_get_next(next);
    }
    return count;
}

static int pool_info(struct sysctl *c, struct xen_sysctl_cpupool_op *p)
{
    if (p->cpupool_id != 0) {
        return -ENOENT;
    }
    p->sched_id = XEN_SCHEDULER_CREDIT2;
    p->n_dom = count_domains();
    return bitmap_to_guest(c->caller, &p->cpumap, bitmap_all_cpus());
}

static int cpupool_op(struct sysctl *c)
{
    struct xen_sysctl_cpupool_op *p = &c->op.u.cpupool_op;

    switch (p->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        return pool_info(c, p);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        return bitmap_to_guest(c->caller, &p->cpumap, 0);
    default:
        return -EOPNOTSUPP;
    }
}

static const struct sysctl_row rows[] = {
    {XEN_SYSCTL_physinfo, get_physinfo},
    {XEN_SYSCTL_sched_id, get_sched_id},
    {XEN_SYSCTL_scheduler_op, scheduler_op},
    {XEN_SYSCTL_availheap, get_heap},
    {XEN_SYSCTL_cputopoinfo, get_topology},
    {XEN_SYSCTL_numainfo, get_numa},
    {XEN_SYSCTL_cpupool_op, cpupool_op},
};

const struct sysctl_family sysctl_host = {rows, ARRAY_COUNT(rows)};
