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
    uint64_t *word, n;

    guest_start_pod(&g, ORDER_1G, 8);
    for (n = 1;; n++) {
        enum p2m_verdict verdict;

        page_alloc_fail_nth(n);
        verdict = guest_try(&g, 0x1234, true, &word);
        page_alloc_fail_nth(0);
        guest_check(&g);
        if (verdict == P2M_OK) {
            break;
        }
        EXPECT_EQ(verdict, P2M_NO_MEMORY);
        EXPECT_EQ(guest_order(&g, 0x1234), ORDER_1G);
        EXPECT_EQ(g.pod.cache_count, 8);
    }
    EXPECT_EQ(n, 3);
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
