/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "guest.h"

static struct guest g;

static void start(void)
{
    machine_start(0x4000);
    guest_start(&g, 1);
}

TEST(aligned_memory_gets_large_leaves)
{
    start();
    guest_add(&g, 0x200, ORDER_2M);
    EXPECT_EQ(guest_order(&g, 0x2ff), ORDER_2M);
    EXPECT_EQ(guest_type(&g, 0x3ff), P2M_RAM);
    EXPECT_EQ(guest_type(&g, 0x400), P2M_HOLE);
    EXPECT_EQ(g.p2m.max_gfn.v, 0x3ff);
    guest_check(&g);
    guest_add(&g, 0x800, 11);
    EXPECT_EQ(guest_order(&g, 0xfff), ORDER_2M);
    guest_add(&g, 0x1001, 3);
    EXPECT_EQ(guest_order(&g, 0x1001), ORDER_4K);
    EXPECT_EQ(guest_type(&g, 0x1000), P2M_HOLE);
    guest_check(&g);
    guest_end(&g);
    EXPECT_EQ(g.account.page_count, 0);
}

TEST(a_gigabyte_gets_one_leaf)
{
    machine_start_clean(3ULL << 18);
    guest_start(&g, 1);
    guest_add(&g, 1 << 18, ORDER_1G);
    EXPECT_EQ(guest_order(&g, (1 << 18) + 5), ORDER_1G);
    guest_write(&g, (1 << 18) + 0x777, 0x1234);
    guest_decrease(&g, (1 << 18) + 5, 0);
    EXPECT_EQ(guest_order(&g, (1 << 18) + 6), ORDER_4K);
    EXPECT_EQ(guest_order(&g, (1 << 18) + 512), ORDER_2M);
    EXPECT_EQ(guest_read(&g, (1 << 18) + 0x777), 0x1234);
    guest_check(&g);
    guest_end(&g);
}

TEST(misaligned_memory_gets_small_leaves)
{
    start();
    guest_add(&g, 0x201, ORDER_2M);
    EXPECT_EQ(guest_order(&g, 0x201), ORDER_4K);
    EXPECT_EQ(guest_order(&g, 0x400), ORDER_4K);
    guest_check(&g);
    guest_end(&g);
}

TEST(what_is_there_stays)
{
    struct page *pg;

    start();
    guest_add(&g, 0x205, 0);
    pg = page_alloc_guest(&g.account, ORDER_2M);
    EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(0x200), pg, ORDER_2M), -EEXIST);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x200), ORDER_2M), -EBUSY);
    EXPECT_EQ(guest_type(&g, 0x204), P2M_HOLE);
    for (unsigned i = 0; i < 512; i++) {
        page_put_allocated(pg + i);
    }
    guest_check(&g);
    guest_end(&g);
}

TEST(large_memory_takes_the_place_of_a_table)
{
    uint64_t tables;

    start();
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x200), 3), 0);
    guest_add(&g, 0x300, 0);
    guest_decrease(&g, 0x300, 0);
    tables = g.account.table_count;
    guest_add(&g, 0x200, ORDER_2M);
    EXPECT_EQ(guest_order(&g, 0x300), ORDER_2M);
    /* That table, and the reserve for what was promised. */
    EXPECT_EQ(g.account.table_count, tables - 3);
    EXPECT_EQ(g.pod.entry_count, 0);
    guest_check(&g);
    guest_end(&g);
}

TEST(promises_that_are_kept_otherwise_leave_no_stranded_cache)
{
    start();
    EXPECT_EQ(pod_set_cache(&g.pod, 10, ~0ULL), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 4), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(16), 2), 0);
    EXPECT_EQ(g.pod.entry_count, 20);
    for (uint64_t i = 0; i < 20; i++) {
        guest_add(&g, i, 0);
        EXPECT(g.pod.cache_count <= g.pod.entry_count);
        guest_check(&g);
    }
    EXPECT_EQ(g.pod.cache_count, 0);
    EXPECT_EQ(g.account.page_count, 20);
    guest_end(&g);
}

TEST(marking_twice_counts_once)
{
    start();
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x1ff), 3), 0);
    EXPECT_EQ(g.pod.entry_count, 8);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), ORDER_2M), 0);
    EXPECT_EQ(g.pod.entry_count, 512 + 7);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), ORDER_2M), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), ORDER_1G), 0);
    EXPECT_EQ(g.pod.entry_count, BIT(ORDER_1G));
    EXPECT_EQ(guest_order(&g, 3), ORDER_1G);
    guest_check(&g);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(7), 5), 0);
    EXPECT_EQ(g.pod.entry_count, BIT(ORDER_1G));
    guest_check(&g);
    guest_end(&g);
}

TEST(gfns_have_a_width)
{
    static const uint64_t wild[] = {1ULL << 36, 1ULL << 48, 1ULL << 52,
                                    1ULL << 59, ~0ULL};
    struct page *pg;
    uint64_t done;

    start();
    pg = page_alloc_guest(&g.account, 0);
    for (unsigned i = 0; i < ARRAY_COUNT(wild); i++) {
        gfn_t gfn = GFN(wild[i]);

        EXPECT_EQ(p2m_mark_pod(&g.p2m, gfn, 0), -EINVAL);
        EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(gfn.v - 1), 1), -EINVAL);
        EXPECT_EQ(p2m_add_ram(&g.p2m, gfn, pg, 0), -EINVAL);
        EXPECT_EQ(p2m_add_foreign(&g.p2m, gfn, pg, P2M_FOREIGN), -EINVAL);
        EXPECT_EQ(p2m_remove(&g.p2m, gfn, INVALID_MFN), -ENOENT);
        EXPECT_EQ(p2m_move(&g.p2m, gfn, GFN(1)), -EINVAL);
        EXPECT_EQ(p2m_move(&g.p2m, GFN(1), gfn), -EINVAL);
        EXPECT_EQ(p2m_decrease(&g.p2m, gfn, 0, &done), -ENOENT);
        EXPECT_EQ(p2m_get(&g.p2m, gfn).type, P2M_HOLE);
    }
    EXPECT_EQ(guest_type(&g, 0), P2M_HOLE);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(1), ORDER_1G), -EINVAL);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN((1ULL << 36) - 1), 0), 0);
    page_put_allocated(pg);
    guest_check(&g);
    guest_end(&g);
}

TEST(adding_fails_whole_for_want_of_a_table)
{
    start();
    for (uint64_t n = 1;; n++) {
        struct page *pg = page_alloc_guest(&g.account, 3);
        int rc;

        page_alloc_fail_nth(n);
        rc = p2m_add_ram(&g.p2m, GFN(0x1fc), pg, 3);
        page_alloc_fail_nth(0);
        guest_check(&g);
        if (!rc) {
            EXPECT_EQ(n, 5);
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
        for (uint64_t i = 0x1f0; i < 0x210; i++) {
            EXPECT_EQ(guest_type(&g, i), P2M_HOLE);
        }
        for (unsigned i = 0; i < 8; i++) {
            EXPECT(page_put_allocated(pg + i));
        }
        /* Take the tables away again. */
        guest_end(&g);
        guest_start(&g, 1);
    }
    guest_end(&g);
}

TEST(marking_fails_whole_for_want_of_a_table)
{
    machine_start(0x4000);
    for (uint64_t n = 1; n < 5; n++) {
        guest_start(&g, 1);
        page_alloc_fail_nth(n);
        EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x1fc), 3), -ENOMEM);
        EXPECT_EQ(g.pod.entry_count, 0);
        EXPECT_EQ(guest_type(&g, 0x1fc), P2M_HOLE);
        page_alloc_fail_nth(0);
        guest_check(&g);
        guest_end(&g);
    }
}

TEST(a_special_page_is_shown_at_one_place)
{
    struct page *pg;

    start();
    pg = page_alloc_special(&g.account);
    EXPECT(page_get(pg, &g.account));
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(0x10), pg), 0);
    EXPECT(page_get(pg, &g.account));
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(0x20), pg), 0);
    EXPECT_EQ(guest_type(&g, 0x10), P2M_HOLE);
    EXPECT_EQ(guest_type(&g, 0x20), P2M_RAM);
    EXPECT_EQ(page_references(pg), 2);
    EXPECT_EQ(p2m_move(&g.p2m, GFN(0x20), GFN(0x30)), -EINVAL);
    guest_check(&g);
    guest_end(&g);
    EXPECT_EQ(page_references(pg), 1);
    page_put(pg);
}

/* Whatever was there goes with it, or nothing changes. */
TEST(a_special_page_takes_anybodys_place)
{
    struct page *pg;
    int rc;

    start();
    pg = page_alloc_special(&g.account);
    guest_add(&g, 0x200, ORDER_2M);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x400), ORDER_2M), 0);
    EXPECT(page_get(pg, &g.account));
    guest_lose_reserve(&g);
    page_alloc_fail_nth(1);
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(0x277), pg), -ENOMEM);
    EXPECT_EQ(guest_order(&g, 0x277), ORDER_2M);
    EXPECT_EQ(g.account.page_count, 512);
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(0x277), pg), 0);
    EXPECT_EQ(g.pod.cache_count, 1);
    EXPECT(page_get(pg, &g.account));
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(0x403), pg), 0);
    EXPECT_EQ(g.pod.entry_count, 511);
    EXPECT_EQ(guest_type(&g, 0x277), P2M_HOLE);
    EXPECT(page_get(pg, &g.account));
    rc = p2m_put_special(&g.p2m, GFN(0x403), pg);
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(page_references(pg), 2);
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(~0ULL), pg), -EINVAL);
    guest_check(&g);
    guest_end(&g);
    page_put(pg);
}

static unsigned came_between;

/* Another vCPU of the guest puts memory there as often as it can. */
static void *populate_again_and_again(void *stop)
{
    fake_set_cpu(1);
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
        struct page *pg = page_alloc_guest(&g.account, 0);

        if (pg && p2m_add_ram(&g.p2m, GFN(0x40), pg, 0)) {
            page_release(pg, 1);
        } else {
            came_between++;
        }
    }
    return NULL;
}

TEST(nobody_comes_between_what_goes_and_what_comes)
{
    bool stop = false;
    pthread_t other;
    struct page *pg;

    start();
    pg = page_alloc_special(&g.account);
    EXPECT_EQ(pthread_create(&other, NULL, populate_again_and_again, &stop), 0);
    for (unsigned i = 0; i < 2000 || came_between < 10; i++) {
        int rc;

        EXPECT(page_get(pg, &g.account));
        EXPECT_EQ(p2m_put_special(&g.p2m, GFN(0x40), pg), 0);
        rc = p2m_remove(&g.p2m, GFN(0x40), INVALID_MFN);
        EXPECT(rc == 0 || rc == -ENOENT);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(other, NULL);
    guest_check(&g);
    guest_end(&g);
    page_put(pg);
}

TEST(moving_takes_the_page_along)
{
    struct page *there;

    start();
    guest_add(&g, 0x200, ORDER_2M);
    there = guest_add(&g, 0x1000, 0);
    guest_write(&g, 0x277, 77);
    guest_write(&g, 0x1000, 88);
    EXPECT_EQ(p2m_move(&g.p2m, GFN(0x277), GFN(0x1000)), 0);
    EXPECT_EQ(guest_read(&g, 0x1000), 77);
    EXPECT_EQ(guest_type(&g, 0x277), P2M_HOLE);
    EXPECT_EQ(there->state, PAGE_FREE);
    guest_check(&g);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x2000), ORDER_2M), 0);
    EXPECT_EQ(p2m_move(&g.p2m, GFN(0x1000), GFN(0x2005)), 0);
    EXPECT_EQ(g.pod.entry_count, 511);
    EXPECT_EQ(p2m_move(&g.p2m, GFN(0x2006), GFN(0x1000)), -EINVAL);
    EXPECT_EQ(p2m_move(&g.p2m, GFN(0x2005), GFN(0x2005)), -EINVAL);
    guest_check(&g);
    guest_end(&g);
}

TEST(moving_fails_whole_for_want_of_a_table)
{
    uint64_t n;

    start();
    guest_add(&g, 0x200, ORDER_2M);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x80000), ORDER_1G), 0);
    for (n = 1;; n++) {
        int rc;

        guest_lose_reserve(&g);
        page_alloc_fail_nth(n);
        rc = p2m_move(&g.p2m, GFN(0x205), GFN(0x80005));
        page_alloc_fail_nth(0);
        guest_check(&g);
        if (!rc) {
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
        EXPECT_EQ(guest_order(&g, 0x205), ORDER_2M);
        EXPECT_EQ(guest_type(&g, 0x80005), P2M_POD);
    }
    EXPECT_EQ(n, 4);
    guest_end(&g);
}

TEST(a_list_of_pages_goes_where_nothing_is)
{
    uint64_t gfns[] = {0x200, 0x900, 0x201, 0x300};
    struct page *pages[4];
    unsigned done;

    start();
    EXPECT_EQ(pod_set_cache(&g.pod, 2, ~0ULL), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x900), ORDER_4K), 0);
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0x901), ORDER_4K), 0);
    guest_add(&g, 0x201, ORDER_4K);
    EXPECT_EQ(page_alloc_guest_some(&g.account, pages, NULL, 4), 4);
    EXPECT_EQ(p2m_add_list(&g.p2m, gfns, pages, 4, &done), -EEXIST);
    EXPECT_EQ(done, 2);
    EXPECT_EQ(guest_type(&g, 0x200), P2M_RAM);
    EXPECT_EQ(guest_type(&g, 0x900), P2M_RAM);
    EXPECT_EQ(guest_type(&g, 0x300), P2M_HOLE);
    EXPECT_EQ(g.pod.entry_count, 1);
    EXPECT_EQ(g.pod.cache_count, 1); /* rebalanced */
    page_release(pages[2], 1);
    page_release(pages[3], 1);
    EXPECT_EQ(g.account.page_count, 4);
    guest_check(&g);
    gfns[0] = g.p2m.gfn_limit;
    EXPECT_EQ(page_alloc_guest_some(&g.account, pages, NULL, 1), 1);
    EXPECT_EQ(p2m_add_list(&g.p2m, gfns, pages, 1, &done), -EINVAL);
    page_release(pages[0], 1);
    guest_check(&g);
    guest_end(&g);
}
