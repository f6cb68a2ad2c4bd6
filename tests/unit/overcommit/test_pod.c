/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include "overcommit/pod.h"
#include "types/bits.h"
#include "types/error.h"

static struct account a;
static struct pod pod;

static void start(uint64_t max_pages)
{
    machine_start(0x2000);
    machine_account(&a, 1, max_pages);
    pod_init(&pod, &a);
}

static void check(void)
{
    fake_console_clear();
    lock(&pod.lock);
    if (pod_audit_locked(&pod)) {
        FAIL("%s", fake_console_output());
    }
    unlock(&pod.lock);
    machine_check();
}

static struct page *take(unsigned order)
{
    struct page *pg;

    lock(&pod.lock);
    pg = pod_take_locked(&pod, order);
    unlock(&pod.lock);
    return pg;
}

static void give(struct page *pg, unsigned order)
{
    lock(&pod.lock);
    pod_give_locked(&pod, pg, order);
    unlock(&pod.lock);
}

static void promise(int64_t count)
{
    lock(&pod.lock);
    pod_entries_locked(&pod, count);
    unlock(&pod.lock);
}

static int shrink(uint64_t max)
{
    int rc;

    lock(&pod.lock);
    rc = pod_shrink_to_entries_locked(&pod, max);
    unlock(&pod.lock);
    return rc;
}

/* Pages that are cached in blocks smaller than a superpage. */
static uint64_t singles(void)
{
    return pod.cache_count - 512 * pod.counters.superpages_cached;
}

TEST(the_cache_grows_in_superpages_then_in_pages)
{
    start(2000);
    EXPECT_EQ(pod_set_cache(&pod, 1030, ~0ULL), 0);
    EXPECT_EQ(pod.cache_count, 1030);
    EXPECT_EQ(pod.counters.superpages_cached, 2);
    EXPECT_EQ(singles(), 6);
    EXPECT_EQ(a.page_count, 1030);
    EXPECT_EQ(pod.counters.pages_cleared, 0);
    check();
}

TEST(growing_goes_on_where_it_stopped)
{
    unsigned calls = 1;

    start(2000);
    while (pod_set_cache(&pod, 1500, 512) == -ERESTART) {
        calls++;
        check();
    }
    EXPECT_EQ(pod.cache_count, 1500);
    EXPECT_EQ(calls, 3);
    check();
}

TEST(growing_stops_at_the_limit_and_keeps_what_it_has)
{
    start(700);
    EXPECT_EQ(pod_set_cache(&pod, 1024, ~0ULL), -ENOMEM);
    EXPECT_EQ(pod.cache_count, 700);
    check();
}

TEST(growing_falls_back_to_pages)
{
    start(2000);
    page_alloc_fail_nth(1);
    EXPECT_EQ(pod_set_cache(&pod, 512, ~0ULL), 0);
    EXPECT_EQ(a.page_count, 512);
    check();
}

TEST(what_is_taken_is_zero)
{
    struct page *pg;

    start(2000);
    EXPECT_EQ(pod_set_cache(&pod, 513, ~0ULL), 0);
    promise(513);
    pg = take(ORDER_2M);
    EXPECT(pg && machine_is_zero(pg, ORDER_2M));
    EXPECT_EQ(pod.cache_count, 1);
    EXPECT(!take(ORDER_2M));
    machine_scribble(pg, ORDER_2M);
    give(pg, ORDER_2M);
    EXPECT_EQ(pod.cache_count, 513);
    check();
    EXPECT_EQ(pod.counters.pages_cleared, 0);
    pg = take(ORDER_2M);
    EXPECT(machine_is_zero(pg, ORDER_2M));
    EXPECT_EQ(pod.counters.pages_cleared, 512);
    check();
}

/* Of blocks of one size; none of these has its other half in the cache. */
TEST(pages_that_are_zero_are_taken_first)
{
    struct page *pg, *block;

    start(2000);
    block = page_alloc_guest(&a, 3);
    machine_scribble(block + 2, ORDER_4K);
    block[2].flags &= (uint8_t)~PAGE_ZEROED;
    give(block + 0, ORDER_4K);
    give(block + 2, ORDER_4K);
    give(block + 4, ORDER_4K);
    EXPECT(take(ORDER_4K) != block + 2);
    EXPECT(take(ORDER_4K) != block + 2);
    EXPECT_EQ(pod.counters.pages_cleared, 0);
    pg = take(ORDER_4K);
    EXPECT(pg == block + 2 && machine_is_zero(pg, ORDER_4K));
    EXPECT(!take(ORDER_4K));
    EXPECT_EQ(pod.counters.pages_cleared, 1);
    check();
}

TEST(a_superpage_is_broken_when_there_are_no_pages)
{
    start(2000);
    EXPECT_EQ(pod_set_cache(&pod, 512, ~0ULL), 0);
    EXPECT(take(ORDER_4K));
    EXPECT_EQ(pod.cache_count, 511);
    EXPECT_EQ(singles(), 511);
    check();
}

TEST(orders_between_are_one_block)
{
    struct page *pg;

    start(2000);
    pg = page_alloc_guest(&a, 5);
    give(pg, 5);
    EXPECT_EQ(pod.cache_count, 32);
    EXPECT(page_list_first(&pod.blocks[5]) == pg);
    check();
}

/* P12: whole superpages first, from an excess of 512 on. */
TEST(an_excess_of_512_costs_one_superpage)
{
    start(4000);
    EXPECT_EQ(pod_set_cache(&pod, 1024 + 10, ~0ULL), 0);
    promise(522);
    EXPECT_EQ(shrink(~0ULL), 0);
    EXPECT_EQ(pod.cache_count, 522);
    EXPECT_EQ(pod.counters.superpages_cached, 1);
    EXPECT_EQ(singles(), 10);
    EXPECT_EQ(pod.counters.cache_freed, 512);
    EXPECT_EQ(a.page_count, 522);
    check();
    promise(-5);
    EXPECT_EQ(shrink(~0ULL), 0);
    EXPECT_EQ(pod.counters.superpages_cached, 1);
    EXPECT_EQ(singles(), 5);
    EXPECT_EQ(pod.counters.superpages_broken, 0);
    promise(-507);
    EXPECT_EQ(shrink(~0ULL), 0);
    EXPECT_EQ(pod.cache_count, 10);
    EXPECT_EQ(pod.counters.superpages_broken, 1);
    check();
}

/* Whatever is cached: superpages break only for what is less than one. */
TEST(an_excess_of_superpages_breaks_none)
{
    struct page *taken[100];
    unsigned count = 0;
    uint64_t seed = 12;

    start(8000);
    for (unsigned round = 0; round < 50; round++) {
        uint64_t cached =
            512 * unit_random_below(&seed, 8) + unit_random_below(&seed, 2000);
        uint64_t excess = 512 * unit_random_below(&seed, cached / 512 + 1);

        EXPECT_EQ(pod_set_cache(&pod, cached, ~0ULL), 0);
        for (unsigned i = 0; i < 100 && pod.cache_count; i++) {
            taken[i] = take(ORDER_4K); /* some ranges are broken */
            count = i + 1;
        }
        cached = pod.cache_count;
        excess = MIN(excess, cached & ~511ULL);
        pod.counters.superpages_broken = 0;
        promise((int64_t)(cached - excess));
        while (shrink(512)) {
            check();
        }
        EXPECT_EQ(pod.cache_count, cached - excess);
        EXPECT_EQ(pod.counters.superpages_broken, 0);
        promise(-(int64_t)(cached - excess));
        EXPECT_EQ(shrink(~0ULL), 0);
        while (count) {
            page_release(taken[--count], 1);
        }
        check();
    }
}

TEST(shrinking_goes_on_where_it_stopped)
{
    start(4000);
    EXPECT_EQ(pod_set_cache(&pod, 1500, ~0ULL), 0);
    EXPECT_EQ(shrink(512), -ERESTART);
    check();
    EXPECT_EQ(shrink(512), -ERESTART);
    EXPECT_EQ(shrink(512), 0);
    EXPECT_EQ(pod.cache_count, 0);
    EXPECT_EQ(a.page_count, 0);
    check();
}

/* P7: 512 pages that come back one by one, in any order. */
TEST(single_pages_become_a_superpage_again)
{
    struct page *pg;

    start(2000);
    EXPECT_EQ(pod_set_cache(&pod, 1024, ~0ULL), 0);
    pg = take(ORDER_2M);
    page_split_block(pg);
    for (unsigned i = 0; i < 512; i++) {
        EXPECT_EQ(pod.counters.superpages_cached, 1);
        give(pg + i * 77 % 512, ORDER_4K);
    }
    EXPECT_EQ(pod.counters.superpages_cached, 2);
    EXPECT_EQ(pod.counters.superpages_reformed, 1);
    check();
    EXPECT_EQ(pod.counters.pages_cleared, 0);
    EXPECT(take(ORDER_2M) && take(ORDER_2M));
    EXPECT_EQ(pod.counters.superpages_broken, 0);
    EXPECT_EQ(pod.counters.pages_cleared, 0);
    check();
}

TEST(single_pages_come_from_what_is_broken_most)
{
    struct page *whole, *half, *odd;

    start(4000);
    whole = page_alloc_guest(&a, ORDER_2M);
    half = page_alloc_guest(&a, ORDER_2M);
    odd = page_alloc_guest(&a, 2);
    page_split_block(half);
    give(whole, ORDER_2M);
    give(odd + 3, ORDER_4K);
    give(half + 256, 8);
    EXPECT(take(ORDER_4K) == odd + 3);
    for (unsigned i = 0; i < 256; i++) {
        struct page *pg = take(ORDER_4K);

        EXPECT(pg >= half + 256 && pg < half + 512);
    }
    EXPECT_EQ(pod.counters.superpages_broken, 0);
    EXPECT_EQ(pod.counters.superpages_cached, 1);
    EXPECT(take(ORDER_4K));
    EXPECT_EQ(pod.counters.superpages_broken, 1);
    EXPECT_EQ(singles(), 511);
    check();
}

TEST(a_page_can_be_asked_for)
{
    struct page *block, *pg;

    start(2000);
    block = page_alloc_guest(&a, 6);
    give(block, 6);
    lock(&pod.lock);
    EXPECT(!pod_take_at_locked(&pod, mfn_add(page_to_mfn(block), 64)));
    EXPECT(!pod_take_at_locked(&pod, MFN(~0ULL)));
    pg = pod_take_at_locked(&pod, mfn_add(page_to_mfn(block), 37));
    EXPECT(pg == block + 37);
    EXPECT_EQ(pg->state, PAGE_GUEST);
    EXPECT(!pod_take_at_locked(&pod, page_to_mfn(pg)));
    unlock(&pod.lock);
    EXPECT_EQ(pod.cache_count, 63);
    check();
    give(pg, ORDER_4K);
    EXPECT(page_list_first(&pod.blocks[6]) == block);
    check();
}

/* Single pages come from one block in turn; what is left of it is whole again
 * as soon as a neighbour comes, or is asked for from its middle. */
TEST(single_pages_come_from_one_block_in_turn)
{
    struct page *block, *pg[3], *far;

    start(2000);
    block = page_alloc_guest(&a, ORDER_2M);
    give(block, ORDER_2M);
    lock(&pod.lock);
    for (unsigned i = 0; i < 3; i++) {
        pg[i] = pod_take_locked(&pod, ORDER_4K);
        EXPECT(pg[i] == block + i);
    }
    EXPECT_EQ(pod.run_count, 509);
    EXPECT(!pod_take_at_locked(&pod, MFN(~0ULL)));
    EXPECT(pod_take_at_locked(&pod, page_to_mfn(block + 3)) == block + 3);
    EXPECT_EQ(pod.run_count, 508);
    unlock(&pod.lock);
    check();
    lock(&pod.lock);
    far = pod_take_at_locked(&pod, page_to_mfn(block + 300));
    EXPECT(far == block + 300);
    EXPECT_EQ(pod.run_count, 0);
    unlock(&pod.lock);
    EXPECT_EQ(pod.cache_count, 507);
    check();
    give(far, ORDER_4K);
    give(block + 3, ORDER_4K);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(pod_has_superpage(&pod), 0);
        give(pg[i], ORDER_4K);
        check();
    }
    EXPECT(pod_has_superpage(&pod));
    EXPECT(page_list_first(&pod.blocks[ORDER_2M]) == block);
}

/* The other half belongs to somebody else's cache. */
TEST(caches_do_not_merge_with_each_other)
{
    static struct account other_account;
    static struct pod other;
    struct page *block, *theirs;

    start(2000);
    machine_account(&other_account, 2, 100);
    pod_init(&other, &other_account);
    block = page_alloc_guest(&a, 1);
    page_release(block + 1, 1);
    theirs = page_alloc_guest(&other_account, 0);
    EXPECT(theirs == block + 1);
    give(block, ORDER_4K);
    lock(&other.lock);
    pod_give_locked(&other, theirs, ORDER_4K);
    EXPECT_EQ(pod_audit_locked(&other), 0);
    EXPECT(!pod_take_at_locked(&other, page_to_mfn(block)));
    unlock(&other.lock);
    check();
}

/* P13: what is known to be zero is not cleared, what is not is cleared once,
 * also in a superpage that is of both kinds. */
TEST(each_page_is_cleared_once)
{
    struct page *pg;

    start(2000);
    EXPECT_EQ(pod_set_cache(&pod, 512, ~0ULL), 0);
    pg = take(ORDER_2M);
    page_split_block(pg);
    for (unsigned i = 0; i < 512; i++) {
        if (i % 8) {
            pg[i].flags |= PAGE_ZEROED; /* as the search would */
        } else {
            machine_scribble(&pg[i], ORDER_4K);
            pg[i].flags &= (uint8_t)~PAGE_ZEROED;
        }
        give(pg + i, ORDER_4K);
    }
    check();
    pg = take(ORDER_2M);
    EXPECT(pg && machine_is_zero(pg, ORDER_2M));
    EXPECT_EQ(pod.counters.pages_cleared, 64);
    EXPECT_EQ(pod.counters.cache_entered, 1024);
}

TEST(a_page_of_the_cache_becomes_a_table)
{
    struct page *pg;
    uint64_t free_before;

    start(2000);
    EXPECT_EQ(pod_set_cache(&pod, 512, ~0ULL), 0);
    pg = take(ORDER_2M);
    machine_scribble(pg, ORDER_2M);
    pg->flags &= (uint8_t)~PAGE_ZEROED;
    give(pg, ORDER_2M);
    free_before = page_alloc_info().free;
    lock(&pod.lock);
    pg = pod_take_table_locked(&pod);
    unlock(&pod.lock);
    EXPECT(pg && machine_is_zero(pg, 0));
    EXPECT_EQ(pg->state, PAGE_TABLE);
    EXPECT_EQ(a.table_count, 1);
    EXPECT_EQ(a.page_count, 511);
    EXPECT_EQ(pod.cache_count, 511);
    EXPECT_EQ(page_alloc_info().free, free_before);
    check();
    a.table_limit = 1;
    lock(&pod.lock);
    EXPECT(!pod_take_table_locked(&pod));
    unlock(&pod.lock);
    EXPECT_EQ(pod.cache_count, 511);
    check();
    page_free_table(&a, pg);
    EXPECT_EQ(page_alloc_info().free, free_before + 1);
    check();
}

TEST(it_can_be_emptied_in_slices)
{
    uint64_t free_before;

    start(4000);
    free_before = page_alloc_info().free;
    EXPECT_EQ(pod_set_cache(&pod, 700, ~0ULL), 0);
    while (pod_empty(&pod, 100) == -ERESTART) {
        check();
    }
    EXPECT_EQ(pod.cache_count, 0);
    EXPECT_EQ(page_alloc_info().free, free_before);
    check();
}

TEST(every_allocation_may_fail)
{
    start(4000);
    for (uint64_t n = 1; n < 20; n++) {
        uint64_t before = pod.cache_count;
        int rc;

        page_alloc_fail_nth(n);
        rc = pod_set_cache(&pod, before + 8, ~0ULL);
        page_alloc_fail_nth(0);
        EXPECT_EQ(rc, n <= 8 ? -ENOMEM : 0);
        EXPECT_EQ(pod.cache_count, before + (n <= 8 ? n - 1 : 8));
        check();
    }
}

TEST(the_audit_sees_what_is_wrong)
{
    struct page *pg;
    unsigned clean;

    start(4000);
    EXPECT_EQ(pod_set_cache(&pod, 5, ~0ULL), 0);
    lock(&pod.lock);
    clean = pod_audit_locked(&pod);
    EXPECT_EQ(clean, 0);
    pod.cache_count++;
    EXPECT_EQ(pod_audit_locked(&pod), 1);
    pod.cache_count--;
    pg = page_list_first(&pod.blocks[0]);
    memset((char *)page_map(pg) + 4095, 1, 1);
    EXPECT_EQ(pod_audit_locked(&pod), 1);
    pg->references = 2;
    EXPECT_EQ(pod_audit_locked(&pod), 2);
    pg->references = 1;
    pg->owner++;
    EXPECT_EQ(pod_audit_locked(&pod), 2);
}
