/* SPDX-License-Identifier: MIT */
/*
 * What a first touch costs, as the guest that touches sees it (its loop is a
 * few instructions more). Needs privilege: the one who touches is a child.
 *
 *   untouched         960 of 1024 MiB given up that were never touched
 *   touch_4k          from a cache that is zero
 *   touch_4k_cleared  from pages that a balloon returned, which are cleared
 *   touch_2m          from a cache that is zero
 *   touch_2m_short    the same while more is promised than cached
 *   touch_2m_4k       2 MiB were promised and the cache has single pages: the
 *                     first page of them
 *   sweep_2m          per page that the search found, where all of 2 MiB is
 *   sweep_4k          zero; where every second page is
 *   sweep_full        per page passed on the way to the only zero one, in a
 * guest sweep_known       whose data nobody looked at before; the next time
 */
#include "bench.h"
#include "child.h"
#include "console.h"
#include "hypercall.h"
#include "public/podium.h"
#include "test.h"

#define PER_2M      512
#define SUPER(n)    ((n) * (uint64_t)PER_2M)
#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)
#define HOLE_2M     64 /* where nothing is promised yet, in units of 2M */
#define DATA        0x64617461ULL

static void make(struct child *c, uint64_t blocks, uint64_t given)
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

/* Ticks of writing a word in each of `count` places, `step` gfns apart: who
 * only reads takes no page. */
static uint64_t touch(struct child *c, uint64_t gfn, uint64_t count,
                      uint64_t step)
{
    return child_do(c, SERVANT_TIME,
                    CHILD_ARGS(ADDRESS(gfn), count, ADDRESS(step)));
}

static void measure_touch(const char *name, struct child *c, uint64_t gfn,
                          uint64_t count, uint64_t step)
{
    struct bench b = {.name = name};

    for (unsigned round = 0; round < BENCH_ROUNDS; round++) {
        bench_note(&b, touch(c, gfn, count, step) / count);
        gfn += count * step;
    }
    bench_end(&b);
}

static void measure_4k(void)
{
    struct child c;

    make(&c, 1, PER_2M + PER_2M / 2);
    REQUIRE(child_populate(&c, SUPER(HOLE_2M), PER_2M / 2, 0,
                           XENMEMF_populate_on_demand) == PER_2M / 2);
    touch(&c, SUPER(HOLE_2M), 16, 1); /* breaks what is cached */
    measure_touch("touch_4k", &c, SUPER(HOLE_2M) + 16, 16, 1);
    child_destroy(&c);
}

/* The cache is dry, and what is promised more comes out of the balloon. */
static void measure_4k_cleared(void)
{
    uint64_t pages = BENCH_ROUNDS * 16;
    struct child c;

    make(&c, 2, SUPER(2));
    child_do(&c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(PER_2M), ADDRESS(PER_2M), DATA));
    REQUIRE(child_populate(&c, SUPER(HOLE_2M), PER_2M, 0,
                           XENMEMF_populate_on_demand) == PER_2M);
    REQUIRE(child_reservation(&c, XENMEM_decrease_reservation, PER_2M, pages, 1,
                              0) == (int64_t)pages);
    measure_touch("touch_4k_cleared", &c, SUPER(HOLE_2M), 16, 1);
    child_destroy(&c);
}

static void measure_2m(const char *name, uint64_t promised, uint64_t given)
{
    struct child c;

    make(&c, promised, SUPER(given));
    measure_touch(name, &c, SUPER(1), 1, PER_2M);
    child_destroy(&c);
}

static void measure_2m_by_4k(void)
{
    struct child c;

    make(&c, 1, PER_2M);
    REQUIRE(child_populate(&c, SUPER(HOLE_2M), 8, 9,
                           XENMEMF_populate_on_demand) == 8);
    REQUIRE(child_target(&c, PER_2M + 64) == 0);
    measure_touch("touch_2m_4k", &c, SUPER(HOLE_2M), 1, PER_2M);
    child_destroy(&c);
}

static uint64_t reclaimed(const struct child *c)
{
    return (uint64_t)child_counter(c, PODIUM_RECLAIMED_4K) +
           SUPER((uint64_t)child_counter(c, PODIUM_RECLAIMED_2M));
}

/* The first 2M are the servant's. All else is touched, 2M more are wanted. */
static void measure_sweep(const char *name, bool half)
{
    uint64_t before, time;
    struct child c;

    make(&c, 4, SUPER(4));
    for (unsigned i = 1; i < 4; i++) {
        touch(&c, SUPER(i), 1, 1);
        if (half) {
            child_do(
                &c, SERVANT_TOUCH,
                CHILD_ARGS(ADDRESS(SUPER(i)), PER_2M / 2, ADDRESS(2), DATA));
        }
    }
    /* Nothing of the servant's own 2M is to be had. */
    child_do(&c, SERVANT_FILL, CHILD_ARGS(ADDRESS(0x180), ADDRESS(0x80), DATA));
    REQUIRE(child_populate(&c, SUPER(HOLE_2M), 2, 9,
                           XENMEMF_populate_on_demand) == 2);
    touch(&c, SUPER(HOLE_2M), 1, 1);
    /* What was found is used up, so that the next touch searches again. */
    touch(&c, SUPER(HOLE_2M), PER_2M, 1);
    while (child_pod(&c).pod_cache_pages) {
        REQUIRE(child_populate(&c, SUPER(2 * HOLE_2M), PER_2M, 0,
                               XENMEMF_populate_on_demand) == PER_2M);
        touch(&c, SUPER(2 * HOLE_2M), child_pod(&c).pod_cache_pages, 1);
    }
    before = reclaimed(&c);
    time = touch(&c, SUPER(HOLE_2M + 1), 1, 1);
    bench_report(name, time / MAX(reclaimed(&c) - before, 1));
    child_destroy(&c);
}

/* P14: a first balloon-down, by who knows what was never touched. */
static void measure_untouched(void)
{
    struct podium_range r = {.flags = PODIUM_RANGE_untouched,
                             .gfn = SUPER(32),
                             .count = SUPER(512 - 32)};
    uint64_t start;
    struct child c;

    make(&c, 512, SUPER(32));
    r.domid = c.id;
    start = rdtsc();
    REQUIRE(memory_op(PODIUM_MEMORY_decrease_range, &r) == 0);
    bench_report("untouched", rdtsc() - start);
    REQUIRE(r.done == r.count);
    child_destroy(&c);
}

static uint64_t next_promise;

static uint64_t passed(const struct child *c)
{
    return (uint64_t)child_counter(c, PODIUM_SWEEP_PAGES_READ) +
           (uint64_t)child_counter(c, PODIUM_SWEEP_PAGES_KNOWN);
}

/* Whatever is cached becomes data. */
static void use_cache_up(struct child *c)
{
    uint64_t left;

    while ((left = child_pod(c).pod_cache_pages) != 0) {
        child_do(c, SERVANT_FILL,
                 CHILD_ARGS(ADDRESS(next_promise), ADDRESS(left), DATA));
        next_promise += left;
    }
}

static void measure_lap(const char *name, struct child *c, uint64_t zero)
{
    uint64_t before, time;

    use_cache_up(c);
    child_do(c, SERVANT_ZERO, CHILD_ARGS(ADDRESS(zero), ADDRESS(1)));
    before = passed(c);
    time = touch(c, next_promise++, 1, 1);
    bench_report(name, time / MAX(passed(c) - before, 1));
}

static void measure_laps(void)
{
    const uint64_t blocks = 9;
    struct child c;

    make(&c, blocks, SUPER(blocks));
    child_do(&c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(0x180), ADDRESS(SUPER(blocks) - 0x180), DATA));
    next_promise = SUPER(HOLE_2M);
    REQUIRE(child_populate(&c, next_promise, 1, 9,
                           XENMEMF_populate_on_demand) == 1);
    measure_lap("sweep_full", &c, SUPER(7) + 5);
    measure_lap("sweep_known", &c, SUPER(4) + 5);
    child_destroy(&c);
}

void test_main(void)
{
    children_init();
    measure_untouched();
    measure_4k();
    measure_4k_cleared();
    measure_2m("touch_2m", 16, 16);
    measure_2m("touch_2m_short", 16, 12);
    measure_2m_by_4k();
    measure_sweep("sweep_2m", false);
    measure_sweep("sweep_4k", true);
    measure_laps();
}
