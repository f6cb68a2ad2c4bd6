/* SPDX-License-Identifier: MIT */
/* 512 pages that stand for each other, until somebody wants one of them. */
#include "machine.h"

#include "mm/block.h"

#include <pthread.h>

#define SIZE 0x1000

static struct account alice, bob;

static struct page *start(void)
{
    struct page *head;

    machine_start(SIZE);
    machine_account(&alice, 1, SIZE);
    machine_account(&bob, 2, SIZE);
    head = page_alloc_guest(&alice, 9);
    EXPECT(head);
    return head;
}

TEST(two_megabytes_are_one_block)
{
    struct page *head = start();

    EXPECT(page_is_block(head));
    EXPECT_EQ(head->references, 1);
    EXPECT_EQ(head->flags, PAGE_ALLOCATED | PAGE_ZEROED);
    EXPECT_EQ(head[1].state, PAGE_TAIL);
    EXPECT_EQ(page_references(&head[511]), 1);
    EXPECT(page_is_of(&head[511], &alice));
    EXPECT_EQ(page_gfn(&head[511]), ~0ULL);
    EXPECT_EQ(alice.page_count, 512);
    machine_check();
}

TEST(more_is_several_blocks_and_less_is_none)
{
    struct page *large, *small;

    start();
    large = page_alloc_guest(&alice, 10);
    small = page_alloc_guest(&alice, 8);
    EXPECT(page_is_block(large) && page_is_block(large + 512));
    EXPECT(!page_is_block(small));
    EXPECT_EQ(alice.page_count, 512 + 1024 + 256);
    machine_check();
    page_release(large, 1024);
    page_release(small, 256);
    EXPECT_EQ(alice.page_count, 512);
    machine_check();
}

TEST(a_reference_on_one_page_splits)
{
    struct page *head = start();

    head->gfn = 0x200;
    head->flags &= (uint8_t)~PAGE_ZEROED;
    EXPECT_EQ(page_gfn(&head[3]), 0x203);
    EXPECT(!page_get(&head[3], &bob)); /* splits, but is not bob's */
    EXPECT(page_get(&head[3], &alice));
    EXPECT(!page_is_block(head));
    EXPECT_EQ(head[3].references, 2);
    EXPECT_EQ(head[4].references, 1);
    EXPECT_EQ(head[3].gfn, 0x203);
    EXPECT_EQ(head[511].flags, PAGE_ALLOCATED);
    EXPECT_EQ(alice.page_count, 512);
    machine_check();
    page_put(&head[3]);
    page_release(head, 512);
    EXPECT_EQ(alice.page_count, 0);
    machine_check();
}

TEST(the_head_is_a_page_like_others)
{
    struct page *head = start();

    EXPECT(page_get(head, &alice));
    EXPECT(!page_is_block(head));
    EXPECT_EQ(head->references, 2);
    machine_check();
}

TEST(a_block_goes_to_the_cache_and_back_whole)
{
    struct page *head = start();

    page_guest_to_cache(head, 9);
    EXPECT_EQ(head->state, PAGE_CACHE);
    EXPECT_EQ(head[1].state, PAGE_TAIL);
    EXPECT(!page_get(head, &alice));
    EXPECT(!page_get(&head[1], &alice));
    EXPECT(page_is_block(head));
    machine_check();
    page_cache_to_guest(head, 9);
    EXPECT(page_is_block(head));
    EXPECT_EQ(head->flags, PAGE_ALLOCATED | PAGE_ZEROED);
    machine_check();
}

TEST(single_pages_become_a_block_in_the_cache)
{
    struct page *head = start();

    page_split_block(head);
    machine_scribble(&head[7], 0);
    page_guest_to_cache(head, 9);
    EXPECT(page_is_block(head));
    EXPECT_EQ(head->flags, 0); /* one page is not zero */
    machine_check();
    page_split_block(head);
    EXPECT_EQ(head[7].state, PAGE_CACHE);
    EXPECT_EQ(head[7].order, 0);
    machine_check();
}

TEST(given_up_pages_are_free_but_for_those_in_use)
{
    struct page *head = start();

    EXPECT(page_get(&head[100], &alice));
    page_release(head, 512);
    EXPECT_EQ(alice.page_count, 1);
    EXPECT_EQ(head[99].state, PAGE_FREE);
    EXPECT_EQ(head[101].state, PAGE_FREE);
    machine_check();
    EXPECT(!page_put(&head[100]));
    EXPECT_EQ(alice.page_count, 0);
    machine_check();
}

TEST(blocks_and_pages_are_given_up)
{
    struct page *head = start(), *other = page_alloc_guest(&alice, 9);

    EXPECT(other && page_get(&other[5], &alice));
    EXPECT(page_alloc_guest(&alice, 3));
    account_set_dying(&alice);
    machine_give_up(&alice);
    EXPECT_EQ(head->state, PAGE_FREE);
    EXPECT_EQ(alice.page_count, 1);
    machine_check();
    EXPECT(page_put(&other[5]));
    machine_check();
}

#define ROUNDS 2000

static struct page *contended;
static bool stop;

static void *grab(void *page)
{
    fake_set_cpu(page == contended ? 1 : 2);
    while (!READ_ONCE(stop)) {
        if (page_get(page, &alice)) {
            page_put(page);
        }
    }
    return NULL;
}

/* Its owner gives it up and gets it again meanwhile. */
TEST(gets_race_with_blocks_that_come_and_go)
{
    pthread_t threads[2];

    contended = start();
    EXPECT_EQ(pthread_create(&threads[0], NULL, grab, contended), 0);
    EXPECT_EQ(pthread_create(&threads[1], NULL, grab, contended + 9), 0);
    page_release(contended, 512);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct page *head = page_alloc_guest(&alice, 9);

        EXPECT(head);
        page_split_block(head);
        page_release(head, 512);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    EXPECT_EQ(alice.page_count, 0);
    machine_check();
}

TEST(single_pages_come_together)
{
    struct page *pages[PAGES_AT_ONCE], *lone[2];

    start();
    /* Two pages that are free by themselves are taken first. */
    lone[0] = page_alloc_guest(&bob, 0);
    lone[1] = page_alloc_guest(&bob, 0);
    EXPECT(page_alloc_guest(&bob, 0));
    page_release(lone[0], 1);
    alice.max_pages = alice.page_count + 50;
    EXPECT_EQ(page_alloc_guest_some(&alice, pages, NULL, PAGES_AT_ONCE), 50);
    EXPECT(pages[0] == lone[0]);
    for (unsigned i = 0; i < 50; i++) {
        EXPECT_EQ(pages[i]->state, PAGE_GUEST);
        EXPECT_EQ(pages[i]->flags, PAGE_ALLOCATED | PAGE_ZEROED);
        EXPECT(machine_is_zero(pages[i], 0));
    }
    EXPECT_EQ(alice.page_count, alice.max_pages);
    machine_check();
    EXPECT_EQ(page_alloc_guest_some(&alice, pages, NULL, 1), 0);
    page_alloc_fail_nth(1);
    EXPECT_EQ(page_alloc_guest_some(&bob, pages, NULL, 1), 0);
    EXPECT_EQ(page_alloc_guest_some(&bob, pages, NULL, 1), 1);
    machine_check();
}

/* Frames that are asked for by number, if they are free: out of the middle of a
 * block, of one that is zero in part, and not if somebody has them. */
TEST(single_pages_come_as_they_are_wanted)
{
    struct page *pages[8], *block, *free;
    mfn_t wanted[8];

    start();
    block = page_alloc_guest(&bob, 6);
    machine_scribble(block, 6);
    page_release(block + 8, 40);
    EXPECT_EQ(page_scrub_some(16), 16);
    for (unsigned i = 0; i < 8; i++) {
        wanted[i] = INVALID_MFN;
    }
    wanted[1] = page_to_mfn(block + 33);
    wanted[2] = page_to_mfn(block + 9);
    wanted[4] = page_to_mfn(block + 3);
    wanted[5] = page_to_mfn(block + 47);
    wanted[7] = MFN(frame_count + 5);
    EXPECT_EQ(page_alloc_guest_some(&alice, pages, wanted, 8), 8);
    EXPECT(pages[1] == block + 33);
    EXPECT(pages[2] == block + 9);
    EXPECT(pages[4] != block + 3);
    EXPECT(pages[5] == block + 47);
    for (unsigned i = 0; i < 8; i++) {
        EXPECT_EQ(pages[i]->state, PAGE_GUEST);
        EXPECT(page_is_of(pages[i], &alice));
        EXPECT(machine_is_zero(pages[i], 0));
        for (unsigned j = 0; j < i; j++) {
            EXPECT(pages[i] != pages[j]);
        }
    }
    machine_check();
    /* Within its limit and its claim only, and then without gaps. */
    alice.max_pages = alice.page_count + 2;
    for (free = block + 47; free->state != PAGE_FREE; free--) {
        continue;
    }
    wanted[1] = page_to_mfn(free);
    EXPECT_EQ(page_alloc_guest_some(&alice, pages, wanted, 8), 2);
    EXPECT(pages[0] == free || pages[1] == free);
    machine_check();
}
