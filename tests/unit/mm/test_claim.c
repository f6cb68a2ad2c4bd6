/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include "types/bits.h"
#include "types/error.h"

static struct account alice, bob;

static void start(void)
{
    machine_start(0x1000);
    machine_account(&alice, 1, 1ULL << 40);
    machine_account(&bob, 2, 1ULL << 40);
}

static uint64_t unclaimed(void)
{
    return page_alloc_info().free - page_alloc_info().claimed;
}

/* Leave exactly `pages` free, unclaimed ones. */
static void leave(uint64_t pages)
{
    while (unclaimed() > pages) {
        EXPECT(page_alloc_guest(&bob, 0));
    }
}

TEST(a_claim_keeps_others_out)
{
    start();
    EXPECT_EQ(page_claim(&alice, 100), 0);
    EXPECT_EQ(alice.claimed, 100);
    leave(0);
    EXPECT(!page_alloc_guest(&bob, 0));
    EXPECT(!page_alloc(PAGE_HEAP, 0));
    EXPECT(!page_alloc_table(&bob));
    EXPECT(!page_alloc_special(&bob));
    for (unsigned i = 0; i < 100; i++) {
        EXPECT(page_alloc_guest(&alice, 0));
        EXPECT_EQ(alice.claimed, 99 - i);
        machine_check();
    }
    EXPECT(!page_alloc_guest(&alice, 0));
    EXPECT_EQ(page_alloc_info().free, 0);
}

TEST(what_comes_back_does_not_restore_it)
{
    struct page *pg;

    start();
    EXPECT_EQ(page_claim(&alice, 100), 0);
    pg = page_alloc_guest(&alice, 0);
    EXPECT_EQ(alice.claimed, 99);
    page_put_allocated(pg);
    EXPECT_EQ(alice.claimed, 99);
    EXPECT_EQ(alice.page_count, 0);
    machine_check();
}

TEST(a_request_may_be_covered_in_part)
{
    start();
    EXPECT_EQ(page_claim(&alice, 10), 0);
    leave(100);
    EXPECT(page_alloc_guest(&alice, 4));
    EXPECT_EQ(alice.claimed, 0);
    EXPECT_EQ(page_alloc_info().claimed, 0);
    EXPECT_EQ(unclaimed(), 94);
    machine_check();
}

TEST(counts_pages_charged_already)
{
    start();
    EXPECT(page_alloc_guest(&alice, 4));
    EXPECT_EQ(page_claim(&alice, 16), -EINVAL);
    EXPECT_EQ(page_claim(&alice, 15), -EINVAL);
    EXPECT_EQ(page_claim(&alice, 20), 0);
    EXPECT_EQ(alice.claimed, 4);
    EXPECT_EQ(page_claim(&alice, 30), -EINVAL);
    EXPECT_EQ(alice.claimed, 4);
    EXPECT_EQ(page_claim(&alice, 0), 0);
    EXPECT_EQ(alice.claimed, 0);
    EXPECT_EQ(page_claim(&alice, 0), 0);
    EXPECT_EQ(page_claim(&alice, 30), 0);
    EXPECT_EQ(alice.claimed, 14);
    machine_check();
}

TEST(has_limits)
{
    uint64_t all;

    start();
    alice.max_pages = 50;
    EXPECT_EQ(page_claim(&alice, 51), -EINVAL);
    EXPECT_EQ(page_claim(&alice, 50), 0);
    all = unclaimed();
    EXPECT_EQ(page_claim(&bob, all + 1), -ENOMEM);
    EXPECT_EQ(bob.claimed, 0);
    EXPECT_EQ(page_claim(&bob, all), 0);
    EXPECT(!page_alloc(PAGE_HEAP, 0));
    machine_check();
}

TEST(dies_with_the_domain)
{
    start();
    EXPECT_EQ(page_claim(&alice, 50), 0);
    account_set_dying(&alice);
    EXPECT_EQ(alice.claimed, 0);
    EXPECT_EQ(page_alloc_info().claimed, 0);
    EXPECT_EQ(page_claim(&alice, 50), -EINVAL);
    EXPECT_EQ(page_claim(&alice, 0), 0);
    machine_check();
}

/* Tables and special pages take what nobody claimed first: a claim is for what
 * is charged, as long as there is something else. */
TEST(tables_and_special_pages_use_a_claim_last)
{
    struct page *table;

    start();
    EXPECT_EQ(page_set_size(&alice, 1000, 100), 0);
    leave(2);
    table = page_alloc_table(&alice);
    EXPECT(table && page_alloc_special(&alice));
    EXPECT_EQ(alice.claimed, 100);
    EXPECT_EQ(unclaimed(), 0);
    EXPECT(page_alloc_table(&alice) && page_alloc_special(&alice));
    EXPECT_EQ(alice.claimed, 98);
    EXPECT_EQ(unclaimed(), 0);
    machine_check();
    for (unsigned i = 0; i < 98; i++) {
        EXPECT(page_alloc_guest(&alice, 0));
    }
    EXPECT(!page_alloc_table(&alice));
    EXPECT_EQ(alice.claimed, 0);
    page_free_table(&alice, table);
    machine_check();
}

TEST(a_size_is_set_whole_or_not_at_all)
{
    struct account_info a;
    uint64_t free;

    start();
    free = page_alloc_info().free;
    EXPECT_EQ(page_claim(&bob, 50), 0);
    EXPECT_EQ(page_set_size(&alice, 10, free - 49), -ENOMEM);
    account_look(&alice, &a);
    EXPECT_EQ(a.max_pages, 1ULL << 40);
    EXPECT_EQ(a.claimed, 0);
    EXPECT_EQ(page_set_size(&alice, 10, free - 50), 0);
    EXPECT_EQ(unclaimed(), 0);
    /* In the place of what was claimed, not beside it. */
    EXPECT_EQ(page_set_size(&alice, 20, free - 50), 0);
    EXPECT_EQ(page_set_size(&alice, 30, 7), 0);
    EXPECT_EQ(page_alloc_info().claimed, 57);
    page_trim_claim(&alice, 8);
    EXPECT_EQ(alice.claimed, 7);
    page_trim_claim(&alice, 3);
    EXPECT_EQ(page_alloc_info().claimed, 53);
    machine_check();
    account_set_dying(&alice);
    EXPECT_EQ(page_set_size(&alice, 40, 1), -ESRCH);
    EXPECT_EQ(alice.max_pages, 30);
    EXPECT_EQ(page_alloc_info().claimed, 50);
    machine_check();
}
