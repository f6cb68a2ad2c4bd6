/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! timeout: 180
/*
 * A child that fills more than it was given with data (P9). It is not ended:
 * its vCPU waits in the midst of REP STOSQ, and goes on when there is a page,
 * whoever brought it. What it wrote must be complete, and no word wrong: a
 * register that changed while it waited would put words elsewhere.
 *
 * Meanwhile everything else must work on it: to ask how it is, to pause and to
 * destroy it, and to map its memory, which gives an error where there is none.
 */
#include "child.h"

#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "memory.h"
#include "public/podium.h"
#include "test.h"
#include "time.h"

#include <xen/memory.h>
#include <xen/version.h>

#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)
#define VALUE       0x7374617276ULL
#define IMAGE       512 /* pages that the servant is in */
#define PATIENCE    SECONDS(60)

static int told; /* port of PODIUM_VIRQ_MEMORY */

static int set_policy(const struct child *c, enum podium_on_empty on_empty,
                      enum podium_pod_mode mode, uint64_t limit)
{
    struct xen_sysctl op;
    struct podium_pod_policy *p = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_pod_policy);
    p->domid = c->id;
    p->on_empty = (uint16_t)on_empty;
    p->mode = (uint16_t)mode;
    p->borrow_limit = limit;
    return (int)sysctl(&op);
}

static struct podium_pod_state state_of(const struct child *c)
{
    struct xen_sysctl op;
    struct podium_pod_state *s = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_pod_state);
    s->domid = c->id;
    REQUIRE(sysctl(&op) == 0);
    return *s;
}

/* Give the order, and do not wait for it. */
static void child_begin(struct child *c, enum servant_op op,
                        const uint64_t *args, unsigned count)
{
    struct servant_channel *ch = c->channel;

    ch->op = op;
    for (unsigned i = 0; i < ARRAY_COUNT(ch->args); i++) {
        ch->args[i] = i < count ? args[i] : 0;
    }
    mem_barrier();
    ch->request++;
}

static bool is_done(const struct child *c)
{
    return c->channel->done == c->channel->request;
}

/* Until it waits, or is done with its order: does it wait? */
static bool comes_to_wait(struct child *c)
{
    uint64_t end = time_now() + PATIENCE;

    while (!is_done(c) && !state_of(c).waiting) {
        REQUIRE(time_now() < end);
        time_delay(MILLISECONDS(1));
        give_way();
    }
    return !is_done(c);
}

static void finish(struct child *c)
{
    uint64_t end = time_now() + PATIENCE;

    while (!is_done(c)) {
        REQUIRE(time_now() < end);
        give_way();
    }
    EXPECT_EQ(c->channel->vector, 256);
}

static void begin_fill(struct child *c, uint64_t promised)
{
    child_begin(c, SERVANT_FILL,
                CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(promised - IMAGE), VALUE));
}

static void expect_filled(struct child *c, uint64_t promised)
{
    EXPECT_EQ(
        child_do(c, SERVANT_DIFFERENT,
                 CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(promised - IMAGE), VALUE)),
        0);
}

static void set_target(struct child *c, uint64_t pages)
{
    struct xen_domctl op;

    domctl_prepare(&op, XEN_DOMCTL_max_mem, c->id);
    op.u.max_mem.max_memkb = pages * 4;
    REQUIRE(domctl(&op) == 0);
    REQUIRE(child_target(c, pages) == 0);
}

static void destroy(struct child *c, uint64_t free_before)
{
    expect_clean_audit();
    EXPECT_EQ(child_destroy(c), 0);
    EXPECT_EQ(host_free_pages(), free_before);
}

static void expect_waiting(const struct child *c, uint64_t given,
                           uint64_t promised)
{
    struct podium_pod_state s = state_of(c);
    struct xen_domctl_getdomaininfo info;
    unsigned reason;
    int rc;

    EXPECT(!child_is_shut_down(c, &reason));
    EXPECT_EQ(s.waiting, 1);
    EXPECT_EQ(s.total, given);
    EXPECT_EQ(s.cached, 0);
    EXPECT_EQ(s.entries, promised - given);
    EXPECT_EQ(s.deficit, promised - given);
    EXPECT(s.gfn >= given && s.gfn < promised); /* it fills upwards */
    EXPECT_EQ(s.target_next, given + 1);
    EXPECT_EQ(s.target_all, promised);
    EXPECT_EQ(child_info(c, &info), 0);
    EXPECT(info.flags & XEN_DOMINF_blocked);
    /* Nobody else waits for it. */
    EXPECT(!child_map(c, promised - 1, &rc));
    EXPECT_EQ(rc, -ENOMEM);
}

/* By a page, by some, by all that is missing. */
static void test_target(void)
{
    const uint64_t promised = 4096, given = 1024;
    static const uint64_t steps[] = {1025, 1100, 2048, 4096};
    uint64_t before = host_free_pages(), events = event_count(told);
    struct child c;

    test_section("it waits for a larger target");
    REQUIRE(child_make(&c, promised, given) == 0);
    begin_fill(&c, promised);
    REQUIRE(comes_to_wait(&c));
    EXPECT(event_wait(told, events + 1, SECONDS(10)));
    expect_waiting(&c, given, promised);
    for (unsigned i = 0; i < ARRAY_COUNT(steps); i++) {
        set_target(&c, steps[i]);
        if (comes_to_wait(&c)) {
            expect_waiting(&c, steps[i], promised);
        }
    }
    finish(&c);
    expect_filled(&c, promised);
    destroy(&c, before);
}

static void test_control(void)
{
    const uint64_t promised = 2048, given = 1024;
    uint64_t before = host_free_pages();
    struct child c;

    test_section("it is paused, goes on, and is destroyed while it waits");
    REQUIRE(child_make(&c, promised, given) == 0);
    begin_fill(&c, promised);
    REQUIRE(comes_to_wait(&c));
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_pausedomain, c.id), 0);
    set_target(&c, given + 10);
    time_delay(MILLISECONDS(20));
    EXPECT_EQ(state_of(&c).cached, 10);
    EXPECT_EQ(domctl_simple(XEN_DOMCTL_unpausedomain, c.id), 0);
    REQUIRE(comes_to_wait(&c));
    expect_waiting(&c, given + 10, promised);
    destroy(&c, before);
}

/* Its buffer is a promise that cannot be kept. */
static void test_hypercall(void)
{
    const uint64_t promised = 2048, given = 1024, full = promised - 16;
    uint64_t before = host_free_pages(), target;
    struct child c;
    char *page;
    int rc;

    test_section("its hypercall waits for a buffer");
    REQUIRE(child_make(&c, promised, given) == 0);
    begin_fill(&c, full);
    REQUIRE(comes_to_wait(&c));
    target = given + full - state_of(&c).gfn; /* for the rest, to the page */
    set_target(&c, target);
    finish(&c);
    REQUIRE(state_of(&c).cached == 0);
    child_begin(&c, SERVANT_HYPERCALL,
                CHILD_ARGS(__HYPERVISOR_xen_version, XENVER_extraversion,
                           ADDRESS(promised - 7) + 0x123));
    REQUIRE(comes_to_wait(&c));
    EXPECT_EQ(state_of(&c).gfn, promised - 7);
    set_target(&c, target + 1);
    finish(&c);
    EXPECT_EQ(c.channel->result, 0);
    page = child_map(&c, promised - 7, &rc);
    if (EXPECT(page)) {
        EXPECT(!strcmp(page + 0x123, PODIUM_EXTRAVERSION));
        child_unmap(page);
    }
    destroy(&c, before);
}

static void test_loan(void)
{
    const uint64_t promised = 4096, given = 1024, limit = 2000;
    uint64_t before = host_free_pages();
    struct podium_pod_state s, after;
    struct child c;

    test_section("it borrows, and pays back first");
    REQUIRE(child_make(&c, promised, given) == 0);
    EXPECT_EQ(
        set_policy(&c, PODIUM_ON_EMPTY_BORROW, PODIUM_POD_RESERVED, limit), 0);
    begin_fill(&c, promised);
    REQUIRE(comes_to_wait(&c));
    s = state_of(&c);
    EXPECT_EQ(s.borrowed, limit);
    EXPECT_EQ(s.total, given + limit);
    EXPECT_EQ(s.deficit, promised - given - limit);
    /* With a credit of D it never waits. */
    EXPECT_EQ(set_policy(&c, PODIUM_ON_EMPTY_BORROW, PODIUM_POD_RESERVED,
                         promised - given),
              0);
    finish(&c);
    expect_filled(&c, promised);
    s = state_of(&c);
    EXPECT(s.borrowed > limit);
    EXPECT_EQ(s.total, given + s.borrowed);
    EXPECT_EQ(
        child_reservation(&c, XENMEM_decrease_reservation, 2048, 300, 1, 0),
        300);
    after = state_of(&c);
    EXPECT_EQ(after.borrowed, s.borrowed - 300);
    EXPECT_EQ(after.total, s.total - 300);
    EXPECT_EQ(after.cached, s.cached);
    destroy(&c, before);
}

/* The claim is the target's; nobody else can have it. */
static void test_on_demand(void)
{
    const uint64_t promised = 4096, given = 2048;
    uint64_t before = host_free_pages();
    struct podium_pod_state s;
    struct child c;

    test_section("on demand");
    REQUIRE(child_new(&c, 1, given) == 0);
    REQUIRE(set_policy(&c, PODIUM_ON_EMPTY_WAIT, PODIUM_POD_ON_DEMAND, 0) == 0);
    c.ram_pages = promised;
    EXPECT_EQ(child_target(&c, given), 0);
    EXPECT_EQ(child_populate(&c, 0, 8, 9, XENMEMF_populate_on_demand), 8);
    s = state_of(&c);
    EXPECT_EQ(s.total, 0);
    EXPECT_EQ(s.claimed, given);
    EXPECT_EQ(s.deficit, promised - given);
    REQUIRE(child_load(&c) == 0);
    REQUIRE(child_start(&c) == 0);
    child_do(&c, SERVANT_NOTHING, NULL, 0);
    s = state_of(&c);
    EXPECT_EQ(s.total + s.claimed, given);
    EXPECT(s.claimed > 0);
    begin_fill(&c, promised);
    REQUIRE(comes_to_wait(&c));
    s = state_of(&c);
    EXPECT_EQ(s.total, given);
    EXPECT_EQ(s.claimed, 0);
    EXPECT_EQ(s.target_next, given + 1);
    set_target(&c, promised);
    finish(&c);
    expect_filled(&c, promised);
    destroy(&c, before);
}

void test_main(void)
{
    children_init();
    told = event_bind_virq(PODIUM_VIRQ_MEMORY, 0);
    REQUIRE(told > 0);
    event_clear_mask(told);
    test_target();
    test_control();
    test_hypercall();
    test_loan();
    test_on_demand();
}
