/* SPDX-License-Identifier: MIT */
/* The model of Xen's rules (xen_rules.h) against what the specification says
 * about them, each by its number: it is what we compare ourselves with. */
#include "types/bits.h"
#include "types/error.h"
#include "unit.h"
#include "xen_rules.h"

static struct xen_rules x;

/* Regions of 2 MiB that are promised, and pages in the cache. */
static void start(uint64_t regions, uint64_t cache)
{
    xen_start(&x, 64 * XEN_PAGES, 64 * XEN_PAGES);
    EXPECT_EQ(xen_set_target(&x, cache), 0);
    for (uint64_t i = 0; i < regions; i++) {
        EXPECT_EQ(xen_mark(&x, i * XEN_PAGES, ORDER_2M), XEN_PAGES);
    }
}

static void expect_counts(uint64_t entries, uint64_t cached, uint64_t charged)
{
    EXPECT_EQ(x.entries, entries);
    EXPECT_EQ(x.cached, cached);
    EXPECT_EQ(x.charged, charged);
    if (xen_audit(&x)) {
        FAIL("%s", xen_audit(&x));
    }
}

/* What a page holds from there on: 0 is nothing. */
static void write_at(uint64_t gfn, uint16_t first_byte)
{
    uint32_t mfn;

    EXPECT(xen_touch(&x, gfn, &mfn));
    x.contents[mfn] = first_byte;
}

/* POD-1.18, row by row. */
TEST(what_each_event_changes)
{
    uint32_t mfn;

    start(2, 700);
    expect_counts(1024, 700, 700);
    EXPECT(xen_touch(&x, 3, &mfn)); /* 2M */
    expect_counts(512, 188, 700);
    EXPECT(xen_touch(&x, 515, &mfn)); /* 4K: no superpage is left */
    expect_counts(511, 187, 700);
    EXPECT_EQ(xen_decrease(&x, 516, 0), 1);
    expect_counts(510, 187, 700);
    x.contents[0] = 1; /* or the whole 2 MiB would be taken back */
    EXPECT_EQ(xen_decrease(&x, 3, 0), 1);
    expect_counts(510, 188, 700);
    EXPECT_EQ(xen_set_target(&x, 710), 0);
    expect_counts(510, 198, 710);
    EXPECT_EQ(xen_populate(&x, 517, 0), 1);
    expect_counts(509, 198, 711);
    xen_end(&x);
}

/* POD-2.7..2.11, 2.26: nothing is zero, so the guest ends. */
TEST(the_cache_is_dry)
{
    uint32_t mfn;

    start(2, 512);
    for (uint64_t gfn = 0; gfn < 512; gfn++) {
        write_at(gfn, 1);
    }
    EXPECT(!xen_touch(&x, 512, &mfn));
    EXPECT(x.dead);
    EXPECT_EQ(x.counters.oom_events, 1);
    xen_end(&x);
}

/* Regions 0..count-1 full of data, and nothing new in the ring. */
static void start_full(uint64_t count)
{
    uint32_t mfn;

    start(count + 1, count * XEN_PAGES);
    for (uint64_t gfn = 0; gfn < count * XEN_PAGES; gfn++) {
        write_at(gfn, 1);
    }
    EXPECT(!xen_touch(&x, count * XEN_PAGES, &mfn));
    x.dead = false;
}

/* POD-3.16, 3.17: downwards, 1024 gfns at least. */
TEST(a_sweep_goes_down)
{
    uint64_t visited;

    start_full(8);
    write_at(7 * XEN_PAGES - 1, 0);
    visited = x.counters.sweep_gfns_visited;
    write_at(8 * XEN_PAGES, 1);
    EXPECT_EQ(x.counters.reclaimed_4k, 1);
    EXPECT_EQ(x.counters.sweep_gfns_visited - visited, 1026);
    xen_end(&x);
}

/* POD-3.19 */
TEST(an_interrupt_ends_the_search)
{
    uint32_t mfn;

    start_full(8);
    write_at(100, 0);
    x.interrupt_pending = true;
    EXPECT(!xen_touch(&x, 8 * XEN_PAGES, &mfn));
    x.dead = x.interrupt_pending = false;
    EXPECT(xen_touch(&x, 8 * XEN_PAGES, &mfn));
    xen_end(&x);
}

/* POD-3.20 */
TEST(a_sweep_does_not_wrap)
{
    uint32_t mfn;

    start_full(8);
    write_at(3000, 0);
    x.sweep_start = 2999;
    EXPECT(!xen_touch(&x, 8 * XEN_PAGES, &mfn));
    EXPECT(x.dead);
    xen_end(&x);
}

/* POD-3.7, 3.8, 3.15: 128 bytes of zeros cost the superpage. */
TEST(a_page_that_begins_with_zeros)
{
    start(3, 1024);
    for (uint64_t gfn = 0; gfn < 1024; gfn++) {
        write_at(gfn, gfn == 700 ? 129 : 1);
    }
    EXPECT_EQ(xen_mapped_superpages(&x), 2);
    write_at(701, 0);
    x.counters = (struct pod_counters){0};
    write_at(1024, 1);
    EXPECT_EQ(x.counters.unmaps, 2);
    EXPECT_EQ(x.counters.unmaps_restored, 1);
    EXPECT_EQ(x.counters.tlb_flushes_reclaim, 2); /* POD-3.10 */
    EXPECT_EQ(xen_mapped_superpages(&x), 1);
    xen_end(&x);
}

/* POD-3.4: a page that somebody else maps stays. */
TEST(a_page_with_a_second_user)
{
    uint32_t mapped, mfn;

    start_full(2);
    write_at(100, 0);
    EXPECT(xen_map(&x, 100, &mapped));
    EXPECT(!xen_touch(&x, 1024, &mfn));
    x.dead = false;
    xen_unmap(&x, mapped);
    EXPECT(xen_touch(&x, 1024, &mfn));
    xen_end(&x);
}

/* POD-2.19, 2.20: once for each page that was populated. */
TEST(the_ring_is_looked_at_first)
{
    start(40, 512 * 33);
    for (uint64_t i = 0; i < 33; i++) {
        write_at(i * XEN_PAGES, i == 0 ? 0 : 1);
    }
    /* The 33rd had the first in its slot. */
    EXPECT_EQ(x.counters.eager_checked, 512);
    EXPECT_EQ(x.counters.reclaimed_2m, 1);
    EXPECT_EQ(x.counters.sweep_gfns_visited, 0);
    xen_end(&x);
}

/* POD-3.21: what lies above the gfn that faulted last is not looked at. */
TEST(the_end_of_the_last_superpage)
{
    uint32_t mfn;

    start_full(2);
    write_at(700, 0);
    EXPECT(!xen_touch(&x, 1024, &mfn));
    xen_end(&x);
}

/* POD-4.8, case d: the 2 MiB around a page of zeros come back whole. */
TEST(ballooning_out_of_zeros)
{
    start(3, 600);
    write_at(5, 0);
    EXPECT_EQ(xen_decrease(&x, 5, 0), 1);
    expect_counts(1535, 600, 600);
    EXPECT_EQ(x.super.count, 1);
    xen_end(&x);
}

/* POD-4.9: an excess of exactly 512 is paid in singles. */
TEST(an_excess_of_a_superpage)
{
    start(2, 1024);
    EXPECT_EQ(x.super.count, 2);
    EXPECT_EQ(xen_decrease(&x, 0, ORDER_2M), 512);
    expect_counts(512, 512, 512);
    EXPECT_EQ(x.free_single.count, 512);
    xen_end(&x);
}

/* POD-4.10 and 2.17: what want of a table does. */
TEST(no_tables)
{
    uint32_t mfn;

    start(2, 300);
    x.fail_nth = 1;
    EXPECT_EQ(xen_decrease(&x, 8, 3), 0);
    EXPECT(x.dead);
    x.dead = false;
    x.fail_nth = 1;
    EXPECT(!xen_touch(&x, 600, &mfn));
    EXPECT(!x.dead);
    EXPECT_EQ(x.accesses_emulated, 1);
    expect_counts(1024, 300, 300);
    xen_end(&x);
}

/* POD-4.18 */
TEST(a_stranded_cache)
{
    start(0, 10);
    for (uint64_t gfn = 0; gfn < 20; gfn++) {
        EXPECT_EQ(xen_mark(&x, gfn, 0), 1);
    }
    for (uint64_t gfn = 0; gfn < 20; gfn++) {
        EXPECT_EQ(xen_populate(&x, gfn, 0), 1);
    }
    expect_counts(0, 10, 30);
    EXPECT_EQ(xen_set_target(&x, 40), 0);
    expect_counts(0, 10, 30);
    xen_end(&x);
}

/* POD-4.28 */
TEST(targets)
{
    start(4, 600);
    x.max_pages = 2000;
    EXPECT_EQ(xen_set_target(&x, 2001), -EINVAL);
    EXPECT_EQ(xen_set_target(&x, 599), 0);
    expect_counts(2048, 600, 600);
    write_at(0, 1);
    EXPECT_EQ(xen_set_target(&x, 700), 0);
    expect_counts(1536, 188, 700);
    for (uint64_t i = 1; i < 4; i++) {
        EXPECT_EQ(xen_decrease(&x, i * XEN_PAGES, ORDER_2M), 512);
    }
    expect_counts(0, 0, 512);
    EXPECT_EQ(xen_set_target(&x, 700), 0); /* all promises are kept */
    expect_counts(0, 0, 512);
    xen_end(&x);
}

/* POD-4.35 and 9.17: pages that are charged and mapped nowhere. */
TEST(orphans)
{
    start(1, 20);
    EXPECT(xen_remove(&x, 7));
    EXPECT_EQ(x.orphans, 1);
    expect_counts(511, 19, 20);
    EXPECT(xen_touch(&x, 8, NULL));
    EXPECT_EQ(xen_populate(&x, 8, 0), 1);
    EXPECT_EQ(x.orphans, 2);
    expect_counts(510, 18, 21);
    xen_end(&x);
}

/* POD-4.21 and 9.9 */
TEST(calls_that_end_the_guest)
{
    start(1, 20);
    EXPECT(xen_add_other(&x, 600));
    EXPECT_EQ(xen_populate(&x, 600, 0), 0);
    EXPECT(x.dead);
    x.dead = false;
    EXPECT_EQ(xen_mark(&x, 1ULL << 40, 9), 0);
    EXPECT(x.dead);
    xen_end(&x);
}
