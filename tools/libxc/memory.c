/* SPDX-License-Identifier: MIT */
/*
 * Limits, targets and the promise.
 *
 * Three numbers bound a guest: static-max (the promise, in xenstore), the
 * target (what it is told to use, in xenstore), and max_pages (what the
 * hypervisor lets it have). The PoD target moves with the target, so that the
 * cache can grow before the guest's balloon driver comes.
 *
 * On Podium max_pages and the PoD target are exact: the target and the pages
 * that the builder put on top of the guest's RAM, whose number it noted (P16);
 * limit, PoD target and claim are one call. On Xen, whose toolstack never
 * knows, they are 1 MiB above the target, and several calls. So they are for
 * domain 0, whose kernel counts as its memory what it found at boot, and for
 * guests that were built by others.
 */
#include "libxc/memory.h"

#include <errno.h>

#include <xen/memory.h>

#include "libxc/guest_nodes.h"
#include "libxc/handle.h"
#include "libxc/podium_calls.h"
#include "libxc/store.h"
#include "libxc/transport.h"

#define DOM0_MIN_KIB  (128 * 1024UL)
#define BATCH_EXTENTS 1024

int memory_set_limit(struct xc *xc, uint32_t domid, uint64_t kib)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_max_mem,
        .domain = (domid_t)domid,
        .u.max_mem.max_memkb = kib,
    };

    return hv_domctl(xc, &op);
}

int memory_claim(struct xc *xc, uint32_t domid, uint64_t pages)
{
    struct xen_memory_reservation r = {
        .nr_extents = pages,
        .domid = (domid_t)domid,
    };
    int rc = hv_memory(xc, XENMEM_claim_pages, &r, sizeof(r));

    return rc < 0 ? rc : 0;
}

int memory_set_pod_target(struct xc *xc, uint32_t domid, uint64_t pages)
{
    struct xen_pod_target t = {
        .target_pages = pages,
        .domid = (domid_t)domid,
    };
    int rc = hv_memory(xc, XENMEM_set_pod_target, &t, sizeof(t));

    return rc < 0 ? rc : 0;
}

int memory_get_pod(struct xc *xc, uint32_t domid, struct memory_pod *pod)
{
    struct xen_pod_target t = {.domid = (domid_t)domid};
    int rc = hv_memory(xc, XENMEM_get_pod_target, &t, sizeof(t));

    if (rc < 0) {
        return rc;
    }
    pod->total = t.tot_pages;
    pod->cached = t.pod_cache_pages;
    pod->entries = t.pod_entries;
    return 0;
}

/* ---- populating -------------------------------------------------------- */

/* A range being populated; `list` is memory that the hypervisor can read. */
struct populate {
    struct xc *xc;
    uint32_t domid;
    uint64_t next, end;
    bool pod;
    xen_pfn_t *list;
};

static const unsigned int orders[] = {18, 9, 0}; /* 1 GiB, 2 MiB, 4 KiB */
#define ORDER_COUNT (sizeof(orders) / sizeof(orders[0]))

/* How many extents of orders[i] can follow at p->next, in one call. */
static uint64_t extents_here(const struct populate *p, unsigned int i)
{
    uint64_t size = 1ull << orders[i];
    uint64_t stop = p->end;

    if (p->next % size) {
        return 0;
    }
    /* Not beyond the next boundary where a larger order has its chance. */
    if (i > 0) {
        uint64_t larger = 1ull << orders[i - 1];
        uint64_t boundary = (p->next / larger + 1) * larger;

        stop = boundary < stop ? boundary : stop;
    }
    size = (stop - p->next) >> orders[i];
    return size < BATCH_EXTENTS ? size : BATCH_EXTENTS;
}

/* The number of extents that were done, which may be fewer, or -errno. */
static int populate_extents(struct populate *p, uint64_t count,
                            unsigned int order)
{
    struct xen_memory_reservation r = {
        .nr_extents = count,
        .extent_order = order,
        .mem_flags = p->pod ? XENMEMF_populate_on_demand : 0,
        .domid = (domid_t)p->domid,
    };

    for (uint64_t i = 0; i < count; i++) {
        p->list[i] = p->next + (i << order);
    }
    set_xen_guest_handle(r.extent_start, p->list);
    return hv_memory(p->xc, XENMEM_populate_physmap, &r, sizeof(r));
}

/* One call's worth, of the largest order that works here. */
static int populate_some(struct populate *p)
{
    int done = -ENOMEM;

    for (unsigned int i = 0; i < ORDER_COUNT; i++) {
        uint64_t count = extents_here(p, i);

        if (count == 0) {
            continue;
        }
        done = populate_extents(p, count, orders[i]);
        if (done > 0) {
            p->next += (uint64_t)done << orders[i];
            return 0;
        }
    }
    return done < 0 ? done : -ENOMEM;
}

static int populate_range(struct populate *p, uint64_t first)
{
    const char *what = p->pod ? "promising memory" : "allocating memory";

    while (p->next < p->end) {
        int rc = populate_some(p);

        if (rc) {
            return xc_fail_errno(p->xc, rc,
                                 "cannot give domain %u memory at frame 0x%llx",
                                 p->domid, (unsigned long long)p->next);
        }
        xc_report(p->xc, what, kib_from_pages(p->next - first),
                  kib_from_pages(p->end - first));
    }
    return 0;
}

int memory_populate(struct xc *xc, uint32_t domid, uint64_t first, uint64_t end,
                    bool pod)
{
    struct populate p = {
        .xc = xc,
        .domid = domid,
        .next = first,
        .end = end,
        .pod = pod,
    };
    int rc;

    p.list = hv_alloc(xc, BATCH_EXTENTS * sizeof(*p.list));
    if (!p.list) {
        return xc_fail_errno(xc, -ENOMEM, "cannot populate domain %u", domid);
    }
    rc = populate_range(&p, first);
    hv_free(xc, p.list);
    return rc;
}

/* ---- targets ----------------------------------------------------------- */

struct new_target {
    uint64_t kib, static_max_kib;
    char uuid[UUID_TEXT_SIZE];
};

int xc_memory_get(struct xc *xc, uint32_t domid, struct xc_memory *mem)
{
    int rc = store_read_number(xc, &mem->target_kib,
                               "/local/domain/%u/memory/target", domid);

    return rc ? rc
              : store_read_number(xc, &mem->static_max_kib,
                                  "/local/domain/%u/memory/static-max", domid);
}

/* dom0's nodes are made when first needed, from what the hypervisor knows. */
static int get_memory(struct xc *xc, const struct xc_domain *info,
                      struct xc_memory *mem)
{
    int rc = xc_memory_get(xc, info->domid, mem);

    if (rc == -ENOENT && info->domid == 0) {
        mem->target_kib = info->current_kib;
        mem->static_max_kib = info->max_kib;
        return 0;
    }
    return rc;
}

static void put_target(struct store_writer *w, const void *arg)
{
    const struct new_target *t = arg;

    store_put_number(w, STORE_INHERIT, t->kib, "/local/domain/%u/memory/target",
                     w->domid);
    store_put_number(w, STORE_INHERIT, t->static_max_kib,
                     "/local/domain/%u/memory/static-max", w->domid);
    if (w->domid) {
        store_put_number(w, STORE_INHERIT, t->kib, "/vm/%s/memory", t->uuid);
    }
}

uint64_t memory_above_target_kib(struct xc *xc, uint32_t domid)
{
    uint64_t extra_kib;

    if (domid && podium_is_here(xc) &&
        !store_read_number(xc, &extra_kib, "/libxl/%u/extra-kib", domid)) {
        return extra_kib;
    }
    xc->error[0] = 0;
    return MEMORY_SLACK_KIB;
}

static int check_target(struct xc *xc, const struct xc_domain *info,
                        const struct xc_memory *mem, uint64_t kib)
{
    if (kib > mem->static_max_kib) {
        return xc_fail(xc, -EINVAL,
                       "%llu KiB is above the maximum of domain %u, %llu KiB",
                       (unsigned long long)kib, info->domid,
                       (unsigned long long)mem->static_max_kib);
    }
    if (info->domid == 0 && kib < DOM0_MIN_KIB) {
        return xc_fail(xc, -EINVAL, "domain 0 needs at least 128 MiB");
    }
    if (kib == 0) {
        return xc_fail(xc, -EINVAL, "a domain cannot have no memory");
    }
    return 0;
}

/* Pages by which the cache grows for a target of so many (POD-4.28). */
static uint64_t cache_growth(const struct memory_pod *pod, uint64_t target)
{
    uint64_t populated = pod->total - pod->cached;
    uint64_t wanted;

    if (target < pod->total || (populated && !pod->entries)) {
        return 0;
    }
    wanted = target - populated;
    if (populated && wanted > pod->entries) {
        wanted = pod->entries;
    }
    return wanted > pod->cached ? wanted - pod->cached : 0;
}

/*
 * A larger cache, or none of it: the hypervisor keeps what it could add before
 * the host ran out, so what it will need is claimed first.
 */
static int grow_cache(struct xc *xc, uint32_t domid, uint64_t target)
{
    struct memory_pod pod;
    uint64_t growth;
    int rc = memory_get_pod(xc, domid, &pod);

    if (rc) {
        return rc;
    }
    growth = cache_growth(&pod, target);
    if (growth) {
        xc_report(xc, "filling the cache", 0, 0);
        rc = memory_claim(xc, domid, pod.total + growth);
    }
    if (!rc) {
        rc = memory_set_pod_target(xc, domid, target);
    }
    if (growth) {
        memory_claim(xc, domid, 0);
    }
    return rc;
}

static int resize_by_steps(struct xc *xc, const struct xc_domain *info,
                           uint64_t limit_kib, bool has_cache)
{
    int rc = memory_set_limit(xc, info->domid, limit_kib);

    if (!rc && has_cache) {
        rc = grow_cache(xc, info->domid, pages_from_kib(limit_kib));
        if (rc) {
            memory_set_limit(xc, info->domid, info->max_kib);
        }
    }
    return rc;
}

/* Limit and cache. If the host cannot back the new target, all stays. */
static int enforce_target(struct xc *xc, const struct xc_domain *info,
                          uint64_t kib)
{
    uint64_t limit_kib = kib + memory_above_target_kib(xc, info->domid);
    uint64_t pages = pages_from_kib(limit_kib);
    bool has_cache = info->domid != 0 && info->hvm;
    int rc = podium_set_size(xc, info->domid, pages, has_cache ? pages : 0, 0);

    if (rc == -ENOSYS) {
        rc = resize_by_steps(xc, info, limit_kib, has_cache);
    }
    if (rc == -ENOMEM) {
        return xc_fail(xc, rc,
                       "the host has not enough free memory to give domain %u "
                       "%llu KiB",
                       info->domid, (unsigned long long)kib);
    }
    return rc ? xc_fail_errno(xc, rc, "cannot set domain %u's memory",
                              info->domid)
              : 0;
}

int xc_memory_set_target(struct xc *xc, uint32_t domid, uint64_t kib)
{
    struct new_target target = {.kib = kib};
    struct xc_domain info;
    struct xc_memory mem;
    int rc;

    rc = xc_domain_info(xc, domid, &info);
    if (!rc) {
        rc = get_memory(xc, &info, &mem);
    }
    if (!rc) {
        rc = check_target(xc, &info, &mem, kib);
    }
    if (!rc) {
        rc = enforce_target(xc, &info, kib);
    }
    if (rc) {
        return rc;
    }
    target.static_max_kib = mem.static_max_kib;
    uuid_text(info.uuid, target.uuid);
    return store_transaction(xc, domid, put_target, &target);
}

int xc_memory_set_max(struct xc *xc, uint32_t domid, uint64_t kib)
{
    struct new_target target = {.static_max_kib = kib};
    struct xc_domain info;
    struct xc_memory mem;
    int rc;

    rc = xc_domain_info(xc, domid, &info);
    if (!rc) {
        rc = get_memory(xc, &info, &mem);
    }
    if (rc) {
        return rc;
    }
    if (kib < mem.target_kib) {
        return xc_fail(xc, -EINVAL,
                       "%llu KiB is below the current target of domain %u, "
                       "%llu KiB",
                       (unsigned long long)kib, domid,
                       (unsigned long long)mem.target_kib);
    }
    rc = memory_set_limit(xc, domid, kib + memory_above_target_kib(xc, domid));
    if (rc) {
        return xc_fail_errno(xc, rc, "cannot set domain %u's maximum", domid);
    }
    target.kib = mem.target_kib;
    uuid_text(info.uuid, target.uuid);
    return store_transaction(xc, domid, put_target, &target);
}
