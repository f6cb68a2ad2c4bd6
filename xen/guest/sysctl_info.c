/* SPDX-License-Identifier: MIT */
/* Sysctls about domains, the log, locks, and what a guest's processor may be:
 * TS-2, 5, 23, 50. */
#include "guest/sysctl.h"

#include "base/console.h"
#include "base/lock_stats.h"
#include "guest/copy.h"
#include "guest/cpu_policy.h"
#include "guest/debug_keys.h"
#include "guest/domain_info.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "types/error.h"

enum {
    LOG_CHUNK = 256,
    DEBUG_KEYS_LIMIT = 32,
};

/* Chunk by chunk: where one ended, the next goes on, whatever was asked for
 * the first. Cleared at the end, as clearing forgets what was not read yet. */
static int read_console(struct sysctl *c)
{
    struct xen_sysctl_readconsole *r = &c->op.u.readconsole;
    uint64_t at = (uintptr_t)r->buffer.p;
    bool incremental = r->incremental;
    uint32_t index = r->index, done = 0;
    char chunk[LOG_CHUNK];
    int rc = 0;

    while (!rc && done < r->count) {
        uint32_t room = MIN((uint32_t)sizeof(chunk), r->count - done);
        size_t got = console_ring_read(chunk, room, &index, false, incremental);

        if (!got) {
            break;
        }
        rc = copy_to_guest(c->caller, at + done, chunk, got);
        done += (uint32_t)got;
        incremental = true;
    }
    r->count = done;
    r->index = index;
    if (!rc && r->clear) {
        console_ring_read(chunk, 0, &index, true, false);
    }
    return rc;
}

static int list_domains(struct sysctl *c)
{
    struct xen_sysctl_getdomaininfolist *l = &c->op.u.getdomaininfolist;
    uint64_t at = (uintptr_t)l->buffer.p;
    struct domain *d = domain_get_next(l->first_domain);
    int rc = 0;

    l->num_domains = 0;
    while (d && !rc && l->num_domains < l->max_domains) {
        struct xen_domctl_getdomaininfo info;
        domid_t next = d->id + 1;

        domain_info_fill(d, &info);
        domain_put(d);
        rc = copy_to_guest(c->caller, at + l->num_domains * sizeof(info), &info,
                           sizeof(info));
        l->num_domains++;
        d = domain_get_next(next);
    }
    if (d) {
        domain_put(d);
    }
    return rc;
}

static int debug_keys(struct sysctl *c)
{
    const struct xen_sysctl_debug_keys *k = &c->op.u.debug_keys;
    char keys[DEBUG_KEYS_LIMIT];
    int rc;

    if (k->nr_keys > sizeof(keys)) {
        return -E2BIG;
    }
    rc = copy_from_guest(c->caller, keys, (uintptr_t)k->keys.p, k->nr_keys);
    for (uint32_t i = 0; !rc && i < k->nr_keys; i++) {
        debug_key(keys[i]);
    }
    return rc;
}

/* There is one policy, the machine's; what PV guests could have is not known
 * here. */
static int check_policy(uint32_t index)
{
    switch (index) {
    case XEN_SYSCTL_cpu_policy_raw:
    case XEN_SYSCTL_cpu_policy_host:
    case XEN_SYSCTL_cpu_policy_hvm_max:
    case XEN_SYSCTL_cpu_policy_hvm_default:
        return 0;
    case XEN_SYSCTL_cpu_policy_pv_max:
    case XEN_SYSCTL_cpu_policy_pv_default:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

static int check_featureset(uint32_t index)
{
    switch (index) {
    case XEN_SYSCTL_cpu_featureset_raw:
    case XEN_SYSCTL_cpu_featureset_host:
    case XEN_SYSCTL_cpu_featureset_hvm:
    case XEN_SYSCTL_cpu_featureset_hvm_max:
        return 0;
    case XEN_SYSCTL_cpu_featureset_pv:
    case XEN_SYSCTL_cpu_featureset_pv_max:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

static int write_policy(struct sysctl *c, struct xen_sysctl_cpu_policy *p)
{
    struct cpuid_leaf *leaves;
    unsigned count;
    int rc;

    leaves = heap_alloc_array(CPUID_LEAF_LIMIT, sizeof(*leaves));
    if (!leaves) {
        return -ENOMEM;
    }
    count = cpu_policy_host(leaves, CPUID_LEAF_LIMIT);
    rc = p->nr_leaves < count ? -ENOBUFS
                              : copy_to_guest(c->caller, (uintptr_t)p->leaves.p,
                                              leaves, count * sizeof(*leaves));
    heap_free(leaves);
    return rc;
}

static int get_policy(struct sysctl *c)
{
    struct xen_sysctl_cpu_policy *p = &c->op.u.cpu_policy;
    int rc = p->_rsvd ? -EINVAL : check_policy(p->index);

    if (rc) {
        return rc;
    }
    if (p->leaves.p) {
        rc = write_policy(c, p);
    }
    p->nr_leaves = cpu_policy_host(NULL, 0);
    p->nr_msrs = 0;
    return rc;
}

static int get_features(struct sysctl *c)
{
    struct xen_sysctl_cpu_featureset *f = &c->op.u.cpu_featureset;
    uint32_t words[CPU_FEATURE_WORDS];
    uint32_t count = MIN(f->nr_features, (uint32_t)CPU_FEATURE_WORDS);
    int rc = check_featureset(f->index);

    if (rc) {
        return rc;
    }
    if (f->features.p) {
        cpu_policy_features(words);
        rc = copy_to_guest(c->caller, (uintptr_t)f->features.p, words,
                           count * sizeof(words[0]));
        f->nr_features = count;
    } else {
        f->nr_features = CPU_FEATURE_WORDS;
    }
    return rc;
}

/* How long locks were held is not measured. */
static int copy_lock(struct sysctl *c, enum lock_rank rank, uint64_t at)
{
    struct lock_stats s = lock_stats_of(rank);
    const char *name = lock_rank_name(rank);
    struct xen_sysctl_lockprof_data one = {
        .type = LOCKPROF_TYPE_GLOBAL,
        .lock_cnt = s.taken,
        .block_cnt = s.waited,
        .block_time = s.wait_ns,
    };

    memcpy(one.name, name, MIN(strlen(name), sizeof(one.name) - 1));
    return copy_to_guest(c->caller, at, &one, sizeof(one));
}

static int query_locks(struct sysctl *c)
{
    struct xen_sysctl_lockprof_op *l = &c->op.u.lockprof_op;
    uint64_t at = (uintptr_t)l->data.p;
    unsigned count = RANK_COUNT - (RANK_NONE + 1);
    int rc = 0;

    for (unsigned i = 0; at && !rc && i < MIN(count, l->max_elem); i++) {
        rc = copy_lock(c, (enum lock_rank)(RANK_NONE + 1 + i),
                       at + i * sizeof(struct xen_sysctl_lockprof_data));
    }
    l->nr_elem = count;
    l->time = lock_stats_age();
    return rc;
}

static int lockprof_op(struct sysctl *c)
{
    switch (c->op.u.lockprof_op.cmd) {
    case XEN_SYSCTL_LOCKPROF_reset:
        lock_stats_reset();
        return 0;
    case XEN_SYSCTL_LOCKPROF_query:
        return query_locks(c);
    default:
        return -EINVAL;
    }
}

static const struct sysctl_row rows[] = {
    {XEN_SYSCTL_lockprof_op, lockprof_op},
    {XEN_SYSCTL_readconsole, read_console},
    {XEN_SYSCTL_getdomaininfolist, list_domains},
    {XEN_SYSCTL_debug_keys, debug_keys},
    {XEN_SYSCTL_get_cpu_policy, get_policy},
    {XEN_SYSCTL_get_cpu_featureset, get_features},
};

const struct sysctl_family sysctl_info = {rows, ARRAY_COUNT(rows)};
