/* SPDX-License-Identifier: MIT */
/* Each allocator with its n-th allocation failing: NULL, and nothing changed.
 */
#include "machine.h"
#include "mm/heap.h"
#include "types/bits.h"

static struct account alice;

/* Everything that allocates, once; false as soon as something said no. What
 * was had before is given back in any case. */
static bool one_of_each(void)
{
    struct page *heap = NULL, *table = NULL, *special = NULL, *guest = NULL;
    void *small = NULL, *large = NULL;
    bool loose = false;
    bool all = (heap = page_alloc(PAGE_HEAP, 3)) &&
               (table = page_alloc_table(&alice)) &&
               (special = page_alloc_special(&alice)) &&
               (guest = page_alloc_guest(&alice, 2)) &&
               (loose = page_alloc_loose(&alice, 1)) &&
               (small = heap_alloc(40)) && (large = heap_alloc(5000));

    heap_free(large);
    heap_free(small);
    EXPECT_EQ(page_free_loose(&alice, loose ? 2 : 0), 0);
    machine_give_up(&alice);
    if (special) {
        page_put(special);
    }
    if (table) {
        page_free_table(&alice, table);
    }
    if (heap) {
        page_free(heap, 3);
    }
    return all;
}

TEST(every_allocation_may_fail)
{
    unsigned n = 0;
    uint64_t before;
    bool all;

    machine_start(0x1000);
    machine_account(&alice, 1, 100);
    alice.table_limit = 1;
    before = page_alloc_info().free;
    do {
        page_alloc_fail_nth(++n);
        all = one_of_each();
        EXPECT_EQ(page_alloc_info().free, before);
        EXPECT_EQ(alice.page_count, 0);
        EXPECT_EQ(alice.table_count, 0);
        EXPECT_EQ(heap_used(), 0);
        machine_check();
    } while (!all);
    EXPECT_EQ(n, 8);
}

TEST(a_failed_allocation_keeps_the_claim)
{
    machine_start(0x1000);
    machine_account(&alice, 1, 100);
    EXPECT_EQ(page_claim(&alice, 50), 0);
    page_alloc_fail_nth(1);
    EXPECT(!page_alloc_guest(&alice, 0));
    EXPECT_EQ(alice.claimed, 50);
    /* No block of that order is left in the machine, but pages enough. */
    EXPECT(!page_alloc_guest(&alice, 18));
    EXPECT_EQ(alice.claimed, 50);
    machine_check();
}
