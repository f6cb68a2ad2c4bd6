/* SPDX-License-Identifier: MIT */
/* Scattered pages that move to where one leaf can map them. */
#include "guest.h"

static struct guest g;

#define BASE   512ULL /* the region that is looked at */
#define AROUND 2048ULL

/* Region 1 of single pages, of which no two neighbours are neighbours in the
 * host; each says its gfn. */
static void start(void)
{
    machine_start(0x4000);
    guest_start(&g, 1);
    for (unsigned i = 0; i < 512; i++) {
        uint64_t at = i * 5 % 512;
        struct page *pg = page_alloc_guest(&g.account, 0);

        EXPECT(pg);
        EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(BASE + at), pg, 0), 0);
        guest_write(&g, BASE + at, BASE + at);
    }
    EXPECT_EQ(g.pod.counters.superpages_mapped, 0);
    guest_check(&g);
}

static struct page *new_block(void)
{
    struct page *block = page_begin_move(&g.account, ORDER_2M);

    EXPECT(block);
    return block;
}

static bool gather(void)
{
    struct page *block = new_block();
    bool done = p2m_gather(&g.p2m, GFN(BASE), block);

    if (!done) {
        page_end_move(&g.account);
        page_release(block, BIT(ORDER_2M));
    }
    EXPECT_EQ(g.account.borrowed, 0);
    EXPECT_EQ(g.account.moving, 0);
    return done;
}

static bool finds(void)
{
    gfn_t gfn = GFN(0);
    enum p2m_gather_result result;

    do {
        result = p2m_gather_find(&g.p2m, &gfn);
    } while (result == P2M_GATHER_MORE);
    EXPECT(result == P2M_GATHER_END || gfn.v >> ORDER_2M == 1);
    return result == P2M_GATHER_FOUND;
}

static void expect_contents(void)
{
    for (uint64_t gfn = BASE; gfn < BASE + 512; gfn++) {
        EXPECT_EQ(guest_read(&g, gfn), gfn);
    }
}

/* Until it moves it has all that it may have, and may give up and take. */
TEST(a_block_on_its_way_is_nobodys_page)
{
    struct page *own, *block;

    start();
    own = page_alloc_guest(&g.account, ORDER_2M);
    EXPECT(own);
    account_set_limit(&g.account, g.account.page_count);
    block = new_block();
    EXPECT_EQ(g.account.page_count, g.account.max_pages);
    page_release(own, BIT(ORDER_2M));
    EXPECT_EQ(g.account.page_count, g.account.max_pages - BIT(ORDER_2M));
    own = page_alloc_guest(&g.account, ORDER_2M);
    EXPECT(own);
    page_release(own, BIT(ORDER_2M));
    EXPECT(p2m_gather(&g.p2m, GFN(BASE), block));
    EXPECT_EQ(g.account.page_count, g.account.max_pages - BIT(ORDER_2M));
    EXPECT_EQ(g.account.borrowed, 0);
    expect_contents();
    guest_check(&g);
}

TEST(scattered_pages_become_a_superpage)
{
    uint64_t free, tables, flushes;

    start();
    free = page_alloc_info().free;
    tables = g.account.table_count;
    flushes = fake_flush_count();
    EXPECT(finds());
    EXPECT(gather());
    EXPECT_EQ(fake_flush_count(), flushes + 1);
    EXPECT_EQ(guest_order(&g, BASE), ORDER_2M);
    EXPECT_EQ(g.account.page_count, 512);
    EXPECT_EQ(g.account.table_count, tables - 1);
    EXPECT_EQ(page_alloc_info().free, free + 1);
    EXPECT_EQ(g.pod.counters.superpages_gathered, 1);
    expect_contents();
    guest_check(&g);
    EXPECT(!finds());
    /* As good as any. */
    guest_decrease(&g, BASE + 9, 0);
    guest_write(&g, BASE + 10, 10);
    guest_check(&g);
    guest_end(&g);
}

/* What the guest has cached of the old pages is gone before they are copied. */
TEST(a_write_after_it_is_seen_and_reaches_nobody_else)
{
    struct p2m_entry before;

    start();
    before = p2m_get(&g.p2m, GFN(BASE + 7));
    EXPECT(gather());
    guest_write(&g, BASE + 7, 77);
    EXPECT_EQ(guest_read(&g, BASE + 7), 77);
    EXPECT_EQ(*(uint64_t *)arch_map(before.mfn) == 77, false);
    guest_check(&g);
    guest_end(&g);
}

static bool is_left_alone(void)
{
    uint64_t flushes = fake_flush_count();
    bool found = finds(), done = gather();

    EXPECT_EQ(fake_flush_count(), flushes);
    EXPECT_EQ(g.pod.counters.superpages_gathered, 0);
    guest_check(&g);
    return !found && !done;
}

TEST(what_others_use_stays_where_it_is)
{
    struct p2m_entry e;
    struct page *pg;

    start();
    pg = p2m_get_page(&g.p2m, GFN(BASE + 511), &e);
    EXPECT(pg);
    EXPECT(is_left_alone());
    expect_contents();
    page_put(pg);
    EXPECT(finds());
    guest_end(&g);
}

TEST(all_of_it_has_to_be_there)
{
    start();
    guest_decrease(&g, BASE + 100, 0);
    EXPECT(is_left_alone());
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(BASE + 100), 0), 0);
    EXPECT(is_left_alone());
    guest_end(&g);
}

TEST(what_is_whole_is_not_copied)
{
    struct page *block;

    machine_start(0x4000);
    guest_start(&g, 1);
    block = page_alloc_guest(&g.account, ORDER_2M);
    EXPECT(block);
    EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(BASE), block, ORDER_2M), 0);
    EXPECT(is_left_alone());
    guest_end(&g);
}

/* Who has read the entry before it changed refers to the page before the flush
 * is done. */
static struct page *wanted;

static void take_it(const struct guest_tlb *tlb)
{
    struct p2m_entry e;

    (void)tlb;
    EXPECT(page_get(wanted, &g.account));
    /* Whoever comes now finds a promise, and waits; not zeros. */
    EXPECT(!p2m_get_page(&g.p2m, GFN(BASE + 3), &e));
    EXPECT(p2m_types[e.type].is_promise && !p2m_types[e.type].is_zero);
}

TEST(who_comes_in_between_has_the_table_back)
{
    start();
    wanted = page_from_mfn(p2m_get(&g.p2m, GFN(BASE + 3)).mfn);
    fake_on_flush(take_it);
    EXPECT(!gather());
    fake_on_flush(NULL);
    page_put(wanted);
    EXPECT_EQ(guest_order(&g, BASE + 3), ORDER_4K);
    expect_contents();
    guest_check(&g);
    guest_end(&g);
}

/* While D > 0 pages that are given up go to the cache, but not these: the loan
 * comes first, so the domain has as much as before. */
TEST(the_loan_is_paid_and_nothing_else)
{
    start();
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(AROUND), ORDER_2M), 0);
    EXPECT(gather());
    EXPECT_EQ(g.pod.cache_count, 0);
    EXPECT_EQ(g.account.page_count, 512);
    EXPECT_EQ(g.pod.entry_count, 512);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_dying_domain_is_left_alone)
{
    gfn_t gfn = GFN(0);

    start();
    p2m_set_dying(&g.p2m);
    EXPECT(p2m_gather_find(&g.p2m, &gfn) == P2M_GATHER_END);
    EXPECT(!gather());
    guest_end(&g);
}
