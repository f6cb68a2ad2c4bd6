/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! timeout: 120
/*
 * Populate on demand, by the numbers of XENMEM_get_pod_target after each step
 * (POD-1.17 .. 1.19, 4.24 .. 4.31):
 *
 *   E entries   promised frames without a page
 *   C cache     pages set aside for them
 *   tot         pages that the domain is charged for, the cache included
 *   D = E - C   what has been promised and cannot be kept
 *
 * A touch turns one promise of its order into memory: E and C fall alike. What
 * a child balloons out lowers D, by a promise less or by a page more in the
 * cache, until D is 0; after that pages go back to the host. Zero pages may be
 * taken back whenever D > 0, which changes E and C alike; so where D > 0 only
 * D and tot are exact.
 */
#include "child.h"

#include "console.h"
#include "memory.h"
#include "test.h"

#include <xen/memory.h>

#define POD         XENMEMF_populate_on_demand
#define PER_2M      512
#define PER_1G      262144
#define VALUE       0x706f64706f64ULL
#define SUPER(n)    ((n) * (uint64_t)PER_2M)
#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)

static void expect_pod(const struct child *c, uint64_t tot, uint64_t cache,
                       uint64_t entries)
{
    struct xen_pod_target t = child_pod(c);

    EXPECT_EQ(t.tot_pages, tot);
    EXPECT_EQ(t.pod_cache_pages, cache);
    EXPECT_EQ(t.pod_entries, entries);
}

static void expect_deficit(const struct child *c, uint64_t tot, int64_t deficit)
{
    struct xen_pod_target t = child_pod(c);

    EXPECT_EQ(t.tot_pages, tot);
    EXPECT_EQ((int64_t)t.pod_entries - (int64_t)t.pod_cache_pages, deficit);
}

static void destroy(struct child *c, uint64_t free_before)
{
    EXPECT_EQ(child_destroy(c), 0);
    EXPECT_EQ(host_free_pages(), free_before);
    expect_clean_audit();
}

/* --- Promises and targets, of a domain that never runs --- */

static void promise(struct child *c)
{
    EXPECT_EQ(child_populate(c, PER_1G, 1, 18, POD), 1);
    expect_pod(c, 8192, 8192, PER_1G);
    EXPECT_EQ(child_populate(c, PER_1G, 1, 18, POD), 1); /* again: POD-4.25 */
    expect_pod(c, 8192, 8192, PER_1G);
    EXPECT_EQ(child_populate(c, 2 * PER_1G, 4, 9, POD), 4);
    expect_pod(c, 8192, 8192, PER_1G + SUPER(4));
    EXPECT_EQ(child_populate(c, 2 * PER_1G + 0x10000, 3, 0, POD), 3);
    expect_pod(c, 8192, 8192, PER_1G + SUPER(4) + 3);
    /* Not aligned to its order: split (POD-9.8). */
    EXPECT_EQ(child_populate(c, 2 * PER_1G + 0x20080, 1, 9, POD), 1);
    expect_pod(c, 8192, 8192, PER_1G + SUPER(5) + 3);
}

static void promise_wrongly(struct child *c)
{
    struct xen_pod_target t = child_pod(c);

    EXPECT_EQ(child_populate(c, 0, 1, 19, POD), 0);
    EXPECT_EQ(child_populate(c, 3 * PER_1G, 1, 0, 0), 1);
    EXPECT_EQ(child_populate(c, 3 * PER_1G, 1, 0, POD), 0); /* in use */
    EXPECT_EQ(child_populate(c, 3 * PER_1G, 1, 9, POD), 0);
    expect_pod(c, t.tot_pages + 1, t.pod_cache_pages, t.pod_entries);
}

static void move_target(struct child *c)
{
    struct xen_pod_target t = child_pod(c);

    EXPECT_EQ(child_target(c, 100), 0); /* below tot: POD-4.28 #3 */
    expect_pod(c, t.tot_pages, t.pod_cache_pages, t.pod_entries);
    EXPECT_EQ(child_target(c, 9000), 0);
    expect_pod(c, 9000, 8999, t.pod_entries); /* one is populated */
    EXPECT_EQ(child_target(c, 20001), -EINVAL);
    expect_pod(c, 9000, 8999, t.pod_entries);
}

/* Memory in place of a promise: one promise less. */
static void replace_promise(struct child *c)
{
    struct xen_pod_target t = child_pod(c);

    EXPECT_EQ(child_populate(c, 2 * PER_1G + 0x10000, 1, 0, 0), 1);
    expect_pod(c, t.tot_pages + 1, t.pod_cache_pages, t.pod_entries - 1);
    EXPECT_EQ(child_populate(c, 2 * PER_1G, 1, 9, 0), 1);
    expect_pod(c, t.tot_pages + 513, t.pod_cache_pages, t.pod_entries - 513);
}

static void test_promises(void)
{
    uint64_t before = host_free_pages();
    struct child c;

    test_section("promises and targets");
    REQUIRE(child_new(&c, 1, 20000) == 0);
    expect_pod(&c, 0, 0, 0);
    EXPECT_EQ(child_target(&c, 8192), 0);
    expect_pod(&c, 8192, 8192, 0);
    promise(&c);
    promise_wrongly(&c);
    move_target(&c);
    replace_promise(&c);
    expect_clean_audit();
    destroy(&c, before);
}

/* --- Touches by order --- */

/* A child with `blocks` promised superpages from 0 on, the first of which its
 * image takes, and `given` pages; started. */
static void make_child(struct child *c, uint64_t blocks, uint64_t given)
{
    REQUIRE(child_new(c, 1, given + 4096) == 0);
    c->ram_pages = SUPER(blocks);
    REQUIRE(child_target(c, given) == 0);
    REQUIRE(child_populate(c, 0, blocks, 9, POD) == (int64_t)blocks);
}

static void start(struct child *c)
{
    REQUIRE(child_load(c) == 0);
    REQUIRE(child_start(c) == 0);
    child_do(c, SERVANT_NOTHING, NULL, 0);
}

static void fill(struct child *c, uint64_t gfn, uint64_t pages)
{
    child_do(c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(gfn), ADDRESS(pages), VALUE + gfn));
}

static void expect_filled(struct child *c, uint64_t gfn, uint64_t pages)
{
    EXPECT_EQ(child_do(c, SERVANT_DIFFERENT,
                       CHILD_ARGS(ADDRESS(gfn), ADDRESS(pages), VALUE + gfn)),
              0);
}

static void test_superpages(void)
{
    uint64_t before = host_free_pages();
    struct child c;

    test_section("2 MiB at a touch");
    make_child(&c, 8, SUPER(8));
    expect_pod(&c, SUPER(8), SUPER(8), SUPER(8));
    start(&c);
    expect_pod(&c, SUPER(8), SUPER(7), SUPER(7));
    for (unsigned i = 1; i < 8; i++) {
        /* Reads are tests/guests/reader's. */
        child_write(&c, ADDRESS(SUPER(i) + 70 * i) + 8 * i, 0);
        expect_pod(&c, SUPER(8), SUPER(7 - i), SUPER(7 - i));
        EXPECT_EQ(child_do(&c, SERVANT_NONZERO,
                           CHILD_ARGS(ADDRESS(SUPER(i)), ADDRESS(PER_2M))),
                  0);
        fill(&c, SUPER(i), PER_2M);
    }
    for (unsigned i = 1; i < 8; i++) {
        expect_filled(&c, SUPER(i), PER_2M);
    }
    /* All kept: targets mean nothing to it any more (#1). */
    EXPECT_EQ(child_target(&c, SUPER(8) + 100), 0);
    expect_pod(&c, SUPER(8), 0, 0);
    destroy(&c, before);
}

static void test_single_pages(void)
{
    uint64_t before = host_free_pages(), base = SUPER(64);
    struct child c;

    test_section("4 KiB at a touch");
    make_child(&c, 1, PER_2M + 64);
    EXPECT_EQ(child_populate(&c, base, 64, 0, POD), 64);
    start(&c);
    expect_pod(&c, PER_2M + 64, 64, 64);
    for (unsigned i = 0; i < 64; i++) {
        unsigned page = i * 5 % 64;

        child_write(&c, ADDRESS(base + page) + 8 * i, VALUE);
        expect_pod(&c, PER_2M + 64, 63 - i, 63 - i);
    }
    destroy(&c, before);
}

/* The cache has single pages only: a 2 MiB promise is kept page by page. */
static void test_splintering(void)
{
    uint64_t before = host_free_pages(), base = SUPER(64);
    struct child c;

    test_section("2 MiB promise, single pages");
    make_child(&c, 1, PER_2M);
    start(&c);
    EXPECT_EQ(child_populate(&c, base, 1, 9, POD), 1);
    EXPECT_EQ(child_target(&c, PER_2M + 300), 0);
    expect_pod(&c, PER_2M + 300, 300, PER_2M);
    fill(&c, 0x180, 0x80); /* nothing to be had in its own superpage */
    for (unsigned i = 1; i <= 20; i++) {
        fill(&c, base + 13 * i, 1);
        expect_deficit(&c, PER_2M + 300, PER_2M - 300);
    }
    for (unsigned i = 1; i <= 20; i++) {
        expect_filled(&c, base + 13 * i, 1);
    }
    destroy(&c, before);
}

static void test_gigabyte(void)
{
    uint64_t before = host_free_pages();
    struct child c;

    test_section("1 GiB promise");
    make_child(&c, 1, SUPER(4));
    EXPECT_EQ(child_populate(&c, PER_1G, 1, 18, POD), 1);
    start(&c);
    expect_pod(&c, SUPER(4), SUPER(3), PER_1G);
    fill(&c, 2 * PER_1G - PER_2M, PER_2M);
    expect_deficit(&c, SUPER(4), PER_1G - SUPER(3));
    fill(&c, PER_1G, PER_2M);
    expect_deficit(&c, SUPER(4), PER_1G - SUPER(3));
    expect_filled(&c, 2 * PER_1G - PER_2M, PER_2M);
    expect_filled(&c, PER_1G, PER_2M);
    destroy(&c, before);
}

/* --- The whole life of a ballooned child --- */

static int64_t balloon(struct child *c, uint64_t gfn, uint64_t count)
{
    int64_t done = 0;

    while (count) {
        uint64_t now = MIN(count, (uint64_t)CHILD_EXTENTS);
        int64_t rc =
            child_reservation(c, XENMEM_decrease_reservation, gfn, now, 1, 0);

        done += rc;
        if (rc != (int64_t)now) {
            break;
        }
        gfn += now;
        count -= now;
    }
    return done;
}

static void balloon_down(struct child *c)
{
    /* Promises first: E falls. */
    EXPECT_EQ(balloon(c, SUPER(4), 256), 256);
    expect_deficit(c, SUPER(4), SUPER(4) - 256);
    /* A page with data: it moves to the cache. */
    fill(c, SUPER(2), PER_2M);
    expect_deficit(c, SUPER(4), SUPER(4) - 256);
    EXPECT_EQ(balloon(c, SUPER(2), 100), 100);
    expect_deficit(c, SUPER(4), SUPER(4) - 356);
    /* The rest, until all promises can be kept. */
    EXPECT_EQ(balloon(c, SUPER(4) + 256, SUPER(4) - 356),
              (int64_t)SUPER(4) - 356);
    expect_deficit(c, SUPER(4), 0);
    EXPECT_EQ(child_read(c, ADDRESS(SUPER(2) + 200)), VALUE + SUPER(2));
}

/* From now on the host gets what is ballooned out. */
static void balloon_below(struct child *c)
{
    uint64_t tot = child_pod(c).tot_pages;

    EXPECT_EQ(balloon(c, SUPER(2) + 100, 50), 50);
    expect_deficit(c, tot - 50, 0);
    EXPECT_EQ(balloon(c, SUPER(3), 10), 10);
    expect_deficit(c, tot - 60, 0);
}

static void balloon_up(struct child *c)
{
    uint64_t tot = child_pod(c).tot_pages;

    EXPECT_EQ(child_target(c, SUPER(4) + 1000), 0);
    expect_deficit(c, tot, 0); /* nothing to add to the cache for */
    EXPECT_EQ(
        child_reservation(c, XENMEM_populate_physmap, SUPER(2), 100, 1, 0),
        100);
    expect_deficit(c, tot + 100, 0);
    EXPECT_EQ(child_do(c, SERVANT_NONZERO,
                       CHILD_ARGS(ADDRESS(SUPER(2)), ADDRESS(100))),
              0);
}

static void test_ballooned(void)
{
    uint64_t before = host_free_pages();
    struct child c;

    test_section("balloon down and up");
    make_child(&c, 8, SUPER(4));
    start(&c);
    expect_deficit(&c, SUPER(4), SUPER(4));
    balloon_down(&c);
    expect_clean_audit();
    balloon_below(&c);
    expect_clean_audit();
    balloon_up(&c);
    expect_clean_audit();
    destroy(&c, before);
}

/* A larger target pays debts at once. */
static void test_target_up(void)
{
    uint64_t before = host_free_pages();
    struct child c;

    test_section("target up and down while promises stand");
    make_child(&c, 8, SUPER(4));
    start(&c);
    EXPECT_EQ(child_target(&c, SUPER(6)), 0);
    expect_deficit(&c, SUPER(6), SUPER(2));
    EXPECT_EQ(child_target(&c, SUPER(5)), 0);
    expect_deficit(&c, SUPER(6), SUPER(2));
    EXPECT_EQ(child_target(&c, SUPER(10)), 0);
    expect_deficit(&c, SUPER(8), 0);
    for (unsigned i = 1; i < 8; i++) {
        fill(&c, SUPER(i), PER_2M);
    }
    expect_pod(&c, SUPER(8), 0, 0);
    destroy(&c, before);
}

/* The parent's own accesses are touches, too (TS-40). */
static void test_foreign_touch(void)
{
    uint64_t before = host_free_pages(), *page;
    struct child c;

    test_section("touched from outside");
    make_child(&c, 4, SUPER(4));
    page = child_map(&c, SUPER(2) + 5, NULL);
    REQUIRE(page);
    expect_pod(&c, SUPER(4), SUPER(3), SUPER(3));
    EXPECT_EQ(*page, 0);
    *page = VALUE;
    child_unmap(page);
    start(&c);
    EXPECT_EQ(child_read(&c, ADDRESS(SUPER(2) + 5)), VALUE);
    /* Looking without touching changes nothing. */
    child_pod(&c);
    expect_pod(&c, SUPER(4), SUPER(2), SUPER(2));
    destroy(&c, before);
}

void test_main(void)
{
    children_init();
    test_promises();
    test_superpages();
    test_single_pages();
    test_splintering();
    test_gigabyte();
    test_ballooned();
    test_target_up();
    test_foreign_touch();
}
