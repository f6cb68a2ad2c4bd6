/* SPDX-License-Identifier: MIT */
/* Frames that are broken leave use, whoever has them. */
#include "machine.h"

#include "mm/broken.h"
#include "mm/page_ref.h"
#include "types/error.h"

static struct account alice;
static uint64_t total, before;

static void start(void)
{
    machine_start(0x1000);
    machine_account(&alice, 7, 0x1000);
    total = page_alloc_info().total;
    before = page_alloc_info().free;
}

static void expect_counts(unsigned out, unsigned waiting)
{
    EXPECT_EQ(page_broken_count().out, out);
    EXPECT_EQ(page_broken_count().waiting, waiting);
    EXPECT_EQ(page_alloc_info().total, total - out);
    machine_check();
}

static bool is_ram(const struct page *pg)
{
    return page_from_mfn(page_to_mfn(pg)) != NULL;
}

/* Its neighbours can all be had, and it never is. */
TEST(a_free_one_is_cut_out)
{
    struct page *pg;
    domid_t owner;
    mfn_t m;

    start();
    pg = page_alloc_guest(&alice, 0);
    m = page_to_mfn(pg);
    page_release(pg, 1);
    EXPECT_EQ(page_broken(m, &owner), BROKEN_FREE);
    expect_counts(1, 0);
    EXPECT_EQ(page_alloc_info().free, before - 1);
    for (uint64_t i = 0; i < before - 1; i++) {
        pg = page_alloc_guest(&alice, 0);
        EXPECT(pg != NULL);
        EXPECT(page_to_mfn(pg).v != m.v);
    }
    EXPECT(!page_alloc_guest(&alice, 0));
    EXPECT_EQ(page_broken(m, &owner), BROKEN_NOT_RAM);
    expect_counts(1, 0);
}

TEST(a_claim_is_not_cut)
{
    domid_t owner;
    mfn_t m;
    struct page *pg;

    start();
    pg = page_alloc_guest(&alice, 0);
    m = page_to_mfn(pg);
    page_release(pg, 1);
    EXPECT_EQ(page_claim(&alice, before), 0);
    EXPECT_EQ(page_broken(m, &owner), BROKEN_FREE);
    expect_counts(0, 1);
    EXPECT_EQ(page_claim(&alice, 0), 0);
    EXPECT(!page_broken_look());
    expect_counts(1, 0);
}

TEST(an_owned_one_goes_when_its_owner_does)
{
    struct page *pg;
    domid_t owner = 0;

    start();
    pg = page_alloc_guest(&alice, 0);
    EXPECT_EQ(page_broken(page_to_mfn(pg), &owner), BROKEN_OWNED);
    EXPECT_EQ(owner, 7);
    EXPECT(!page_broken_look());
    expect_counts(0, 1);
    account_set_dying(&alice);
    page_release(pg, 1);
    EXPECT(is_ram(pg));
    EXPECT_EQ(alice.page_count, 1);
    EXPECT(page_broken_look()); /* that was the last of a dying owner's */
    EXPECT(!is_ram(pg));
    EXPECT_EQ(alice.page_count, 0);
    EXPECT_EQ(page_alloc_info().free, before - 1);
    expect_counts(1, 0);
}

TEST(one_in_a_block_leaves_the_others)
{
    struct page *head;
    domid_t owner;

    start();
    head = page_alloc_guest(&alice, 9);
    EXPECT_EQ(page_broken(page_to_mfn(&head[77]), &owner), BROKEN_OWNED);
    page_release(head, 512);
    expect_counts(0, 1);
    page_broken_look();
    EXPECT(!is_ram(&head[77]));
    EXPECT(is_ram(&head[76]));
    EXPECT_EQ(page_alloc_info().free, before - 1);
    expect_counts(1, 0);
}

/* While another domain has it mapped it stays, and goes with that. */
TEST(one_that_others_map_goes_last)
{
    struct page *pg;
    domid_t owner;

    start();
    pg = page_alloc_guest(&alice, 0);
    EXPECT(page_get(pg, &alice));
    EXPECT_EQ(page_broken(page_to_mfn(pg), &owner), BROKEN_OWNED);
    page_release(pg, 1);
    page_broken_look();
    expect_counts(0, 1);
    EXPECT(is_ram(pg));
    page_put(pg);
    EXPECT(!is_ram(pg));
    expect_counts(1, 0);
}

TEST(a_cached_one_waits_until_it_is_shown_or_free)
{
    struct page *pg;
    domid_t owner = 0;

    start();
    pg = page_alloc_guest(&alice, 0);
    page_guest_to_cache(pg, 0);
    EXPECT_EQ(page_broken(page_to_mfn(pg), &owner), BROKEN_OWNED);
    EXPECT_EQ(owner, 7);
    expect_counts(0, 1);
    page_free_cache(pg, 0);
    page_broken_look();
    EXPECT(!is_ram(pg));
    expect_counts(1, 0);
}

TEST(the_hosts_own_is_not_touched)
{
    struct page *pg;
    domid_t owner;

    start();
    pg = page_alloc(PAGE_HEAP, 0);
    EXPECT_EQ(page_broken(page_to_mfn(pg), &owner), BROKEN_HOST);
    EXPECT_EQ(page_broken(MFN(frame_count), &owner), BROKEN_NOT_RAM);
    expect_counts(0, 0);
}
