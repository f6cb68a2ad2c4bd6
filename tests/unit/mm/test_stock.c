/* SPDX-License-Identifier: MIT */
/*
 * What CPUs have at hand (mm/stock.h): it counts as free, nobody is refused
 * because of it, and it does not keep large blocks from forming when one is
 * wanted. And it is why CPUs do not meet in the allocator's lock.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/lock_stats.h"
#include "machine.h"
#include "mm/page_list.h"
#include "mm/stock.h"
#include "types/bits.h"
#include "types/error.h"

#define CPUS 4

static struct account accounts[CPUS];

static void start(uint64_t pages)
{
    machine_start(pages);
    for (unsigned i = 0; i < CPUS; i++) {
        machine_account(&accounts[i], (domid_t)i, 1ULL << 20);
    }
}

static uint64_t free_pages(void)
{
    return page_alloc_info().free;
}

/* Every CPU takes a page and gives it back, so that it has a stock. */
static void stock_all(void)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        struct page *pg;

        fake_set_cpu(cpu);
        pg = page_alloc_guest(&accounts[cpu], 0);
        EXPECT(pg);
        page_release(pg, 1);
        EXPECT(stocks[cpu].count > 0);
    }
    fake_set_cpu(0);
}

TEST(what_is_in_stock_is_free)
{
    uint64_t before;

    start(0x4000);
    before = free_pages();
    stock_all();
    EXPECT_EQ(free_pages(), before);
    EXPECT_EQ(page_unclaimed(), before);
    EXPECT(buddy.free < before);
    machine_check();
}

TEST(a_stock_is_no_larger_than_that)
{
    struct page *pg[4 * STOCK_PAGES];

    start(0x4000);
    for (unsigned i = 0; i < 4 * STOCK_PAGES; i++) {
        pg[i] = page_alloc_guest(&accounts[0], 0);
        EXPECT(stocks[0].count <= 2 * STOCK_PAGES);
    }
    for (unsigned i = 0; i < 4 * STOCK_PAGES; i++) {
        page_release(pg[i], 1);
        EXPECT(stocks[0].count <= 2 * STOCK_PAGES);
    }
    machine_check();
}

TEST(the_last_page_of_all_is_found_in_anothers_stock)
{
    uint64_t left;

    start(0x400);
    stock_all();
    left = free_pages();
    for (uint64_t i = 0; i < left; i++) {
        EXPECT(page_alloc_guest(&accounts[0], 0));
    }
    EXPECT_EQ(free_pages(), 0);
    EXPECT(!page_alloc_guest(&accounts[1], 0));
    machine_check();
}

TEST(a_claim_of_all_that_is_free)
{
    uint64_t left;

    start(0x400);
    stock_all();
    left = free_pages();
    EXPECT_EQ(page_claim(&accounts[1], left + 1), -ENOMEM);
    EXPECT_EQ(page_claim(&accounts[1], left), 0);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        fake_set_cpu(cpu);
        EXPECT(!page_alloc_guest(&accounts[0], 0));
        EXPECT(!page_alloc(PAGE_HEAP, 0));
    }
    for (uint64_t i = 0; i < left; i++) {
        EXPECT(page_alloc_guest(&accounts[1], 0));
    }
    EXPECT_EQ(free_pages(), 0);
    machine_check();
}

TEST(a_table_uses_no_claim_while_others_have_stock)
{
    uint64_t claim;

    start(0x400);
    stock_all();
    claim = free_pages() - stocks_count();
    EXPECT_EQ(page_claim(&accounts[0], claim), 0);
    fake_set_cpu(0);
    page_stock_return();
    EXPECT(page_alloc_table(&accounts[0]));
    EXPECT_EQ(accounts[0].claimed, claim);
    machine_check();
}

/* 512 pages in a row, given back by CPUs in turn: a block again, if wanted. */
TEST(a_superpage_forms_out_of_stocks)
{
    struct page *all, *last;
    uint64_t left;

    start(0x800);
    all = page_alloc_guest(&accounts[0], 9);
    EXPECT(all);
    page_split_block(all);
    left = free_pages();
    for (uint64_t i = 0; i < left; i++) {
        EXPECT(page_alloc_guest(&accounts[1], 0));
    }
    EXPECT_EQ(free_pages(), 0);
    for (unsigned i = 0; i < BLOCK_PAGES; i++) {
        fake_set_cpu(i % CPUS);
        page_release(&all[i], 1);
    }
    EXPECT_EQ(stocks_count(), BLOCK_PAGES);
    machine_check();
    last = page_alloc_guest(&accounts[0], 9);
    EXPECT_EQ(last, all);
    EXPECT_EQ(stocks_count(), 0);
    machine_check();
}

TEST(an_idle_cpu_brings_its_stock_back)
{
    uint64_t before;

    start(0x4000);
    before = free_pages();
    stock_all();
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        fake_set_cpu(cpu);
        page_stock_return();
    }
    EXPECT_EQ(stocks_count(), 0);
    EXPECT_EQ(buddy.free, before);
    machine_check();
}

TEST(a_cpu_that_is_idle_for_long_brings_its_stock_back)
{
    start(0x4000);
    stock_all();
    page_stock_idle();
    EXPECT(stocks[0].count > 0);
    for (unsigned i = 0; i < 20; i++) {
        page_stock_idle();
    }
    EXPECT_EQ(stocks[0].count, 0);
    EXPECT(stocks[1].count > 0);
    machine_check();
}

/* 16 pages that follow one another, and their frames. */
static struct page *take_16(mfn_t frames[16])
{
    struct page *all;

    start(0x4000);
    all = page_alloc_guest(&accounts[0], 4);
    for (unsigned i = 0; i < 16; i++) {
        frames[i] = page_to_mfn(&all[i]);
    }
    return all;
}

TEST(wanted_frames_come_out_of_the_stock)
{
    struct page *pages[16], *all;
    mfn_t wanted[16];

    all = take_16(wanted);
    page_release(all, 16);
    lock_stats_reset();
    EXPECT_EQ(page_alloc_guest_some(&accounts[0], pages, wanted, 16), 16);
    for (unsigned i = 0; i < 16; i++) {
        EXPECT_EQ(pages[i], &all[i]);
    }
    EXPECT_EQ(lock_stats_of(RANK_PAGE_ALLOC).taken, 0);
    machine_check();
}

/* Frames of which some are in another CPU's stock are had from elsewhere. */
TEST(wanted_frames_in_anothers_stock)
{
    struct page *pages[16], *all;
    mfn_t wanted[16];

    all = take_16(wanted);
    for (unsigned i = 0; i < 16; i++) {
        fake_set_cpu(i % 2);
        page_release(&all[i], 1);
    }
    fake_set_cpu(0);
    EXPECT_EQ(page_alloc_guest_some(&accounts[0], pages, wanted, 16), 16);
    for (unsigned i = 0; i < 16; i += 2) {
        EXPECT_EQ(pages[i], &all[i]);
    }
    machine_check();
}

static void *populate(void *cpu)
{
    unsigned me = (unsigned)(uintptr_t)cpu;
    struct page *pages[PAGES_AT_ONCE];

    fake_set_cpu(me);
    for (unsigned round = 0; round < 64; round++) {
        unsigned got =
            page_alloc_guest_some(&accounts[me], pages, NULL, PAGES_AT_ONCE);

        EXPECT_EQ(got, PAGES_AT_ONCE);
        if (round % 2) {
            for (unsigned i = 0; i < got; i++) {
                page_release(pages[i], 1);
            }
        }
    }
    return NULL;
}

/* Different domains on different CPUs: 4,096 pages each, half of which go back
 * meanwhile. */
TEST(cpus_do_not_meet_in_one_lock)
{
    pthread_t threads[CPUS];
    uint64_t taken;

    start(0x8000);
    lock_stats_reset();
    for (uintptr_t i = 0; i < CPUS; i++) {
        EXPECT(!pthread_create(&threads[i], NULL, populate, (void *)i));
    }
    for (unsigned i = 0; i < CPUS; i++) {
        pthread_join(threads[i], NULL);
        EXPECT_EQ(accounts[i].page_count, 32 * PAGES_AT_ONCE);
    }
    taken = lock_stats_of(RANK_PAGE_ALLOC).taken;
    fprintf(stderr, "%u pages on %u CPUs: the allocator's lock %lu times\n",
            CPUS * 64 * PAGES_AT_ONCE, CPUS, taken);
    EXPECT(taken <= CPUS * 64 * PAGES_AT_ONCE / 256);
    machine_check();
}

static bool stop;

static void *pass_on(void *unused)
{
    fake_set_cpu(1);
    while (!READ_ONCE(stop)) {
        struct page *pg = page_alloc_guest(&accounts[1], 0);

        if (pg) {
            page_release(pg, 1);
        }
    }
    return unused;
}

/* What is told is one moment: a page is free or in use, never both or none. */
TEST(free_and_used_are_told_of_one_moment)
{
    pthread_t thread;
    uint64_t before;

    start(0x1000);
    before = free_pages();
    EXPECT(!pthread_create(&thread, NULL, pass_on, NULL));
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t now = free_pages();

        EXPECT(now == before || now == before - 1);
    }
    WRITE_ONCE(stop, true);
    pthread_join(thread, NULL);
    EXPECT_EQ(free_pages(), before);
    machine_check();
}

TEST(lists_of_pages_out_of_a_claim)
{
    struct page *pages[PAGES_AT_ONCE];

    start(0x4000);
    stock_all();
    EXPECT_EQ(page_claim(&accounts[0], 100), 0);
    EXPECT_EQ(page_alloc_guest_some(&accounts[0], pages, NULL, PAGES_AT_ONCE),
              PAGES_AT_ONCE);
    EXPECT_EQ(accounts[0].claimed, 100 - PAGES_AT_ONCE);
    machine_check();
}

/* 16 frames in a row are free: in this CPU's stock, or back where they merge.
 */
static void take_wanted_within_a_limit(bool stocked)
{
    struct page *pages[16], *all;
    mfn_t wanted[16];

    start(0x4000);
    all = page_alloc_guest(&accounts[0], 4);
    for (unsigned i = 0; i < 16; i++) {
        wanted[i] = page_to_mfn(&all[i]);
    }
    page_release(all, 16);
    if (!stocked) {
        page_stock_return();
    }
    account_set_limit(&accounts[0], 11);
    EXPECT_EQ(page_alloc_guest_some(&accounts[0], pages, wanted, 16), 11);
    for (unsigned i = 0; i < 11; i++) {
        EXPECT_EQ(pages[i], &all[i]);
    }
    EXPECT_EQ(accounts[0].page_count, 11);
    machine_check();
}

TEST(wanted_frames_of_the_stock_within_a_limit)
{
    take_wanted_within_a_limit(true);
}

TEST(wanted_frames_of_the_allocator_within_a_limit)
{
    take_wanted_within_a_limit(false);
}

TEST(the_audit_sees_a_stock_that_is_wrong)
{
    start(0x4000);
    stock_all();
    stocks[2].count++;
    buddy.free--;
    EXPECT(mm_audit() > 0);
    stocks[2].count--;
    buddy.free++;
    page_list_first(&stocks[1].lists.blocks[0][0] +
                    (unsigned)__builtin_ctz(stocks[1].lists.nonempty[0]))
        ->owner++;
    EXPECT(mm_audit() > 0);
}
