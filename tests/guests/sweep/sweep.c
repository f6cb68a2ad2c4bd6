/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! timeout: 180
/*
 * When a child has touched more than it was given (POD-3, POD-2.26).
 *
 * One that fills all that it was promised with zeros, as a kernel does that
 * clears its memory, must go on for ever: every page it has is zero and can be
 * taken back. What it wrote elsewhere must still be there. Zeros that lie above
 * the last sweep's start must be found as well as those below (POD-3.20). One
 * that writes data everywhere, or a pattern that nobody was told of, is out of
 * memory at some page: it is crashed, if that is its policy, and nobody else
 * notices.
 */
#include "child.h"

#include "console.h"
#include "lib/string.h"
#include "memory.h"
#include "public/podium.h"
#include "test.h"

#include <xen/memory.h>
#include <xen/sched.h>

#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)
#define VALUE       0x7377656570ULL
#define IMAGE       512 /* pages that the servant is in */
#define PLACES      12U

static void check_deficit(const struct child *c, uint64_t given,
                          uint64_t promised)
{
    struct xen_pod_target t = child_pod(c);

    EXPECT_EQ(t.tot_pages, given);
    EXPECT_EQ(t.pod_entries - t.pod_cache_pages, promised - given);
}

static void zero(struct child *c, uint64_t gfn, uint64_t pages)
{
    child_do(c, SERVANT_ZERO, CHILD_ARGS(ADDRESS(gfn), ADDRESS(pages)));
}

static void test_all_zero(uint64_t promised, uint64_t given)
{
    uint64_t before = host_free_pages();
    struct child c;

    test_section("zeros: %lu MiB promised, %lu given", promised / 256,
                 given / 256);
    REQUIRE(child_make(&c, promised, given) == 0);
    for (unsigned i = 0; i < 2; i++) {
        zero(&c, IMAGE, promised - IMAGE);
        check_deficit(&c, given, promised);
    }
    /* It can still use what it was given. */
    child_do(&c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(given / 2), VALUE));
    zero(&c, IMAGE + given / 2, promised - IMAGE - given / 2);
    EXPECT_EQ(child_do(&c, SERVANT_DIFFERENT,
                       CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(given / 2), VALUE)),
              0);
    check_deficit(&c, given, promised);
    expect_clean_audit();
    EXPECT_EQ(child_destroy(&c), 0);
    EXPECT_EQ(host_free_pages(), before);
}

static void fill(struct child *c, uint64_t gfn, uint64_t pages, uint64_t value)
{
    child_do(c, SERVANT_FILL, CHILD_ARGS(ADDRESS(gfn), ADDRESS(pages), value));
}

static void expect_full(struct child *c, uint64_t gfn, uint64_t pages,
                        uint64_t value)
{
    EXPECT_EQ(child_do(c, SERVANT_DIFFERENT,
                       CHILD_ARGS(ADDRESS(gfn), ADDRESS(pages), value)),
              0);
}

static int64_t set_pattern(const struct child *c, uint64_t pattern)
{
    struct podium_scrub_pattern p = {.pattern = pattern};
    struct xen_domctl op;

    domctl_prepare(&op, PODIUM_DOMCTL_set_scrub_pattern, c->id);
    memcpy(&op.u, &p, sizeof(p));
    return domctl(&op);
}

/* How many placeholders became pages, ever. */
static uint64_t populates(const struct child *c)
{
    static uint64_t counters[PODIUM_POD_COUNTER_COUNT];
    struct xen_sysctl op;
    struct podium_pod_counters *p = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_pod_counters);
    *p = (struct podium_pod_counters){.domid = c->id,
                                      .buffer = (uint64_t)counters,
                                      .count = ARRAY_COUNT(counters)};
    REQUIRE(sysctl(&op) == 0);
    return counters[PODIUM_POPULATE_4K] + counters[PODIUM_POPULATE_2M];
}

/* A kernel that scrubs with a value of its own (POD-10.15, S9): as good as one
 * that clears, if the hypervisor was told. */
static void test_pattern(void)
{
    const uint64_t promised = 8192, given = 2048, pattern = 0xaaaaaaaaaaaaaaaa;
    const uint64_t data = given / 2;
    uint64_t before;
    struct child c;

    test_section("scrubbed with 0xaa");
    REQUIRE(child_new(&c, 1, given + 4096) == 0);
    c.ram_pages = promised;
    if (set_pattern(&c, pattern) == -ENOSYS) {
        EXPECT_EQ(child_destroy(&c), 0);
        return;
    }
    REQUIRE(child_target(&c, given) == 0);
    REQUIRE(
        child_populate(&c, 0, promised / 512, 9, XENMEMF_populate_on_demand) ==
        (int64_t)promised / 512);
    REQUIRE(child_load(&c) == 0);
    REQUIRE(child_start(&c) == 0);
    EXPECT_EQ(set_pattern(&c, 1), -EBUSY);
    fill(&c, IMAGE, promised - IMAGE, pattern);
    fill(&c, IMAGE, data, VALUE);
    zero(&c, IMAGE + data, 512);
    fill(&c, IMAGE + data + 512, promised - IMAGE - data - 512, pattern);
    before = populates(&c);
    expect_full(&c, IMAGE, data, VALUE);
    expect_full(&c, IMAGE + data, 512, 0);
    expect_full(&c, IMAGE + data + 512, promised - IMAGE - data - 512, pattern);
    EXPECT_EQ(populates(&c), before); /* reading takes no page (P11) */
    check_deficit(&c, given, promised);
    expect_clean_audit();
    EXPECT_EQ(child_destroy(&c), 0);
}

/* Data in every other page, zeros between: superpages cannot be had whole. */
static void test_mixed(void)
{
    const uint64_t promised = 8192, given = 4096, data = 1200;
    struct child c;

    test_section("data in every other page");
    REQUIRE(child_make(&c, promised, given) == 0);
    for (unsigned i = 0; i < 2; i++) {
        child_do(&c, SERVANT_TOUCH,
                 CHILD_ARGS(ADDRESS(IMAGE), data, 2 * PAGE_SIZE, VALUE));
        zero(&c, IMAGE + 2 * data, promised - IMAGE - 2 * data);
        check_deficit(&c, given, promised);
    }
    for (unsigned i = 0; i < data; i += 97) {
        EXPECT_EQ(child_read(&c, ADDRESS(IMAGE + 2 * i)), VALUE);
        EXPECT_EQ(child_read(&c, ADDRESS(IMAGE + 2 * i + 1)), 0);
    }
    expect_clean_audit();
    EXPECT_EQ(child_destroy(&c), 0);
}

/* A page that begins or ends with zeros is not a zero page. */
static void test_nearly_zero(void)
{
    const uint64_t promised = 8192, given = 3072, data = 1024;
    struct child c;

    test_section("one word at the end of a page");
    REQUIRE(child_make(&c, promised, given) == 0);
    child_do(
        &c, SERVANT_TOUCH,
        CHILD_ARGS(ADDRESS(IMAGE) + PAGE_SIZE - 8, data, PAGE_SIZE, VALUE));
    zero(&c, IMAGE + data, promised - IMAGE - data);
    for (unsigned i = 0; i < data; i++) {
        if (child_read(&c, ADDRESS(IMAGE + i + 1) - 8) != (int64_t)VALUE) {
            EXPECT(false);
            break;
        }
    }
    check_deficit(&c, given, promised);
    EXPECT_EQ(child_destroy(&c), 0);
}

/* Zeros high up only, after a sweep has gone down (POD-3.20). */
static void test_high_zeros(void)
{
    const uint64_t promised = 8192, given = 4096;
    struct child c;

    test_section("zeros above where the last sweep ended");
    REQUIRE(child_make(&c, promised, given) == 0);
    zero(&c, IMAGE, promised - IMAGE);
    child_do(&c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(2560), VALUE));
    /* All that is left to be had is in the upper half. */
    zero(&c, promised - 900, 900);
    child_do(&c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(IMAGE + 2560), ADDRESS(500), VALUE));
    EXPECT_EQ(child_do(&c, SERVANT_DIFFERENT,
                       CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(3060), VALUE)),
              0);
    check_deficit(&c, given, promised);
    EXPECT_EQ(child_destroy(&c), 0);
}

/* All that the cache has left becomes data; returns the next promise. */
static uint64_t use_cache_up(struct child *c, uint64_t gfn)
{
    uint64_t left;

    while ((left = child_pod(c).pod_cache_pages) != 0) {
        child_do(c, SERVANT_FILL,
                 CHILD_ARGS(ADDRESS(gfn), ADDRESS(left), VALUE));
        gfn += left;
    }
    return gfn;
}

/* The other domain's writes are not noted by the child's processor. */
static void zero_from_outside(const struct child *c, uint64_t gfn)
{
    uint64_t *page = child_map(c, gfn, NULL);

    if (EXPECT(page)) {
        memset(page, 0, PAGE_SIZE);
        child_unmap(page);
    }
}

/*
 * What has data in it is read once and then again only after a write (P6): the
 * child's, which the processor notes in the page's entry, also if it had used
 * the page just before the search; or somebody else's.
 */
static void test_known(void)
{
    const uint64_t promised = 16384, given = 8192;
    int64_t before, read;
    uint64_t next;
    struct child c;

    test_section("pages that are known");
    REQUIRE(child_make(&c, promised, given) == 0);
    child_do(&c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(given - IMAGE), VALUE));
    next = use_cache_up(&c, given);
    before = child_counter(&c, PODIUM_SWEEP_PAGES_READ);
    /* Each is behind where the last search ended, nearly a lap away. */
    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t gfn = IMAGE + 600 * (PLACES - i);

        zero(&c, gfn, 1);
        child_do(&c, SERVANT_FILL,
                 CHILD_ARGS(ADDRESS(next++), ADDRESS(1), VALUE));
        next = use_cache_up(&c, next);
        zero_from_outside(&c, gfn + 7);
        child_do(&c, SERVANT_FILL,
                 CHILD_ARGS(ADDRESS(next++), ADDRESS(1), VALUE));
        next = use_cache_up(&c, next);
    }
    read = child_counter(&c, PODIUM_SWEEP_PAGES_READ) - before;
    /* All of it once; then 2 MiB for each page, and the servant's own. */
    EXPECT(read < (int64_t)given + 2 * PLACES * 3 * 512);
    check_deficit(&c, given, promised);
    expect_clean_audit();
    EXPECT_EQ(child_destroy(&c), 0);
}

/* Elsewhere than here there is no other policy, and no such call. */
static void want_crash(const struct child *c)
{
    struct xen_sysctl op;
    struct podium_pod_policy *p = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_pod_policy);
    p->domid = c->id;
    p->on_empty = PODIUM_ON_EMPTY_CRASH;
    sysctl(&op);
}

static void test_out_of_memory(void)
{
    const uint64_t promised = 8192, given = 2048;
    uint64_t before = host_free_pages();
    struct child c, other;
    unsigned reason;

    test_section("data everywhere");
    REQUIRE(child_make(&other, 1024, 1024) == 0);
    REQUIRE(child_make(&c, promised, given) == 0);
    want_crash(&c);
    EXPECT(!child_try(
        &c, SERVANT_FILL,
        CHILD_ARGS(ADDRESS(IMAGE), ADDRESS(promised - IMAGE), VALUE)));
    EXPECT(child_is_shut_down(&c, &reason));
    EXPECT_EQ(reason, SHUTDOWN_crash);
    check_deficit(&c, given, promised);
    expect_clean_audit();
    EXPECT_EQ(child_destroy(&c), 0);
    child_write(&other, ADDRESS(600), VALUE);
    EXPECT_EQ(child_read(&other, ADDRESS(600)), VALUE);
    EXPECT_EQ(child_destroy(&other), 0);
    EXPECT_EQ(host_free_pages(), before);
}

/*
 * The parent asks for a page that is not to be had. Xen crashes the child for
 * that; an error for the one who asked is better, and the child goes on with
 * what it has.
 */
static void test_out_of_memory_from_outside(void)
{
    const uint64_t promised = 4096, given = 1024;
    struct child c;
    unsigned reason, mapped = 0;
    int rc = 0;

    test_section("data everywhere, written from outside");
    REQUIRE(child_make(&c, promised, given) == 0);
    for (uint64_t gfn = IMAGE; gfn < promised && !rc; gfn++) {
        uint8_t *page = child_map(&c, gfn, &rc);

        if (page) {
            memset(page, 0x77, PAGE_SIZE);
            child_unmap(page);
            mapped++;
        }
    }
    EXPECT_EQ(rc, -ENOMEM);
    EXPECT(mapped >= given - IMAGE && mapped < given);
    check_deficit(&c, given, promised);
    if (EXPECT(!child_is_shut_down(&c, &reason))) {
        EXPECT_EQ(child_read(&c, ADDRESS(IMAGE)), 0x7777777777777777);
    }
    expect_clean_audit();
    EXPECT_EQ(child_destroy(&c), 0);
}

void test_main(void)
{
    children_init();
    test_all_zero(4096, 2048);
    test_all_zero(16384, 4096);
    test_all_zero(16384, 1024 + 512);
    test_pattern();
    test_mixed();
    test_nearly_zero();
    test_high_zeros();
    test_known();
    test_out_of_memory();
    test_out_of_memory_from_outside();
}
