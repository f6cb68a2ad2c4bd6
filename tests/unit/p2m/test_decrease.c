/* SPDX-License-Identifier: MIT */
#include "guest.h"

static struct guest g;

TEST(ram_without_debt_goes_to_the_host)
{
    uint64_t free_before, flushes;

    guest_start_pod(&g, 0, 0);
    guest_decrease(&g, 0, 0);
    free_before = page_alloc_info().free;
    guest_add(&g, 0x200, ORDER_2M);
    flushes = fake_flush_count();
    guest_write(&g, 0x277, 1);
    guest_decrease(&g, 0x200, ORDER_2M);
    EXPECT_EQ(fake_flush_count(), flushes + 1);
    EXPECT_EQ(guest_type(&g, 0x277), P2M_HOLE);
    EXPECT_EQ(g.account.page_count, 0);
    EXPECT(page_alloc_info().free >= free_before - 3);
    guest_check(&g);
    guest_end(&g);
}

TEST(ram_pays_the_debt_first)
{
    guest_start_pod(&g, ORDER_2M, 16);
    for (uint64_t i = 0; i < 16; i++) {
        guest_write(&g, i, ~i);
    }
    EXPECT_EQ(g.pod.entry_count, 496);
    for (uint64_t i = 0; i < 16; i++) {
        guest_decrease(&g, i, 0);
        EXPECT_EQ(g.pod.cache_count, i + 1);
        guest_check(&g);
    }
    EXPECT_EQ(g.account.page_count, 16);
    EXPECT_EQ(g.pod.counters.steals, 16);
    EXPECT_EQ(guest_read(&g, 100), 0);
    EXPECT_EQ(g.pod.counters.pages_cleared, 1);
    guest_end(&g);
}

TEST(a_superpage_is_stolen_whole)
{
    guest_start_pod(&g, 11, 512);
    guest_write(&g, 512, 1);
    EXPECT_EQ(guest_order(&g, 512), ORDER_2M);
    guest_decrease(&g, 512, ORDER_2M);
    EXPECT_EQ(g.pod.cache_count, 512);
    EXPECT(pod_has_superpage(&g.pod));
    EXPECT_EQ(guest_type(&g, 700), P2M_HOLE);
    guest_check(&g);
    guest_write(&g, 0, 1);
    EXPECT_EQ(guest_order(&g, 0), ORDER_2M);
    EXPECT_EQ(guest_read(&g, 511), 0);
    guest_check(&g);
    guest_end(&g);
}

TEST(promises_given_up_free_the_cache)
{
    guest_start_pod(&g, ORDER_1G, 1024 + 3);
    guest_decrease(&g, 0, 17);
    EXPECT_EQ(g.pod.entry_count, BIT(17));
    EXPECT_EQ(g.pod.cache_count, 1027);
    guest_check(&g);
    for (unsigned order = 16; order >= 9; order--) {
        guest_decrease(&g, BIT(17) + BIT(order), order);
    }
    guest_check(&g);
    guest_decrease(&g, BIT(17), 8);
    guest_decrease(&g, BIT(17) + BIT(8), 8);
    EXPECT_EQ(g.pod.entry_count, 0);
    EXPECT_EQ(g.pod.cache_count, 0);
    EXPECT_EQ(g.account.page_count, 0);
    guest_check(&g);
    guest_end(&g);
}

/* POD-9.89: every order at every misalignment, over everything. */
TEST(any_order_at_any_gfn)
{
    guest_start_pod(&g, 12, 700);
    for (unsigned order = 0; order <= 9; order++) {
        for (uint64_t shift = 0; shift < 9; shift++) {
            uint64_t gfn = 512 * (order % 4) + BIT(shift) - 1;

            EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 12), 0);
            guest_write(&g, gfn, 1);
            guest_write(&g, gfn + BIT(order) / 2, 2);
            guest_check(&g);
            guest_decrease(&g, gfn, order);
            for (uint64_t i = gfn; i < gfn + BIT(order); i++) {
                EXPECT_EQ(guest_type(&g, i), P2M_HOLE);
            }
            guest_check(&g);
            for (uint64_t i = 0; i < 4096; i++) {
                if (guest_type(&g, i) != P2M_HOLE) {
                    guest_decrease(&g, i, 0);
                }
            }
            guest_check(&g);
            EXPECT_EQ(g.pod.entry_count, 0);
            EXPECT_EQ(g.account.page_count, 0);
            EXPECT_EQ(pod_set_cache(&g.pod, 700, ~0ULL), 0);
        }
    }
    guest_end(&g);
}

TEST(it_stops_at_what_it_may_not_remove)
{
    struct guest other;
    struct page *pg;
    uint64_t done;

    guest_start_pod(&g, 3, 8);
    guest_start(&other, 2);
    EXPECT_EQ(p2m_decrease(&g.p2m, GFN(4), 3, &done), -ENOENT);
    EXPECT_EQ(done, 4);
    EXPECT_EQ(p2m_decrease(&g.p2m, GFN(4), 0, &done), -ENOENT);
    EXPECT_EQ(done, 0);
    pg = guest_add(&other, 0, 0);
    EXPECT(page_get(pg, &other.account));
    EXPECT_EQ(p2m_add_foreign(&g.p2m, GFN(4), pg, P2M_FOREIGN), 0);
    EXPECT_EQ(p2m_decrease(&g.p2m, GFN(2), 2, &done), -EPERM);
    EXPECT_EQ(done, 2);
    EXPECT_EQ(guest_type(&g, 4), P2M_FOREIGN);
    guest_check(&g);
    guest_end(&g);
    guest_end(&other);
}

/* POD-4.12: a page that somebody else maps is nothing to promise with. */
TEST(a_page_that_others_map_is_not_stolen)
{
    struct guest other;
    struct p2m_entry e;
    struct page *pg;

    guest_start_pod(&g, ORDER_2M, 2);
    guest_start(&other, 2);
    guest_write(&g, 5, 5);
    pg = p2m_get_page(&g.p2m, GFN(5), &e);
    EXPECT_EQ(p2m_add_foreign(&other.p2m, GFN(9), pg, P2M_FOREIGN), 0);
    guest_decrease(&g, 5, 0);
    EXPECT_EQ(g.pod.cache_count, 1);
    EXPECT_EQ(g.account.page_count, 2);
    EXPECT_EQ(guest_read(&other, 9), 5);
    guest_check(&g);
    EXPECT_EQ(p2m_remove(&other.p2m, GFN(9), INVALID_MFN), 0);
    EXPECT_EQ(g.account.page_count, 1);
    guest_check(&g);
    guest_check(&other);
    guest_end(&other);
    guest_end(&g);
}

TEST(special_pages_are_not_stolen)
{
    struct page *pg;

    guest_start_pod(&g, ORDER_2M, 2);
    pg = page_alloc_special(&g.account);
    EXPECT(page_get(pg, &g.account));
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(0x1000), pg), 0);
    guest_decrease(&g, 0x1000, 0);
    EXPECT_EQ(g.pod.cache_count, 2);
    EXPECT_EQ(page_references(pg), 1);
    EXPECT_EQ(pg->state, PAGE_SPECIAL);
    guest_check(&g);
    page_put(pg);
    guest_end(&g);
}

TEST(without_a_table_a_superpage_stays_whole)
{
    uint64_t done, n;

    guest_start_pod(&g, 11, 512);
    guest_write(&g, 0, 1);
    for (n = 1; n < 3; n++) {
        int rc;

        guest_lose_reserve(&g);
        page_alloc_fail_nth(n);
        rc = p2m_decrease(&g.p2m, GFN(7), 0, &done);
        page_alloc_fail_nth(0);
        guest_check(&g);
        if (!rc) {
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
        EXPECT_EQ(done, 0);
        EXPECT_EQ(guest_order(&g, 7), ORDER_2M);
        EXPECT_EQ(g.pod.cache_count, 0);
    }
    EXPECT_EQ(n, 2);
    guest_end(&g);
}

TEST(a_batch_flushes_once)
{
    uint64_t flushes;

    guest_start_pod(&g, 10, 600);
    for (uint64_t i = 0; i < 600; i++) {
        guest_write(&g, i, 1);
    }
    flushes = fake_flush_count();
    p2m_batch_begin(&g.p2m);
    for (uint64_t i = 0; i < 512; i++) {
        guest_decrease(&g, i, 0);
    }
    EXPECT_EQ(g.pod.cache_count, 0);
    p2m_batch_end(&g.p2m);
    EXPECT_EQ(fake_flush_count(), flushes + 1);
    /* All of it was owed: 1024 were promised, 600 given. */
    EXPECT_EQ(g.pod.cache_count, 424);
    EXPECT_EQ(g.pod.entry_count, 424);
    EXPECT_EQ(g.account.page_count, 600 - 512 + 424);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_table_of_holes_is_freed)
{
    uint64_t tables;

    guest_start_pod(&g, 11, 200);
    tables = g.account.table_count;
    for (uint64_t i = 0; i < 200; i++) {
        guest_write(&g, 512 + i, 1);
    }
    EXPECT_EQ(g.account.table_count, tables + 1);
    p2m_batch_begin(&g.p2m);
    for (uint64_t i = 0; i < 512; i++) {
        guest_decrease(&g, 512 + i, 0);
    }
    EXPECT_EQ(g.account.table_count, tables + 1);
    p2m_batch_end(&g.p2m);
    EXPECT_EQ(g.account.table_count, tables);
    EXPECT_EQ(guest_type(&g, 600), P2M_HOLE);
    guest_check(&g);
    guest_add(&g, 512, ORDER_2M);
    guest_check(&g);
    guest_end(&g);
}

/* A guest on another CPU may use parked pages until the flush; nobody else. */
TEST(a_page_is_not_reused_before_the_flush)
{
    struct guest_exit exit;
    uint64_t *stale, *word;

    guest_start_pod(&g, 10, 1);
    guest_write(&g, 0, 1);
    EXPECT_EQ(g.pod.cache_count, 0);
    p2m_batch_begin(&g.p2m);
    guest_decrease(&g, 0, 0);
    stale =
        fake_guest_access(&g.p2m.tlb, g.p2m.root, GPA(0), FAKE_WRITE, &exit);
    EXPECT(stale);
    *stale = 2;
    /* Who needs it now pays the flush. */
    EXPECT_EQ(guest_try(&g, 700, true, &word), P2M_OK);
    EXPECT(
        !fake_guest_access(&g.p2m.tlb, g.p2m.root, GPA(0), FAKE_WRITE, &exit));
    EXPECT_EQ(guest_read(&g, 700), 0);
    p2m_batch_end(&g.p2m);
    guest_check(&g);
    guest_end(&g);
}

/* The large translation that was cached before a split must not survive. */
TEST(a_stale_large_translation_goes_with_its_pieces)
{
    struct guest_exit exit;

    guest_start_pod(&g, 0, 0);
    guest_add(&g, 0x200, ORDER_2M);
    guest_write(&g, 0x205, 5);
    guest_write(&g, 0x206, 6);
    guest_decrease(&g, 0x205, 0);
    EXPECT(!fake_guest_access(&g.p2m.tlb, g.p2m.root, gpa_from_gfn(GFN(0x205)),
                              FAKE_READ, &exit));
    guest_add(&g, 0x205, 0);
    EXPECT_EQ(guest_read(&g, 0x205), 0);
    EXPECT_EQ(guest_read(&g, 0x206), 6);
    guest_check(&g);
    guest_end(&g);
}

static uint64_t seen_wrong;

/* What the tables say at every single write: all but one gfn is as it was. */
static void look(const struct fake_pte_write *write)
{
    for (uint64_t i = 0x200; i < 0x400; i++) {
        struct slot s = walk_find(&g.p2m, GFN(i));
        uint64_t *word;

        if (i == 0x255 || !write) {
            continue;
        }
        word = s.f.rights ? arch_map(slot_mfn(&s, GFN(i))) : NULL;
        seen_wrong += !word || *word != i;
    }
}

TEST(a_reader_sees_a_right_state_at_every_moment)
{
    guest_start_pod(&g, 0, 0);
    guest_add(&g, 0x200, ORDER_2M);
    for (uint64_t i = 0x200; i < 0x400; i++) {
        guest_write(&g, i, i);
    }
    fake_on_pte_write(look);
    guest_decrease(&g, 0x255, 0);
    fake_on_pte_write(NULL);
    EXPECT_EQ(seen_wrong, 0);
    guest_check(&g);
    guest_end(&g);
}

/* Up, down, and one here and there: all of it goes to the host, and comes back
 * from it as large as it was. */
TEST(lists_in_any_order_go_back)
{
    uint64_t gfns[512], before;
    unsigned done;

    machine_start(0x4000);
    guest_start(&g, 1);
    guest_add(&g, 0, ORDER_4K); /* the upper tables are there */
    before = page_alloc_info().free;
    for (unsigned way = 0; way < 3; way++) {
        guest_add(&g, 0x200, ORDER_2M);
        for (unsigned i = 0; i < 512; i++) {
            gfns[i] = 0x200 + (way == 0 ? i : way == 1 ? 511 - i : i * 5 % 512);
        }
        EXPECT_EQ(p2m_decrease_list(&g.p2m, gfns, 512, &done), 0);
        EXPECT_EQ(done, 512);
        EXPECT_EQ(g.account.page_count, 1);
        guest_check(&g);
        EXPECT_EQ(page_alloc_info().free, before);
    }
    guest_end(&g);
}

/* What somebody else maps stays, and ends a run in the middle. */
TEST(a_page_in_use_stays_when_its_neighbours_go)
{
    uint64_t gfns[16];
    struct p2m_entry e;
    struct page *pg;
    unsigned done;

    machine_start(0x4000);
    guest_start(&g, 1);
    guest_add(&g, 0x200, ORDER_2M);
    pg = p2m_get_page(&g.p2m, GFN(0x207), &e);
    EXPECT(pg);
    for (unsigned i = 0; i < 16; i++) {
        gfns[i] = 0x200 + i;
    }
    EXPECT_EQ(p2m_decrease_list(&g.p2m, gfns, 16, &done), 0);
    EXPECT_EQ(g.account.page_count, 512 - 15);
    guest_check(&g);
    page_put(pg);
    EXPECT_EQ(g.account.page_count, 512 - 16);
    guest_check(&g);
    guest_end(&g);
}
