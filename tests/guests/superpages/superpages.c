/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! timeout: 180
/*
 * Superpages survive a balloon that works with single pages (P7, S5), and no
 * touch of a promise fails for want of a table (P10).
 *
 * A child that has its memory in leaves of 2 MiB gives every fourth page away
 * and takes it again, downwards, so that nothing comes in the order in which it
 * went. While pages are missing no superpage is mapped; when all are there
 * again, all are. Its data must be where it was, and what came again is zero.
 *
 * Where somebody else got its frames meanwhile they do not fit any more. Then
 * idle CPUs put the region together, by copying.
 *
 * What a child returns while the cache wants it is whole there, too.
 *
 * With not one page free in the host a child touches promises that need
 * tables: it goes on, and what that cost is a page of its cache each.
 *
 * Numbers are from the counters that Podium alone has.
 */
#include "child.h"

#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "memory.h"
#include "public/podium.h"
#include "test.h"
#include "time.h"

#include <xen/memory.h>
#include <xen/sched.h>

#define PER_2M      512
#define VALUE       0x737570657273ULL
#define SUPER(n)    ((n) * (uint64_t)PER_2M)
#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)
#define REGIONS     8U /* the first has the servant in it */
#define QUARTER     (PER_2M / 4)
#define ROUNDS      20U

static uint64_t counters[PODIUM_POD_COUNTER_COUNT];

static uint64_t counter(const struct child *c, enum podium_pod_counter index)
{
    struct xen_sysctl op;
    struct podium_pod_counters *p = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_pod_counters);
    p->domid = c->id;
    p->buffer = (uint64_t)counters;
    p->count = ARRAY_COUNT(counters);
    REQUIRE(sysctl(&op) == 0);
    return counters[index];
}

static void say(const struct child *c, const char *when)
{
    print("superpages %s: %lu mapped, %lu cached, %lu put together\n", when,
          counter(c, PODIUM_SUPERPAGES_MAPPED),
          counter(c, PODIUM_SUPERPAGES_CACHED),
          counter(c, PODIUM_SUPERPAGES_REFORMED));
}

static void fill(struct child *c, uint64_t gfn, uint64_t pages)
{
    child_do(c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(gfn), ADDRESS(pages), VALUE + gfn));
}

/* How many words of a page are not what fill(c, gfn, 1) has put there. */
static int64_t different(struct child *c, uint64_t gfn)
{
    return child_do(c, SERVANT_DIFFERENT,
                    CHILD_ARGS(ADDRESS(gfn), PAGE_SIZE, VALUE + gfn));
}

static void destroy(struct child *c, uint64_t free_before)
{
    EXPECT_EQ(child_destroy(c), 0);
    EXPECT_EQ(host_free_pages(), free_before);
    expect_clean_audit();
}

static void inflate(struct child *c, uint64_t region, unsigned first)
{
    EXPECT_EQ(child_reservation(c, XENMEM_decrease_reservation,
                                SUPER(region) + first, QUARTER, 4, 0),
              QUARTER);
}

static void deflate(struct child *c, uint64_t region, unsigned first)
{
    EXPECT_EQ(child_reservation(c, XENMEM_populate_physmap,
                                SUPER(region) + first + 4 * (QUARTER - 1),
                                QUARTER, -4ULL, 0),
              QUARTER);
}

static void saw(struct child *c, unsigned first)
{
    for (uint64_t i = 1; i < REGIONS; i++) {
        inflate(c, i, first);
    }
    EXPECT_EQ(counter(c, PODIUM_SUPERPAGES_MAPPED), 1);
    for (uint64_t i = REGIONS - 1; i > 0; i--) {
        deflate(c, i, first);
    }
    EXPECT_EQ(counter(c, PODIUM_SUPERPAGES_MAPPED), REGIONS);
}

static void expect_contents(struct child *c)
{
    for (uint64_t i = 1; i < REGIONS; i++) {
        uint64_t gfn = SUPER(i) + 7 * i;
        bool kept = gfn % 4 == 3;

        EXPECT_EQ(different(c, gfn), kept ? 0 : (int64_t)PER_2M);
        EXPECT_EQ(
            child_do(c, SERVANT_NONZERO, CHILD_ARGS(ADDRESS(gfn), PAGE_SIZE)),
            kept ? (int64_t)PER_2M : 0);
    }
}

static void test_sawtooth(void)
{
    uint64_t before = host_free_pages(), tables;
    struct child c;

    test_section("a saw-tooth of single pages");
    REQUIRE(child_make(&c, SUPER(REGIONS), SUPER(REGIONS)) == 0);
    for (uint64_t i = 1; i < REGIONS; i++) {
        fill(&c, SUPER(i) + 7 * i, 1);
    }
    EXPECT_EQ(counter(&c, PODIUM_SUPERPAGES_MAPPED), REGIONS);
    say(&c, "before");
    tables = host_free_pages();
    for (unsigned round = 0; round < ROUNDS; round++) {
        saw(&c, round % 3); /* each fourth page stays */
    }
    say(&c, "after 20 rounds of 25 %");
    EXPECT_EQ(host_free_pages(), tables);
    EXPECT_EQ(counter(&c, PODIUM_SUPERPAGES_REFORMED), ROUNDS * (REGIONS - 1));
    expect_contents(&c);
    destroy(&c, before);
}

/* This vCPU sleeps, so that a CPU has nothing to do. */
static void sleep_for(uint64_t nanoseconds)
{
    struct sched_poll poll = {.timeout = time_now() + nanoseconds};

    EXPECT_EQ(sched_op(SCHEDOP_poll, &poll), 0);
}

static void wait_until_whole(const struct child *c)
{
    uint64_t end = time_now() + SECONDS(40);

    while (counter(c, PODIUM_SUPERPAGES_MAPPED) < REGIONS && time_now() < end) {
        sleep_for(MILLISECONDS(100));
    }
}

static void test_scattered(void)
{
    uint64_t before = host_free_pages(), free;
    struct child c, other;

    test_section("frames that are anywhere");
    REQUIRE(child_make(&c, SUPER(REGIONS), SUPER(REGIONS)) == 0);
    for (uint64_t i = 1; i < REGIONS; i++) {
        fill(&c, SUPER(i) + 7 * i, 1);
    }
    REQUIRE(child_new(&other, 1, PER_2M) == 0);
    inflate(&c, 1, 0);
    inflate(&c, 2, 1);
    EXPECT_EQ(child_populate(&other, 0, 2 * QUARTER, 0, 0), 2 * QUARTER);
    deflate(&c, 1, 0);
    deflate(&c, 2, 1);
    say(&c, "when others got the frames");
    free = host_free_pages();
    wait_until_whole(&c);
    say(&c, "after some time");
    EXPECT_EQ(counter(&c, PODIUM_SUPERPAGES_MAPPED), REGIONS);
    EXPECT_EQ(counter(&c, PODIUM_SUPERPAGES_GATHERED), 2);
    EXPECT_EQ(host_free_pages(), free + 2); /* two tables */
    for (uint64_t i = 1; i < REGIONS; i++) {
        EXPECT_EQ(different(&c, SUPER(i) + 7 * i), 0);
    }
    EXPECT_EQ(child_destroy(&other), 0);
    destroy(&c, before);
}

/* `blocks` promised superpages from 0 on, the first of which is touched by
 * loading it, and `given` pages. */
static void make_promised(struct child *c, uint64_t blocks, uint64_t given)
{
    REQUIRE(child_new(c, 1, given + 4096) == 0);
    c->ram_pages = SUPER(blocks);
    REQUIRE(child_target(c, given) == 0);
    REQUIRE(child_populate(c, 0, blocks, 9, XENMEMF_populate_on_demand) ==
            (int64_t)blocks);
    REQUIRE(child_load(c) == 0);
    REQUIRE(child_start(c) == 0);
    child_do(c, SERVANT_NOTHING, NULL, 0);
}

static void test_cache(void)
{
    uint64_t before = host_free_pages();
    struct child c;

    test_section("returned page by page, cached as superpages");
    make_promised(&c, 8, SUPER(4));
    for (uint64_t i = 1; i < 4; i++) {
        fill(&c, SUPER(i), PER_2M);
    }
    EXPECT_EQ(counter(&c, PODIUM_SUPERPAGES_CACHED), 0);
    for (unsigned first = 0; first < 4; first++) {
        inflate(&c, 1, 3 - first);
        inflate(&c, 2, first);
    }
    say(&c, "after a balloon of single pages");
    EXPECT_EQ(counter(&c, PODIUM_SUPERPAGES_CACHED), 2);
    /* With data, so that no search takes any of it back. */
    fill(&c, SUPER(5), PER_2M);
    fill(&c, SUPER(7), PER_2M);
    EXPECT_EQ(counter(&c, PODIUM_SUPERPAGES_MAPPED), 4);
    EXPECT_EQ(counter(&c, PODIUM_SUPERPAGES_BROKEN), 0);
    destroy(&c, before);
}

/* The host's free pages go to somebody who keeps them. */
static void take_all(struct child *glutton)
{
    static const unsigned orders[] = {9, 4, 0};
    uint64_t gfn = 0;

    REQUIRE(child_new(glutton, 1, 1 << 20) == 0);
    for (unsigned i = 0; i < ARRAY_COUNT(orders); i++) {
        while (child_populate(glutton, gfn, 1, orders[i], 0) == 1) {
            gfn += 1UL << orders[i];
        }
    }
}

static void test_full_host(void)
{
    uint64_t before = host_free_pages(), base = SUPER(64), paid;
    struct child c, glutton;

    test_section("touches in a host without a free page");
    make_promised(&c, 1, PER_2M);
    EXPECT_EQ(child_populate(&c, base, 40, 9, XENMEMF_populate_on_demand), 40);
    EXPECT_EQ(child_target(&c, PER_2M + 100), 0);
    take_all(&glutton);
    for (uint64_t i = 0; i < 40; i++) {
        fill(&c, base + SUPER(i) + 3 * i, 1);
    }
    for (uint64_t i = 0; i < 40; i++) {
        EXPECT_EQ(different(&c, base + SUPER(i) + 3 * i), 0);
    }
    paid = counter(&c, PODIUM_TABLES_PAID);
    print("tables: %lu paid by the cache, %lu in reserve\n", paid,
          counter(&c, PODIUM_TABLES_RESERVED));
    EXPECT(paid >= 30);
    EXPECT_EQ(child_pod(&c).tot_pages, PER_2M + 100 - paid);
    EXPECT_EQ(counter(&c, PODIUM_OOM_EVENTS), 0);
    expect_clean_audit();
    EXPECT_EQ(child_destroy(&glutton), 0);
    destroy(&c, before);
}

void test_main(void)
{
    children_init();
    if (!hypervisor_is_podium()) {
        test_skip("only Podium counts superpages");
    }
    events_init();
    test_sawtooth();
    test_scattered();
    test_cache();
    test_full_host();
}
