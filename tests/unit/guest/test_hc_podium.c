/* SPDX-License-Identifier: MIT */
/*
 * memory_op's commands of our own: what they do, and that a wrong call has an
 * error that says what is wrong, and changes nothing (pod.md 9.1, P14, P16,
 * P17). Domain 2 has 512 promises from 0x200 on, 8 pages in its cache, and
 * pages at 0x400..0x40f.
 */
#include <pthread.h>

#include "caller.h"
#include "domains.h"
#include "guest/hypercall.h"
#include "machine.h"
#include "p2m/internal.h"
#include "public/podium.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/memory.h>

#define GUEST_RAM 64
#define HOLE      ((uint64_t)GUEST_RAM << PAGE_SHIFT) /* not mapped to RAM */

static struct domain *d, *other;
static struct vcpu *v;

struct state {
    struct memory_size_info size[2];
    uint64_t free, claimed;
};
static struct state before;

static void look(struct state *s)
{
    memset(s, 0, sizeof(*s)); /* padding is compared, too */
    memory_get_size(d, &s->size[0]);
    memory_get_size(other, &s->size[1]);
    s->free = page_alloc_info().free;
    s->claimed = page_alloc_info().claimed;
}

static void remember(void)
{
    look(&before);
}

static void expect_unchanged(void)
{
    struct state now;

    look(&now);
    EXPECT(!memcmp(&now, &before, sizeof(now)));
    domains_check();
}

/* Domain `id` calls: 0 is the control domain, 2 the other one. */
static void start(domid_t id)
{
    machine_start(0x4000);
    d = domain_new(0, 1);
    domain_fill(d, 0, GUEST_RAM);
    domain_paging_on(d->vcpus[0]);
    other = domain_new(2, 1);
    domain_fill(other, 0, GUEST_RAM);
    domain_paging_on(other->vcpus[0]);
    domain_fill(other, 0x400, 16);
    EXPECT_EQ(memory_mark_pod(other, GFN(0x200), ORDER_2M), 0);
    EXPECT_EQ(memory_set_pod_target(other, GUEST_RAM + 24), 0);
    v = id ? other->vcpus[0] : d->vcpus[0];
    remember();
}

/* With the struct in the caller's memory. */
static int64_t call(unsigned op, void *arg, size_t size)
{
    int64_t rc;

    memcpy(caller_at(v, ARG), arg, size);
    rc = caller_memory_op(v, op, ARG);
    memcpy(arg, caller_at(v, ARG), size);
    return rc;
}

static enum p2m_type type(uint64_t gfn)
{
    return p2m_get(&other->p2m, GFN(gfn)).type;
}

TEST(what_there_is)
{
    start(2);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_features, 0),
              PODIUM_FEATURE_reservation | PODIUM_FEATURE_ranges |
                  PODIUM_FEATURE_sizes);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_features | 64, 0), -ENOSYS);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_set_size + 1, ARG), -ENOSYS);
    EXPECT_EQ(caller_memory_op(v, 47, ARG), -ENOSYS);
}

/*
 * Ranges.
 */

static struct podium_range range_of(domid_t id, uint64_t gfn, uint64_t count)
{
    return (struct podium_range){.domid = id, .gfn = gfn, .count = count};
}

static int64_t decrease(struct podium_range *r)
{
    return call(PODIUM_MEMORY_decrease_range, r, sizeof(*r));
}

/* P14: one call, and no page had to be found for it. */
TEST(a_guest_gives_up_what_it_never_touched)
{
    struct podium_untouched u = {.domid = DOMID_SELF, .order = 9};
    struct pod_counters counters;
    struct podium_range r;

    start(2);
    counters = other->pod.counters;
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), 0);
    EXPECT_EQ(u.gfn, 0x200);
    EXPECT_EQ(u.count, 512);
    r = range_of(DOMID_SELF, u.gfn, u.count);
    r.flags = PODIUM_RANGE_untouched;
    EXPECT_EQ(decrease(&r), 0);
    EXPECT_EQ(r.done, 512);
    EXPECT_EQ(type(0x200), P2M_HOLE);
    EXPECT_EQ(other->pod.entry_count, 0);
    EXPECT_EQ(other->pod.cache_count, 0);
    EXPECT_EQ(other->account.page_count, GUEST_RAM + 16);
    EXPECT_EQ(other->pod.counters.populate_4k, counters.populate_4k);
    EXPECT_EQ(other->pod.counters.pages_cleared, counters.pages_cleared);
    EXPECT_EQ(other->pod.counters.splinter_2m, counters.splinter_2m);
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), -ENOENT);
    domains_check();
}

TEST(a_range_stops_where_it_cannot_go_on)
{
    struct podium_range r;

    start(2);
    r = range_of(DOMID_SELF, 0x3f0, 0x30);
    r.flags = PODIUM_RANGE_untouched;
    EXPECT_EQ(decrease(&r), -EEXIST);
    EXPECT_EQ(r.done, 0x10);
    r.flags = 0;
    /* Behind what is done. */
    EXPECT_EQ(decrease(&r), -ENOENT);
    EXPECT_EQ(r.done, 0x20);
    EXPECT_EQ(type(0x40f), P2M_HOLE);
    EXPECT_EQ(type(0x3ef), P2M_POD);
    r = range_of(DOMID_SELF, 0x200, 0);
    EXPECT_EQ(decrease(&r), 0);
    EXPECT_EQ(r.done, 0);
    domains_check();
}

TEST(the_control_domain_may_do_it_to_others)
{
    struct podium_range r;
    struct podium_untouched u = {.domid = 2};

    start(0);
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), 0);
    EXPECT_EQ(u.gfn, 0x200);
    r = range_of(2, 0x200, 0x210);
    EXPECT_EQ(decrease(&r), 0);
    EXPECT_EQ(other->account.page_count, GUEST_RAM);
    domains_check();
}

/* It leaves between slices, and goes on where it was. */
TEST(a_long_range_lets_others_run)
{
    struct podium_range r;

    start(2);
    domain_fill(other, 0x1000, 2048);
    v->work = VCPU_WORK_RESCHED;
    r = range_of(DOMID_SELF, 0x1000, 2048);
    EXPECT_EQ(decrease(&r), 0);
    EXPECT_EQ(r.done, 2048);
    EXPECT_EQ(caller_continued, 3);
    EXPECT_EQ(fake_stale_translations(&other->p2m.tlb, other->p2m.root), 0);
    domains_check();
}

/* Nobody can say so while interrupts are off: a timer of this CPU is due. */
TEST(a_long_range_lets_timers_run)
{
    struct podium_range r;

    start(2);
    domain_fill(other, 0x1000, 2048);
    fake_set_time(5000);
    time_set_singleshot(v, 4000);
    r = range_of(DOMID_SELF, 0x1000, 2048);
    EXPECT_EQ(decrease(&r), 0);
    EXPECT_EQ(r.done, 2048);
    EXPECT_EQ(caller_continued, 3);
    time_stop_singleshot(v);
    r = range_of(DOMID_SELF, 0, 1);
    EXPECT_EQ(decrease(&r), 0);
    EXPECT_EQ(caller_continued, 0);
    domains_check();
}

TEST(wrong_ranges)
{
    static const uint64_t ranges[][2] = {
        {~0ULL, 2},          {0, ~0ULL},     {P2M_GFN_LIMIT - 1, 2},
        {P2M_GFN_LIMIT, 1},  {~0ULL, ~0ULL}, {1ULL << 52, 16},
        {~0ULL - 15, 0x210},
    };
    struct podium_range r;

    start(2);
    for (unsigned i = 0; i < ARRAY_COUNT(ranges); i++) {
        r = range_of(DOMID_SELF, ranges[i][0], ranges[i][1]);
        EXPECT_EQ(decrease(&r), -EINVAL);
        r.flags = PODIUM_RANGE_untouched;
        EXPECT_EQ(decrease(&r), -EINVAL);
    }
    r = range_of(0, 0x200, 512);
    EXPECT_EQ(decrease(&r), -EPERM);
    r = range_of(77, 0x200, 512);
    EXPECT_EQ(decrease(&r), -ESRCH);
    r = range_of(DOMID_SELF, 0x200, 512);
    r.flags = 2;
    EXPECT_EQ(decrease(&r), -EINVAL);
    r.flags = 0;
    r.pad = 1;
    EXPECT_EQ(decrease(&r), -EINVAL);
    r.pad = 0;
    r.done = 513;
    EXPECT_EQ(decrease(&r), -EINVAL);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_decrease_range, HOLE), -EFAULT);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_decrease_range | 64, ARG),
              -ENOSYS);
    expect_unchanged();
}

/* Who cannot be told how far it came is refused. */
TEST(a_struct_that_cannot_be_written)
{
    struct podium_range r;

    start(2);
    r = range_of(DOMID_SELF, 0x200, 512);
    memcpy(caller_at(v, ARG), &r, sizeof(r));
    *domain_pte(other, ARG >> PAGE_SHIFT) &= ~(uint64_t)2;
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_decrease_range, ARG), -EFAULT);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_next_untouched, ARG), -EFAULT);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_get_size, ARG), -EFAULT);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_reservation, ARG), -EFAULT);
    *domain_pte(other, ARG >> PAGE_SHIFT) |= 2;
    expect_unchanged();
    /* It gives itself away. */
    r = range_of(DOMID_SELF, ARG >> PAGE_SHIFT, 2);
    EXPECT_EQ(({
                  memcpy(caller_at(v, ARG), &r, sizeof(r));
                  caller_memory_op(v, PODIUM_MEMORY_decrease_range, ARG);
              }),
              -EFAULT);
    EXPECT_EQ(type(ARG >> PAGE_SHIFT), P2M_HOLE);
    domains_check();
}

TEST(wrong_questions)
{
    struct podium_untouched u = {.domid = DOMID_SELF, .order = 1};

    start(2);
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), -EINVAL);
    u.order = 18;
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), -EINVAL);
    u = (struct podium_untouched){.domid = DOMID_SELF, .pad = 1};
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), -EINVAL);
    u = (struct podium_untouched){.domid = DOMID_SELF, .gfn = ~0ULL};
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), -ENOENT);
    u = (struct podium_untouched){.domid = 0};
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), -EPERM);
    u = (struct podium_untouched){.domid = 77};
    EXPECT_EQ(call(PODIUM_MEMORY_next_untouched, &u, sizeof(u)), -ESRCH);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_next_untouched, HOLE), -EFAULT);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_next_untouched | 64, ARG),
              -ENOSYS);
    expect_unchanged();
}

/*
 * Reservations and why they stop.
 */

static struct podium_reservation reservation(unsigned command, domid_t id,
                                             uint64_t count, unsigned order)
{
    return (struct podium_reservation){.command = command,
                                       .domid = id,
                                       .list = LIST,
                                       .count = count,
                                       .order = order};
}

static int64_t reserve(struct podium_reservation *r)
{
    return call(PODIUM_MEMORY_reservation, r, sizeof(*r));
}

/* One extent of domain 2, by the control domain. */
static int64_t one(unsigned command, uint64_t gfn, unsigned order,
                   uint32_t flags)
{
    struct podium_reservation r = reservation(command, 2, 1, order);
    int64_t rc;

    r.flags = flags;
    *(uint64_t *)caller_at(v, LIST) = gfn;
    rc = reserve(&r);
    EXPECT_EQ(r.done, !rc);
    return rc;
}

#define POPULATE(gfn, order) one(XENMEM_populate_physmap, gfn, order, 0)
#define DECREASE(gfn, order) one(XENMEM_decrease_reservation, gfn, order, 0)
#define INCREASE(order)      one(XENMEM_increase_reservation, ~0ULL, order, 0)
#define PROMISE(gfn, order)                                                    \
    one(XENMEM_populate_physmap, gfn, order, XENMEMF_populate_on_demand)

TEST(a_balloon_that_is_told_all)
{
    struct podium_reservation r;

    start(2);
    r = reservation(XENMEM_populate_physmap, DOMID_SELF, 300, 0);
    caller_list(v, 0x1000, 1, 300);
    v->work = VCPU_WORK_RESCHED;
    EXPECT_EQ(reserve(&r), 0);
    EXPECT(caller_continued);
    EXPECT_EQ(r.done, 300);
    EXPECT_EQ(type(0x1000 + 299), P2M_RAM);
    caller_list(v, 0x1000 + 1, 1, 300);
    r.command = XENMEM_decrease_reservation;
    EXPECT_EQ(reserve(&r), -ENOENT);
    EXPECT_EQ(r.done, 299);
    EXPECT_EQ(r.done_pages, 0);
    domains_check();
}

/* Of an extent that cannot be done whole it is told how much of it was. */
TEST(a_part_of_an_extent)
{
    struct podium_reservation r;

    start(0);
    r = reservation(XENMEM_decrease_reservation, 2, 2, 3);
    ((uint64_t *)caller_at(v, LIST))[0] = 0x400;
    ((uint64_t *)caller_at(v, LIST))[1] = 0x40b;
    EXPECT_EQ(reserve(&r), -ENOENT);
    EXPECT_EQ(r.done, 1);
    EXPECT_EQ(r.done_pages, 5);
    EXPECT_EQ(type(0x40a), P2M_RAM);
    EXPECT_EQ(type(0x40f), P2M_HOLE);
    domains_check();
}

/* POD-9.1: what is wrong with the call as a whole. */
TEST(wrong_calls_have_a_reason)
{
    static const unsigned commands[] = {
        XENMEM_populate_physmap,
        XENMEM_decrease_reservation,
        XENMEM_increase_reservation,
    };

    start(2);
    for (unsigned i = 0; i < ARRAY_COUNT(commands); i++) {
        static const uint32_t wrong_flags[] = {12, XENMEMF_vnode,
                                               XENMEMF_exact_node(1), 1U << 19};
        struct podium_reservation r = reservation(commands[i], 77, 1, 0);

        caller_list(v, 0x1000, 1, 1);
        EXPECT_EQ(reserve(&r), -ESRCH);
        r.domid = 0;
        EXPECT_EQ(reserve(&r), -EPERM);
        r.domid = DOMID_SELF;
        r.count = 1ULL << 26;
        EXPECT_EQ(reserve(&r), -EINVAL);
        r.count = ~0ULL;
        EXPECT_EQ(reserve(&r), -EINVAL);
        r.count = 1;
        for (unsigned f = 0; f < ARRAY_COUNT(wrong_flags); f++) {
            r.flags = wrong_flags[f];
            EXPECT_EQ(reserve(&r), -EINVAL);
        }
        r.flags = 0;
        r.order = 10; /* POD-9.3 */
        EXPECT_EQ(reserve(&r), -EPERM);
        r.order = ~0U;
        EXPECT_EQ(reserve(&r), -EPERM);
        r.order = 0;
        r.pad = 1;
        EXPECT_EQ(reserve(&r), -EINVAL);
        r.pad = 0;
        EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_reservation, HOLE),
                  -EFAULT);
        EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_reservation | 2 << 6, ARG),
                  -EINVAL);
        r.count = 0;
        EXPECT_EQ(reserve(&r), 0);
        EXPECT_EQ(r.done, 0);
        expect_unchanged();
    }
    {
        struct podium_reservation r =
            reservation(XENMEM_claim_pages, DOMID_SELF, 1, 0);

        EXPECT_EQ(reserve(&r), -EINVAL);
        r.command = 64;
        EXPECT_EQ(reserve(&r), -EINVAL);
    }
    expect_unchanged();
}

/* POD-9.2 */
TEST(lists_that_lead_nowhere_have_a_reason)
{
    struct podium_reservation r;

    start(2);
    r = reservation(XENMEM_populate_physmap, DOMID_SELF, 1, 0);
    r.list = HOLE;
    EXPECT_EQ(reserve(&r), -EFAULT);
    r.list = 1ULL << 63;
    EXPECT_EQ(reserve(&r), -EFAULT);
    r.command = XENMEM_decrease_reservation;
    EXPECT_EQ(reserve(&r), -EFAULT);
    EXPECT_EQ(r.done, 0);
    expect_unchanged();
}

/* POD-9.4, 9.7, 9.8 */
TEST(promises_have_a_reason)
{
    struct podium_reservation r;

    start(0);
    r = reservation(XENMEM_populate_physmap, DOMID_SELF, 1, 0);
    r.flags = XENMEMF_populate_on_demand;
    caller_list(v, 0x1000, 1, 1);
    EXPECT_EQ(reserve(&r), -EPERM);
    EXPECT_EQ(PROMISE(0x400, 0), -EBUSY);
    EXPECT_EQ(PROMISE(0x400, 9), -EBUSY);
    EXPECT_EQ(PROMISE(0, 18), -EBUSY);
    EXPECT_EQ(PROMISE(0x40200, 18), -EINVAL); /* not aligned */
    EXPECT_EQ(PROMISE(0x40000, 19), -EPERM);
    expect_unchanged();
    EXPECT_EQ(PROMISE(0x601, 9), 0);
    domains_check();
}

/* POD-9.9, 9.10, 9.23 */
TEST(frames_that_cannot_be_have_a_reason)
{
    static const uint64_t beyond[] = {
        P2M_GFN_LIMIT, P2M_GFN_LIMIT - 1 + 512, 1ULL << 52, ~0ULL - 511,
        ~0ULL - 1,     (1ULL << 52) + 0x400,
    };

    start(0);
    for (unsigned i = 0; i < ARRAY_COUNT(beyond); i++) {
        EXPECT_EQ(PROMISE(beyond[i], 0), -EINVAL);
        EXPECT_EQ(PROMISE(beyond[i], 9), -EINVAL);
        EXPECT_EQ(POPULATE(beyond[i], 0), -EINVAL);
        EXPECT_EQ(POPULATE(beyond[i], 9), -EINVAL);
        EXPECT_EQ(DECREASE(beyond[i], 0), -EINVAL);
        EXPECT_EQ(DECREASE(beyond[i], 9), -EINVAL);
        expect_unchanged();
    }
    EXPECT_EQ(PROMISE(P2M_GFN_LIMIT - 1, 1), -EINVAL);
    EXPECT_EQ(DECREASE(~0ULL - 1, 2), -EINVAL);
    EXPECT_EQ(DECREASE(0x300, 18), -EINVAL);     /* not aligned */
    EXPECT_EQ(DECREASE(1ULL << 20, 0), -ENOENT); /* above its maximum */
    expect_unchanged();
}

/* POD-9.12, 9.24 */
TEST(without_tables_there_is_a_reason)
{
    start(0);
    reserve_trim(&other->p2m, 0, ~0ULL);
    other->account.table_limit = other->account.table_count;
    remember();
    EXPECT_EQ(PROMISE(0x200001, 0), -ENOMEM);
    EXPECT_EQ(POPULATE(0x200001, 0), -ENOMEM);
    EXPECT_EQ(DECREASE(0x200, 8), -ENOMEM);
    expect_unchanged();
}

/* POD-9.13, 9.14 */
TEST(the_dying_have_a_reason)
{
    start(0);
    EXPECT_EQ(memory_map_foreign(d, GFN(0x3000), other, GFN(0x400)), 0);
    while (domain_kill(other) == -ERESTART) {
        continue;
    }
    remember();
    EXPECT_EQ(PROMISE(0x600, 0), -ESRCH);
    EXPECT_EQ(POPULATE(0x600, 0), -ESRCH);
    EXPECT_EQ(POPULATE(0x600, 9), -ESRCH);
    EXPECT_EQ(INCREASE(0), -ESRCH);
    EXPECT_EQ(DECREASE(0x400, 0), -ENOENT);
    expect_unchanged();
    EXPECT_EQ(memory_remove(d, GFN(0x3000)), 0);
}

/* POD-9.14: the domain's limit and the host's memory are told apart. */
TEST(limits_have_a_reason)
{
    start(0);
    memory_set_max_pages(other, other->account.page_count + 1);
    remember();
    EXPECT_EQ(POPULATE(0x600, 1), -E2BIG);
    EXPECT_EQ(INCREASE(1), -E2BIG);
    expect_unchanged();
    memory_set_max_pages(other, 0x8000);
    memory_set_max_pages(d, 0x8000);
    EXPECT_EQ(memory_claim(d, d->account.page_count + page_alloc_info().free),
              0);
    remember();
    EXPECT_EQ(POPULATE(0x600, 0), -ENOMEM);
    EXPECT_EQ(POPULATE(0x600, 9), -ENOMEM);
    EXPECT_EQ(INCREASE(0), -ENOMEM);
    expect_unchanged();
}

/* POD-9.16, 9.17, 9.18, 9.20 */
TEST(what_is_there_is_a_reason)
{
    struct podium_reservation r;
    uint64_t *gfns;

    start(0);
    EXPECT_EQ(memory_map_foreign(other, GFN(0x501), d, GFN(0x30)), 0);
    remember();
    EXPECT_EQ(POPULATE(0x501, 0), -EEXIST);
    EXPECT_EQ(POPULATE(0x400, 0), -EEXIST);
    EXPECT_EQ(POPULATE(0x3ff, 1), -EEXIST);
    EXPECT_EQ(DECREASE(0x501, 0), -EPERM);
    EXPECT_EQ(DECREASE(0x600, 0), -ENOENT);
    expect_unchanged();
    r = reservation(XENMEM_decrease_reservation, 2, 3, 0);
    gfns = caller_at(v, LIST);
    gfns[0] = gfns[1] = 0x400;
    gfns[2] = 0x401;
    EXPECT_EQ(reserve(&r), -ENOENT);
    EXPECT_EQ(r.done, 1);
    EXPECT_EQ(type(0x401), P2M_RAM);
    domains_check();
}

/*
 * Sizes.
 */

static int64_t set_size(domid_t id, uint64_t max_pages, uint64_t target,
                        uint64_t claim)
{
    struct podium_new_size s = {
        .domid = id, .max_pages = max_pages, .target = target, .claim = claim};

    return call(PODIUM_MEMORY_set_size, &s, sizeof(s));
}

static struct podium_size size_of(domid_t id)
{
    struct podium_size s = {.domid = id};

    EXPECT_EQ(call(PODIUM_MEMORY_get_size, &s, sizeof(s)), 0);
    return s;
}

TEST(all_sizes_at_one_moment)
{
    struct podium_size s;

    start(2);
    s = size_of(DOMID_SELF);
    EXPECT_EQ(s.domid, 2);
    EXPECT_EQ(s.charged, GUEST_RAM + 24);
    EXPECT_EQ(s.cached, 8);
    EXPECT_EQ(s.promised, 512);
    EXPECT_EQ(s.deficit, 504);
    EXPECT_EQ(s.special, 1 + other->grants.frame_count);
    EXPECT_EQ(s.tables, other->account.table_count);
    EXPECT_EQ(s.table_limit, 0);
    EXPECT_EQ(s.max_pages, 4096);
    EXPECT_EQ(s.claimed, 0);
    expect_unchanged();
}

TEST(a_size_is_set_at_once)
{
    struct podium_size s;

    start(0);
    EXPECT_EQ(set_size(2, 300, 200, 33), 0);
    s = size_of(2);
    EXPECT_EQ(s.max_pages, 300);
    EXPECT_EQ(s.charged, 200);
    EXPECT_EQ(s.cached, 200 - GUEST_RAM - 16);
    EXPECT_EQ(s.claimed, 33);
    domains_check();
    /* Down: the limit holds at once, the cache stays (POD-4.28). */
    EXPECT_EQ(set_size(2, 100, 100, 0), 0);
    s = size_of(2);
    EXPECT_EQ(s.max_pages, 100);
    EXPECT_EQ(s.charged, 200);
    EXPECT_EQ(s.claimed, 0);
    EXPECT_EQ(POPULATE(0x600, 0), -E2BIG);
    domains_check();
}

TEST(a_size_is_set_whole_or_not_at_all)
{
    uint64_t free;

    start(0);
    EXPECT_EQ(set_size(2, 99, 100, 0), -EINVAL);
    EXPECT_EQ(set_size(2, ~0ULL, 0, ~0ULL), -ENOMEM);
    /* Growth and claim together are one page too much. */
    free = page_alloc_info().free;
    EXPECT_EQ(set_size(2, 5000, GUEST_RAM + 24 + 100, free - 99), -ENOMEM);
    EXPECT_EQ(set_size(2, 5000, GUEST_RAM + 24 + 100, ~0ULL), -ENOMEM);
    expect_unchanged();
    EXPECT_EQ(set_size(2, 5000, GUEST_RAM + 24 + 100, free - 100), 0);
    EXPECT_EQ(size_of(2).charged, GUEST_RAM + 24 + 100);
    EXPECT_EQ(page_alloc_info().free, page_alloc_info().claimed);
    domains_check();
}

TEST(a_large_size_lets_others_run)
{
    start(0);
    EXPECT_EQ(memory_mark_pod(other, GFN(0x2000), 13), 0);
    v->work = VCPU_WORK_RESCHED;
    EXPECT_EQ(set_size(2, 5000, 4000, 5), 0);
    EXPECT(caller_continued >= 5);
    EXPECT_EQ(size_of(2).charged, 4000);
    EXPECT_EQ(size_of(2).claimed, 5);
    domains_check();
}

TEST(wrong_sizes)
{
    struct podium_new_size s = {.domid = 2, .max_pages = 1, .pad = {0, 1, 0}};
    struct podium_size q = {.domid = 2, .pad = {1}};

    start(0);
    EXPECT_EQ(call(PODIUM_MEMORY_set_size, &s, sizeof(s)), -EINVAL);
    EXPECT_EQ(call(PODIUM_MEMORY_get_size, &q, sizeof(q)), -EINVAL);
    EXPECT_EQ(set_size(77, 1, 1, 0), -ESRCH);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_set_size, HOLE), -EFAULT);
    EXPECT_EQ(caller_memory_op(v, PODIUM_MEMORY_get_size, HOLE), -EFAULT);
    v = other->vcpus[0];
    EXPECT_EQ(set_size(DOMID_SELF, 5000, 0, 0), -EPERM);
    q = (struct podium_size){.domid = 0};
    EXPECT_EQ(call(PODIUM_MEMORY_get_size, &q, sizeof(q)), -EPERM);
    q.domid = 77;
    EXPECT_EQ(call(PODIUM_MEMORY_get_size, &q, sizeof(q)), -ESRCH);
    expect_unchanged();
}

TEST(no_size_for_the_dying)
{
    start(0);
    EXPECT_EQ(memory_map_foreign(d, GFN(0x3000), other, GFN(0x400)), 0);
    EXPECT_EQ(set_size(2, 4096, 0, 70), 0);
    EXPECT_EQ(page_alloc_info().claimed, 70);
    while (domain_kill(other) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(page_alloc_info().claimed, 0);
    remember();
    EXPECT_EQ(set_size(2, 5000, 100, 100), -ESRCH);
    expect_unchanged();
    EXPECT_EQ(memory_remove(d, GFN(0x3000)), 0);
}

/*
 * POD-10.27: a balloon that stops k pages beside its target, and a guest that
 * then fills all it has left. The limit is exact: there is no slack.
 */

#define PROMISED 4096U
#define TARGET   1000U

/* A page with data; false: there is none to be had. */
static bool fill_page(uint64_t gfn)
{
    enum p2m_verdict verdict;
    struct p2m_entry e;

    do {
        verdict = memory_fault(other, GFN(gfn), true, false);
    } while (verdict == P2M_RETRY);
    if (verdict != P2M_OK) {
        EXPECT_EQ(verdict, P2M_NEED_PAGE);
        return false;
    }
    e = p2m_get(&other->p2m, GFN(gfn));
    *(uint64_t *)arch_map(e.mfn) = gfn + 1;
    return true;
}

static void stop_beside(int k)
{
    uint64_t left = (uint64_t)((int)TARGET + k), missing = 0;
    struct podium_range r;

    start(0);
    domain_end(other);
    other = domain_new(2, 1);
    EXPECT_EQ(set_size(2, TARGET, TARGET, 0), 0);
    EXPECT_EQ(memory_mark_pod(other, GFN(0), 12), 0);
    r = range_of(2, left, PROMISED - left);
    r.flags = PODIUM_RANGE_untouched;
    EXPECT_EQ(decrease(&r), 0);
    for (uint64_t gfn = 0; gfn < left; gfn++) {
        missing += !fill_page(gfn);
    }
    EXPECT_EQ(missing, k > 0 ? k : 0);
    EXPECT_EQ(size_of(2).charged, left - missing);
    EXPECT_EQ(size_of(2).deficit, missing);
    domains_check();
    /* What is missing is told, and can be given. */
    EXPECT_EQ(set_size(2, left, left, 0), 0);
    EXPECT_EQ(size_of(2).deficit, 0);
    for (uint64_t gfn = left - missing; gfn < left; gfn++) {
        EXPECT(fill_page(gfn));
    }
    EXPECT_EQ(size_of(2).charged, left);
    domains_check();
}

TEST(a_balloon_stops_a_page_before)
{
    stop_beside(-1);
}

TEST(a_balloon_stops_at_its_target)
{
    stop_beside(0);
}

TEST(a_balloon_stops_a_page_behind)
{
    stop_beside(1);
}

TEST(a_balloon_stops_255_pages_behind)
{
    stop_beside(255);
}

TEST(a_balloon_stops_256_pages_behind)
{
    stop_beside(256);
}

TEST(a_balloon_stops_257_pages_behind)
{
    stop_beside(257);
}

/*
 * POD-9.66: two builders want more than there is for both. Each claims, fills
 * its cache, and gives up if it cannot have all of it.
 */

struct builder {
    unsigned cpu;
    struct domain *d;
    uint64_t pages;
    int rc;
};

static void *build(void *arg)
{
    struct builder *b = arg;
    const struct memory_size size = {b->pages, b->pages - 20, 20};

    fake_set_cpu(b->cpu);
    b->rc = memory_begin_size(b->d, &size);
    while (!b->rc) {
        b->rc = memory_finish_size(b->d, &size);
        if (b->rc != -ERESTART) {
            break;
        }
        b->rc = 0;
    }
    return NULL;
}

TEST(of_two_builders_exactly_one_wins)
{
    start(0);
    for (unsigned round = 0; round < 40 * unit_long(); round++) {
        struct builder b[2];
        pthread_t threads[2];
        uint64_t free;

        for (unsigned i = 0; i < 2; i++) {
            b[i] = (struct builder){.cpu = i + 1,
                                    .d = domain_new((domid_t)(10 + i), 1)};
        }
        free = page_alloc_info().free;
        b[0].pages = b[1].pages = free / 2 + 1 + round;
        for (unsigned i = 0; i < 2; i++) {
            EXPECT(!pthread_create(&threads[i], NULL, build, &b[i]));
        }
        for (unsigned i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
        }
        EXPECT((b[0].rc == 0) != (b[1].rc == 0));
        for (unsigned i = 0; i < 2; i++) {
            EXPECT(!b[i].rc || b[i].rc == -ENOMEM);
            EXPECT_EQ(b[i].d->account.page_count,
                      b[i].rc ? 0 : b[i].pages - 20);
            EXPECT_EQ(b[i].d->account.claimed, b[i].rc ? 0 : 20);
        }
        domains_check();
        domain_end(b[0].d);
        domain_end(b[1].d);
    }
}
