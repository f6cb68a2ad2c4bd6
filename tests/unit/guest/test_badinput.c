/* SPDX-License-Identifier: MIT */
/*
 * Wrong calls of memory_op change nothing (pod.md 9.1). The control domain
 * calls, about itself or about domain 2; after each call the state of both,
 * and of the host, is what it was, and the audits find it right. Which row is
 * tested where: docs/testing-badinput.md.
 */
#include "caller.h"
#include "domains.h"
#include "guest/hypercall.h"
#include "machine.h"
#include "mm/page_alloc.h"
#include "p2m/internal.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

#define GUEST_RAM 64
#define HOLE      ((uint64_t)GUEST_RAM << PAGE_SHIFT) /* not mapped to RAM */
#define LOOKED_AT 0x1400 /* gfns from 0 on whose entries are compared */

struct view {
    uint64_t pages, claimed, max_pages, tables, max_gfn, entries_sum;
    uint64_t cache, promised, grant_frames;
    bool shutdown;
};

static struct domain *d, *other;
static struct vcpu *v;
static struct {
    struct view d, other;
    uint64_t free;
} before;

static struct view view_of(struct domain *of)
{
    struct memory_pod_info pod;
    struct view view;

    memory_get_pod(of, &pod);
    view = (struct view){
        .pages = of->account.page_count,
        .claimed = of->account.claimed,
        .max_pages = of->account.max_pages,
        .tables = of->account.table_count,
        .max_gfn = of->p2m.max_gfn.v,
        .cache = pod.cache_pages,
        .promised = pod.entries,
        .grant_frames = of->grants.frame_count,
        .shutdown = of->shutdown,
    };
    for (uint64_t gfn = 0; gfn < LOOKED_AT; gfn++) {
        struct p2m_entry e = p2m_get(&of->p2m, GFN(gfn));

        view.entries_sum = view.entries_sum * 31 + e.type + 8 * e.order +
                           (mfn_valid(e.mfn) ? 64 * e.mfn.v : 0);
    }
    return view;
}

static void remember(void)
{
    before.d = view_of(d);
    before.other = view_of(other);
    before.free = page_alloc_info().free;
}

static void expect_same_view(struct domain *of, const struct view *was)
{
    struct view now = view_of(of);

    EXPECT_EQ(now.pages, was->pages);
    EXPECT_EQ(now.claimed, was->claimed);
    EXPECT_EQ(now.max_pages, was->max_pages);
    EXPECT_EQ(now.tables, was->tables);
    EXPECT_EQ(now.max_gfn, was->max_gfn);
    EXPECT_EQ(now.cache, was->cache);
    EXPECT_EQ(now.promised, was->promised);
    EXPECT_EQ(now.grant_frames, was->grant_frames);
    EXPECT_EQ(now.shutdown, was->shutdown);
    EXPECT_EQ(now.entries_sum, was->entries_sum);
}

static void expect_unchanged(void)
{
    expect_same_view(d, &before.d);
    expect_same_view(other, &before.other);
    EXPECT_EQ(page_alloc_info().free, before.free);
    domains_check();
}

/* Domain 2 has 512 promises from 0x200 on, 8 pages in its cache, and pages at
 * 0x400..0x40f. */
static void start(void)
{
    machine_start(0x4000);
    d = domain_new(0, 1);
    v = d->vcpus[0];
    domain_fill(d, 0, GUEST_RAM);
    domain_paging_on(v);
    other = domain_new(2, 1);
    domain_fill(other, 0x400, 16);
    EXPECT_EQ(memory_mark_pod(other, GFN(0x200), ORDER_2M), 0);
    EXPECT_EQ(memory_set_pod_target(other, 24), 0);
    remember();
}

/* Of domain 2. */
static int64_t reservation_at(unsigned command, uint64_t list, uint64_t count,
                              unsigned order, unsigned flags)
{
    *(struct xen_memory_reservation *)caller_at(v, ARG) =
        (struct xen_memory_reservation){
            .extent_start = {(xen_pfn_t *)list},
            .nr_extents = count,
            .extent_order = order,
            .mem_flags = flags,
            .domid = 2,
        };
    return caller_memory_op(v, command, ARG);
}

static int64_t promise(uint64_t gfn, unsigned order)
{
    caller_list(v, gfn, 0, 1);
    return reservation_at(XENMEM_populate_physmap, LIST, 1, order,
                          XENMEMF_populate_on_demand);
}

static int64_t populate(uint64_t gfn, unsigned order)
{
    caller_list(v, gfn, 0, 1);
    return reservation_at(XENMEM_populate_physmap, LIST, 1, order, 0);
}

static int64_t decrease(uint64_t gfn, unsigned order)
{
    caller_list(v, gfn, 0, 1);
    return reservation_at(XENMEM_decrease_reservation, LIST, 1, order, 0);
}

static enum p2m_type type(uint64_t gfn)
{
    return p2m_get(&other->p2m, GFN(gfn)).type;
}

/* POD-9.2. A list that cannot be read from its first entry on. */
TEST(lists_that_lead_nowhere)
{
    static const uint64_t lists[] = {
        HOLE,                  /* not there */
        0x800000000000ULL,     /* not canonical */
        0xffff7fffffffffffULL, /* neither, from the other side */
        ~0ULL - 7,             /* its end is 0 again */
        ~0ULL - 3,             /* in the middle of an entry */
        HOLE - 4,              /* crosses into what is not there */
        0x7f0000000000ULL,     /* no tables */
    };

    start();
    for (unsigned i = 0; i < ARRAY_COUNT(lists); i++) {
        EXPECT_EQ(reservation_at(XENMEM_populate_physmap, lists[i], 4, 0, 0),
                  0);
        EXPECT_EQ(reservation_at(XENMEM_populate_physmap, lists[i], 4, 9,
                                 XENMEMF_populate_on_demand),
                  0);
        EXPECT_EQ(
            reservation_at(XENMEM_decrease_reservation, lists[i], 4, 0, 0), 0);
        EXPECT_EQ(
            reservation_at(XENMEM_decrease_reservation, lists[i], 4, 9, 0), 0);
    }
    expect_unchanged();
}

/* POD-9.7: what is in use stays what it is. */
TEST(promises_only_where_there_is_nothing)
{
    struct page *pg;

    start();
    /* special, foreign and granted pages */
    EXPECT(page_get(other->shared_info, &other->account));
    EXPECT_EQ(memory_map_special(other, GFN(0x500), other->shared_info), 0);
    EXPECT_EQ(memory_map_foreign(other, GFN(0x501), d, GFN(0x30)), 0);
    EXPECT_EQ(memory_get_page(d, GFN(0x31), true, &pg), 0);
    EXPECT_EQ(p2m_add_foreign(&other->p2m, GFN(0x502), pg, P2M_GRANT), 0);
    remember();
    EXPECT_EQ(promise(0x400, 0), 0);
    EXPECT_EQ(promise(0x500, 0), 0);
    EXPECT_EQ(promise(0x501, 0), 0);
    EXPECT_EQ(promise(0x502, 0), 0);
    EXPECT_EQ(promise(0x400, 9), 0); /* most of it is free */
    EXPECT_EQ(promise(0, 18), 0);
    expect_unchanged();
    /* What comes before the first in use stays. */
    caller_list(v, 0x600, 1, 4);
    ((xen_pfn_t *)caller_at(v, LIST))[2] = 0x400;
    EXPECT_EQ(reservation_at(XENMEM_populate_physmap, LIST, 4, 0,
                             XENMEMF_populate_on_demand),
              2);
    EXPECT_EQ(type(0x601), P2M_POD);
    EXPECT_EQ(type(0x603), P2M_HOLE);
    EXPECT_EQ(view_of(other).promised, before.other.promised + 2);
    domains_check();
}

/* POD-9.8: cut into aligned pieces; above 2 MiB a promise has to be aligned. */
TEST(promises_need_no_alignment_up_to_2_mib)
{
    start();
    EXPECT_EQ(promise(0x601, 9), 1);
    EXPECT_EQ(type(0x600), P2M_HOLE);
    EXPECT_EQ(type(0x601), P2M_POD);
    EXPECT_EQ(type(0x800), P2M_POD);
    EXPECT_EQ(type(0x801), P2M_HOLE);
    EXPECT_EQ(view_of(other).promised, before.other.promised + 512);
    domains_check();
    remember();
    EXPECT_EQ(promise(0x40200, 18), 0);
    expect_unchanged();
}

/* POD-9.9, 9.10, 9.23: beyond what tables can hold, and around the end of all
 * numbers. */
static const uint64_t beyond[] = {
    P2M_GFN_LIMIT, P2M_GFN_LIMIT - 1 + 512,
    1ULL << 40,    1ULL << 52,
    ~0ULL - 511,   ~0ULL - 1,
    ~0ULL,         (1ULL << 52) + 0x400, /* 0x400 if cut off */
};

TEST(frames_that_cannot_be)
{
    static const unsigned orders[] = {0, 1, 9, 18};

    start();
    for (unsigned i = 0; i < ARRAY_COUNT(beyond); i++) {
        for (unsigned o = 0; o < ARRAY_COUNT(orders); o++) {
            EXPECT_EQ(promise(beyond[i], orders[o]), 0);
            EXPECT_EQ(decrease(beyond[i], orders[o]), 0);
        }
        EXPECT_EQ(populate(beyond[i], 0), 0);
        EXPECT_EQ(populate(beyond[i], 9), 0);
    }
    EXPECT_EQ(promise(P2M_GFN_LIMIT - 1, 1), 0); /* across the limit */
    EXPECT_EQ(populate(P2M_GFN_LIMIT - 1, 1), 0);
    EXPECT_EQ(decrease(~0ULL - 1, 2), 0);
    expect_unchanged();
}

/* POD-9.11: promises have no limit; pages do. */
TEST(promises_beyond_the_limit_of_pages)
{
    start();
    EXPECT_EQ(promise(1 << 18, 18), 1);
    EXPECT_EQ(view_of(other).promised, before.other.promised + (1 << 18));
    EXPECT_EQ(view_of(other).pages, before.other.pages);
    domains_check();
}

/* POD-9.12, 9.24: no table within the budget. Nobody ends, nothing changes. */
TEST(no_tables)
{
    start();
    reserve_trim(&other->p2m, 0, ~0ULL);
    other->account.table_limit = other->account.table_count;
    remember();
    EXPECT_EQ(promise(0x200001, 0), 0);
    EXPECT_EQ(promise(0x200001, 9), 0);
    EXPECT_EQ(populate(0x200001, 0), 0);
    EXPECT_EQ(decrease(0x200, 8), 0); /* half a superpage's promise */
    EXPECT_EQ(decrease(0x201, 0), 0);
    expect_unchanged();
    EXPECT_EQ(decrease(0x200, 9), 1); /* the whole of it needs none */
    domains_check();
}

/* POD-9.13, 9.14, 9.31, 9.44, 9.45: of a domain that dies. */
TEST(the_dying_get_nothing)
{
    struct xen_pod_target *t = NULL;

    start();
    /* Somebody maps a page: it stays a while. */
    EXPECT_EQ(memory_map_foreign(d, GFN(0x3000), other, GFN(0x400)), 0);
    while (domain_kill(other) == -ERESTART) {
        continue;
    }
    remember();
    EXPECT_EQ(promise(0x600, 9), 0);
    EXPECT_EQ(promise(0x600, 0), 0);
    EXPECT_EQ(populate(0x600, 0), 0);
    EXPECT_EQ(decrease(0x400, 0), 0);
    caller_list(v, 0, 0, 1);
    EXPECT_EQ(reservation_at(XENMEM_increase_reservation, 0, 1, 0, 0), 0);
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 100, 0, 0), -EINVAL);
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 0, 0, 0), 0);
    t = caller_at(v, ARG);
    *t = (struct xen_pod_target){.domid = 2, .target_pages = 100};
    EXPECT_EQ(caller_memory_op(v, XENMEM_set_pod_target, ARG), 0);
    EXPECT_EQ(t->pod_cache_pages, 0);
    expect_unchanged();
    EXPECT_EQ(memory_remove(d, GFN(0x3000)), 0);
}

/* POD-9.14: as far as it goes, and no further. */
TEST(a_full_host)
{
    uint64_t left;

    start();
    memory_set_max_pages(other, 0x8000);
    left = page_alloc_info().free;
    memory_set_max_pages(d, 0x8000);
    EXPECT_EQ(memory_claim(d, before.d.pages + left), 0);
    remember();
    EXPECT_EQ(populate(0x600, 0), 0);
    EXPECT_EQ(populate(0x600, 9), 0);
    EXPECT_EQ(reservation_at(XENMEM_increase_reservation, 0, 1, 0, 0), 0);
    expect_unchanged();
}

/* POD-9.15, 9.16, 9.17 */
TEST(populating_what_is_not_free)
{
    start();
    EXPECT_EQ(memory_map_foreign(other, GFN(0x501), d, GFN(0x30)), 0);
    remember();
    EXPECT_EQ(populate(0x501, 0), 0);
    EXPECT_EQ(populate(0x400, 0), 0); /* not lost, as with Xen */
    EXPECT_EQ(populate(0x3ff, 1), 0);
    expect_unchanged();
    EXPECT_EQ(populate(0x200, 0), 1); /* a promise kept by other means */
    EXPECT_EQ(type(0x200), P2M_RAM);
    EXPECT_EQ(view_of(other).promised, before.other.promised - 1);
    EXPECT_EQ(populate(0x200, 9), 0); /* one of them is RAM */
    domains_check();
}

/* POD-9.18, 9.19, 9.20 */
TEST(a_balloon_with_a_hole)
{
    start();
    EXPECT_EQ(decrease(0x600, 0), 0);
    EXPECT_EQ(decrease(0x600, 9), 0);
    EXPECT_EQ(decrease(0x600, 10), 0);
    expect_unchanged();
    EXPECT_EQ(decrease(0x40e, 2), 0); /* the last two, and two that are not */
    EXPECT_EQ(type(0x40d), P2M_RAM);
    domains_check();
    EXPECT_EQ(decrease(0x401, 1), 1); /* not aligned: cut */
    EXPECT_EQ(type(0x401), P2M_HOLE);
    EXPECT_EQ(type(0x402), P2M_HOLE);
    EXPECT_EQ(type(0x403), P2M_RAM);
    caller_list(v, 0x405, 0, 2);
    EXPECT_EQ(reservation_at(XENMEM_decrease_reservation, LIST, 2, 0, 0), 1);
    domains_check();
}

/* POD-9.22: what is mapped elsewhere is not stolen for the cache. */
TEST(a_balloon_with_a_page_in_use)
{
    start();
    EXPECT_EQ(memory_map_foreign(d, GFN(0x3000), other, GFN(0x400)), 0);
    EXPECT_EQ(memory_map_foreign(other, GFN(0x501), d, GFN(0x30)), 0);
    remember();
    EXPECT_EQ(decrease(0x501, 0), 0); /* another's page */
    expect_unchanged();
    EXPECT_EQ(decrease(0x400, 0), 1);
    EXPECT_EQ(view_of(other).cache, before.other.cache);
    EXPECT_EQ(view_of(other).pages, before.other.pages); /* still charged */
    domains_check();
    EXPECT_EQ(memory_remove(d, GFN(0x3000)), 0);
    EXPECT_EQ(view_of(other).pages, before.other.pages - 1);
    domains_check();
}

static int64_t set_target(uint64_t pages)
{
    *(struct xen_pod_target *)caller_at(v, ARG) =
        (struct xen_pod_target){.domid = 2, .target_pages = pages};
    return caller_memory_op(v, XENMEM_set_pod_target, ARG);
}

/* POD-9.25 .. 9.33 */
TEST(targets_that_change_nothing)
{
    start();
    EXPECT_EQ(caller_memory_op(v, XENMEM_set_pod_target, HOLE), -EFAULT);
    EXPECT_EQ(caller_memory_op(v, XENMEM_get_pod_target, HOLE - 8), -EFAULT);
    EXPECT_EQ(set_target(4097), -EINVAL);
    EXPECT_EQ(set_target(~0ULL), -EINVAL);
    EXPECT_EQ(set_target(1ULL << 32), -EINVAL); /* 0 if it were cut off */
    EXPECT_EQ(set_target(0), 0);                /* below tot */
    EXPECT_EQ(set_target(23), 0);
    expect_unchanged();
    /* Nothing promised any more: the target means nothing. */
    EXPECT_EQ(decrease(0x200, 9), 1);
    remember();
    EXPECT_EQ(set_target(4000), 0);
    expect_unchanged();
}

/* POD-9.32: what was added before memory ran out stays. */
TEST(a_target_that_the_host_cannot_reach)
{
    struct memory_pod_info pod;

    start();
    memory_set_max_pages(d, 0x8000);
    EXPECT_EQ(memory_claim(d, before.d.pages + page_alloc_info().free - 40), 0);
    EXPECT_EQ(set_target(24 + 300), -ENOMEM);
    memory_get_pod(other, &pod);
    EXPECT_EQ(pod.cache_pages, 8 + 40);
    domains_check();
}

/* POD-9.34 .. 9.38 */
TEST(wrong_exchanges)
{
    struct xen_memory_exchange good = {
        .in = {.extent_start = {(xen_pfn_t *)(uint64_t)LIST},
               .nr_extents = 1,
               .domid = 2},
    };
    struct xen_memory_exchange *x;

    start();
    caller_list(v, 0x200, 0, 1);
    good.out = good.in;
    x = caller_at(v, ARG);
#define EXCHANGE(field, value, result)                                         \
    *x = good;                                                                 \
    x->field = (value);                                                        \
    EXPECT_EQ(caller_memory_op(v, XENMEM_exchange, ARG), result)
    EXCHANGE(in.extent_order, 19, -EPERM);
    EXCHANGE(out.extent_order, ~0U, -EPERM);
    EXCHANGE(in.nr_extents, 2, -EINVAL);
    EXCHANGE(in.nr_extents, ~0ULL, -EINVAL);
    EXCHANGE(out.nr_extents, 1ULL << 63, -EINVAL);
    EXCHANGE(nr_exchanged, 2, -EINVAL);
    EXCHANGE(nr_exchanged, ~0ULL, -EINVAL);
    EXCHANGE(out.domid, 0, -EINVAL);
    EXCHANGE(out.domid, 99, -EINVAL);
    *x = good;
    x->in.domid = x->out.domid = 99;
    EXPECT_EQ(caller_memory_op(v, XENMEM_exchange, ARG), -ESRCH);
    *x = good; /* a promise: refused before it is looked at */
    EXPECT_EQ(caller_memory_op(v, XENMEM_exchange, ARG), -EOPNOTSUPP);
    EXPECT_EQ(caller_memory_op(v, XENMEM_exchange | 1 << 6, ARG), -ENOSYS);
    EXPECT_EQ(caller_memory_op(v, XENMEM_exchange, ~0ULL), -EFAULT);
    expect_unchanged();
}

/* POD-9.40 .. 9.42 */
TEST(claims_that_change_nothing)
{
    start();
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, LIST, 100, 0, 0), -EINVAL);
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 100, 1, 0), -EINVAL);
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 100, 0, 1), -EINVAL);
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 24, 0, 0), -EINVAL);
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 4097, 0, 0), -EINVAL);
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, ~0ULL, 0, 0), -EINVAL);
    memory_set_max_pages(other, 1ULL << 31);
    remember();
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 1ULL << 30, 0, 0), -ENOMEM);
    expect_unchanged();
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 100, 0, 0), 0);
    remember();
    EXPECT_EQ(reservation_at(XENMEM_claim_pages, 0, 200, 0, 0), -EINVAL);
    expect_unchanged();
}

static int64_t remove_at(domid_t id, uint64_t gfn)
{
    *(struct xen_remove_from_physmap *)caller_at(v, ARG) =
        (struct xen_remove_from_physmap){.domid = id, .gpfn = gfn};
    return caller_memory_op(v, XENMEM_remove_from_physmap, ARG);
}

/* POD-9.46 */
TEST(removing_what_is_not_there)
{
    start();
    EXPECT_EQ(remove_at(2, 0x600), -ENOENT);
    EXPECT_EQ(remove_at(99, 0x400), -ESRCH);
    EXPECT_EQ(remove_at(DOMID_INVALID, 0x400), -ESRCH);
    for (unsigned i = 0; i < ARRAY_COUNT(beyond); i++) {
        EXPECT_EQ(remove_at(2, beyond[i]), -ENOENT);
    }
    EXPECT_EQ(caller_memory_op(v, XENMEM_remove_from_physmap | 1 << 6, ARG),
              -EINVAL);
    EXPECT_EQ(caller_memory_op(v, XENMEM_remove_from_physmap, HOLE - 4),
              -EFAULT);
    expect_unchanged();
}

static int64_t add(unsigned space, uint64_t idx, uint64_t gpfn, uint16_t size)
{
    *(struct xen_add_to_physmap *)caller_at(v, ARG) =
        (struct xen_add_to_physmap){
            .domid = 2, .size = size, .space = space, .idx = idx, .gpfn = gpfn};
    return caller_memory_op(v, XENMEM_add_to_physmap, ARG);
}

/* POD-9.47, 9.48 */
TEST(adding_what_cannot_be)
{
    start();
    for (unsigned i = 0; i < ARRAY_COUNT(beyond); i++) {
        EXPECT_EQ(add(XENMAPSPACE_shared_info, 0, beyond[i], 0), -EINVAL);
        EXPECT_EQ(add(XENMAPSPACE_grant_table, 0, beyond[i], 0), -EINVAL);
        EXPECT_EQ(add(XENMAPSPACE_gmfn, 0x400, beyond[i], 0), -EINVAL);
        EXPECT_EQ(add(XENMAPSPACE_gmfn, beyond[i], 0x600, 0), -EINVAL);
    }
    EXPECT_EQ(add(XENMAPSPACE_shared_info, 1, 0x600, 0), -EINVAL);
    EXPECT_EQ(add(XENMAPSPACE_shared_info, 1ULL << 32, 0x600, 0), -EINVAL);
    EXPECT_EQ(add(XENMAPSPACE_grant_table, 4, 0x600, 0), -EINVAL);
    EXPECT_EQ(add(XENMAPSPACE_grant_table, 1ULL << 32, 0x600, 0), -EINVAL);
    EXPECT_EQ(add(XENMAPSPACE_gmfn, 0x600, 0x601, 0), -EINVAL);
    EXPECT_EQ(add(XENMAPSPACE_gmfn, 0x400, 0x400, 0), 0); /* it is there */
    EXPECT_EQ(add(XENMAPSPACE_gmfn_range, ~0UL, 0x600, 2), -EOVERFLOW);
    EXPECT_EQ(add(XENMAPSPACE_gmfn_range, 0x400, ~0UL, 2), -EOVERFLOW);
    EXPECT_EQ(add(XENMAPSPACE_gmfn_foreign, 0, 0x600, 0), -ENOSYS);
    EXPECT_EQ(add(4711, 0, 0x600, 0), -EINVAL);
    expect_unchanged();
}

/* POD-9.49; sums that overflow. */
TEST(resources_that_are_not_there)
{
    const struct xen_mem_acquire_resource good = {
        .domid = 2,
        .type = XENMEM_resource_grant_table,
        .nr_frames = 1,
        .frame_list = {(xen_pfn_t *)(uint64_t)LIST},
    };
    struct xen_mem_acquire_resource *a;

    start();
    a = caller_at(v, ARG);
    caller_list(v, 0x3000, 1, 4);
#define ACQUIRE(field, value, result)                                          \
    *a = good;                                                                 \
    a->field = (value);                                                        \
    EXPECT_EQ(caller_memory_op(v, XENMEM_acquire_resource, ARG), result)
    ACQUIRE(frame, 1ULL << 32, -EINVAL);
    ACQUIRE(frame, ~0ULL, -EINVAL);
    ACQUIRE(nr_frames, ~0U, -EINVAL);
    ACQUIRE(frame_list.p, (xen_pfn_t *)(uint64_t)HOLE, -EFAULT);
    ACQUIRE(type, 0xffff, -EOPNOTSUPP);
    ACQUIRE(domid, DOMID_SELF, -EPERM);
    ACQUIRE(domid, 0, -EPERM);
    ACQUIRE(domid, DOMID_INVALID, -ESRCH);
    *a = good;
    EXPECT_EQ(caller_memory_op(v, XENMEM_acquire_resource | 2 << 6, ARG),
              -EINVAL);
    caller_list(v, 0x30, 1, 1); /* onto the caller's RAM */
    EXPECT_EQ(caller_memory_op(v, XENMEM_acquire_resource, ARG), -EEXIST);
    caller_list(v, ~0ULL, 1, 1);
    EXPECT_EQ(caller_memory_op(v, XENMEM_acquire_resource, ARG), -EINVAL);
    expect_unchanged();
}

/* POD-9.50 .. 9.54: commands of what there is not. */
TEST(operations_that_there_are_not)
{
    start();
    EXPECT_EQ(caller_memory_op(v, XENMEM_paging_op, ARG), -ENOSYS);
    EXPECT_EQ(caller_memory_op(v, XENMEM_access_op, ARG), -ENOSYS);
    EXPECT_EQ(caller_memory_op(v, XENMEM_sharing_op, ARG), -ENOSYS);
    expect_unchanged();
}
