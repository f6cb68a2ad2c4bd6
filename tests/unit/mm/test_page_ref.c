/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "machine.h"

static struct account alice, bob;

static void start(void)
{
    machine_start(0x1000);
    machine_account(&alice, 1, 100);
    machine_account(&bob, 2, 100);
}

TEST(the_last_reference_frees)
{
    uint64_t free_before;
    struct page *pg;

    start();
    free_before = page_alloc_info().free;
    pg = page_alloc_guest(&alice, 0);
    EXPECT_EQ(page_references(pg), 1);
    EXPECT(page_get(pg, &alice));
    EXPECT(page_get(pg, &alice));
    EXPECT(!page_put(pg));
    EXPECT(page_put_allocated(pg));
    EXPECT(!page_put_allocated(pg));
    EXPECT_EQ(alice.page_count, 1);
    machine_check();
    EXPECT(!page_put(pg));
    EXPECT_EQ(pg->state, PAGE_FREE);
    EXPECT_EQ(alice.page_count, 0);
    EXPECT_EQ(page_alloc_info().free, free_before);
    machine_check();
}

TEST(only_the_owners_pages_can_be_had)
{
    struct page *guest, *special, *table, *heap, *cached;

    start();
    guest = page_alloc_guest(&alice, 0);
    special = page_alloc_special(&alice);
    alice.table_limit = 1;
    table = page_alloc_table(&alice);
    heap = page_alloc(PAGE_HEAP, 0);
    cached = page_alloc_guest(&alice, 0);
    page_guest_to_cache(cached, 0);
    EXPECT(!page_get(guest, &bob));
    EXPECT(!page_get(table, &alice));
    EXPECT(!page_get_any(table) && !page_get_any(heap));
    EXPECT(!page_get(cached, &alice));
    EXPECT(page_get(guest, &alice));
    EXPECT(page_get(special, &alice));
    EXPECT(!page_put(special));
    EXPECT_EQ(alice.page_count, 2);
    EXPECT(!page_put(special));
    EXPECT_EQ(special->state, PAGE_FREE);
    EXPECT(!page_get(special, &alice));
    EXPECT(!page_get_any(special) && !page_get_any(cached));
    machine_check();
}

TEST(the_last_page_of_a_dying_account_is_told)
{
    struct page *one, *two;

    start();
    one = page_alloc_guest(&alice, 0);
    two = page_alloc_guest(&alice, 0);
    EXPECT(page_get(one, &alice));
    account_set_dying(&alice);
    machine_give_up(&alice);
    EXPECT_EQ(two->state, PAGE_FREE);
    EXPECT_EQ(one->state, PAGE_GUEST);
    EXPECT_EQ(alice.page_count, 1);
    machine_check();
    EXPECT(page_put(one));
    EXPECT_EQ(alice.page_count, 0);
    machine_check();
}

TEST(a_cached_page_must_have_one_reference)
{
    enum fake_end how;
    struct page *pg;

    start();
    pg = page_alloc_guest(&alice, 0);
    EXPECT(page_get(pg, &alice));
    FAKE_RUN_TO_END(how, page_guest_to_cache(pg, 0));
    EXPECT(how != FAKE_RUNNING);
}

TEST(a_reference_too_few_stops_the_machine)
{
    enum fake_end how;
    struct page *pg;

    start();
    pg = page_alloc_guest(&alice, 0);
    page_put_allocated(pg);
    FAKE_RUN_TO_END(how, page_put(pg));
    EXPECT(how != FAKE_RUNNING);
}

/* More than can be counted are refused, and nothing else changes. */
TEST(references_have_an_end)
{
    struct page *pg;

    start();
    pg = page_alloc_guest(&alice, 0);
    pg->references = REFERENCES_MAX - 1;
    EXPECT(page_get(pg, &alice));
    EXPECT(!page_get(pg, &alice));
    EXPECT(!page_get_any(pg));
    EXPECT_EQ(page_references(pg), REFERENCES_MAX);
    EXPECT_EQ(pg->flags, PAGE_ALLOCATED | PAGE_ZEROED);
    EXPECT(!page_put(pg));
    EXPECT(page_get_any(pg));
    EXPECT(page_is_of(pg, &alice));
    machine_check();
}

#define ROUNDS 3000

static struct page *shared;
static bool stop;
static uint64_t wrong;

/* Get and put somebody's page as long as it is to be had. */
static void *grab(void *owner)
{
    fake_set_cpu(owner == &alice ? 1 : 2);
    while (!READ_ONCE(stop)) {
        if (page_get(shared, owner)) {
            if (!page_is_of(shared, owner) || shared->state != PAGE_GUEST) {
                wrong++;
            }
            page_put(shared);
        }
    }
    return NULL;
}

/* The page changes hands all the time meanwhile. */
TEST(gets_race_with_the_page_changing_hands)
{
    pthread_t threads[2];

    start();
    shared = page_alloc_guest(&alice, 0);
    EXPECT_EQ(pthread_create(&threads[0], NULL, grab, &alice), 0);
    EXPECT_EQ(pthread_create(&threads[1], NULL, grab, &bob), 0);
    page_put_allocated(shared);
    for (int i = 0; i < ROUNDS; i++) {
        struct page *pg = page_alloc_guest(i % 2 ? &alice : &bob, 0);

        EXPECT(pg);
        if (i % 64 == 0) {
            arch_cpu_relax();
        }
        EXPECT(page_put_allocated(pg));
    }
    WRITE_ONCE(stop, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(alice.page_count + bob.page_count, 0);
    machine_check();
}
