/* SPDX-License-Identifier: MIT */
#include "guest.h"

static struct guest g;

/* Drain the cache, every page with something in it. */
static uint64_t fill(uint64_t count)
{
    uint64_t gfn = 0, *word;

    for (uint64_t i = 0; i < count; i++) {
        while (guest_try(&g, gfn, true, &word) == P2M_OK && !word) {
            continue;
        }
        EXPECT(word);
        *word = ~gfn;
        gfn++;
    }
    EXPECT_EQ(g.pod.cache_count, 0);
    return gfn;
}

/* What a fault would do until there is a verdict. */
static enum p2m_sweep_result search(void)
{
    struct p2m_search attempt = {0};
    enum p2m_sweep_result result;

    do {
        result = p2m_sweep(&g.p2m, &attempt);
    } while (result == P2M_SWEEP_MORE);
    return result;
}

static void expect_values(uint64_t count, uint64_t except)
{
    for (uint64_t i = 0; i < count; i++) {
        if (i != except) {
            EXPECT_EQ(guest_read(&g, i), ~i);
        }
    }
}

static uint64_t pages_read(void)
{
    return g.pod.counters.sweep_pages_read;
}

/* P6: what has something in it is read once and costs a flush for each region,
 * and then nothing until somebody writes to it. */
TEST(nothing_is_a_proof_and_is_remembered)
{
    uint64_t writes, flushes, visited, tables;

    guest_start_pod(&g, 12, 1024 + 100);
    fill(1024 + 100);
    flushes = fake_flush_count();
    tables = g.account.table_count;
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(pages_read(), 1024 + 100);
    EXPECT_EQ(fake_flush_count(), flushes + 3);
    /* Three regions and five placeholders of 2M. */
    visited = g.pod.counters.sweep_gfns_visited;
    EXPECT_EQ(visited, 3 * 512 + 5);
    writes = fake_pte_write_count();
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(pages_read(), 1024 + 100);
    EXPECT_EQ(g.pod.counters.sweep_pages_known, 1024 + 100);
    EXPECT_EQ(fake_pte_write_count(), writes);
    EXPECT_EQ(fake_flush_count(), flushes + 3);
    EXPECT_EQ(g.pod.counters.sweep_gfns_visited, visited + 2 + 512 + 5);
    EXPECT_EQ(g.pod.counters.max_gfns_per_lock_hold, 512);
    EXPECT_EQ(g.pod.counters.unmaps, 0);
    EXPECT_EQ(g.account.table_count, tables);
    EXPECT_EQ(guest_order(&g, 512), ORDER_2M);
    guest_check(&g);
    expect_values(1124, ~0ULL);
    guest_end(&g);
}

/* P6: only what was written to is read again, be it a page or 2M of them. */
TEST(what_was_written_to_is_read_again)
{
    guest_start_pod(&g, 12, 1024 + 100);
    fill(1024 + 100);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    guest_write(&g, 1030, 7);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(pages_read(), 1024 + 100 + 1);
    guest_write(&g, 3, 7);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(pages_read(), 1024 + 100 + 1 + 512);
    guest_write(&g, 1030, 0);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 1030), P2M_POD);
    guest_write(&g, 1030, 7);
    guest_write(&g, 3, 0);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 3), P2M_POD);
    guest_check(&g);
    guest_end(&g);
}

/* P3, POD-10.21: nothing but the last word of each page is not zero. It is read
 * to its end, and nothing is taken apart. */
TEST(pages_that_begin_with_zeros_cost_no_superpage)
{
    uint64_t tables;

    guest_start_pod(&g, 12, 1024 + 100);
    fill(1024 + 100);
    for (uint64_t i = 0; i < 1024 + 100; i++) {
        uint64_t *word = guest_access(&g, i, true);

        word[0] = 0;
        word[511] = ~i;
    }
    tables = g.account.table_count;
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(pages_read(), 1024 + 100);
    EXPECT_EQ(g.pod.counters.unmaps, 0);
    EXPECT_EQ(g.account.table_count, tables);
    EXPECT_EQ(guest_order(&g, 0), ORDER_2M);
    guest_check(&g);
    guest_end(&g);
}

/* P2: what one call does, whatever is there. */
TEST(a_slice_looks_at_one_region)
{
    struct p2m_search attempt = {0};
    struct pod_counters before;

    guest_start_pod(&g, 13, 2048);
    fill(2048);
    for (uint64_t i = 0; i < 2048; i++) {
        if (i % 3 && i >= 512) {
            guest_write(&g, i, 0);
        }
    }
    do {
        before = g.pod.counters;
        p2m_sweep(&g.p2m, &attempt);
        EXPECT(g.pod.counters.sweep_pages_read - before.sweep_pages_read <=
               2 * 512);
        EXPECT(g.pod.counters.sweep_gfns_visited - before.sweep_gfns_visited <
               2 * 512);
        EXPECT(g.pod.counters.unmaps - before.unmaps <= 512);
    } while (!g.pod.cache_count);
    guest_check(&g);
    guest_end(&g);
}

/* P1: one zero page, every region for it, every region for the cursor. */
TEST(one_zero_page_is_found_wherever_it_and_the_cursor_are)
{
    enum {
        PAGES = 3 * 512 + 7,
    };

    guest_start_pod(&g, 12, PAGES);
    fill(PAGES);
    for (uint64_t at = 3; at < PAGES; at += 211) {
        for (uint64_t cursor = 0; cursor < 4096; cursor += 512) {
            uint64_t free = 0;

            guest_write(&g, at, 0);
            g.p2m.sweep_cursor = GFN(cursor);
            EXPECT_EQ(search(), P2M_SWEEP_FOUND);
            EXPECT_EQ(guest_type(&g, at), P2M_POD);
            EXPECT_EQ(g.pod.cache_count, 1);
            guest_write(&g, at, ~at);
            EXPECT_EQ(g.pod.cache_count, free);
        }
    }
    EXPECT_EQ(g.pod.counters.unmaps_restored, 0);
    guest_check(&g);
    expect_values(PAGES, ~0ULL);
    guest_end(&g);
}

/* Two vCPUs search by turns; what one of them cleared before it began is not
 * missed because the other had got further than that already. */
TEST(a_search_does_not_inherit_the_way_of_another)
{
    struct p2m_search first = {0}, second = {0};

    guest_start_pod(&g, 12, 1024);
    fill(1024);
    EXPECT_EQ(p2m_sweep(&g.p2m, &first), P2M_SWEEP_MORE);
    guest_write(&g, 5, 0);
    EXPECT_EQ(p2m_sweep(&g.p2m, &second), P2M_SWEEP_MORE);
    /* The first one's lap ends here; what it saw was right when it saw it. */
    EXPECT_EQ(p2m_sweep(&g.p2m, &first), P2M_SWEEP_NOTHING);
    EXPECT_EQ(p2m_sweep(&g.p2m, &second), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 5), P2M_POD);
    guest_check(&g);
    guest_end(&g);
}

/* What another one found was taken, and is zero again where a search has been:
 * it does not end before a lap in which nobody found anything. */
TEST(a_search_does_not_end_while_others_find)
{
    struct p2m_search first = {0}, second = {0};

    guest_start_pod(&g, 12, 1536);
    fill(1536);
    guest_write(&g, 5, 0);
    g.p2m.sweep_cursor = GFN(1024);
    EXPECT_EQ(p2m_sweep(&g.p2m, &first), P2M_SWEEP_MORE);
    EXPECT_EQ(p2m_sweep(&g.p2m, &second), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_read(&g, 1536), 0);
    EXPECT_EQ(g.pod.cache_count, 0);
    EXPECT_EQ(p2m_sweep(&g.p2m, &first), P2M_SWEEP_MORE); /* 512..1023 */
    EXPECT_EQ(p2m_sweep(&g.p2m, &first), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 1536), P2M_POD);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_zeroed_superpage_is_reclaimed_whole)
{
    uint64_t flushes;

    guest_start_pod(&g, 12, 1024);
    fill(1024);
    EXPECT_EQ(guest_order(&g, 512), ORDER_2M);
    guest_write_all(&g, 512, 512, 0);
    flushes = fake_flush_count();
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 600), P2M_POD);
    EXPECT_EQ(guest_order(&g, 600), ORDER_2M);
    EXPECT_EQ(g.pod.cache_count, 512);
    EXPECT(pod_has_superpage(&g.pod));
    EXPECT_EQ(g.pod.counters.reclaimed_2m, 1);
    /* One for the region before it, which is known now. */
    EXPECT_EQ(fake_flush_count(), flushes + 2);
    guest_check(&g);
    /* It comes back as one, and nothing has to be cleared for it. */
    guest_write(&g, 2048, 1);
    EXPECT_EQ(guest_order(&g, 2048), ORDER_2M);
    EXPECT_EQ(g.pod.counters.pages_cleared, 0);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_table_of_zeros_becomes_one_placeholder)
{
    uint64_t tables;

    guest_start_pod(&g, 12, 700);
    fill(700);
    guest_write_all(&g, 512, 188, 0);
    tables = g.account.table_count;
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_order(&g, 512), ORDER_2M);
    EXPECT_EQ(g.pod.cache_count, 188);
    EXPECT_EQ(g.pod.counters.tlb_flushes_reclaim, 2);
    EXPECT_EQ(g.pod.counters.superpages_reformed, 1);
    EXPECT_EQ(g.account.table_count, tables - 1);
    guest_check(&g);
    guest_end(&g);
}

TEST(some_zeros_in_a_superpage_split_it)
{
    guest_start_pod(&g, 12, 512);
    fill(512);
    guest_write_all(&g, 100, 50, 0);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 50);
    EXPECT_EQ(guest_order(&g, 0), ORDER_4K);
    EXPECT_EQ(guest_type(&g, 99), P2M_RAM);
    EXPECT_EQ(guest_type(&g, 100), P2M_POD);
    EXPECT_EQ(g.pod.counters.tlb_flushes_reclaim, 1);
    guest_check(&g);
    EXPECT_EQ(guest_read(&g, 99), ~99ULL);
    EXPECT_EQ(guest_read(&g, 120), 0);
    guest_end(&g);
}

/* What a guest that runs on another CPU does at the worst moment: its writes
 * go through translations that are not flushed yet. */
static uint64_t race_from, race_count;
static bool race_done;

static void write_late(const struct guest_tlb *tlb)
{
    if (race_done) {
        return;
    }
    race_done = true;
    for (uint64_t i = race_from; i < race_from + race_count; i++) {
        struct guest_exit exit;
        uint64_t *word = fake_guest_access(
            &g.p2m.tlb, g.p2m.root, gpa_from_gfn(GFN(i)), FAKE_WRITE, &exit);

        EXPECT(word);
        *word = 0x1a7e;
    }
}

/* Have the CPU hold translations for writing to these pages, which stay zero.
 */
static void race(uint64_t from, uint64_t count)
{
    race_from = from;
    race_count = count;
    race_done = false;
    guest_write_all(&g, from, count, 0);
    fake_on_flush(write_late);
}

static void expect_late(void)
{
    fake_on_flush(NULL);
    EXPECT(race_done);
    for (uint64_t i = race_from; i < race_from + race_count; i++) {
        EXPECT_EQ(guest_read(&g, i), 0x1a7e);
    }
    guest_check(&g);
}

TEST(a_late_write_restores_a_superpage)
{
    guest_start_pod(&g, 12, 512);
    fill(512);
    race(10, 1);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(guest_order(&g, 10), ORDER_2M);
    EXPECT_EQ(g.pod.counters.unmaps_restored, 1);
    expect_late();
    expect_values(512, 10);
    guest_end(&g);
}

TEST(a_late_write_restores_a_page)
{
    guest_start_pod(&g, 12, 100);
    fill(100);
    race(10, 3);
    guest_write_all(&g, 20, 10, 0);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 10);
    EXPECT_EQ(g.pod.counters.unmaps_restored, 3);
    expect_late();
    guest_end(&g);
}

TEST(late_writes_to_a_zeroed_superpage_cost_only_their_pages)
{
    guest_start_pod(&g, 12, 512);
    fill(512);
    guest_write_all(&g, 0, 512, 0);
    race(100, 7);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 505);
    expect_late();
    EXPECT_EQ(guest_type(&g, 99), P2M_POD);
    guest_end(&g);
}

TEST(a_late_write_everywhere_restores_the_superpage_whole)
{
    guest_start_pod(&g, 12, 512);
    fill(512);
    /* As many as the fake CPU holds translations for. */
    guest_write_all(&g, 0, 512, 1);
    race(64, 256);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(guest_order(&g, 0), ORDER_2M);
    expect_late();
    guest_end(&g);
}

TEST(late_writes_put_a_table_back)
{
    guest_start_pod(&g, 12, 100);
    fill(100);
    guest_write_all(&g, 0, 100, 0);
    race(40, 2);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 98);
    expect_late();
    guest_end(&g);
}

TEST(without_a_table_page_nothing_is_lost)
{
    guest_start_pod(&g, 12, 512);
    fill(512);
    guest_write(&g, 10, 0);
    guest_lose_reserve(&g);
    g.account.table_limit = g.account.table_count;
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(guest_order(&g, 10), ORDER_2M);
    guest_check(&g);
    /* Late writes, and no table to keep the others by. */
    guest_write_all(&g, 0, 512, 0);
    race(10, 1);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(guest_order(&g, 10), ORDER_2M);
    expect_late();
    guest_end(&g);
}

TEST(pages_that_others_use_stay)
{
    struct guest other;
    struct p2m_entry e;
    struct page *pg;

    guest_start_pod(&g, 12, 100);
    guest_start(&other, 2);
    fill(100);
    guest_write_all(&g, 7, 2, 0);
    pg = p2m_get_page(&g.p2m, GFN(7), &e);
    EXPECT_EQ(p2m_add_foreign(&other.p2m, GFN(0x500), pg, P2M_FOREIGN), 0);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 1);
    EXPECT_EQ(guest_type(&g, 7), P2M_RAM);
    EXPECT_EQ(guest_type(&g, 8), P2M_POD);
    guest_check(&g);
    guest_end(&other);
    g.p2m.sweep_cursor = GFN(0);
    guest_write(&g, 8, 8);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 7), P2M_POD);
    guest_end(&g);
}

TEST(special_pages_stay)
{
    struct page *pg;

    guest_start_pod(&g, 12, 100);
    fill(100);
    pg = page_alloc_special(&g.account);
    EXPECT_EQ(p2m_put_special(&g.p2m, GFN(0x2000), pg), 0);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(guest_type(&g, 0x2000), P2M_RAM);
    guest_check(&g);
    guest_end(&g);
}

/* A gigabyte at one leaf, of which every page but those from `first_zero` on
 * has something in it; and a promise that nothing is left for. */
static void start_gigabyte(uint64_t first_zero)
{
    machine_start_clean(3ULL << 18);
    guest_start(&g, 1);
    guest_add(&g, BIT(ORDER_1G), ORDER_1G);
    for (uint64_t i = 0; i < BIT(ORDER_1G); i++) {
        if (i < first_zero) {
            guest_write(&g, BIT(ORDER_1G) + i, 1);
        }
    }
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(0), 0), 0);
    EXPECT_EQ(guest_order(&g, BIT(ORDER_1G)), ORDER_1G);
}

TEST(a_gigabyte_gives_its_zeroed_superpages)
{
    start_gigabyte(700);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    /* 700..1023 are zero, the region before is not. */
    EXPECT_EQ(g.pod.cache_count, 1024 - 700);
    EXPECT_EQ(guest_order(&g, BIT(ORDER_1G)), ORDER_2M);
    EXPECT_EQ(guest_order(&g, BIT(ORDER_1G) + 700), ORDER_4K);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_late_write_restores_a_gigabyte)
{
    struct p2m_search attempt = {0};
    const uint64_t base = BIT(ORDER_1G);

    /* One page of the second region is zero, until it is too late. */
    start_gigabyte(1024);
    race(base + 512 + 9, 1);
    g.p2m.sweep_cursor = GFN(base + 512);
    EXPECT_EQ(p2m_sweep(&g.p2m, &attempt), P2M_SWEEP_MORE);
    EXPECT_EQ(g.pod.counters.unmaps, 1);
    EXPECT_EQ(g.pod.counters.unmaps_restored, 1);
    EXPECT_EQ(guest_order(&g, base), ORDER_1G);
    expect_late();
    guest_end(&g);
}

/*
 * P6: writes that no CPU notes in the leaf, or notes late.
 */

static uint64_t late_zero = ~0ULL;

/* Another CPU's translation was cached while the leaf was dirty: what it
 * writes between the look and the flush is seen by nobody. */
static void zero_late(const struct guest_tlb *tlb)
{
    struct guest_exit exit;
    uint64_t *word;

    if (late_zero == ~0ULL || tlb != &g.p2m.tlb) {
        return;
    }
    word = fake_guest_access(&g.p2m.tlb, g.p2m.root,
                             gpa_from_gfn(GFN(late_zero)), FAKE_WRITE, &exit);
    EXPECT(word);
    *word = 0;
    late_zero = ~0ULL;
}

static void expect_late_zero_found(uint64_t gfn)
{
    guest_write(&g, gfn, 1); /* the CPU has the translation, dirty */
    late_zero = gfn;
    g.p2m.sweep_cursor = gfn_align(GFN(gfn), ORDER_2M);
    fake_on_flush(zero_late);
    /* It began before the page was zero. */
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    fake_on_flush(NULL);
    EXPECT_EQ(late_zero, ~0ULL);
    guest_check(&g);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, gfn), P2M_POD);
    guest_check(&g);
}

TEST(zeros_written_before_the_flush_are_found)
{
    guest_start_pod(&g, 12, 512 + 100);
    fill(512 + 100);
    expect_late_zero_found(530);
    guest_write(&g, 530, 530);
    expect_late_zero_found(7);
    guest_end(&g);
}

/* With the bit off, before the flush: by a walk, which sets it again. */
static void zero_at_clean(const struct fake_pte_write *write)
{
    if ((write->old ^ write->new) == arch_pte_format->dirty) {
        zero_late(&g.p2m.tlb);
    }
}

TEST(zeros_written_when_the_bit_is_off_are_found)
{
    guest_start_pod(&g, 12, 100);
    fill(100);
    arch_guest_tlb_flush(&g.p2m.tlb);
    late_zero = 50;
    fake_on_pte_write(zero_at_clean);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    fake_on_pte_write(NULL);
    EXPECT_EQ(late_zero, ~0ULL);
    guest_check(&g);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 50), P2M_POD);
    guest_check(&g);
    guest_end(&g);
}

/* The hypervisor writes, by a reference: before, during and after a search. */
TEST(zeros_that_no_guest_cpu_wrote_are_found)
{
    static const uint64_t gfns[] = {530, 7};

    guest_start_pod(&g, 12, 512 + 100);
    fill(512 + 100);
    for (unsigned i = 0; i < ARRAY_COUNT(gfns); i++) {
        uint64_t gfn = gfns[i];
        struct p2m_entry e;
        struct page *pg;

        EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
        pg = p2m_get_page(&g.p2m, GFN(gfn), &e);
        EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
        EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
        *(uint64_t *)page_map(pg) = 0;
        page_put(pg);
        guest_check(&g);
        EXPECT_EQ(search(), P2M_SWEEP_FOUND);
        EXPECT_EQ(guest_type(&g, gfn), P2M_POD);
        guest_write(&g, gfn, 1);
    }
    guest_check(&g);
    guest_end(&g);
}

/* A reference that was taken when the leaf was still dirty, by an entry that
 * the search cleans a moment later. */
static struct page *early;

static void refer_at_clean(const struct fake_pte_write *write)
{
    struct p2m_entry e;

    if (!early && (write->old ^ write->new) == arch_pte_format->dirty) {
        early = p2m_get_page(&g.p2m, GFN(60), &e);
    }
}

TEST(zeros_written_by_an_early_reference_are_found)
{
    guest_start_pod(&g, 12, 100);
    fill(100);
    fake_on_pte_write(refer_at_clean);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    fake_on_pte_write(NULL);
    EXPECT(early);
    *(uint64_t *)page_map(early) = 0;
    page_put(early);
    guest_check(&g);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 60), P2M_POD);
    guest_check(&g);
    guest_end(&g);
}

/* And another domain, which has the page mapped and lets go. */
TEST(zeros_that_another_domain_wrote_are_found)
{
    struct guest other;
    struct p2m_entry e;
    struct page *pg;

    guest_start_pod(&g, 12, 512);
    guest_start(&other, 2);
    fill(512);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    pg = p2m_get_page(&g.p2m, GFN(7), &e);
    EXPECT_EQ(p2m_add_foreign(&other.p2m, GFN(0x500), pg, P2M_FOREIGN), 0);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    guest_write(&other, 0x500, 0);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    EXPECT_EQ(p2m_remove(&other.p2m, GFN(0x500), e.mfn), 0);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 7), P2M_POD);
    guest_check(&g);
    guest_end(&other);
    guest_end(&g);
}

/* A balloon takes a page out of 2M that are known to be full. */
TEST(a_split_leaf_is_looked_at_again)
{
    guest_start_pod(&g, 12, 512);
    fill(512);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    guest_decrease(&g, 100, 0);
    guest_write(&g, 101, 0);
    while (g.pod.cache_count) { /* the one that was given back */
        guest_write(&g, 600, 1);
    }
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 101), P2M_POD);
    guest_check(&g);
    guest_end(&g);
}

/* P5: 64 GiB of promise, with pieces of it here and there; one region is zero.
 * Whole gigabytes are one look, also where there are tables. */
TEST(a_sparse_guest_costs_its_regions)
{
    const uint64_t regions = BIT(15);
    struct pod_counters before;

    guest_start_pod(&g, ORDER_1G, 2048);
    for (uint64_t i = 1; i < 64; i++) {
        EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(i << ORDER_1G), ORDER_1G), 0);
    }
    for (uint64_t i = 0; i < 3; i++) {
        guest_write_all(&g, (i * 20) << ORDER_1G, 512, 1);
    }
    guest_write(&g, (33ULL << ORDER_1G) + 0x1234, 0);
    /* Tables with nothing in them but holes and promises. */
    for (uint64_t i = 1; i < 60; i += 7) {
        guest_decrease(&g, ((i + 1) << ORDER_1G) + 512, ORDER_2M);
        guest_decrease(&g, (i << ORDER_1G) + 5000, 0);
    }
    fill(0);
    before = g.pod.counters;
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 512);
    EXPECT(g.pod.counters.sweep_gfns_visited - before.sweep_gfns_visited <=
           regions + 512);
    guest_write_all(&g, (33ULL << ORDER_1G) + 0x1200, 512, 1);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    before = g.pod.counters;
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    /* A gigabyte is one look, unless it has a superpage (four of them have) or
     * a table of single pages (nine), which are looked at one by one. */
    EXPECT_EQ(g.pod.counters.sweep_gfns_visited - before.sweep_gfns_visited,
              51 + 13 * 512);
    EXPECT_EQ(g.pod.counters.sweep_pages_read, before.sweep_pages_read);
    guest_check(&g);
    guest_end(&g);
}

/* P5 and P6 together: one zero region in a guest that is known otherwise. */
TEST(one_zero_region_among_full_ones_costs_its_own)
{
    struct pod_counters before;

    guest_start_pod(&g, 13, 16 * 512);
    fill(16 * 512);
    EXPECT_EQ(search(), P2M_SWEEP_NOTHING);
    guest_write_all(&g, 9 * 512, 512, 0);
    before = g.pod.counters;
    EXPECT_EQ(p2m_mark_pod(&g.p2m, GFN(BIT(14)), 0), 0);
    EXPECT_EQ(search(), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 512);
    EXPECT(g.pod.counters.sweep_gfns_visited - before.sweep_gfns_visited <=
           16 + 512);
    EXPECT_EQ(g.pod.counters.sweep_pages_read - before.sweep_pages_read,
              2 * 512);
    guest_check(&g);
    guest_end(&g);
}

/*
 * Gentle searches.
 */

static enum p2m_sweep_result search_gently(uint64_t enough)
{
    struct p2m_search attempt = {.gentle = true, .enough = enough};
    enum p2m_sweep_result result;

    do {
        result = p2m_sweep(&g.p2m, &attempt);
    } while (result == P2M_SWEEP_MORE);
    return result;
}

TEST(a_gentle_search_takes_no_superpage_apart)
{
    uint64_t read;

    guest_start_pod(&g, 12, 1024 + 100);
    fill(1024 + 100);
    guest_write_all(&g, 3, 200, 0);       /* of a superpage */
    guest_write_all(&g, 512, 512, 0);     /* a superpage */
    guest_write_all(&g, 1024 + 7, 30, 0); /* of small pages */
    EXPECT_EQ(search_gently(512 + 30), P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 512 + 30);
    EXPECT_EQ(guest_order(&g, 3), ORDER_2M);
    EXPECT_EQ(guest_type(&g, 3), P2M_RAM);
    /* What is mixed is not read to its end. */
    read = pages_read();
    EXPECT_EQ(search_gently(600), P2M_SWEEP_NOTHING);
    EXPECT_EQ(pages_read(), read + 4);
    EXPECT_EQ(guest_order(&g, 3), ORDER_2M);
    EXPECT_EQ(g.pod.counters.unmaps_restored, 0);
    guest_check(&g);
    guest_end(&g);
}

/* What it left where it was is found by one that must find. */
TEST(a_gentle_search_proves_nothing_to_others)
{
    struct p2m_search attempt = {0};

    guest_start_pod(&g, 12, 1024);
    fill(1024);
    guest_write(&g, 700, 0);
    EXPECT_EQ(p2m_sweep(&g.p2m, &attempt), P2M_SWEEP_MORE);
    EXPECT_EQ(search_gently(1), P2M_SWEEP_NOTHING);
    EXPECT_EQ(p2m_sweep(&g.p2m, &attempt), P2M_SWEEP_FOUND);
    EXPECT_EQ(guest_type(&g, 700), P2M_POD);
    guest_check(&g);
    guest_end(&g);
}

TEST(a_search_goes_on_until_it_has_enough)
{
    struct p2m_search attempt = {.enough = 1500};
    enum p2m_sweep_result result;

    guest_start_pod(&g, 12, 2048);
    fill(2048);
    guest_write_all(&g, 0, 2048, 0);
    do {
        result = p2m_sweep(&g.p2m, &attempt);
    } while (result == P2M_SWEEP_MORE);
    EXPECT_EQ(result, P2M_SWEEP_FOUND);
    EXPECT_EQ(g.pod.cache_count, 1536);
    guest_check(&g);
    guest_end(&g);
}

/* POD-10.18: all of the memory is zeroed upwards before any balloon runs, with
 * a cache of any size at which the guest's own pages fit. */
TEST(a_guest_may_zero_all_its_memory)
{
    guest_start_pod(&g, 13, 1024);
    for (uint64_t i = 0; i < 100; i++) {
        guest_write(&g, i * 80, ~i);
    }
    for (uint64_t i = 0; i < 8192; i++) {
        if (i % 80 || i >= 8000) {
            guest_write(&g, i, 0);
        }
    }
    guest_check(&g);
    for (uint64_t i = 0; i < 100; i++) {
        EXPECT_EQ(guest_read(&g, i * 80), ~i);
    }
    EXPECT(g.pod.counters.tlb_flushes_reclaim * 64 <=
           g.pod.counters.reclaimed_4k + 512 * g.pod.counters.reclaimed_2m);
    EXPECT_EQ(g.pod.counters.pages_cleared, 0);
    EXPECT_EQ(g.pod.counters.unmaps_restored, 0);
    guest_end(&g);
}

/* The same with hardly more than what the guest keeps. */
TEST(a_guest_may_zero_all_its_memory_with_one_page_to_spare)
{
    guest_start_pod(&g, 11, 41);
    for (uint64_t i = 0; i < 40; i++) {
        guest_write(&g, i * 50, ~i);
    }
    for (uint64_t i = 0; i < 2048; i++) {
        if (i % 50 || i >= 2000) {
            guest_write(&g, i, 0);
        }
    }
    guest_check(&g);
    for (uint64_t i = 0; i < 40; i++) {
        EXPECT_EQ(guest_read(&g, i * 50), ~i);
    }
    guest_end(&g);
}
