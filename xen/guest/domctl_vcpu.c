/* SPDX-License-Identifier: MIT */
/* Domctls about vCPUs and where they run: TS-16, 17, 31, 42, 53, 54. */
#include "guest/domctl.h"

#include "domain/sched.h"
#include "guest/bitmap.h"
#include "types/error.h"

static struct vcpu *find_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? d->vcpus[id] : NULL;
}

/* vCPUs are made with the domain; this only confirms their number. */
static int max_vcpus(struct domctl *c)
{
    return c->op.u.max_vcpus.max == c->d->max_vcpus ? 0 : -EINVAL;
}

static int get_vcpu_info(struct domctl *c)
{
    struct xen_domctl_getvcpuinfo *info = &c->op.u.getvcpuinfo;
    const struct vcpu *v = find_vcpu(c->d, info->vcpu);
    uint32_t hold;

    if (!v) {
        return -EINVAL;
    }
    hold = READ_ONCE(v->hold);
    info->online = !(hold & HOLD_OFFLINE);
    info->blocked = (hold & (HOLD_BLOCKED | HOLD_MEMORY)) != 0;
    info->running = READ_ONCE(v->running_on) != NOT_RUNNING;
    info->cpu_time = sched_cpu_time(v);
    info->cpu =
        info->running ? READ_ONCE(v->running_on) : READ_ONCE(v->last_cpu);
    return 0;
}

/* One of the two maps: what the caller wants, cut to CPUs that exist. */
static int read_affinity(struct domctl *c, const struct xenctl_bitmap *map,
                         uint64_t *cpus)
{
    int rc = bitmap_from_guest(c->caller, map, cpus);

    *cpus &= bitmap_all_cpus();
    return rc ? rc : *cpus ? 0 : -EINVAL;
}

/* Both maps are read before either is used, and written back as effective. */
static int set_affinity(struct domctl *c)
{
    const struct xen_domctl_vcpuaffinity *a = &c->op.u.vcpuaffinity;
    struct vcpu *v = find_vcpu(c->d, a->vcpu);
    bool set_hard = a->flags & XEN_VCPUAFFINITY_HARD;
    bool set_soft = a->flags & XEN_VCPUAFFINITY_SOFT;
    uint64_t hard, soft;
    int rc = 0;

    if (!v || !(set_hard || set_soft)) {
        return -EINVAL;
    }
    hard = v->affinity;
    soft = v->soft_affinity;
    if (set_hard) {
        rc = read_affinity(c, &a->cpumap_hard, &hard);
    }
    if (!rc && set_soft) {
        rc = read_affinity(c, &a->cpumap_soft, &soft);
    }
    if (rc) {
        return rc;
    }
    if (set_hard) {
        sched_set_affinity(v, hard);
        rc = bitmap_to_guest(c->caller, &a->cpumap_hard, hard);
    }
    if (set_soft) {
        int soft_rc = bitmap_to_guest(c->caller, &a->cpumap_soft, soft & hard);

        v->soft_affinity = soft;
        rc = rc ? rc : soft_rc;
    }
    return rc;
}

static int get_affinity(struct domctl *c)
{
    const struct xen_domctl_vcpuaffinity *a = &c->op.u.vcpuaffinity;
    const struct vcpu *v = find_vcpu(c->d, a->vcpu);
    int rc = 0;

    if (!v) {
        return -EINVAL;
    }
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        rc = bitmap_to_guest(c->caller, &a->cpumap_hard, v->affinity);
    }
    if (!rc && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        rc = bitmap_to_guest(c->caller, &a->cpumap_soft, v->soft_affinity);
    }
    return rc;
}

/* There is one node, number 0. */
static int set_node_affinity(struct domctl *c)
{
    uint64_t nodes;
    int rc =
        bitmap_from_guest(c->caller, &c->op.u.nodeaffinity.nodemap, &nodes);

    return rc ? rc : nodes & 1 ? 0 : -EINVAL;
}

static int get_node_affinity(struct domctl *c)
{
    return bitmap_to_guest(c->caller, &c->op.u.nodeaffinity.nodemap, 1);
}

static int send_trigger(struct domctl *c)
{
    struct vcpu *v = find_vcpu(c->d, c->op.u.sendtrigger.vcpu);

    if (c->op.u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI) {
        return -ENOSYS;
    }
    if (!v) {
        return -ESRCH;
    }
    v->vlapic.nmi_pending = true;
    mem_barrier();
    vcpu_wake_for_event(v);
    return 0;
}

/*
 * Weight and cap as those of Xen's credit2. A weight of 0 leaves it as it is;
 * what the caller writes into the other one's place is its new cap. There are
 * none for single vCPUs.
 */
static int scheduler_op(struct domctl *c)
{
    struct xen_domctl_sched_credit2 *p = &c->op.u.scheduler_op.u.credit2;
    const struct cpu_share *share = &c->d->cpu_share;

    if (c->op.u.scheduler_op.sched_id != XEN_SCHEDULER_CREDIT2) {
        return -EINVAL;
    }
    switch (c->op.u.scheduler_op.cmd) {
    case XEN_DOMCTL_SCHEDOP_putinfo:
        sched_set_share(c->d, p->weight ? p->weight : share->weight, p->cap);
        return 0;
    case XEN_DOMCTL_SCHEDOP_getinfo:
        p->weight = READ_ONCE(share->weight);
        p->cap = READ_ONCE(share->cap);
        return 0;
    default:
        return -EINVAL;
    }
}

static const struct domctl_row rows[] = {
    {XEN_DOMCTL_max_vcpus, 0, max_vcpus},
    {XEN_DOMCTL_getvcpuinfo, DOMCTL_REPLIES, get_vcpu_info},
    {XEN_DOMCTL_setvcpuaffinity, 0, set_affinity},
    {XEN_DOMCTL_getvcpuaffinity, 0, get_affinity},
    {XEN_DOMCTL_setnodeaffinity, 0, set_node_affinity},
    {XEN_DOMCTL_getnodeaffinity, 0, get_node_affinity},
    {XEN_DOMCTL_sendtrigger, 0, send_trigger},
    {XEN_DOMCTL_scheduler_op, DOMCTL_REPLIES, scheduler_op},
};

const struct domctl_family domctl_vcpu = {rows, ARRAY_COUNT(rows)};
