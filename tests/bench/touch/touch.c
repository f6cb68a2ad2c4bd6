/* SPDX-License-Identifier: MIT */
/*
 * What a first touch costs a guest that somebody else's toolstack has made with
 * twice the memory that it is given: as a domain of ours and of real Xen alike.
 * Needs no privilege, and memory= half of maxmem=, 64 MiB at least.
 *
 * mode=short, where nothing was ballooned out, so that more is promised than
 * cached; all that was touched holds data:
 *
 *   touch_2m_short   2 MiB, and the domain has had some dozens before
 *   touch_empty      a page, of whole 2 MiB, with an empty cache, when all that
 *                    is there is zero
 *
 * mode=even, where what is too much was ballooned out first:
 *
 *   drop_2m   giving up a promise of 2 MiB, per extent
 *   touch_2m  2 MiB
 *   touch_4k  a page of promises of 4 KiB
 */
#include "bench.h"
#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "test.h"

#include <xen/memory.h>

#define PER_2M    512UL
#define BYTES_2M  (PER_2M << PAGE_SHIFT)
#define PER_TOUCH 16 /* pages in a row */

static uint64_t next, end; /* regions of 2 MiB that nobody touched yet */

static uint64_t touch(uint64_t gfn, uint64_t count)
{
    uint64_t start = rdtsc();

    for (uint64_t i = 0; i < count; i++) {
        *(volatile uint64_t *)gfn_address(gfn + i) = 0; /* reads take none */
    }
    return (rdtsc() - start) / count;
}

static uint64_t touch_next(void)
{
    REQUIRE(next < end);
    return touch(next++ * PER_2M, 1);
}

static uint64_t drop(uint64_t gfn, unsigned order)
{
    xen_pfn_t pfn = gfn;
    struct xen_memory_reservation r = {
        .nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};
    uint64_t start;

    set_xen_guest_handle(r.extent_start, &pfn);
    start = rdtsc();
    REQUIRE(memory_op(XENMEM_decrease_reservation, &r) == 1);
    return rdtsc() - start;
}

/* All but the last of what is given, each filled before the next is touched. */
static void measure_short(uint64_t given)
{
    struct bench late = {.name = "touch_2m_short"};
    uint64_t first = next;

    while (next < given - 4) {
        uint64_t time = touch_next();

        if (next >= given - 4 - BENCH_ROUNDS) {
            bench_note(&late, time);
        }
        memset(gfn_address((next - 1) * PER_2M), 0xd1, BYTES_2M);
    }
    bench_end(&late);
    memset(gfn_address(first * PER_2M), 0, (next - first) * BYTES_2M);
}

/* There is nothing in the cache any more, and all that could be found is zero.
 * Whether 2 MiB come at once or page by page, all of them are touched. */
static void measure_empty(uint64_t given)
{
    uint64_t time = 0;

    while (next < given + 4) {
        touch_next();
    }
    for (unsigned i = 0; i < BENCH_ROUNDS; i++) {
        time += touch(next++ * PER_2M, PER_2M);
    }
    bench_report("touch_empty", time / BENCH_ROUNDS);
}

static void measure_even(uint64_t given)
{
    struct bench dropped = {.name = "drop_2m"}, large = {.name = "touch_2m"},
                 small = {.name = "touch_4k"};
    uint64_t gfn;

    while (end > given - 2) {
        bench_note(&dropped, drop(--end * PER_2M, 9));
    }
    for (unsigned i = 0; i < BENCH_ROUNDS; i++) {
        bench_note(&large, touch_next());
    }
    gfn = next++ * PER_2M;
    drop(gfn++, 0);
    for (unsigned i = 0; i < BENCH_ROUNDS; i++) {
        bench_note(&small, touch(gfn, PER_TOUCH));
        gfn += PER_TOUCH;
    }
    bench_end(&dropped);
    bench_end(&large);
    bench_end(&small);
}

void test_main(void)
{
    const char *mode = argument("mode");

    next = DIV_ROUND_UP(gfn_of(page_alloc()) + 1, PER_2M);
    end = memory_ram_pages() / PER_2M;
    if (!mode || end < 64) {
        test_skip("wants mode=, and maxmem= of 128 MiB or more");
    }
    if (*mode == 's') {
        measure_short(end / 2);
        measure_empty(end / 2);
    } else {
        measure_even(end / 2);
    }
}
