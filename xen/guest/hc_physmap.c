/* SPDX-License-Identifier: MIT */
/*
 * What is mapped where in a translated guest: its shared_info and grant frames,
 * its own pages at another place, and, for the control domain, pages of others
 * (PC-3..5).
 */
#include "domain/memory.h"
#include "domain/tmem_client.h"
#include "guest/copy.h"
#include "guest/hc_memory.h"
#include "guest/tmem_page.h"
#include "public/podium.h"
#include "types/error.h"
#include "types/overflow.h"

#include <xen/memory.h>

#define CHUNK 16 /* batch items read and answered at once */

/* pg's reference passes to the p2m or goes. */
static int map_special(struct domain *d, gfn_t gfn, struct page *pg)
{
    int rc = memory_map_special(d, gfn, pg);

    if (rc) {
        page_put(pg);
    }
    return rc;
}

static int map_shared_info(struct domain *d, uint64_t idx, gfn_t gfn)
{
    if (idx != 0 || !page_get(d->shared_info, &d->account)) {
        return -EINVAL;
    }
    return map_special(d, gfn, d->shared_info);
}

/* Version 1 has no status frames: their bit makes idx too large. */
static int map_grant_frame(struct domain *d, uint64_t idx, gfn_t gfn)
{
    struct page *pg;
    int rc;

    if (idx >= d->grants.max_frames) {
        return -EINVAL;
    }
    rc = grant_get_frame(d, (unsigned)idx, &pg);
    return rc ? rc : map_special(d, gfn, pg);
}

/* foreign: whose frame idx is, in that space; NULL in others. */
static int map_one(struct vcpu *v, struct domain *d, unsigned space,
                   uint64_t idx, uint64_t gpfn, struct domain *foreign)
{
    gfn_t gfn = GFN(gpfn);

    if (gfn_eq(gfn, INVALID_GFN)) {
        return -EINVAL;
    }
    switch (space) {
    case XENMAPSPACE_shared_info:
        return map_shared_info(d, idx, gfn);
    case XENMAPSPACE_grant_table:
        return map_grant_frame(d, idx, gfn);
    case XENMAPSPACE_gmfn:
    case XENMAPSPACE_gmfn_range:
        return memory_move(d, GFN(idx), gfn, vcpu_domain(v) == d ? v : NULL);
    case XENMAPSPACE_gmfn_foreign:
        return memory_map_foreign(d, gfn, foreign, GFN(idx));
    default:
        return -EINVAL;
    }
}

/*
 * add_to_physmap: one, or a range of own frames.
 */

static int64_t map_range(struct vcpu *v, const struct memory_call *call,
                         struct domain *d, const struct xen_add_to_physmap *a)
{
    uint64_t end;

    if (add_overflows(a->idx, a->size, &end) ||
        add_overflows(a->gpfn, a->size, &end)) {
        return -EOVERFLOW;
    }
    if (call->start > a->size) {
        return -EILSEQ;
    }
    for (uint32_t i = call->start; i < a->size; i++) {
        int rc = map_one(v, d, a->space, a->idx + i, a->gpfn + i, NULL);

        if (rc == -ERESTART || (!rc && hypercall_preempt(v))) {
            return memory_call_continue(v, call, rc ? i : i + 1);
        }
        if (rc) {
            return rc;
        }
    }
    return 0;
}

int64_t memory_op_add_to_physmap(struct vcpu *v, const struct memory_call *call)
{
    struct xen_add_to_physmap a;
    struct domain *d;
    int64_t result;
    int rc = copy_from_guest(v, &a, call->gva, sizeof(a));

    if (rc) {
        return rc;
    }
    /* There is no room in the struct to say whose. */
    if (a.space == XENMAPSPACE_gmfn_foreign) {
        return -ENOSYS;
    }
    if (a.space != XENMAPSPACE_gmfn_range && call->start) {
        return -ENOSYS;
    }
    rc = hypercall_domain(v, a.domid, &d);
    if (rc) {
        return rc;
    }
    result = a.space == XENMAPSPACE_gmfn_range
                 ? map_range(v, call, d, &a)
                 : map_one(v, d, a.space, a.idx, a.gpfn, NULL);
    domain_put(d);
    return result;
}

/*
 * add_to_physmap_batch: each item has an error of its own.
 */

struct batch {
    struct vcpu *v;
    struct domain *d, *foreign;
    struct xen_add_to_physmap_batch arg;
};

/* Do up to `count` items from `first` on; *done of them are, with their errors
 * written. 0, -ERESTART: the next one takes time; -EFAULT. */
static int batch_chunk(struct batch *b, uint32_t first, uint32_t count,
                       uint32_t *done)
{
    xen_ulong_t idxs[CHUNK];
    xen_pfn_t gpfns[CHUNK];
    int errs[CHUNK], rc, later = 0;
    uint32_t n = 0;

    rc = copy_from_guest(b->v, idxs,
                         (uint64_t)b->arg.idxs.p + first * sizeof(idxs[0]),
                         count * sizeof(idxs[0]));
    if (!rc) {
        rc = copy_from_guest(
            b->v, gpfns, (uint64_t)b->arg.gpfns.p + first * sizeof(gpfns[0]),
            count * sizeof(gpfns[0]));
    }
    if (!rc) {
        rc = copy_prepare(b->v,
                          (uint64_t)b->arg.errs.p + first * sizeof(errs[0]),
                          count * sizeof(errs[0]));
    }
    if (rc) {
        return rc;
    }
    while (n < count && !later) {
        errs[n] =
            map_one(b->v, b->d, b->arg.space, idxs[n], gpfns[n], b->foreign);
        if (errs[n] == -ERESTART) {
            later = -ERESTART;
        } else {
            n++;
        }
    }
    *done = n;
    rc = copy_to_guest(b->v, (uint64_t)b->arg.errs.p + first * sizeof(errs[0]),
                       errs, n * sizeof(errs[0]));
    return rc ? rc : later;
}

static int64_t batch_run(struct batch *b, const struct memory_call *call)
{
    uint32_t index = call->start;

    if (index > b->arg.size) {
        return -EILSEQ;
    }
    while (index < b->arg.size) {
        uint32_t done = 0;
        int rc = batch_chunk(b, index,
                             MIN(b->arg.size - index, (uint32_t)CHUNK), &done);

        index += done;
        if (rc && rc != -ERESTART) {
            return rc;
        }
        if (rc || (index < b->arg.size && hypercall_preempt(b->v))) {
            return memory_call_continue(b->v, call, index);
        }
    }
    return 0;
}

/* The domain whose frames are mapped, for the control domain only. */
static int batch_find_foreign(struct batch *b)
{
    int rc;

    if (b->arg.space != XENMAPSPACE_gmfn_foreign) {
        return b->arg.u.res0 ? -EINVAL : 0;
    }
    rc = hypercall_any_domain(b->v, b->arg.u.foreign_domid, &b->foreign);
    if (rc) {
        return rc;
    }
    if (!vcpu_domain(b->v)->privileged) {
        rc = -EPERM;
    } else if (b->foreign == b->d) {
        rc = -EINVAL;
    }
    if (rc) {
        domain_put(b->foreign);
    }
    return rc;
}

int64_t memory_op_add_to_physmap_batch(struct vcpu *v,
                                       const struct memory_call *call)
{
    struct batch b = {.v = v};
    int64_t result;
    int rc = copy_from_guest(v, &b.arg, call->gva, sizeof(b.arg));

    if (!rc) {
        rc = hypercall_domain(v, b.arg.domid, &b.d);
    }
    if (rc) {
        return rc;
    }
    result = batch_find_foreign(&b);
    if (!result) {
        result = batch_run(&b, call);
        if (b.foreign) {
            domain_put(b.foreign);
        }
    }
    domain_put(b.d);
    return result;
}

int64_t memory_op_remove_from_physmap(struct vcpu *v,
                                      const struct memory_call *call)
{
    struct xen_remove_from_physmap a;
    struct domain *d;
    int rc = copy_from_guest(v, &a, call->gva, sizeof(a));

    if (!rc) {
        rc = hypercall_domain(v, a.domid, &d);
    }
    if (rc) {
        return rc;
    }
    rc = memory_remove(d, GFN(a.gpfn));
    domain_put(d);
    return rc;
}

/*
 * acquire_resource: a grant table of another domain (TS-30), which is the
 * hypervisor's pages and no page of the caller's: mapped as foreign ones. Or
 * its memory, to read; or the host's statistics (public/podium.h).
 */

struct resource {
    uint16_t type;
    bool of_host; /* whatever domain is named */
    uint64_t (*count)(struct domain *d);
    int (*map)(struct domain *caller, gfn_t gfn, struct domain *d,
               uint64_t frame);
};

static uint64_t grant_frames(struct domain *d)
{
    return d->grants.max_frames;
}

static int map_grant_resource(struct domain *caller, gfn_t gfn,
                              struct domain *d, uint64_t frame)
{
    struct page *pg;
    int rc = grant_get_frame(d, (unsigned)frame, &pg);

    if (rc) {
        return rc;
    }
    rc = p2m_add_foreign(&caller->p2m, gfn, pg, P2M_FOREIGN);
    if (rc) {
        page_put(pg);
    }
    return rc;
}

static uint64_t memory_frames(struct domain *d)
{
    return READ_ONCE(d->p2m.max_gfn.v) + 1;
}

static int map_memory_resource(struct domain *caller, gfn_t gfn,
                               struct domain *d, uint64_t frame)
{
    return memory_map_to_read(caller, gfn, d, GFN(frame));
}

static uint64_t tmem_frames(struct domain *d)
{
    (void)d;
    return tmem_is_on();
}

static int map_tmem_resource(struct domain *caller, gfn_t gfn, struct domain *d,
                             uint64_t frame)
{
    struct page *pg = tmem_page_get();
    int rc;

    (void)d;
    (void)frame;
    if (!pg) {
        return -ENOMEM;
    }
    rc = p2m_add_foreign(&caller->p2m, gfn, pg, P2M_FOREIGN_RO);
    if (rc) {
        page_put(pg);
    }
    return rc;
}

static const struct resource resources[] = {
    {XENMEM_resource_grant_table, false, grant_frames, map_grant_resource},
    {PODIUM_RESOURCE_memory, false, memory_frames, map_memory_resource},
    {PODIUM_RESOURCE_tmem, true, tmem_frames, map_tmem_resource},
};

static const struct resource *resource_find(uint16_t type)
{
    for (unsigned i = 0; i < ARRAY_COUNT(resources); i++) {
        if (resources[i].type == type) {
            return &resources[i];
        }
    }
    return NULL;
}

static int map_resource(struct vcpu *v, const struct resource *r,
                        struct domain *d, uint64_t frame, uint64_t gva)
{
    xen_pfn_t gfn;
    int rc = copy_from_guest(v, &gfn, gva, sizeof(gfn));

    return rc ? rc : r->map(vcpu_domain(v), GFN(gfn), d, frame);
}

static int64_t resource_size(struct vcpu *v, const struct memory_call *call,
                             uint64_t count, struct xen_mem_acquire_resource *a)
{
    a->nr_frames = (uint32_t)MIN(count, (uint64_t)UINT32_MAX);
    return copy_to_guest(v, call->gva, a, sizeof(*a));
}

static int64_t resource_map(struct vcpu *v, const struct memory_call *call,
                            const struct resource *r, struct domain *d,
                            const struct xen_mem_acquire_resource *a)
{
    if (range_exceeds(a->frame, a->nr_frames, r->count(d)) ||
        call->start > a->nr_frames) {
        return -EINVAL;
    }
    for (uint32_t i = call->start; i < a->nr_frames; i++) {
        int rc =
            map_resource(v, r, d, a->frame + i,
                         (uint64_t)a->frame_list.p + i * sizeof(xen_pfn_t));

        if (rc == -ERESTART ||
            (!rc && hypercall_preempt(v) && i + 1 < a->nr_frames)) {
            return memory_call_continue(v, call, rc ? i : i + 1);
        }
        if (rc) {
            return i ? -EIO : rc; /* -EIO: some are mapped */
        }
    }
    return 0;
}

static int64_t resource_acquire(struct vcpu *v, const struct memory_call *call,
                                struct domain *d,
                                struct xen_mem_acquire_resource *a)
{
    const struct resource *r = resource_find(a->type);

    if (d == vcpu_domain(v) && !(r && r->of_host)) {
        return -EPERM;
    }
    if (!r) {
        return -EOPNOTSUPP;
    }
    if (a->id != XENMEM_resource_grant_table_id_shared) {
        return -EINVAL; /* the only id of either */
    }
    if (!a->frame_list.p) {
        return a->nr_frames ? -EINVAL : resource_size(v, call, r->count(d), a);
    }
    return resource_map(v, call, r, d, a);
}

int64_t memory_op_acquire_resource(struct vcpu *v,
                                   const struct memory_call *call)
{
    struct xen_mem_acquire_resource a;
    struct domain *d;
    int64_t result;
    int rc;

    if (!vcpu_domain(v)->privileged) {
        return -EACCES;
    }
    rc = copy_from_guest(v, &a, call->gva, sizeof(a));
    if (!rc && a.pad) {
        rc = -EINVAL;
    }
    if (!rc) {
        rc = hypercall_any_domain(v, a.domid, &d);
    }
    if (rc) {
        return rc;
    }
    result = resource_acquire(v, call, d, &a);
    domain_put(d);
    return result;
}
