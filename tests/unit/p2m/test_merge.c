/* SPDX-License-Identifier: MIT */
/* Small leaves that become large ones again. */
#include "guest.h"

static struct guest g;

static void start(void)
{
    machine_start(0x4000);
    guest_start(&g, 1);
}

static uint64_t mapped(void)
{
    return g.pod.counters.superpages_mapped;
}

/* Pages [first, +count) of a block that is aligned as region 1 is, each at its
 * place there. */
static void add_pages(struct page *block, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(512 + i), block + i, 0), 0);
    }
}

static struct page *single_pages(void)
{
    struct page *block = page_alloc_guest(&g.account, ORDER_2M);

    EXPECT(block);
    page_split_block(block);
    return block;
}

TEST(the_last_of_512_single_promises_makes_them_one)
{
    uint64_t tables;

    start();
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(513), 0), 0);
    tables = g.account.table_count;
    for (uint64_t i = 0; i < 512; i++) {
        EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(512 + i * 5 % 512), 0), 0);
    }
    EXPECT_EQ(guest_order(&g, 700), ORDER_2M);
    EXPECT_EQ(g.account.table_count, tables - 1);
    EXPECT_EQ(g.pod.entry_count, 512);
    EXPECT_EQ(g.pod.counters.superpages_reformed, 1);
    EXPECT_EQ(g.pod.counters.tables_owed, 1);
    guest_check(&g);
    guest_end(&g);
}

TEST(promises_grow_together_to_a_gigabyte)
{
    start();
    for (uint64_t i = 0; i < 512; i++) {
        EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN((i * 3 % 512) << 9), 9), 0);
    }
    EXPECT_EQ(guest_order(&g, 77), ORDER_1G);
    EXPECT_EQ(g.pod.counters.tables_owed, 513);
    guest_check(&g);
    /* Not over anything else. */
    guest_decrease(&g, 0x12345, 0);
    for (uint64_t i = 0x12200; i < 0x12400; i++) {
        EXPECT(guest_order(&g, i) == ORDER_4K);
    }
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x12345), 0), 0);
    EXPECT_EQ(guest_order(&g, 0x12345), ORDER_1G);
    EXPECT_EQ(g.pod.entry_count, BIT(ORDER_1G));
    guest_check(&g);
    guest_end(&g);
}

/* The search finds the last page that is zero. */
TEST(promises_that_the_search_makes_grow_together_too)
{
    struct p2m_search search = {0};

    machine_start(0x4000);
    guest_start(&g, 1);
    EXPECT_EQ(pod_set_cache(&g.pod, 512, ~0ULL), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), ORDER_1G), 0);
    guest_write_all(&g, 512, 512, 1);
    EXPECT_EQ(g.pod.cache_count, 0);
    guest_write_all(&g, 512, 512, 0);
    while (p2m_sweep(&g.p2m, &search) == P2M_SWEEP_MORE) {
        continue;
    }
    EXPECT_EQ(g.pod.cache_count, 512);
    EXPECT_EQ(guest_order(&g, 512), ORDER_1G);
    guest_check(&g);
    guest_end(&g);
}

TEST(the_last_of_512_pages_makes_them_a_superpage)
{
    struct page *block;
    uint64_t flushes, tables;

    start();
    block = single_pages();
    add_pages(block, 1, 511);
    guest_write(&g, 600, 600);
    tables = g.account.table_count;
    flushes = fake_flush_count();
    EXPECT_EQ(mapped(), 0);
    add_pages(block, 0, 1);
    EXPECT_EQ(mapped(), 1);
    EXPECT_EQ(guest_order(&g, 600), ORDER_2M);
    /* The table was in use until the flush. */
    EXPECT_EQ(fake_flush_count(), flushes + 1);
    EXPECT_EQ(g.account.table_count, tables - 1);
    EXPECT_EQ(guest_read(&g, 600), 600);
    EXPECT_EQ(guest_read(&g, 1000), 0);
    guest_check(&g);
    /* It is as good as any: goes in one piece, or page by page. */
    guest_decrease(&g, 700, 0);
    EXPECT_EQ(mapped(), 0);
    guest_check(&g);
    guest_end(&g);
}

static bool is_merged(struct page *block)
{
    uint64_t flushes = fake_flush_count();
    bool merged;

    add_pages(block, 511, 1);
    merged = guest_order(&g, 600) == ORDER_2M;
    EXPECT_EQ(mapped(), merged);
    EXPECT_EQ(fake_flush_count(), flushes + merged);
    guest_check(&g);
    return merged;
}

/* Of a page that others refer to only the entry changes. */
TEST(a_page_that_others_use_is_no_hindrance)
{
    struct page *block;

    start();
    block = single_pages();
    add_pages(block, 0, 511);
    EXPECT(page_get(block + 5, &g.account));
    EXPECT(is_merged(block));
    EXPECT_EQ(page_references(block + 5), 2);
    guest_decrease(&g, 512, 9);
    EXPECT_EQ(g.account.page_count, 1);
    page_put(block + 5);
    EXPECT_EQ(g.account.page_count, 0);
    guest_check(&g);
    guest_end(&g);
}

TEST(another_frame_in_between_is_one)
{
    struct page *block, *other;

    start();
    block = single_pages();
    add_pages(block, 0, 300);
    add_pages(block, 301, 210);
    other = page_alloc_guest(&g.account, 0);
    EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(512 + 300), other, 0), 0);
    EXPECT(!is_merged(block));
    page_release(block + 300, 1);
    guest_end(&g);
}

TEST(a_page_of_the_hypervisor_is_one)
{
    struct page *block, *special;

    start();
    block = single_pages();
    add_pages(block, 0, 300);
    add_pages(block, 301, 210);
    page_release(block + 300, 1);
    special = page_alloc_special(&g.account);
    EXPECT(special == block + 300);
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(512 + 300), special), 0);
    EXPECT(!is_merged(block));
    guest_end(&g);
}

TEST(frames_that_are_not_aligned_are_one)
{
    struct page *block;

    start();
    block = page_alloc_guest(&g.account, 10);
    page_split_block(block);
    page_split_block(block + 512);
    add_pages(block + 1, 0, 511);
    EXPECT(!is_merged(block + 1));
    page_release(block, 1);
    page_release(block + 513, 511);
    guest_end(&g);
}

/* What the cache has of a superpage that was broken goes to where it was. */
TEST(pages_come_back_from_the_cache_to_where_they_were)
{
    struct p2m_search search = {0};
    mfn_t mfn;

    guest_start_pod(&g, 11, 512);
    guest_write_all(&g, 512, 512, 1);
    EXPECT_EQ(mapped(), 1);
    mfn = p2m_get(&g.p2m, GFN(512)).mfn;
    guest_write_all(&g, 520, 100, 0);
    while (p2m_sweep(&g.p2m, &search) == P2M_SWEEP_MORE) {
        continue;
    }
    EXPECT_EQ(g.pod.cache_count, 100);
    EXPECT_EQ(mapped(), 0);
    for (uint64_t i = 100; i > 0; i--) {
        guest_write(&g, 519 + i, 1);
    }
    EXPECT_EQ(mapped(), 1);
    EXPECT_EQ(p2m_get(&g.p2m, GFN(512)).mfn.v, mfn.v);
    EXPECT_EQ(g.pod.counters.superpages_reformed, 1);
    guest_check(&g);
    guest_end(&g);
}

/* P7: less than a superpage is lacking, and there are single pages to give up
 * instead. */
TEST(a_superpage_that_is_returned_stays_whole)
{
    guest_start_pod(&g, 12, 1024);
    guest_write(&g, 0, 1);
    guest_write(&g, 512, 1);
    guest_decrease(&g, 2048, 9);
    for (uint64_t i = 0; i < 400; i++) {
        guest_decrease(&g, 512 + i, 0);
    }
    EXPECT_EQ(g.pod.cache_count, 400);
    for (uint64_t i = 1024; i < 4096; i += 512) {
        if (i != 2048 && i != 3584) {
            guest_decrease(&g, i, 9);
        }
    }
    EXPECT_EQ(g.pod.entry_count, 512);
    EXPECT_EQ(g.pod.counters.superpages_cached, 0);
    guest_decrease(&g, 0, 9);
    EXPECT_EQ(g.pod.cache_count, 512);
    EXPECT_EQ(g.pod.counters.superpages_cached, 1);
    EXPECT_EQ(g.pod.counters.superpages_broken, 0);
    EXPECT_EQ(g.pod.counters.steals, 512);
    guest_check(&g);
    guest_end(&g);
}
