/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
/*
 * A domain's own memory, given back and taken again (BL-4 .. BL-7, POD-4.1 ..
 * 4.17), without promises: the guest does it to itself, as a balloon driver
 * does, and if it is privileged sees what the host makes of it.
 *
 * decrease_reservation and populate_physmap return how many extents were done,
 * counted from the front, and never an error; what is wrong with an extent
 * shows as a count that stops there. Given-back frames are holes (reads are all
 * ones); taken ones are zero.
 */
#include "child.h"

#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "test.h"

#define BATCH 512
#define HUGE  (1UL << 26) /* extents: more than the call can count */

static xen_pfn_t gfns[BATCH];

static int64_t reservation(unsigned command, uint64_t count, unsigned order)
{
    struct xen_memory_reservation r = {
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, gfns);
    return memory_op(command, &r);
}

static int64_t decrease(uint64_t gfn, uint64_t count, unsigned order)
{
    for (uint64_t i = 0; i < count; i++) {
        gfns[i] = gfn + (i << order);
    }
    return reservation(XENMEM_decrease_reservation, count, order);
}

static int64_t populate(uint64_t gfn, uint64_t count, unsigned order)
{
    for (uint64_t i = 0; i < count; i++) {
        gfns[i] = gfn + (i << order);
    }
    return reservation(XENMEM_populate_physmap, count, order);
}

static int64_t owned(void)
{
    struct xen_memory_domain d = {.domid = DOMID_SELF};

    return memory_op(XENMEM_current_reservation, &d);
}

/* Free pages of the host; as good as constant to one that may not ask. */
static int64_t host_free(void)
{
    return is_privileged() ? (int64_t)host_free_pages() : 0;
}

/* Xen leaves it to the guest to clear what it gives back (POD-4.45), so there
 * its own data may come back to it. */
static bool is_zero(const void *page, uint64_t pages)
{
    const uint64_t *w = page;

    if (!hypervisor_is_podium()) {
        return true;
    }
    for (uint64_t i = 0; i < pages * 512; i++) {
        if (w[i]) {
            return false;
        }
    }
    return true;
}

/* 2 MiB aligned memory of our own. */
static uint8_t *superpage(void)
{
    static uint8_t *p;

    if (!p) {
        p = pages_alloc(512, 512);
    }
    return p;
}

static void test_batches(void)
{
    uint8_t *p = pages_alloc(4 * BATCH, 1);
    int64_t before = owned(), free_before = host_free();

    test_section("512 at a time");
    memset(p, 0x5a, 4 * BATCH * PAGE_SIZE);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(decrease(gfn_of(p) + i * BATCH, BATCH, 0), BATCH);
        EXPECT_EQ(owned(), before - (i + 1) * BATCH);
    }
    if (is_privileged()) {
        EXPECT(host_free() >= free_before + 4 * BATCH - 8);
    }
    EXPECT_EQ(*(volatile uint64_t *)p, ~0UL);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(populate(gfn_of(p) + i * BATCH, BATCH, 0), BATCH);
        EXPECT_EQ(owned(), before - (3 - i) * BATCH);
    }
    EXPECT(is_zero(p, 4 * BATCH));
    memset(p, 1, 4 * BATCH * PAGE_SIZE);
    /* A table page for the region that was split may stay. */
    if (is_privileged()) {
        EXPECT(host_free() <= free_before);
        EXPECT(host_free() >= free_before - 8);
    }
}

static void test_holes(void)
{
    uint8_t *p = pages_alloc(16, 1);
    uint64_t gfn = gfn_of(p);
    int64_t before = owned();

    test_section("holes");
    EXPECT_EQ(decrease(gfn + 5, 1, 0), 1);
    EXPECT_EQ(decrease(gfn + 5, 1, 0), 0); /* empty already */
    /* Stops at the hole; what came before is gone (POD-9.18). */
    EXPECT_EQ(decrease(gfn, 16, 0), 5);
    EXPECT_EQ(owned(), before - 6);
    EXPECT_EQ(populate(gfn, 6, 0), 6);
    EXPECT_EQ(owned(), before);
    /* The same frame twice (POD-9.20). */
    gfns[0] = gfns[1] = gfn;
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, 2, 0), 1);
    EXPECT_EQ(populate(gfn, 1, 0), 1);
    EXPECT_EQ(owned(), before);
    /* Where nothing has ever been, and nothing can be. */
    EXPECT_EQ(decrease(hole_alloc(1), 1, 0), 0);
    EXPECT_EQ(decrease(1UL << 40, 1, 0), 0);
    EXPECT_EQ(decrease(~0UL, 1, 0), 0);
    EXPECT_EQ(owned(), before);
}

static void test_orders(void)
{
    uint8_t *p = superpage();
    uint64_t gfn = gfn_of(p);
    int64_t before = owned();

    test_section("orders");
    EXPECT_EQ(decrease(gfn, 1, 9), 1);
    EXPECT_EQ(owned(), before - 512);
    EXPECT_EQ(*(volatile uint64_t *)(p + 5000), ~0UL);
    EXPECT_EQ(populate(gfn, 1, 9), 1);
    EXPECT_EQ(owned(), before);
    EXPECT(is_zero(p, 512));
    /* Pieces of it, in another order than they lie. */
    EXPECT_EQ(decrease(gfn + 64, 1, 6), 1);
    EXPECT_EQ(decrease(gfn, 1, 6), 1);
    EXPECT_EQ(decrease(gfn + 128, 3, 7), 3);
    EXPECT_EQ(owned(), before - 512);
    EXPECT_EQ(populate(gfn, 512, 0), 512);
    EXPECT_EQ(owned(), before);
    EXPECT(is_zero(p, 512));
}

static void test_misaligned(void)
{
    uint8_t *p = superpage();
    uint64_t gfn = gfn_of(p);
    int64_t before = owned();

    test_section("not aligned to the order");
    EXPECT_EQ(decrease(gfn + 3, 1, 4), 1);
    EXPECT_EQ(owned(), before - 16);
    memset(p, 7, 3 * PAGE_SIZE);
    memset(p + 19 * PAGE_SIZE, 7, PAGE_SIZE);
    EXPECT_EQ(populate(gfn + 3, 1, 4), 1);
    EXPECT_EQ(owned(), before);
    EXPECT(is_zero(p + 3 * PAGE_SIZE, 16));
    EXPECT_EQ(p[2 * PAGE_SIZE], 7);
    EXPECT_EQ(p[19 * PAGE_SIZE], 7);
}

static void test_bad_extents(void)
{
    uint64_t gfn = gfn_of(superpage());
    int64_t before = owned();
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    test_section("bad extents");
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, 0, 0), 0);
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, HUGE, 0), 0);
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, ~0UL, 0), 0);
    EXPECT_EQ(reservation(XENMEM_populate_physmap, HUGE, 0), 0);
    gfns[0] = gfn;
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, 1, 20), 0);
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, 1, 64), 0);
    EXPECT_EQ(reservation(XENMEM_populate_physmap, 1, ~0u), 0);
    /* The list is not there. */
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)MAP_BASE);
    EXPECT_EQ(memory_op(XENMEM_decrease_reservation, &r), 0);
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)NON_CANONICAL);
    EXPECT_EQ(memory_op(XENMEM_decrease_reservation, &r), 0);
    EXPECT_EQ(memory_op(XENMEM_populate_physmap, &r), 0);
    /* Nor is the argument. */
    EXPECT_EQ(memory_op(XENMEM_decrease_reservation, (void *)MAP_BASE), 0);
    r.domid = 0x7000;
    set_xen_guest_handle(r.extent_start, gfns);
    EXPECT_EQ(memory_op(XENMEM_decrease_reservation, &r), 0);
    EXPECT_EQ(owned(), before);
}

/* The list itself lies in memory that goes away: it was read before. */
static void test_list_in_page(void)
{
    uint64_t *page = page_alloc();
    int64_t before = owned();
    struct xen_memory_reservation r = {.nr_extents = 3, .domid = DOMID_SELF};
    uint8_t *others = pages_alloc(2, 1);

    test_section("a list that gives itself away");
    page[0] = gfn_of(others);
    page[1] = gfn_of(page);
    page[2] = gfn_of(others) + 1;
    set_xen_guest_handle(r.extent_start, page);
    {
        int64_t done = memory_op(XENMEM_decrease_reservation, &r);

        EXPECT(done == 2 || done == 3);
        EXPECT_EQ(owned(), before - done);
    }
}

/* Above what the domain may own (max_mem), memory comes up to there only. */
static void test_limit(void)
{
    struct xen_memory_domain d = {.domid = DOMID_SELF};
    int64_t most = memory_op(XENMEM_maximum_reservation, &d);
    int64_t before = owned(), done = 0, rc;
    uint64_t hole = hole_alloc(2048);

    test_section("up to the limit");
    print("owns %ld of %ld\n", before, most);
    if (most - before > 1024) {
        print("the limit is too far away\n");
        return;
    }
    do {
        rc = populate(hole + done, BATCH, 0);
        EXPECT(rc >= 0 && rc <= BATCH);
        done += rc;
    } while (rc == BATCH);
    EXPECT_EQ(before + done, most);
    EXPECT_EQ(owned(), most);
    EXPECT_EQ(populate(hole + done, 1, 0), 0);
    for (int64_t i = 0; i < done; i++) {
        EXPECT_EQ(decrease(hole + i, 1, 0), 1);
    }
    EXPECT_EQ(owned(), before);
}

void test_main(void)
{
    test_batches();
    test_holes();
    test_orders();
    test_misaligned();
    test_bad_extents();
    test_list_in_page();
    test_limit();
    if (is_privileged()) {
        expect_clean_audit();
    }
}
