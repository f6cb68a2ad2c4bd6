/* SPDX-License-Identifier: MIT */
/*
 * Domctls about what CPUID tells a guest: TS-23, 82 and 83. A tool sends all
 * leaves or only those that it changed; either way they are merged into the
 * domain's list, which starts as the machine's. The list is replaced whole, as
 * vCPUs could read it; and only before the domain runs, when none does.
 */
#include "guest/domctl.h"

#include "guest/copy.h"
#include "guest/cpu_policy.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "types/error.h"

/* The ABI's leaf and ours are one. */
BUILD_ASSERT(sizeof(struct cpuid_leaf) == sizeof(xen_cpuid_leaf_t), "leaf");
BUILD_ASSERT(offsetof(struct cpuid_leaf, a) == offsetof(xen_cpuid_leaf_t, a),
             "leaf");

/* The domain's list, or the machine's; CPUID_LEAF_LIMIT long. */
static unsigned current_policy(const struct domain *d,
                               struct cpuid_leaf *leaves)
{
    if (d->cpuid) {
        memcpy(leaves, d->cpuid, d->cpuid_count * sizeof(*leaves));
        return d->cpuid_count;
    }
    return MIN(cpu_policy_host(leaves, CPUID_LEAF_LIMIT),
               (unsigned)CPUID_LEAF_LIMIT);
}

static int merge_all(struct domctl *c, struct cpuid_leaf *leaves,
                     unsigned *count)
{
    struct xen_domctl_cpu_policy *p = &c->op.u.cpu_policy;
    uint64_t at = (uintptr_t)p->leaves.p;
    int rc = 0;

    for (uint32_t i = 0; !rc && i < p->nr_leaves; i++) {
        struct cpuid_leaf leaf;

        rc = copy_from_guest(c->caller, &leaf, at + i * sizeof(leaf),
                             sizeof(leaf));
        if (rc) {
            return rc;
        }
        rc = cpu_policy_merge(leaves, count, &leaf);
        if (rc) {
            p->err_leaf = leaf.leaf;
            p->err_subleaf = leaf.subleaf;
        }
    }
    return rc;
}

/* MSRs of a policy describe the processor; what a guest reads from them does
 * not depend on the tool, so that they are taken and not kept. */
static int set_policy(struct domctl *c)
{
    struct xen_domctl_cpu_policy *p = &c->op.u.cpu_policy;
    struct domain *d = c->d;
    struct cpuid_leaf *leaves;
    unsigned count;
    int rc;

    p->err_leaf = p->err_subleaf = p->err_msr = ~0u;
    if (d->started) {
        return -EEXIST;
    }
    if (p->nr_leaves > CPUID_LEAF_LIMIT) {
        return -E2BIG;
    }
    leaves = heap_alloc_array(CPUID_LEAF_LIMIT, sizeof(*leaves));
    if (!leaves) {
        return -ENOMEM;
    }
    count = current_policy(d, leaves);
    rc = merge_all(c, leaves, &count);
    if (rc) {
        heap_free(leaves);
        return rc;
    }
    heap_free(d->cpuid);
    d->cpuid = leaves;
    d->cpuid_count = count;
    return 0;
}

static int get_policy(struct domctl *c)
{
    struct xen_domctl_cpu_policy *p = &c->op.u.cpu_policy;
    struct cpuid_leaf *leaves;
    unsigned count;
    int rc = 0;

    leaves = heap_alloc_array(CPUID_LEAF_LIMIT, sizeof(*leaves));
    if (!leaves) {
        return -ENOMEM;
    }
    count = current_policy(c->d, leaves);
    if (p->leaves.p && p->nr_leaves < count) {
        rc = -ENOBUFS;
    } else if (p->leaves.p) {
        rc = copy_to_guest(c->caller, (uintptr_t)p->leaves.p, leaves,
                           count * sizeof(*leaves));
    }
    heap_free(leaves);
    p->nr_leaves = count;
    p->nr_msrs = 0;
    return rc;
}

static const struct domctl_row rows[] = {
    {XEN_DOMCTL_get_cpu_policy, DOMCTL_REPLIES, get_policy},
    {XEN_DOMCTL_set_cpu_policy, DOMCTL_REPLIES_ALWAYS | DOMCTL_OTHERS,
     set_policy},
};

const struct domctl_family domctl_policy = {rows, ARRAY_COUNT(rows)};
