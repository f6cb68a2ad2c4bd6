/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include "mm/page_list.h"
#include "types/bits.h"
#include "types/error.h"

static struct account alice, bob;

static uint64_t free_pages(void)
{
    return page_alloc_info().free;
}

static void start(uint64_t pages)
{
    machine_start(pages);
    machine_account(&alice, 1, 1ULL << 40);
    machine_account(&bob, 2, 1ULL << 40);
}

/* The largest block that can be had now, without keeping it. */
static int largest_order(void)
{
    for (int order = MAX_ORDER; order >= 0; order--) {
        struct page *pg = page_alloc(PAGE_HEAP, (unsigned)order);

        if (pg) {
            page_free(pg, (unsigned)order);
            return order;
        }
    }
    return -1;
}

TEST(splits_and_merges)
{
    struct page *pg[64];
    uint64_t before;
    int largest;

    start(0x4000);
    before = free_pages();
    largest = largest_order();
    EXPECT_EQ(largest, 13);
    for (unsigned i = 0; i < 64; i++) {
        unsigned order = i % 5;

        pg[i] = page_alloc(PAGE_HEAP, order);
        EXPECT(pg[i]);
        EXPECT_EQ(page_to_mfn(pg[i]).v % BIT(order), 0);
        machine_check();
    }
    for (unsigned i = 0; i < 64; i += 2) {
        page_free(pg[i], i % 5);
    }
    machine_check();
    for (unsigned i = 1; i < 64; i += 2) {
        page_free(pg[i], i % 5);
    }
    EXPECT_EQ(free_pages(), before);
    EXPECT_EQ(largest_order(), largest);
    machine_check();
}

TEST(a_small_request_leaves_large_blocks_whole)
{
    struct page *pg[16];

    start(0x4000);
    /* All singles come out of one block of 16, not of one block each. */
    for (unsigned i = 0; i < 16; i++) {
        pg[i] = page_alloc(PAGE_HEAP, 0);
        EXPECT(pg[i]);
    }
    for (unsigned i = 1; i < 16; i++) {
        EXPECT_EQ(page_to_mfn(pg[i]).v / 64, page_to_mfn(pg[0]).v / 64);
    }
    EXPECT_EQ(largest_order(), 13);
}

TEST(hands_out_all_and_then_says_no)
{
    uint64_t before, count = 0;
    struct page_list all = {0, 0};
    struct page *pg;

    start(0x800);
    before = free_pages();
    while ((pg = page_alloc(PAGE_HEAP, 0)) != NULL) {
        page_list_add(&all, pg);
        count++;
    }
    EXPECT_EQ(count, before);
    EXPECT_EQ(free_pages(), 0);
    EXPECT(!page_alloc_guest(&alice, 0));
    EXPECT(!page_alloc_special(&alice));
    while ((pg = page_list_take(&all))) {
        page_free(pg, 0);
    }
    EXPECT_EQ(free_pages(), before);
    machine_check();
}

TEST(every_page_is_zero_whoever_had_it)
{
    struct page *head, *pg;

    start(0x1000);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned order = 0; order <= 10; order++) {
            head = page_alloc_guest(&alice, order);
            EXPECT(head);
            EXPECT(machine_is_zero(head, order));
            machine_scribble(head, order);
            page_release(head, BIT(order));
            pg = page_alloc(PAGE_HEAP, order);
            EXPECT(machine_is_zero(pg, order));
            machine_scribble(pg, order);
            page_free(pg, order);
            machine_check();
        }
        pg = page_alloc_table(&alice);
        EXPECT(machine_is_zero(pg, 0));
        machine_scribble(pg, 0);
        page_free_table(&alice, pg);
        pg = page_alloc_special(&bob);
        EXPECT(machine_is_zero(pg, 0));
        machine_scribble(pg, 0);
        page_put(pg);
    }
    machine_check();
}

TEST(a_gigabyte_block)
{
    struct page *head;

    machine_start_clean(3ULL << ORDER_1G);
    machine_account(&alice, 1, 1ULL << 20);
    head = page_alloc_guest(&alice, ORDER_1G);
    EXPECT(head);
    EXPECT_EQ(page_to_mfn(head).v % BIT(ORDER_1G), 0);
    EXPECT_EQ(alice.page_count, BIT(ORDER_1G));
    machine_check();
    page_release(head, 1024);
    EXPECT_EQ(alice.page_count, BIT(ORDER_1G) - 1024);
    page_release(head + 1024, BIT(ORDER_1G) - 1024);
    machine_check();
    EXPECT_EQ(largest_order(), ORDER_1G);
}

TEST(guest_pages_are_charged)
{
    struct page *pg;

    start(0x1000);
    alice.max_pages = 20;
    pg = page_alloc_guest(&alice, 4);
    EXPECT(pg);
    for (unsigned i = 0; i < 16; i++) {
        EXPECT_EQ(pg[i].state, PAGE_GUEST);
        EXPECT_EQ(pg[i].references, 1);
        EXPECT_EQ(pg[i].gfn, ~0ULL);
        EXPECT_EQ(pg[i].flags, PAGE_ALLOCATED | PAGE_ZEROED);
        EXPECT(page_is_of(&pg[i], &alice));
    }
    EXPECT_EQ(alice.page_count, 16);
    EXPECT(!page_alloc_guest(&alice, 3));
    EXPECT(page_alloc_guest(&alice, 2));
    EXPECT(!page_alloc_guest(&alice, 0));
    alice.max_pages = 5;
    EXPECT(!page_alloc_guest(&alice, 0));
    machine_check();
    alice.max_pages = 100;
    account_set_dying(&alice);
    EXPECT(!page_alloc_guest(&alice, 0));
    EXPECT_EQ(alice.page_count, 20);
    machine_check();
}

TEST(tables_have_a_budget)
{
    struct page *one, *two;

    start(0x1000);
    alice.table_limit = 2;
    one = page_alloc_table(&alice);
    two = page_alloc_table(&alice);
    EXPECT(one && two);
    EXPECT(!page_alloc_table(&alice));
    EXPECT_EQ(alice.page_count, 0);
    machine_check();
    page_free_table(&alice, one);
    EXPECT(page_alloc_table(&alice) != NULL);
    EXPECT_EQ(alice.table_count, 2);
    alice.table_limit = 0;
    EXPECT(page_alloc_table(&alice) != NULL);
    machine_check();
}

TEST(the_cache_keeps_the_charge_and_the_zeroes)
{
    uint64_t before;
    struct page *pg;

    start(0x1000);
    before = free_pages();
    pg = page_alloc_guest(&alice, 9);
    EXPECT(pg);
    page_guest_to_cache(pg, 9);
    EXPECT_EQ(alice.page_count, 512);
    EXPECT_EQ(pg[0].order, 9);
    machine_check();
    page_split_block(pg);
    EXPECT_EQ(pg[0].order, 0);
    EXPECT_EQ(pg[511].state, PAGE_CACHE);
    EXPECT_EQ(pg[511].flags, PAGE_ZEROED);
    machine_check();
    page_cache_to_guest(pg, 0);
    EXPECT_EQ(pg[0].flags, PAGE_ZEROED | PAGE_ALLOCATED);
    machine_scribble(pg, 0);
    page_guest_to_cache(pg, 0);
    EXPECT_EQ(pg[0].flags, 0);
    machine_check();
    page_free_cache(pg, 9);
    EXPECT_EQ(alice.page_count, 0);
    EXPECT_EQ(free_pages(), before);
    /* One page of the block was dirty; the rest need no clearing again. */
    EXPECT_EQ(page_alloc_info().dirty, before - 511);
    machine_check();
}

TEST(scrubbing_makes_all_clean)
{
    struct page *pg;
    uint64_t before;

    start(0x1000);
    before = free_pages();
    EXPECT_EQ(page_alloc_info().dirty, before);
    EXPECT_EQ(page_scrub_some(100), 112);
    machine_check();
    while (page_scrub_some(512)) {
        machine_check();
    }
    EXPECT_EQ(page_alloc_info().dirty, 0);
    EXPECT_EQ(free_pages(), before);
    pg = page_alloc(PAGE_HEAP, 10);
    EXPECT(machine_is_zero(pg, 10));
    page_free(pg, 10);
    EXPECT_EQ(page_alloc_info().dirty, BIT(10));
    while (page_scrub_some(1)) {
        machine_check();
    }
    EXPECT_EQ(page_alloc_info().dirty, 0);
    EXPECT_EQ(largest_order(), 11);
}

TEST(clean_pages_stay_clean_through_merging)
{
    struct page *pg;
    uint64_t before, dirty;

    start(0x1000);
    before = free_pages();
    while (page_scrub_some(512)) {
    }
    pg = page_alloc(PAGE_HEAP, 0);
    page_free(pg, 0);
    EXPECT_EQ(page_alloc_info().dirty, 1);
    pg = page_alloc_guest(&alice, 10);
    EXPECT(machine_is_zero(pg, 10));
    dirty = page_alloc_info().dirty;
    EXPECT(dirty <= 1);
    page_stock_return();
    EXPECT_EQ(page_scrub_some(~0ULL), dirty);
    EXPECT_EQ(free_pages(), before - BIT(10));
    machine_check();
}

TEST(junk_fills_what_is_freed_dirty)
{
    struct page *pg;

    start(0x1000);
    page_alloc_set_junk(true);
    pg = page_alloc(PAGE_HEAP, 1);
    page_free(pg, 1);
    EXPECT(!machine_is_zero(pg + 1, 0));
    pg = page_alloc_guest(&alice, 0);
    EXPECT(machine_is_zero(pg, 0));
    page_guest_to_cache(pg, 0);
    page_free_cache(pg, 0);
    EXPECT(machine_is_zero(pg, 0));
    machine_check();
}

TEST(the_audit_sees_what_is_wrong)
{
    struct page *pg;

    start(0x1000);
    pg = page_alloc_guest(&alice, 0);
    EXPECT_EQ(mm_audit(), 0);
    alice.page_count++;
    EXPECT(mm_audit() > 0);
    EXPECT(strstr(fake_console_output(), "page_count of domain"));
    alice.page_count--;
    pg->gfn = 5;
    EXPECT(mm_audit() > 0);
    pg->flags &= (uint8_t)~PAGE_ZEROED;
    EXPECT_EQ(mm_audit(), 0);
    pg->owner = bob.number;
    EXPECT(mm_audit() > 0);
    pg->owner = 300; /* nobody's */
    EXPECT(mm_audit() > 0);
    EXPECT(strstr(fake_console_output(), "page without an owner"));
    pg->owner = alice.number;
    pg->state = PAGE_FREE;
    EXPECT(mm_audit() > 0);
    pg->state = PAGE_GUEST;
    EXPECT_EQ(mm_audit(), 0);
    EXPECT(page_alloc_loose(&alice, 1));
    page_list_first(&alice.loose)->link.prev = 7;
    EXPECT(mm_audit() > 0);
    EXPECT(strstr(fake_console_output(), "link back on a list"));
    page_list_first(&alice.loose)->link.prev = 0;
    EXPECT_EQ(mm_audit(), 0);
    alice.loose_count++;
    EXPECT(mm_audit() > 0);
}

TEST(freeing_twice_stops_the_machine)
{
    enum fake_end how;
    struct page *pg;

    start(0x1000);
    pg = page_alloc(PAGE_HEAP, 0);
    page_free(pg, 0);
    FAKE_RUN_TO_END(how, page_free(pg, 0));
    EXPECT(how != FAKE_RUNNING);
}
