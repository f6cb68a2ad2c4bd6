/* SPDX-License-Identifier: MIT */
/* Reads of promises: they show the zero block and take nothing (P11). */
#include "guest.h"
#include "mm/zero_block.h"

#define PAGES BIT(11) /* what is promised: four regions of 2M */

static struct guest g;

static void start(unsigned order, uint64_t cache)
{
    guest_start_pod(&g, order, cache);
    zero_block_init();
    EXPECT(zero_block_exists());
}

static void end(void)
{
    EXPECT(zero_block_audit());
    guest_end(&g);
}

static void read_range(uint64_t first, uint64_t pages)
{
    for (uint64_t gfn = first; gfn < first + pages; gfn++) {
        EXPECT_EQ(guest_read(&g, gfn), 0);
    }
}

static void read_all(uint64_t pages)
{
    read_range(0, pages);
}

TEST(a_reader_of_everything_takes_no_page)
{
    uint64_t before;

    start(11, 16);
    before = fake_flush_count();
    read_all(PAGES);
    EXPECT_EQ(guest_type(&g, 700), P2M_ZERO);
    EXPECT_EQ(guest_order(&g, 700), ORDER_2M);
    EXPECT(!mfn_valid(p2m_get(&g.p2m, GFN(700)).mfn));
    EXPECT_EQ(g.pod.cache_count, 16);
    EXPECT_EQ(g.pod.entry_count, PAGES);
    EXPECT_EQ(g.account.page_count, 16);
    EXPECT_EQ(g.pod.counters.zero_maps_2m, 4);
    EXPECT_EQ(g.pod.counters.populate_4k + g.pod.counters.populate_2m, 0);
    EXPECT_EQ(fake_flush_count(), before);
    guest_check(&g);
    end();
}

TEST(an_empty_cache_is_enough_to_read)
{
    start(ORDER_1G, 0);
    EXPECT_EQ(guest_read(&g, 0x12345), 0);
    EXPECT_EQ(guest_order(&g, 0x12345), ORDER_2M);
    EXPECT_EQ(guest_type(&g, 0x12200), P2M_ZERO);
    EXPECT_EQ(guest_type(&g, 0x12400), P2M_POD);
    EXPECT_EQ(g.pod.entry_count, BIT(ORDER_1G));
    guest_check(&g);
    end();
}

/* No CPU may keep the zeros when the page can be seen. */
static uint64_t watched;
static unsigned flushes_seen;

static void expect_withdrawn(const struct guest_tlb *tlb)
{
    EXPECT(tlb == &g.p2m.tlb);
    EXPECT_EQ(guest_type(&g, watched), P2M_POD);
    flushes_seen++;
}

TEST(the_flush_comes_before_the_page)
{
    uint64_t *word;

    start(11, 2);
    EXPECT_EQ(guest_read(&g, 3), 0);
    watched = 3;
    fake_on_flush(expect_withdrawn);
    EXPECT_EQ(guest_try(&g, 3, true, &word), P2M_OK);
    EXPECT(!word);
    EXPECT_EQ(flushes_seen, 1);
    fake_on_flush(NULL);
    guest_write(&g, 3, 0x33);
    EXPECT_EQ(guest_read(&g, 3), 0x33);
    EXPECT_EQ(guest_read(&g, 4), 0);
    EXPECT_EQ(guest_type(&g, 4), P2M_ZERO);
    EXPECT_EQ(guest_order(&g, 4), ORDER_4K);
    EXPECT_EQ(g.pod.counters.zero_upgrades, 1);
    EXPECT_EQ(g.pod.counters.zero_maps_4k, 1);
    EXPECT_EQ(g.pod.entry_count, PAGES - 1);
    guest_check(&g);
    end();
}

TEST(a_superpage_comes_in_the_place_of_zeros)
{
    start(11, 512);
    EXPECT_EQ(guest_read(&g, 600), 0);
    guest_write(&g, 600, 1);
    EXPECT_EQ(guest_order(&g, 600), ORDER_2M);
    EXPECT_EQ(g.pod.counters.populate_2m, 1);
    EXPECT_EQ(g.pod.counters.splinter_2m, 0);
    guest_check(&g);
    end();
}

TEST(who_reads_all_and_then_writes_all_flushes_once_for_each_region)
{
    uint64_t before;

    start(11, 100);
    guest_write_all(&g, 0, 8, 1); /* one region is in pieces */
    read_range(8, 504);
    EXPECT_EQ(g.pod.counters.zero_maps_4k, 504);
    before = fake_flush_count();
    guest_write_all(&g, 8, 90, 1);
    EXPECT_EQ(fake_flush_count(), before + 1);
    EXPECT_EQ(g.pod.counters.zero_upgrades, 1);
    guest_check(&g);
    end();
}

TEST(code_in_a_promise_is_populated)
{
    start(11, 2);
    EXPECT_EQ(guest_read(&g, 5), 0);
    EXPECT_EQ(p2m_fault(&g.p2m, GFN(5), false, true), P2M_OK);
    EXPECT_EQ(guest_type(&g, 5), P2M_RAM);
    EXPECT_EQ(p2m_fault(&g.p2m, GFN(600), false, true), P2M_OK);
    EXPECT_EQ(guest_type(&g, 600), P2M_RAM);
    guest_check(&g);
    end();
}

/* S6: somebody reads everything; S1: then the guest clears all, and balloons.
 */
TEST(a_reader_does_not_harm_who_scrubs_after_it)
{
    start(11, 600);
    read_all(PAGES);
    guest_write_all(&g, 0, PAGES, 0);
    EXPECT_EQ(g.pod.counters.oom_events, 0);
    EXPECT(g.pod.counters.zero_upgrades <= PAGES / 512);
    read_all(PAGES);
    for (uint64_t gfn = 600; gfn < PAGES; gfn++) {
        guest_decrease(&g, gfn, ORDER_4K);
    }
    EXPECT_EQ(pod_deficit_locked(&g.pod), 0);
    guest_write_all(&g, 0, 600, 1);
    guest_check(&g);
    end();
}

TEST(ballooning_out_what_shows_zeros_is_ballooning_out_a_promise)
{
    uint64_t before, done;

    start(11, 16);
    read_all(PAGES);
    before = fake_flush_count();
    guest_decrease(&g, 512, ORDER_2M);
    EXPECT_EQ(fake_flush_count(), before + 1);
    EXPECT_EQ(g.pod.entry_count, PAGES - 512);
    EXPECT_EQ(guest_type(&g, 700), P2M_HOLE);
    guest_decrease(&g, 0, ORDER_4K);
    EXPECT_EQ(g.pod.entry_count, PAGES - 513);
    EXPECT_EQ(guest_type(&g, 1), P2M_ZERO);
    guest_check(&g);
    p2m_batch_begin(&g.p2m);
    before = fake_flush_count();
    guest_decrease(&g, 3, ORDER_4K);
    guest_decrease(&g, 1024, 10);
    EXPECT_EQ(fake_flush_count(), before);
    p2m_batch_end(&g.p2m);
    EXPECT_EQ(fake_flush_count(), before + 1);
    EXPECT_EQ(p2m_decrease(&g.p2m, GFN(3), 0, &done), -ENOENT);
    EXPECT_EQ(p2m_remove(&g.p2m, GFN(5), MFN(zero_block.v + 5)), -EINVAL);
    EXPECT_EQ(p2m_remove(&g.p2m, GFN(5), INVALID_MFN), 0);
    EXPECT_EQ(g.pod.entry_count, 509);
    EXPECT_EQ(g.pod.cache_count, 16);
    guest_check(&g);
    end();
}

TEST(memory_takes_the_place_of_zeros)
{
    start(11, 16);
    read_all(PAGES);
    *(uint64_t *)page_map(guest_add(&g, 7, ORDER_4K)) = 7;
    EXPECT_EQ(guest_read(&g, 7), 7);
    EXPECT_EQ(guest_read(&g, 8), 0);
    *(uint64_t *)page_map(guest_add(&g, 512, ORDER_2M)) = 8;
    EXPECT_EQ(guest_read(&g, 512), 8);
    /* Not aligned: across what shows zeros by one leaf and by many. */
    guest_write(&g, 1024, 1);
    EXPECT_EQ(guest_read(&g, 1500), 0);
    *(uint64_t *)page_map(guest_add(&g, 1500, 6)) = 9;
    EXPECT_EQ(guest_read(&g, 1500), 9);
    EXPECT_EQ(g.pod.entry_count, PAGES - 1 - 512 - 64 - 1);
    guest_check(&g);
    end();
}

TEST(a_table_that_shows_zeros_gives_way_to_a_superpage)
{
    start(11, 16);
    guest_write(&g, 0, 1);
    read_range(1, 511);
    EXPECT_EQ(p2m_remove(&g.p2m, GFN(0), INVALID_MFN), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 0), 0);
    guest_add(&g, 0, ORDER_2M);
    EXPECT_EQ(guest_order(&g, 0), ORDER_2M);
    guest_write(&g, 300, 3);
    EXPECT_EQ(g.pod.entry_count, PAGES - 512);
    guest_check(&g);
    end();
}

TEST(a_promise_that_shows_zeros_may_be_promised_again)
{
    start(11, 16);
    read_all(PAGES);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), ORDER_2M), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(700), ORDER_4K), 0);
    EXPECT_EQ(guest_type(&g, 700), P2M_ZERO);
    EXPECT_EQ(g.pod.entry_count, PAGES);
    /* A table of them becomes one placeholder again. */
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(512), ORDER_2M), 0);
    EXPECT_EQ(guest_order(&g, 700), ORDER_2M);
    EXPECT_EQ(guest_type(&g, 700), P2M_POD);
    EXPECT_EQ(guest_read(&g, 700), 0);
    guest_check(&g);
    end();
}

TEST(the_search_takes_what_shows_zeros_for_a_promise)
{
    struct p2m_search search = {0};

    start(ORDER_2M, 40);
    guest_write_all(&g, 0, 20, 1);
    read_range(20, 492);
    guest_write_all(&g, 0, 20, 0);
    EXPECT_EQ(pod_set_cache(&g.pod, 0, ~0ULL), 0);
    EXPECT_EQ(p2m_sweep(&g.p2m, &search), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 20);
    EXPECT_EQ(g.pod.entry_count, 512);
    EXPECT_EQ(guest_order(&g, 3), ORDER_2M);
    guest_check(&g);
    end();
}

/* While pages are lacking, what is set aside is for the search and for touches
 * alone: without a table a read asks for a page, too. */
TEST(a_read_takes_no_table_that_touches_may_need)
{
    uint64_t *word;

    start(ORDER_1G, 0);
    page_alloc_fail_nth(1);
    EXPECT_EQ(guest_try(&g, 0x1234, false, &word), P2M_NEED_PAGE);
    page_alloc_fail_nth(0);
    EXPECT_EQ(guest_order(&g, 0x1234), ORDER_1G);
    EXPECT_EQ(g.pod.counters.tables_reserved, 2);
    guest_check(&g);
    EXPECT_EQ(pod_set_cache(&g.pod, 3, ~0ULL), 0);
    page_alloc_fail_nth(1);
    EXPECT_EQ(guest_read(&g, 0x1234), 0);
    page_alloc_fail_nth(0);
    EXPECT_EQ(guest_type(&g, 0x1234), P2M_RAM);
    EXPECT_EQ(g.pod.counters.tables_reserved, 2);
    guest_check(&g);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(BIT(ORDER_1G)), ORDER_1G), 0);
    guest_lose_reserve(&g);
    g.account.table_limit = g.account.table_count;
    EXPECT_EQ(guest_try(&g, BIT(ORDER_1G), false, &word), P2M_NO_MEMORY);
    EXPECT_EQ(guest_order(&g, BIT(ORDER_1G)), ORDER_1G);
    EXPECT_EQ(g.pod.cache_count, 2);
    guest_check(&g);
    end();
}

/* When nothing is lacking there is a table for each split, whoever begins it.
 */
TEST(a_read_may_split_a_promise_that_will_be_kept)
{
    start(11, PAGES - 1);
    EXPECT_EQ(reserve_floor(&g.p2m, FOR_READERS), 2);
    EXPECT_EQ(pod_set_cache(&g.pod, PAGES, ~0ULL), 0);
    EXPECT_EQ(reserve_floor(&g.p2m, FOR_READERS), 0);
    end();
}

TEST(a_dying_guest_is_shown_nothing)
{
    uint64_t *word;

    start(ORDER_2M, 8);
    EXPECT_EQ(guest_read(&g, 600 - 512), 0);
    p2m_set_dying(&g.p2m);
    EXPECT_EQ(guest_try(&g, 1, true, &word), P2M_DYING);
    EXPECT_EQ(g.pod.cache_count, 8);
    end();
}

TEST(without_the_block_reading_populates)
{
    guest_start_pod(&g, ORDER_2M, 4);
    EXPECT_EQ(guest_read(&g, 1), 0);
    EXPECT_EQ(guest_type(&g, 1), P2M_RAM);
    EXPECT_EQ(g.pod.cache_count, 3);
    guest_end(&g);
}

TEST(zeros_can_stand_for_another_domains_promise)
{
    uint64_t *word, done;

    start(ORDER_2M, 8);
    EXPECT_EQ(p2m_add_zero(&g.p2m, GFN(3)), -EEXIST);
    EXPECT_EQ(p2m_add_zero(&g.p2m, GFN(P2M_GFN_LIMIT)), -EINVAL);
    page_alloc_fail_nth(1);
    EXPECT_EQ(p2m_add_zero(&g.p2m, GFN(0x1003)), -ENOMEM);
    page_alloc_fail_nth(0);
    EXPECT_EQ(p2m_add_zero(&g.p2m, GFN(0x1003)), 0);
    EXPECT_EQ(p2m_add_zero(&g.p2m, GFN(0x1003)), -EEXIST);
    EXPECT_EQ(guest_read(&g, 0x1003), 0);
    EXPECT_EQ(guest_try(&g, 0x1003, true, &word), P2M_BAD_ACCESS);
    EXPECT_EQ(p2m_fault(&g.p2m, GFN(0x1003), false, true), P2M_BAD_ACCESS);
    EXPECT_EQ(p2m_populate(&g.p2m, GFN(0x1003)), P2M_HOLE_ACCESS);
    EXPECT_EQ(p2m_decrease(&g.p2m, GFN(0x1003), 0, &done), -EPERM);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x1003), 0), -EBUSY);
    EXPECT_EQ(g.pod.entry_count, 512);
    guest_check(&g);
    EXPECT_EQ(p2m_remove(&g.p2m, GFN(0x1003), INVALID_MFN), 0);
    EXPECT_EQ(guest_type(&g, 0x1003), P2M_HOLE);
    guest_check(&g);
    EXPECT_EQ(p2m_add_zero(&g.p2m, GFN(0x1004)), 0);
    p2m_set_dying(&g.p2m);
    EXPECT_EQ(p2m_add_zero(&g.p2m, GFN(0x1005)), -ESRCH);
    end();
}
