/* SPDX-License-Identifier: MIT */
#include "guest.h"

static struct guest g;

TEST(a_promise_becomes_a_zeroed_page_when_touched)
{
    guest_start_pod(&g, ORDER_2M, 0x10);
    EXPECT_EQ(guest_type(&g, 5), P2M_POD);
    EXPECT_EQ(guest_read(&g, 5), 0);
    EXPECT_EQ(guest_type(&g, 5), P2M_RAM);
    EXPECT_EQ(g.pod.entry_count, 511);
    EXPECT_EQ(g.pod.cache_count, 15);
    EXPECT_EQ(g.pod.counters.populate_4k, 1);
    EXPECT_EQ(g.pod.counters.splinter_2m, 1);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_superpage_is_given_while_there_is_one)
{
    guest_start_pod(&g, ORDER_1G, 0x201);
    EXPECT_EQ(guest_order(&g, 0x12345), ORDER_1G);
    guest_write(&g, 0x12345, 1);
    EXPECT_EQ(guest_type(&g, 0x12200), P2M_RAM);
    EXPECT_EQ(guest_order(&g, 0x12345), ORDER_2M);
    EXPECT_EQ(guest_order(&g, 0x12400), ORDER_2M);
    EXPECT_EQ(guest_type(&g, 0x12400), P2M_POD);
    EXPECT_EQ(g.pod.entry_count, BIT(ORDER_1G) - 512);
    EXPECT_EQ(g.pod.cache_count, 1);
    guest_check(&g);
    guest_write(&g, 0x12400, 1);
    EXPECT_EQ(guest_order(&g, 0x12400), ORDER_4K);
    EXPECT_EQ(g.pod.counters.splinter_1g, 1);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_cached_superpage_is_broken_for_a_single_page)
{
    guest_start_pod(&g, 3, 512);
    for (uint64_t i = 0; i < 8; i++) {
        EXPECT_EQ(guest_read(&g, i), 0);
    }
    EXPECT_EQ(g.pod.cache_count, 504);
    EXPECT_EQ(g.pod.entry_count, 0);
    guest_end(&g);
}

TEST(populating_never_flushes)
{
    uint64_t before;

    guest_start_pod(&g, 11, 1500);
    before = fake_flush_count();
    for (uint64_t i = 0; i < 30; i++) {
        guest_write(&g, i * 67, i + 1);
        guest_check(&g);
    }
    EXPECT_EQ(g.pod.counters.populate_2m, 2);
    EXPECT(g.pod.counters.populate_4k > 10);
    EXPECT_EQ(fake_flush_count(), before);
    guest_end(&g);
}

TEST(an_empty_cache_asks_for_a_page_and_changes_nothing)
{
    uint64_t *word, writes;

    guest_start_pod(&g, ORDER_1G, 0);
    writes = fake_pte_write_count();
    EXPECT_EQ(guest_try(&g, 7, true, &word), P2M_NEED_PAGE);
    EXPECT_EQ(fake_pte_write_count(), writes);
    EXPECT_EQ(guest_order(&g, 7), ORDER_1G);
    guest_check(&g);
    guest_end(&g);
}

TEST(no_table_page_is_a_verdict_of_its_own)
{
    uint64_t *word;

    guest_start_pod(&g, ORDER_1G, 8);
    guest_lose_reserve(&g);
    for (uint64_t limit = 1; limit < 3; limit++) {
        g.account.table_limit = g.account.table_count + (limit == 2);
        EXPECT_EQ(guest_try(&g, 0x1234, true, &word), P2M_NO_MEMORY);
        EXPECT_EQ(guest_order(&g, 0x1234), ORDER_1G);
        EXPECT_EQ(g.pod.cache_count, 8);
        guest_check(&g);
    }
    g.account.table_limit++;
    EXPECT_EQ(guest_try(&g, 0x1234, true, &word), P2M_OK);
    guest_check(&g);
    guest_end(&g);
}

/* P10: no single allocation matters. */
TEST(a_touch_needs_no_allocation_to_succeed)
{
    uint64_t *word;

    guest_start_pod(&g, ORDER_1G, 8);
    for (uint64_t n = 1; n < 8; n++) {
        page_alloc_fail_nth(n);
        EXPECT_EQ(guest_try(&g, n << 15, true, &word), P2M_OK);
        page_alloc_fail_nth(0);
        EXPECT_EQ(g.pod.counters.tables_reserved, 2);
        guest_check(&g);
    }
    guest_end(&g);
}

/* While something is lacking anyway, the cache pays for tables: what is missing
 * in the end is a page, never a table. */
TEST(in_a_full_host_the_cache_pays_for_tables)
{
    enum p2m_verdict verdict;
    struct page_list all;
    uint64_t *word, touched = 0, total;

    guest_start_pod(&g, ORDER_1G, 8);
    total = g.account.page_count + g.account.table_count;
    host_fill(&all);
    while ((verdict = guest_try(&g, touched << 9, true, &word)) == P2M_OK) {
        touched++;
        guest_check(&g);
    }
    EXPECT_EQ(verdict, P2M_NEED_PAGE);
    EXPECT_EQ(g.pod.cache_count, 0);
    /* A table for the first 1G, and one for each page that was had. */
    EXPECT_EQ(touched, 4);
    EXPECT_EQ(g.pod.counters.tables_paid, 4);
    EXPECT_EQ(g.account.page_count + g.account.table_count, total);
    guest_check(&g);
    guest_end(&g);
}

/* Nothing is lacking, so nothing may go wrong: whatever the order in which the
 * promises are touched, and though all that is cached are single pages. */
TEST(kept_promises_need_nobody)
{
    struct page_list all;
    uint64_t *word;

    machine_start(0x4000);
    guest_start(&g, 1);
    host_fill(&all);
    host_free_singles(&all, 2048 + 5);
    EXPECT_EQ(pod_set_cache(&g.pod, 2048, ~0ULL), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(1024), 9), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(1536), 9), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 10), -ENOMEM); /* two tables more */
    EXPECT_EQ(g.pod.entry_count, 1024);
    guest_check(&g);
    host_free_singles(&all, 1);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 10), 0);
    EXPECT_EQ(g.pod.counters.tables_reserved, 4);
    EXPECT_EQ(g.pod.counters.tables_owed, 4);
    guest_check(&g);
    while (page_alloc(PAGE_HEAP, 0)) {
        continue;
    }
    for (uint64_t i = 0; i < 2048; i++) {
        EXPECT_EQ(guest_try(&g, i * 517 % 2048, true, &word), P2M_OK);
    }
    EXPECT_EQ(g.pod.entry_count, 0);
    EXPECT_EQ(g.pod.cache_count, 0);
    EXPECT_EQ(g.pod.counters.tables_paid, 0);
    EXPECT_EQ(g.pod.counters.tables_reserved, 0);
    guest_check(&g);
    guest_end(&g);
}

/* What is set aside does not grow with what is promised while the promise
 * cannot be kept anyway. */
TEST(a_large_promise_costs_two_tables)
{
    machine_start(0x4000);
    guest_start(&g, 1);
    EXPECT_EQ(pod_set_cache(&g.pod, 100, ~0ULL), 0);
    for (uint64_t i = 0; i < 64; i++) {
        EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(i << 18), ORDER_1G), 0);
    }
    EXPECT_EQ(g.pod.counters.tables_owed, 64 * 513);
    EXPECT_EQ(g.pod.counters.tables_reserved, 2);
    EXPECT(g.account.table_count <= 2 + 2 + 1);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_promise_beyond_the_budget_of_tables_is_not_made)
{
    machine_start(0x4000);
    guest_start(&g, 1);
    EXPECT_EQ(pod_set_cache(&g.pod, 2048, ~0ULL), 0);
    g.account.table_limit = g.account.table_count + 2 + 3;
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 11), -ENOMEM);
    EXPECT_EQ(g.pod.entry_count, 0);
    guest_check(&g);
    g.account.table_limit++;
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 11), 0);
    EXPECT_EQ(g.pod.entry_count, 2048);
    guest_check(&g);
    guest_end(&g);
}

/* A page comes and goes, here and there, as long as there are tables for it:
 * they stay. */
static void spread_tables(void)
{
    uint64_t gfn = 1ULL << 20;
    int rc;

    do {
        struct page *pg = page_alloc_guest(&g.account, 0);

        EXPECT(pg);
        rc = p2m_add_ram(&g.p2m, GFN(gfn), pg, 0);
        if (rc) {
            page_release(pg, 1);
        } else {
            EXPECT_EQ(p2m_remove(&g.p2m, GFN(gfn), INVALID_MFN), 0);
        }
        gfn += 512;
    } while (!rc);
    EXPECT_EQ(rc, -ENOMEM);
}

/* A guest that uses up its budget of tables has kept what its promises and its
 * memory need: so a touch lacks a page, but never a table. */
TEST(the_budget_is_kept_for_promises_and_memory)
{
    uint64_t *word, touched = 0;
    struct page *pg;

    machine_start(0x4000);
    guest_start(&g, 1);
    EXPECT_EQ(pod_set_cache(&g.pod, 1024, ~0ULL), 0);
    g.account.table_limit = g.account.table_count + 2 + 4 + 6;
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 11), 0);
    spread_tables();
    EXPECT(g.account.table_count < g.account.table_limit);
    /* One of 2 MiB would need its table one day. */
    pg = page_alloc_guest(&g.account, ORDER_2M);
    EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(4096), pg, ORDER_2M), -ENOMEM);
    p2m_set_table_limit(&g.p2m, g.account.table_limit + 1);
    EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(4096), pg, ORDER_2M), 0);
    p2m_set_table_limit(&g.p2m, 1);
    EXPECT(g.account.table_limit > g.account.table_count);
    spread_tables();
    for (uint64_t i = 0; i < 2048; i++) {
        enum p2m_verdict verdict = guest_try(&g, i * 517 % 2048, true, &word);

        EXPECT(verdict == P2M_OK || verdict == P2M_NEED_PAGE);
        touched += verdict == P2M_OK;
    }
    EXPECT(touched >= 1024);
    EXPECT_EQ(g.pod.cache_count, 0);
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t gfn = 517 * i, done;

        EXPECT_EQ(p2m_decrease(&g.p2m, GFN(gfn), 0, &done), 0);
    }
    EXPECT_EQ(p2m_remove(&g.p2m, GFN(4097), INVALID_MFN), 0);
    EXPECT(g.account.table_count <= g.account.table_limit);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_dying_guest_gets_nothing)
{
    struct p2m_search search = {0};
    uint64_t *word;

    guest_start_pod(&g, ORDER_2M, 8);
    p2m_set_dying(&g.p2m);
    EXPECT_EQ(guest_try(&g, 1, true, &word), P2M_DYING);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(512), 0), -ESRCH);
    EXPECT_EQ(p2m_sweep(&g.p2m, &search), P2M_SWEEP_NOTHING);
    EXPECT_EQ(g.pod.cache_count, 8);
    guest_end(&g);
}

TEST(faults_are_decided_by_type_and_access)
{
    struct guest other;
    struct page *pg;

    guest_start_pod(&g, ORDER_4K, 1);
    guest_start(&other, 2);
    pg = guest_add(&g, 0x1000, 0);
    EXPECT_EQ(p2m_fault(&g.p2m, GFN(0x1000), true, false), P2M_OK);
    EXPECT_EQ(p2m_fault(&g.p2m, GFN(0x1000), false, true), P2M_OK);
    EXPECT_EQ(p2m_fault(&g.p2m, GFN(0x1001), false, false), P2M_HOLE_ACCESS);
    EXPECT_EQ(p2m_fault(&g.p2m, GFN(~0ULL), false, false), P2M_HOLE_ACCESS);
    EXPECT_EQ(p2m_fault(&g.p2m, GFN(1ULL << 48), false, false),
              P2M_HOLE_ACCESS);
    EXPECT(page_get(pg, &g.account));
    EXPECT_EQ(p2m_add_foreign(&other.p2m, GFN(3), pg, P2M_FOREIGN_RO), 0);
    EXPECT_EQ(p2m_fault(&other.p2m, GFN(3), false, false), P2M_OK);
    EXPECT_EQ(p2m_fault(&other.p2m, GFN(3), true, false), P2M_BAD_ACCESS);
    EXPECT_EQ(p2m_fault(&other.p2m, GFN(3), false, true), P2M_BAD_ACCESS);
    guest_check(&g);
    guest_check(&other);
    guest_end(&other);
    guest_end(&g);
}
