/* SPDX-License-Identifier: MIT */
/*
 * All of the allocator at once from several CPUs. What can be wrong is seen by
 * the audit at the end and by pages that are not zero. The thread sanitizer
 * (make unit SANITIZE="-fsanitize=thread -Wno-tsan" UNIT_OUT=out/tsan) sees
 * more; of what it reports, is_free_block() reading a word that another CPU
 * writes is meant to be: that CPU's frame is not free for it before nor after.
 */
#include <pthread.h>

#include "machine.h"
#include "mm/heap.h"
#include "types/bits.h"

#define CPUS   4
#define ROUNDS 1500

static struct account accounts[CPUS];

static void use_guest_pages(struct account *a, uint64_t *rnd)
{
    unsigned order = (unsigned)unit_random_below(rnd, 4);
    struct page *pg = page_alloc_guest(a, order);

    if (!pg) {
        return;
    }
    EXPECT(machine_is_zero(pg, order));
    if (unit_random_below(rnd, 2)) {
        page_guest_to_cache(pg, order);
        page_free_cache(pg, order);
        return;
    }
    machine_scribble(pg, order);
    EXPECT(page_get(pg, a));
    page_release(pg, BIT(order));
    page_put(pg);
}

static void use_own_pages(struct account *a, uint64_t *rnd)
{
    struct page *table = page_alloc_table(a);
    char *object = heap_alloc(1 + unit_random_below(rnd, 5000));

    if (table) {
        EXPECT(machine_is_zero(table, 0));
        machine_scribble(table, 0);
        page_free_table(a, table);
    }
    if (object) {
        EXPECT_EQ(object[0], 0);
        object[0] = 1;
    }
    heap_free(object);
}

static void *work(void *cpu)
{
    unsigned me = (unsigned)(uintptr_t)cpu;
    struct account *a = &accounts[me];
    uint64_t rnd = me;

    fake_set_cpu(me);
    for (int i = 0; i < ROUNDS; i++) {
        switch (unit_random_below(&rnd, 4)) {
        case 0:
            use_guest_pages(a, &rnd);
            break;
        case 1:
            use_own_pages(a, &rnd);
            break;
        case 2:
            page_scrub_some(20);
            break;
        default:
            if (page_claim(a, a->page_count + 10)) {
                EXPECT_EQ(page_claim(a, 0), 0);
            }
        }
    }
    return NULL;
}

TEST(all_cpus_at_once)
{
    pthread_t threads[CPUS];
    uint64_t before;

    machine_start(0x200);
    before = page_alloc_info().free;
    for (uintptr_t i = 0; i < CPUS; i++) {
        machine_account(&accounts[i], (domid_t)i, 1000);
    }
    for (uintptr_t i = 0; i < CPUS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    }
    for (unsigned i = 0; i < CPUS; i++) {
        pthread_join(threads[i], NULL);
        EXPECT_EQ(accounts[i].page_count, 0);
        EXPECT_EQ(page_claim(&accounts[i], 0), 0);
    }
    EXPECT_EQ(page_alloc_info().free, before);
    EXPECT_EQ(heap_used(), 0);
    machine_check();
}

/* Memory is short, one CPU scrubs all the time: an allocation that the counts
 * allow must not fail because its page is being scrubbed. */
static bool stop;

static void *scrub(void *unused)
{
    fake_set_cpu(1);
    while (!READ_ONCE(stop)) {
        page_scrub_some(16);
    }
    return unused;
}

TEST(scrubbing_never_makes_memory_look_short)
{
    pthread_t thread;
    struct page *pg;

    machine_start(0x40);
    machine_account(&accounts[0], 1, 1000);
    while (page_alloc_info().free > 2) {
        EXPECT(page_alloc(PAGE_HEAP, 0));
    }
    EXPECT(pthread_create(&thread, NULL, scrub, NULL) == 0);
    for (int i = 0; i < 5000; i++) {
        pg = page_alloc_guest(&accounts[0], 0);
        EXPECT(pg);
        page_put_allocated(pg);
        if (i % 16 == 0) {
            arch_cpu_relax();
        }
    }
    WRITE_ONCE(stop, true);
    pthread_join(thread, NULL);
    machine_check();
}

static void *charge(void *unused)
{
    fake_set_cpu(1);
    while (!READ_ONCE(stop)) {
        struct page *pg = page_alloc_guest(&accounts[0], 0);

        if (pg) {
            page_put_allocated(pg);
        }
    }
    return unused;
}

/* Whoever lowers a limit knows that nobody goes beyond it from then on. */
TEST(a_limit_holds_from_when_it_was_set)
{
    pthread_t thread;

    machine_start(0x40);
    machine_account(&accounts[0], 1, 1000);
    EXPECT(pthread_create(&thread, NULL, charge, NULL) == 0);
    for (int i = 0; i < 30000; i++) {
        uint64_t count;

        account_set_limit(&accounts[0], 1000);
        arch_cpu_relax();
        account_set_limit(&accounts[0], 0);
        count = READ_ONCE(accounts[0].page_count);
        for (int j = 0; j < 50; j++) {
            EXPECT(READ_ONCE(accounts[0].page_count) <= count);
        }
    }
    WRITE_ONCE(stop, true);
    pthread_join(thread, NULL);
    machine_check();
}
