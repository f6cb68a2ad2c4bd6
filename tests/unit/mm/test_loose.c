/* SPDX-License-Identifier: MIT */
/* Pages that an account has and nobody can reach. */
#include "machine.h"

#include "mm/block.h"
#include "types/error.h"

static struct account alice;

static void start(void)
{
    machine_start(0x1000);
    machine_account(&alice, 1, 0x1000);
}

TEST(loose_pages_are_charged_and_counted)
{
    uint64_t free;

    start();
    free = page_alloc_info().free;
    EXPECT(page_alloc_loose(&alice, 0));
    EXPECT(page_alloc_loose(&alice, 3));
    EXPECT(page_alloc_loose(&alice, 10));
    EXPECT_EQ(alice.page_count, 1 + 8 + 1024);
    EXPECT_EQ(alice.loose_count, 1 + 8 + 1024);
    machine_check();
    account_set_dying(&alice);
    EXPECT(!page_alloc_loose(&alice, 0));
    EXPECT_EQ(page_free_loose(&alice, 9), -ERESTART);
    EXPECT_EQ(alice.loose_count, 1024);
    machine_check();
    EXPECT_EQ(page_free_loose(&alice, 513), 0); /* blocks go whole */
    EXPECT_EQ(alice.page_count, 0);
    EXPECT_EQ(alice.loose_count, 0);
    EXPECT_EQ(page_alloc_info().free, free);
    machine_check();
}

TEST(what_is_too_much_changes_nothing)
{
    start();
    alice.max_pages = 15;
    EXPECT(page_alloc_loose(&alice, 3));
    EXPECT(!page_alloc_loose(&alice, 3));
    EXPECT_EQ(alice.page_count, 8);
    EXPECT_EQ(alice.loose_count, 8);
    machine_check();
}

TEST(nobody_gets_a_loose_page)
{
    start();
    EXPECT(page_alloc_loose(&alice, 9));
    for (uint64_t i = 0; i < frame_count; i++) {
        EXPECT(!page_get(&frame_table[i], &alice));
    }
    machine_check();
}
