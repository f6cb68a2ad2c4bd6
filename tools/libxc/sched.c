/* SPDX-License-Identifier: MIT */
/* Shares of the CPUs, by the parameters of the scheduler credit2. */
#include <errno.h>

#include "libxc/handle.h"
#include "libxc/transport.h"

static int share_call(struct xc *xc, uint32_t domid, uint32_t cmd,
                      struct xc_share *share)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_scheduler_op,
                            .domain = (domid_t)domid};
    struct xen_domctl_sched_credit2 *p = &op.u.scheduler_op.u.credit2;
    int rc;

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = cmd;
    p->weight = share->weight;
    p->cap = share->cap;
    rc = hv_domctl(xc, &op);
    share->weight = p->weight;
    share->cap = p->cap;
    return rc < 0 ? rc : 0;
}

int xc_share_get(struct xc *xc, uint32_t domid, struct xc_share *share)
{
    int rc;

    *share = (struct xc_share){0, 0};
    rc = share_call(xc, domid, XEN_DOMCTL_SCHEDOP_getinfo, share);
    return rc ? xc_fail_errno(xc, rc, "weight and cap of domain %u", domid) : 0;
}

int xc_share_set(struct xc *xc, uint32_t domid, const struct xc_share *share)
{
    struct xc_share wanted = *share;
    int rc = share_call(xc, domid, XEN_DOMCTL_SCHEDOP_putinfo, &wanted);

    return rc ? xc_fail_errno(xc, rc, "weight %u and cap %u of domain %u",
                              share->weight, share->cap, domid)
              : 0;
}

static int ratelimit_call(struct xc *xc, uint32_t pool, uint32_t cmd,
                          uint32_t *us)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_scheduler_op};
    struct xen_sysctl_scheduler_op *s = &op.u.scheduler_op;
    int rc;

    s->cpupool_id = pool;
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    s->cmd = cmd;
    s->u.sched_credit2.ratelimit_us = *us;
    rc = hv_sysctl(xc, &op);
    *us = s->u.sched_credit2.ratelimit_us;
    return rc < 0 ? rc : 0;
}

int xc_ratelimit_get(struct xc *xc, uint32_t pool, uint32_t *us)
{
    int rc;

    *us = 0;
    rc = ratelimit_call(xc, pool, XEN_SYSCTL_SCHEDOP_getinfo, us);
    return rc ? xc_fail_errno(xc, rc, "rate limit of CPU pool %u", pool) : 0;
}

int xc_ratelimit_set(struct xc *xc, uint32_t pool, uint32_t us)
{
    int rc = ratelimit_call(xc, pool, XEN_SYSCTL_SCHEDOP_putinfo, &us);

    return rc ? xc_fail_errno(xc, rc, "rate limit of CPU pool %u", pool) : 0;
}
