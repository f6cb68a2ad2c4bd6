/* SPDX-License-Identifier: MIT */
//! memory: 300
//! timeout: 120
/*
 * Memory never shows what another owner wrote (PB-7).
 *
 * One child fills nearly all that the host has free with a pattern and is
 * destroyed; all that the next one is given must be zero, in whatever way it
 * gets it: populated by 4 KiB or 2 MiB, promised and touched, ballooned out by
 * one and in by another, or looked at by the parent.
 */
#include "child.h"

#include "console.h"
#include "memory.h"
#include "test.h"

#define ADDRESS(gf) ((uint64_t)(gf) << PAGE_SHIFT)
#define PATTERN     0x5ec4e75ec4e75ec4ULL
#define IMAGE       512
/* Pages left to the host: what it needs for itself is in some superpages, one
 * or two for each time that a CPU's stock was filled from others. */
#define KEPT 4096

/* As large as the host allows, in whole superpages. */
static uint64_t large(void)
{
    return (host_free_pages() - KEPT) / 512 * 512;
}

static void fill(struct child *c, uint64_t gfn, uint64_t pages)
{
    child_do(c, SERVANT_FILL,
             CHILD_ARGS(ADDRESS(gfn), ADDRESS(pages), PATTERN));
}

static void expect_zero(struct child *c, uint64_t gfn, uint64_t pages)
{
    EXPECT_EQ(
        child_do(c, SERVANT_NONZERO, CHILD_ARGS(ADDRESS(gfn), ADDRESS(pages))),
        0);
}

/* All free memory is full of the pattern afterwards. */
static void soil(void)
{
    uint64_t pages = large();
    struct child c;

    REQUIRE(child_make(&c, pages, pages) == 0);
    fill(&c, IMAGE, pages - IMAGE);
    EXPECT_EQ(child_destroy(&c), 0);
}

static void test_superpages(void)
{
    uint64_t pages = large();
    struct child c;

    test_section("populated by 2 MiB");
    soil();
    REQUIRE(child_make(&c, pages, pages) == 0);
    expect_zero(&c, IMAGE, pages - IMAGE);
    EXPECT_EQ(child_destroy(&c), 0);
}

static void test_single_pages(void)
{
    const uint64_t count = 8192, base = 0x40000;
    struct child c;

    test_section("populated by 4 KiB");
    soil();
    REQUIRE(child_new(&c, 1, count + 1024) == 0);
    c.ram_pages = IMAGE;
    REQUIRE(child_populate(&c, 0, IMAGE, 0, 0) == IMAGE);
    REQUIRE(child_populate(&c, base, count, 0, 0) == (int64_t)count);
    REQUIRE(child_load(&c) == 0);
    REQUIRE(child_start(&c) == 0);
    expect_zero(&c, base, count);
    EXPECT_EQ(child_destroy(&c), 0);
}

static void test_promised(void)
{
    uint64_t pages = large();
    struct child c;

    test_section("promised and touched");
    soil();
    REQUIRE(child_make(&c, pages, pages - 512) == 0);
    expect_zero(&c, IMAGE, pages - IMAGE);
    EXPECT_EQ(child_destroy(&c), 0);
}

/* One gives pages back while it lives, another gets them. */
static void test_ballooned(void)
{
    const uint64_t pages = 4096, moved = 1280;
    uint64_t filler_pages;
    struct child a, b, filler;

    test_section("from balloon to balloon");
    REQUIRE(child_make(&a, pages, pages) == 0);
    REQUIRE(child_make(&b, pages, pages) == 0);
    filler_pages = large();
    REQUIRE(child_make(&filler, filler_pages, filler_pages) == 0);
    fill(&a, IMAGE, pages - IMAGE);
    for (uint64_t gfn = IMAGE; gfn < IMAGE + moved; gfn += 256) {
        EXPECT_EQ(
            child_reservation(&a, XENMEM_decrease_reservation, gfn, 256, 1, 0),
            256);
        EXPECT_EQ(
            child_reservation(&b, XENMEM_decrease_reservation, gfn, 256, 1, 0),
            256);
    }
    for (uint64_t gfn = IMAGE; gfn < IMAGE + moved; gfn += 256) {
        EXPECT_EQ(
            child_reservation(&b, XENMEM_populate_physmap, gfn, 256, 1, 0),
            256);
    }
    expect_zero(&b, IMAGE, moved);
    EXPECT_EQ(child_destroy(&filler), 0);
    EXPECT_EQ(child_destroy(&a), 0);
    EXPECT_EQ(child_destroy(&b), 0);
}

/* A page that moved into a child's own cache by ballooning (POD-4.12). */
static void test_own_cache(void)
{
    const uint64_t promised = 4096, given = 2048;
    struct child c;

    test_section("from balloon to promise within one");
    REQUIRE(child_make(&c, promised, given) == 0);
    fill(&c, IMAGE, 1024);
    for (uint64_t gfn = IMAGE; gfn < IMAGE + 1024; gfn += 256) {
        EXPECT_EQ(
            child_reservation(&c, XENMEM_decrease_reservation, gfn, 256, 1, 0),
            256);
    }
    expect_zero(&c, 2048, 1024);
    EXPECT_EQ(child_destroy(&c), 0);
}

static void test_from_outside(void)
{
    struct child c;

    test_section("looked at from outside");
    soil();
    REQUIRE(child_make(&c, 2048, 2048) == 0);
    for (unsigned gfn = IMAGE; gfn < 2048; gfn += 31) {
        const uint64_t *page = child_map(&c, gfn, NULL);

        REQUIRE(page);
        for (unsigned i = 0; i < 512; i++) {
            if (page[i]) {
                EXPECT_EQ(page[i], 0);
                break;
            }
        }
        child_unmap((void *)page);
    }
    EXPECT_EQ(child_destroy(&c), 0);
}

void test_main(void)
{
    uint64_t before;

    children_init();
    before = host_free_pages();
    test_superpages();
    test_single_pages();
    test_promised();
    test_ballooned();
    test_own_cache();
    test_from_outside();
    EXPECT_EQ(host_free_pages(), before);
    expect_clean_audit();
}
