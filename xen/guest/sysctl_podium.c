/* SPDX-License-Identifier: MIT */
/* Sysctls that only Podium has (public/podium.h). */
#include "guest/sysctl.h"

#include "domain/memory.h"
#include "guest/copy.h"
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

static unsigned audit_everything(void)
{
    unsigned differences = mm_audit();
    struct domain *d = domain_get_next(0);

    while (d) {
        domid_t next = d->id + 1;

        differences += domain_audit(d);
        domain_put(d);
        d = domain_get_next(next);
    }
    return differences;
}

static int audit(struct sysctl *c)
{
    struct podium_audit *a = (void *)&c->op.u;
    struct domain *d;

    if (a->domid == DOMID_SELF) {
        a->differences = audit_everything();
        return 0;
    }
    d = domain_get(a->domid);
    if (!d) {
        return -ESRCH;
    }
    a->differences = domain_audit(d);
    domain_put(d);
    return 0;
}

static const struct sysctl_row rows[] = {
    {PODIUM_SYSCTL_pod_counters, get_counters},
    {PODIUM_SYSCTL_audit, audit},
};

const struct sysctl_family sysctl_podium = {rows, ARRAY_COUNT(rows)};
