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

static unsigned length(const struct page_list *l)
{
    const struct page *pg;
    unsigned n = 0;

    page_list_for_each (pg, l) {
        n++;
    }
    return n;
}

TEST(the_cache_grows_in_superpages_then_in_pages)
{
    start(2000);
    EXPECT_EQ(pod_set_cache(&pod, 1030, ~0ULL), 0);
    EXPECT_EQ(pod.cache_count, 1030);
    EXPECT_EQ(length(&pod.super), 2);
    EXPECT_EQ(length(&pod.single), 6);
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
    EXPECT(page_list_empty(&pod.super));
    EXPECT_EQ(length(&pod.single), 512);
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

TEST(pages_that_are_zero_are_taken_first)
{
    struct page *dirty, *pg;

    start(2000);
    EXPECT_EQ(pod_set_cache(&pod, 3, ~0ULL), 0);
    dirty = take(ORDER_4K);
    machine_scribble(dirty, ORDER_4K);
    give(dirty, ORDER_4K);
    EXPECT(take(ORDER_4K) != dirty);
    EXPECT(take(ORDER_4K) != dirty);
    EXPECT_EQ(pod.counters.pages_cleared, 0);
    pg = take(ORDER_4K);
    EXPECT(pg == dirty && machine_is_zero(pg, ORDER_4K));
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
    EXPECT_EQ(length(&pod.single), 511);
    check();
}

TEST(orders_between_are_cut_to_pages)
{
    struct page *pg;

    start(2000);
    pg = page_alloc_guest(&a, 5);
    give(pg, 5);
    EXPECT_EQ(pod.cache_count, 32);
    EXPECT_EQ(length(&pod.single), 32);
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
    EXPECT_EQ(length(&pod.super), 1);
    EXPECT_EQ(length(&pod.single), 10);
    EXPECT_EQ(pod.counters.cache_freed, 512);
    EXPECT_EQ(a.page_count, 522);
    check();
    promise(-5);
    EXPECT_EQ(shrink(~0ULL), 0);
    EXPECT_EQ(length(&pod.super), 1);
    EXPECT_EQ(length(&pod.single), 5);
    promise(-507);
    EXPECT_EQ(shrink(~0ULL), 0);
    EXPECT_EQ(pod.cache_count, 10);
    check();
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
    pg = page_list_first(&pod.single);
    memset((char *)page_map(pg) + 4095, 1, 1);
    EXPECT_EQ(pod_audit_locked(&pod), 1);
    pg->references = 2;
    EXPECT_EQ(pod_audit_locked(&pod), 2);
    pg->references = 1;
    pg->owner++;
    EXPECT_EQ(pod_audit_locked(&pod), 2);
}
