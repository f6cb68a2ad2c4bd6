/* SPDX-License-Identifier: MIT */
/* What guests may do to us: calls with arguments at random. */
#include "calls.h"
#include "domain/tmem_client.h"
#include "machine.h"
#include "mm/heap.h"

static uint64_t seed;

static uint64_t choose(uint64_t limit)
{
    return limit ? unit_random_below(&seed, limit) : unit_random(&seed);
}

static void one_call(void)
{
    switch (choose(6)) {
    case 0:
    case 1:
        calls_memory();
        break;
    case 2:
        calls_grant();
        break;
    case 3:
        calls_touch();
        break;
    case 4:
        calls_tmem();
        break;
    default:
        calls_other();
        break;
    }
}

TEST(calls_at_random)
{
    unsigned count = 20000 * unit_long();
    struct page_alloc_info before;
    uint64_t heap;

    seed = unit_seed(5);
    machine_start(0x8000);
    EXPECT(tmem_start(true));
    before = page_alloc_info();
    heap = heap_used();
    calls_start(choose);
    for (unsigned n = 0; n < count; n++) {
        one_call();
        if (n % 500 == 0) {
            domains_check();
            EXPECT_EQ(tmem_audit(), 0);
        }
    }
    domains_check();
    calls_end();
    EXPECT_EQ(tmem_audit(), 0);
    EXPECT_EQ(heap_used(), heap);
    /* Slabs stay, and frames that are kept for the next PUT. */
    EXPECT(page_alloc_info().free + tmem_freeable() + 64 >= before.free);
}
