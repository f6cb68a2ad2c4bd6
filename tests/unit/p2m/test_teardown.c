/* SPDX-License-Identifier: MIT */
#include "guest.h"

static struct guest g, other;

TEST(everything_comes_back)
{
    uint64_t free_before;

    machine_start(0x4000);
    free_before = page_alloc_info().free;
    guest_start(&g, 1);
    EXPECT_EQ(pod_set_cache(&g.pod, 700, ~0ULL), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), ORDER_1G), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(BIT(35)), ORDER_1G), 0);
    for (uint64_t i = 0; i < 650; i++) {
        guest_write(&g, i * 3, i + 1);
    }
    guest_add(&g, BIT(20), ORDER_2M);
    guest_add(&g, BIT(30) + 7, 3);
    guest_write(&g, BIT(35) + 5, 1);
    guest_check(&g);
    guest_end(&g);
    EXPECT_EQ(g.account.page_count, 0);
    EXPECT_EQ(p2m_get(&g.p2m, GFN(3)).type, P2M_HOLE);
    EXPECT_EQ(p2m_populate(&g.p2m, GFN(3)), P2M_HOLE_ACCESS);
    /* The heap may keep a page for its objects. */
    EXPECT(page_alloc_info().free + 2 >= free_before);
}

TEST(others_references_are_dropped)
{
    struct p2m_entry e;
    struct page *pg;

    guest_start_pod(&g, 3, 8);
    guest_start(&other, 2);
    guest_write(&g, 1, 11);
    for (uint64_t i = 0; i < 1000; i++) {
        pg = p2m_get_page(&g.p2m, GFN(1), &e);
        EXPECT_EQ(p2m_add_foreign(&other.p2m, GFN(0x700 + i), pg, P2M_FOREIGN),
                  0);
    }
    EXPECT_EQ(page_references(pg), 1001);
    guest_check(&other);
    guest_end(&other);
    EXPECT_EQ(page_references(pg), 1);
    guest_check(&g);
    guest_end(&g);
}

/* PC-11: a mapped page outlives its owner's teardown, and its last user says
 * that the owner has no more pages. */
TEST(the_last_page_of_a_dying_owner_is_noticed)
{
    struct p2m_entry e;
    struct page *pg;

    guest_start_pod(&g, 3, 8);
    guest_start(&other, 2);
    guest_write(&g, 1, 11);
    pg = p2m_get_page(&g.p2m, GFN(1), &e);
    EXPECT_EQ(p2m_add_foreign(&other.p2m, GFN(0x700), pg, P2M_FOREIGN), 0);
    guest_end(&g);
    EXPECT_EQ(g.account.page_count, 1);
    EXPECT_EQ(guest_read(&other, 0x700), 11);
    guest_check(&other);
    EXPECT(!other.p2m.owner_drained);
    EXPECT_EQ(p2m_remove(&other.p2m, GFN(0x700), INVALID_MFN), 0);
    EXPECT(other.p2m.owner_drained);
    EXPECT_EQ(g.account.page_count, 0);
    guest_end(&other);
}

/* A page that is mapped by another is not the next owner's while a CPU of the
 * mapper may still write to it. */
TEST(a_foreign_page_is_let_go_after_the_flush)
{
    struct p2m_entry e;
    struct page *pg;

    guest_start_pod(&g, 3, 8);
    guest_start(&other, 2);
    guest_write(&g, 1, 11);
    pg = p2m_get_page(&g.p2m, GFN(1), &e);
    EXPECT_EQ(p2m_add_foreign(&other.p2m, GFN(0x700), pg, P2M_FOREIGN), 0);
    guest_write(&other, 0x700, 12);
    p2m_batch_begin(&other.p2m);
    EXPECT_EQ(p2m_remove(&other.p2m, GFN(0x700), INVALID_MFN), 0);
    EXPECT_EQ(page_references(pg), 2);
    p2m_batch_end(&other.p2m);
    EXPECT_EQ(page_references(pg), 1);
    EXPECT_EQ(guest_read(&g, 1), 12);
    guest_check(&other);
    guest_end(&other);
    guest_end(&g);
}

/* Large leaves go in slices, whatever became of their blocks meanwhile; a page
 * that somebody else has stays. */
TEST(large_leaves_go_in_slices)
{
    struct page *pg, *kept;
    unsigned slices = 0;

    machine_start_clean(3ULL << ORDER_1G);
    guest_start(&g, 1);
    guest_start(&other, 2);
    pg = guest_add(&g, BIT(ORDER_1G), ORDER_1G);
    EXPECT_EQ(guest_order(&g, BIT(ORDER_1G)), ORDER_1G);
    kept = guest_add(&g, 0, ORDER_2M) + 77;
    EXPECT(page_get(kept, &g.account));
    EXPECT_EQ(p2m_add_foreign(&other.p2m, GFN(5), kept, P2M_FOREIGN), 0);
    account_set_dying(&g.account);
    p2m_set_dying(&g.p2m);
    while (g.account.page_count > 1) {
        uint64_t before = g.account.page_count;

        EXPECT_EQ(p2m_teardown(&g.p2m), -ERESTART);
        EXPECT(before - g.account.page_count <= 512);
        EXPECT(slices++ < 2000);
        if (slices % 64 == 0) {
            machine_check();
        }
    }
    EXPECT_EQ(pg->state, PAGE_FREE);
    EXPECT_EQ(kept->state, PAGE_GUEST);
    guest_end(&g);
    guest_end(&other);
    EXPECT_EQ(kept->state, PAGE_FREE);
    EXPECT_EQ(g.account.page_count, 0);
}

/* A page that was just allocated for somebody who is about to map it is found
 * by nobody yet. */
TEST(teardown_waits_for_who_is_inside)
{
    struct page *pg;

    guest_start_pod(&g, 3, 8);
    EXPECT(p2m_enter(&g.p2m));
    pg = page_alloc_guest(&g.account, 0);
    p2m_set_dying(&g.p2m);
    EXPECT(!p2m_enter(&g.p2m));
    for (unsigned i = 0; i < 1000; i++) {
        EXPECT_EQ(p2m_teardown(&g.p2m), -ERESTART);
    }
    EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(0), pg, 0), -ESRCH);
    EXPECT(page_put_allocated(pg));
    p2m_leave(&g.p2m);
    guest_end(&g);
}

TEST(initialising_may_fail_and_leaves_nothing)
{
    uint64_t n;

    machine_start(0x1000);
    for (n = 1;; n++) {
        int rc;

        machine_account(&g.account, 1, 100);
        pod_init(&g.pod, &g.account);
        page_alloc_fail_nth(n);
        rc = p2m_init(&g.p2m, &g.account, &g.pod);
        page_alloc_fail_nth(0);
        machine_check();
        if (!rc) {
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
        EXPECT_EQ(g.account.table_count, 0);
        account_done(&g.account);
    }
    EXPECT(n > 1);
    guest_end(&g);
}

TEST(a_budget_of_tables_is_a_limit)
{
    uint64_t *word;

    guest_start_pod(&g, ORDER_1G, 8);
    guest_lose_reserve(&g);
    g.account.table_limit = g.account.table_count + 1;
    EXPECT_EQ(guest_try(&g, 5, true, &word), P2M_NO_MEMORY);
    EXPECT_EQ(guest_order(&g, 5), ORDER_1G);
    g.account.table_limit++;
    EXPECT_EQ(guest_read(&g, 5), 0);
    guest_check(&g);
    guest_end(&g);
}

TEST(the_audit_sees_what_is_wrong)
{
    struct slot s;
    unsigned clean;

    guest_start_pod(&g, ORDER_2M, 8);
    guest_write(&g, 5, 1);
    clean = p2m_audit(&g.p2m);
    EXPECT_EQ(clean, 0);
    g.pod.entry_count++;
    EXPECT_EQ(p2m_audit(&g.p2m), 1);
    g.pod.entry_count--;
    s = walk_find(&g.p2m, GFN(5));
    page_from_mfn(s.f.mfn)->gfn = 6;
    EXPECT_EQ(p2m_audit(&g.p2m), 1);
    page_from_mfn(s.f.mfn)->gfn = 5;
    *s.entry = 0;
    /* One leaf less: the table's count, and nothing else knows. */
    EXPECT_EQ(p2m_audit(&g.p2m), 1);
}
