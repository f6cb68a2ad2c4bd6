/* SPDX-License-Identifier: MIT */
/*
 * Memory given back and taken again by the guest itself, per page of 4 KiB, as
 * a balloon driver does it. Needs no privilege.
 *
 *   decrease_512_first  512 pages in one call that were mapped as 2 MiB
 *   decrease_512        512 pages in one call, each mapped by itself
 *   decrease_1          the same pages in a call each
 *   populate_512        512 pages in one call, cleared by the hypervisor
 *   populate_1          in a call each
 *   decrease_range      the same pages by their range (Podium only)
 *   decrease_2m         2 MiB in one extent, for the extent
 *   populate_2m         likewise
 */
#include "bench.h"
#include "hypercall.h"
#include "memory.h"
#include "public/podium.h"
#include "test.h"
#include "types/error.h"

#include <xen/memory.h>

#define BATCH 512

static xen_pfn_t gfns[BATCH];

static uint64_t reservation(unsigned command, unsigned first, unsigned count,
                            unsigned order)
{
    struct xen_memory_reservation r = {
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};
    uint64_t start;
    int64_t done;

    set_xen_guest_handle(r.extent_start, &gfns[first]);
    start = rdtsc();
    done = memory_op(command, &r);
    start = rdtsc() - start;
    REQUIRE(done == count);
    return start;
}

static uint64_t one_by_one(unsigned command)
{
    uint64_t time = 0;

    for (unsigned i = 0; i < BATCH; i++) {
        time += reservation(command, i, 1, 0);
    }
    return time / BATCH;
}

static uint64_t together(unsigned command)
{
    return reservation(command, 0, BATCH, 0) / BATCH;
}

/* Each round leaves the pages where they were. */
static void measure_pages(void)
{
    struct bench down_512 = {.name = "decrease_512"},
                 down_1 = {.name = "decrease_1"};
    struct bench up_512 = {.name = "populate_512"},
                 up_1 = {.name = "populate_1"};

    for (unsigned round = 0; round < BENCH_ROUNDS; round++) {
        bench_note(&down_512, together(XENMEM_decrease_reservation));
        bench_note(&up_512, together(XENMEM_populate_physmap));
        bench_note(&down_1, one_by_one(XENMEM_decrease_reservation));
        bench_note(&up_1, one_by_one(XENMEM_populate_physmap));
    }
    bench_end(&down_512);
    bench_end(&down_1);
    bench_end(&up_512);
    bench_end(&up_1);
}

static uint64_t by_range(void)
{
    struct podium_range r = {
        .domid = DOMID_SELF, .gfn = gfns[0], .count = BATCH};
    uint64_t start = rdtsc();
    int64_t rc = memory_op(PODIUM_MEMORY_decrease_range, &r);

    start = rdtsc() - start;
    REQUIRE(rc == 0);
    return start / BATCH;
}

static void measure_range(void)
{
    struct bench down = {.name = "decrease_range"};

    if (memory_op(PODIUM_MEMORY_features, NULL) == -ENOSYS) {
        return;
    }
    for (unsigned round = 0; round < BENCH_ROUNDS; round++) {
        bench_note(&down, by_range());
        together(XENMEM_populate_physmap);
    }
    bench_end(&down);
}

static void measure_block(void)
{
    bench_report("decrease_2m",
                 reservation(XENMEM_decrease_reservation, 0, 1, 9));
    bench_report("populate_2m", reservation(XENMEM_populate_physmap, 0, 1, 9));
}

void test_main(void)
{
    uint64_t first = gfn_of(pages_alloc(2 * BATCH, BATCH));

    for (unsigned i = 0; i < BATCH; i++) {
        gfns[i] = first + i;
    }
    bench_report("decrease_512_first", together(XENMEM_decrease_reservation));
    REQUIRE(reservation(XENMEM_populate_physmap, 0, BATCH, 0));
    measure_pages();
    measure_range();
    gfns[0] = first + BATCH;
    measure_block();
}
